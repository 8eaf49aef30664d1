#!/usr/bin/env bash
# A confined live session shows the sockets of network namespaces that are made after its start,
# with their namespace, owner and counters, and keeps none of them alive; it sends nothing on what
# it is passed. By the right to capture alone it says what is missing. NETWATCH names the program.
. "$(dirname "$0")/lib.sh"
need_namespaces
need tmux setcap python3
need_confinement
unset SUDO_UID SUDO_GID
ours=nwn-ours-$$ other=nwn-other-$$
program=nwtalk-$$  # other namespaces of this host may have programs of any name
copy_program_with_capability
show_more() {
  show_screens screen
  tail -n 5 "$scratch/root.err" "$scratch/cap.err"
}
# Other namespaces are looked at each 30 seconds at least.
wait_long() {
  for _ in $(seq 200); do
    if "$@" >/dev/null 2>&1; then return 0; fi
    sleep 0.2
  done
  fail "this did not become true: $*"
}
on_screen() { pane screen | grep -qE -- "$1"; }
live() {  # NAME PROGRAM PREFIX...
  local name=$1 program=$2
  shift 2
  nsenter --net="/run/netns/$ours" -- "$@" "$scratch/$program" live --json -i lo \
    >"$scratch/$name.json" 2>"$scratch/$name.err" &
  pids+=($!)
  last=$!
}
cat >"$scratch/talk.py" <<'PY'
import socket, sys, time
open("/proc/self/comm", "w").write(sys.argv[1])
server = socket.create_server(("127.0.0.1", 8123))
one = socket.create_connection(("127.0.0.1", 8123))
two, _ = server.accept()
two.sendall(b"x" * 5000)
time.sleep(600)
PY

add_namespaces "$ours"
lo_up "$ours"
live root netwatch
root=$last
open_screen screen "$ours" "$scratch/netwatch" --confine strict -Y "process:$program"
wait_long on_screen '● capturing'

# Made afterwards, with a name and a process.
add_namespaces "$other"
lo_up "$other"
inode=$(stat -Lc %i "/run/netns/$other")
ip netns exec "$other" python3 "$scratch/talk.py" "$program" &
talker=$!
pids+=("$talker")
wait_long on_screen "$program .*127\.0\.0\.1"
# Its namespace by name, in the row's detail.
keys screen Enter j
wait_long on_screen "$other"
keys screen '!'
wait_long on_screen '✓ container sockets'
grep -qE '"name":"container sockets","on":false' "$scratch/root.json" && fail "said to be off"

# Kind of end, port, payload, owner and namespace, as the kernel tells them.
wait_long grep -qE "\"port\":8123.*\"pid\":$talker,\"name\":\"$program\".*\"sent_bytes\":5000.*\"netns\":$inode," \
  "$scratch/root.json"
# What cannot enter says so where there is another one at its start, and how to.
live cap netwatch-cap setpriv --reuid=4711 --regid=4711 --clear-groups
wait_long grep -qE '"name":"container sockets","on":false,"why":"[^"]*CAP_SYS_ADMIN","fix":"sudo netwatch"' \
  "$scratch/cap.json"
grep -q "$program" "$scratch/cap.json" && fail "seen without the right"

# The broker has come back and holds its socket and its own namespace; the worker keeps nothing.
broker=$(pgrep -P "$root" -x netwatch-broker) || fail "no broker"
[[ $(find "/proc/$broker/fd" -type l | wc -l) == 5 ]] || fail "the broker holds what it opened"
[[ $(stat -Lc %i "/proc/$broker/ns/net") == $(stat -Lc %i "/run/netns/$ours") ]] ||
  fail "the broker is in another namespace"
sockets() { find "/proc/$root/fd" -lname 'socket:*' | wc -l; }
before=$(sockets)
sleep 5
(($(sockets) <= before + 1)) || fail "descriptors of other namespaces are kept"

# When it has gone its sockets are gone, and nothing of ours keeps it.
kill "$talker"
wait "$talker" 2>/dev/null || true
ip netns del "$other"
wait_long grep -qE "\"event\":\"closed\".*\"port\":8123.*\"netns\":$inode" "$scratch/root.json"
for pid in "${pids[@]}"; do kill -TERM "$pid" 2>/dev/null || true; done
keys screen Escape
sleep 1
keys screen q
wait_long on_screen 'status 0'
[[ ! -s $scratch/screen.err ]] || fail "on standard error: $(cat "$scratch/screen.err")"
echo "sockets of another namespace, confined: named, owned, counted, gone; without the right: said"
