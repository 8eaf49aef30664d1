#!/usr/bin/env bash
# A confined live session shows the sockets of network namespaces that are made after its start,
# with their namespace, owner and counters, and keeps none of them alive; it sends nothing on what
# it is passed. By the right to capture alone it says what is missing. NETWATCH names the program.
set -euo pipefail
cd "$(dirname "$0")/../.."
: "${NETWATCH:?names the program}"
if [[ $(id -u) != 0 ]] || ! unshare -n true 2>/dev/null; then
  echo "needs root and the right to make network namespaces"
  exit 77
fi
for tool in tmux setcap python3; do
  command -v $tool >/dev/null || { echo "needs $tool" && exit 77; }
done
if ! "$NETWATCH" read -q --confine strict testdata/dpi/http/curl_nginx.pcapng >/dev/null 2>&1; then
  echo "not all measures are possible here"
  exit 77
fi
unset SUDO_UID SUDO_GID
ours=nwn-ours-$$ other=nwn-other-$$
socket=nwn-$$
program=nwtalk-$$  # other namespaces of this host may have programs of any name
scratch=$(mktemp -d)
chmod 755 "$scratch"
cp "$NETWATCH" "$scratch/netwatch"
cp "$NETWATCH" "$scratch/netwatch-cap"
setcap cap_net_raw=ep "$scratch/netwatch-cap"
pids=()
cleanup() {
  tmux -L "$socket" kill-server 2>/dev/null || true
  for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; done
  ip netns del "$ours" 2>/dev/null || true
  ip netns del "$other" 2>/dev/null || true
  rm -rf "$scratch"
}
trap cleanup EXIT
pane() { tmux -L "$socket" capture-pane -p -t "$1"; }
fail() {
  echo "FAILED: $*" >&2
  pane screen >&2 2>/dev/null || true
  tail -n 5 "$scratch"/*.err >&2 2>/dev/null || true
  exit 1
}
wait_for() {
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

ip netns add "$ours"
ip -n "$ours" link set lo up
live root netwatch
root=$last
tmux -L "$socket" new-session -d -s screen -x 120 -y 35 \
  "nsenter --net=/run/netns/$ours -- env TERM=xterm-256color LC_ALL=C.UTF-8 $scratch/netwatch --confine strict -Y process:$program 2>$scratch/screen.err; echo status \$?; sleep 90"
wait_for on_screen '● capturing'

# Made afterwards, with a name and a process.
ip netns add "$other"
ip -n "$other" link set lo up
inode=$(stat -Lc %i "/run/netns/$other")
ip netns exec "$other" python3 "$scratch/talk.py" "$program" &
talker=$!
pids+=("$talker")
wait_for on_screen "$program .*127\.0\.0\.1"
# Its namespace by name, in the row's detail.
tmux -L "$socket" send-keys -t screen Enter j
wait_for on_screen "$other"
tmux -L "$socket" send-keys -t screen '!'
wait_for on_screen '✓ container sockets'
grep -qE '"name":"container sockets","on":false' "$scratch/root.json" && fail "said to be off"

# Kind of end, port, payload, owner and namespace, as the kernel tells them.
wait_for grep -qE "\"port\":8123.*\"pid\":$talker,\"name\":\"$program\".*\"sent_bytes\":5000.*\"netns\":$inode," \
  "$scratch/root.json"
# What cannot enter says so where there is another one at its start, and how to.
live cap netwatch-cap setpriv --reuid=4711 --regid=4711 --clear-groups
wait_for grep -qE '"name":"container sockets","on":false,"why":"[^"]*CAP_SYS_ADMIN","fix":"sudo netwatch"' \
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
wait_for grep -qE "\"event\":\"closed\".*\"port\":8123.*\"netns\":$inode" "$scratch/root.json"
for pid in "${pids[@]}"; do kill -TERM "$pid" 2>/dev/null || true; done
tmux -L "$socket" send-keys -t screen Escape
sleep 1
tmux -L "$socket" send-keys -t screen q
wait_for on_screen 'status 0'
[[ ! -s $scratch/screen.err ]] || fail "on standard error: $(cat "$scratch/screen.err")"
echo "sockets of another namespace, confined: named, owned, counted, gone; without the right: said"
