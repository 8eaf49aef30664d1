#!/usr/bin/env bash
# What the live screen can still do while it runs, started by root and by an ordinary user with a
# capability of the program file: the state of its threads, a capture that is opened again, the end
# of its broker. NETWATCH names the program.
. "$(dirname "$0")/lib.sh"
need_namespaces
need tmux setcap curl python3
need_confinement
unset SUDO_UID SUDO_GID
client=nwk-client-$$ server=nwk-server-$$
copy_program_with_capability
show_more() { show_screens root cap off; }
veth() { cable "$client" nwc 10.79.0.1/24 "$server" nws 10.79.0.2/24; }
start_screen() {  # NAME PROGRAM OPTIONS PREFIX...
  local name=$1 program=$2 options=$3
  shift 3
  open_screen "$name" "$client" "$*" "$scratch/$program" -i nwc "$options"
  wait_for_screen "$name" 'capturing'
}
# worker NAME PROGRAM: the process on that screen; broker and courier are its children.
child() { pgrep -P "$1" -x "netwatch-$2" || true; }
worker() {
  local root pid
  root=$(tmux -L "$terminal" list-panes -t "$1" -F '#{pane_pid}')
  for pid in $(pgrep -P "$root"; pgrep -x "${2:0:15}"); do
    [[ $(readlink "/proc/$pid/exe") == "$scratch/$2" ]] || continue
    [[ $(cat "/proc/$pid/comm") == netwatch-@(broker|probes) ]] || { echo "$pid" && return; }
  done
}
# confined PID UID: all threads.
confined() {
  local status line threads=0
  for status in /proc/"$1"/task/*/status; do
    ((threads += 1))
    for line in 'CapInh 0000000000000000' 'CapPrm 0000000000000000' 'CapEff 0000000000000000' \
      'CapAmb 0000000000000000' 'NoNewPrivs 1' 'Seccomp 2' "Uid $2" "Gid $2"; do
      grep -qE "^${line% *}:[[:space:]]*${line#* }" "$status" || fail "$line is not in $status"
    done
  done
  ((threads >= 3)) || fail "$threads threads"
}
download() {  # UID, for some seconds
  ip netns exec "$client" setpriv --reuid="$1" --regid="$1" --clear-groups \
    curl -s --limit-rate 200k -o /dev/null --max-time "$2" http://10.79.0.2/big &
  pids+=($!)
}

add_namespaces "$client" "$server"
lo_up "$client" "$server"
veth
mkdir "$scratch/www"
head -c 60000000 /dev/zero >"$scratch/www/big"
ip netns exec "$server" python3 -m http.server 80 --directory "$scratch/www" >/dev/null 2>&1 &
pids+=($!)

# As root: nobody does the work, with an owner that the kernel's programs tell.
start_screen root netwatch '--confine strict'
root=$(worker root netwatch)
confined "$root" 65534
broker=$(child "$root" broker)
[[ -n $broker ]] || fail "no broker"
grep -qE '^CapEff:[[:space:]]*0000000000282004' "/proc/$broker/status" || fail "rights of the broker"
[[ $(find "/proc/$broker/fd" -type l | wc -l) == 5 ]] ||
  fail "the broker holds more than its socket and its network namespace"
# Who asks gateway and resolver is as confined, with one thread and one socket pair.
courier=$(child "$root" probes)
[[ -n $courier ]] || fail "no courier"
for line in 'CapEff:[[:space:]]*0000000000000000' 'Seccomp:[[:space:]]*2' \
  'NoNewPrivs:[[:space:]]*1' 'Uid:[[:space:]]*65534'; do
  grep -qE "^$line" "/proc/$courier/status" || fail "the courier has not: $line"
done
download 0 60
wait_for_screen root 'curl.*10\.79\.0\.2.*http.*[0-9]+ ?[kM]'

# By a capability of the file: the capture is there, and own processes are told by the broker.
start_screen cap netwatch-cap '' setpriv --reuid=4711 --regid=4711 --clear-groups
cap=$(worker cap netwatch-cap)
confined "$cap" 4711
download 4711 60
wait_for_screen cap 'curl.*10\.79\.0\.2.*http'

# Off: as it was started, without a broker.
start_screen off netwatch '--confine off'
off=$(worker off netwatch)
grep -qE '^CapEff:[[:space:]]*0000000000000000' "/proc/$off/status" && fail "off gave up rights"
[[ -z $(child "$off" broker) ]] || fail "off has a broker"
[[ -n $(child "$off" probes) ]] || fail "off has no courier"
keys off '!'
wait_for_screen off 'confinement.*off'
keys off Escape

# A link that goes down, and one that is another by the same name: captured on again.
ip -n "$client" link set nwc down
for name in root cap; do wait_for_screen "$name" 'no packet capture'; done
ip -n "$client" link del nwc
veth
for name in root cap; do wait_for_screen "$name" '● capturing'; done
download 0 30
wait_for_screen root 'curl.*10\.79\.0\.2.*http'

# Without its broker the view goes on and says so.
kill -KILL "$broker"
sleep 1
keys root '!'
wait_for_screen root 'keeps the rights has ended'
keys root Escape
wait_for_screen root 'curl.*10\.79\.0\.2.*http'
kill -0 "$root" || fail "the worker ended with its broker"

# Without its courier, too.
kill -KILL "$courier"
sleep 1
keys root '!'
wait_for_screen root 'asks gateway and resolvers has ended'
keys root Escape
# Closed before the next key: Escape and a key at once are another key.
for _ in $(seq 40); do
  pane root | grep -q 'What is missing' || break
  sleep 0.1
done

# Quitting gives the terminal back; broker and courier go, too.
broker=$(child "$cap" broker)
courier=$(child "$cap" probes)
for name in root cap off; do
  keys $name q
  wait_for_screen "$name" 'status 0'
  [[ ! -s $scratch/$name.err ]] || fail "on standard error: $(cat "$scratch/$name.err")"
done
for _ in $(seq 50); do
  kill -0 "$broker" 2>/dev/null || kill -0 "$courier" 2>/dev/null || break
  sleep 0.1
done
for pid in "$broker" "$courier"; do
  kill -0 "$pid" 2>/dev/null && fail "a child without a worker"
done
echo "confined live: root, file capability, off; opened again twice; broker and courier killed"
