#!/usr/bin/env bash
# What the live screen can still do while it runs, started by root and by an ordinary user with a
# capability of the program file: the state of its threads, a capture that is opened again, the end
# of its broker. NETWATCH names the program.
set -euo pipefail
cd "$(dirname "$0")/../.."
: "${NETWATCH:?names the program}"
if [[ $(id -u) != 0 ]] || ! unshare -n true 2>/dev/null; then
  echo "needs root and the right to make network namespaces"
  exit 77
fi
for tool in tmux setcap curl python3; do
  command -v $tool >/dev/null || { echo "needs $tool" && exit 77; }
done
if ! "$NETWATCH" read -q --confine strict testdata/dpi/http/curl_nginx.pcapng >/dev/null 2>&1; then
  echo "not all measures are possible here"
  exit 77
fi
unset SUDO_UID SUDO_GID
client=nwk-client-$$ server=nwk-server-$$
socket=nwk-$$
scratch=$(mktemp -d)
chmod 755 "$scratch"
cp "$NETWATCH" "$scratch/netwatch"
cp "$NETWATCH" "$scratch/netwatch-cap"
setcap cap_net_raw=ep "$scratch/netwatch-cap"
pids=()
cleanup() {
  tmux -L "$socket" kill-server 2>/dev/null || true
  for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; done
  ip netns del "$client" 2>/dev/null || true
  ip netns del "$server" 2>/dev/null || true
  rm -rf "$scratch"
}
trap cleanup EXIT
pane() { tmux -L "$socket" capture-pane -p -t "$1"; }
fail() {
  echo "FAILED: $*" >&2
  for name in root cap off; do pane "$name" >&2 2>/dev/null || true; done
  exit 1
}
wait_for() {
  for _ in $(seq 80); do
    if pane "$1" 2>/dev/null | grep -qE -- "$2"; then return 0; fi
    sleep 0.25
  done
  fail "'$2' is not on the screen of $1"
}
veth() {
  ip link add nwc netns "$client" type veth peer name nws netns "$server"
  ip -n "$client" addr add 10.79.0.1/24 dev nwc
  ip -n "$server" addr add 10.79.0.2/24 dev nws
  ip -n "$client" link set nwc up
  ip -n "$server" link set nws up
}
start_screen() {  # NAME PROGRAM OPTIONS PREFIX...
  local name=$1 program=$2 options=$3
  shift 3
  tmux -L "$socket" new-session -d -s "$name" -x 120 -y 35 \
    "nsenter --net=/run/netns/$client -- $* env TERM=xterm-256color LC_ALL=C.UTF-8 $scratch/$program -i nwc $options 2>$scratch/$name.err; echo status \$?; sleep 90"
  wait_for "$name" 'capturing'
}
# worker NAME PROGRAM: the process on that screen; broker and courier are its children.
child() { pgrep -P "$1" -x "netwatch-$2" || true; }
worker() {
  local root pid
  root=$(tmux -L "$socket" list-panes -t "$1" -F '#{pane_pid}')
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

ip netns add "$client"
ip netns add "$server"
ip -n "$client" link set lo up
ip -n "$server" link set lo up
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
wait_for root 'curl.*10\.79\.0\.2.*http.*[0-9]+ ?k'

# By a capability of the file: the capture is there, and own processes are told by the broker.
start_screen cap netwatch-cap '' setpriv --reuid=4711 --regid=4711 --clear-groups
cap=$(worker cap netwatch-cap)
confined "$cap" 4711
download 4711 60
wait_for cap 'curl.*10\.79\.0\.2.*http'

# Off: as it was started, without a broker.
start_screen off netwatch '--confine off'
off=$(worker off netwatch)
grep -qE '^CapEff:[[:space:]]*0000000000000000' "/proc/$off/status" && fail "off gave up rights"
[[ -z $(child "$off" broker) ]] || fail "off has a broker"
[[ -n $(child "$off" probes) ]] || fail "off has no courier"
tmux -L "$socket" send-keys -t off '!'
wait_for off 'confinement.*off'
tmux -L "$socket" send-keys -t off Escape

# A link that goes down, and one that is another by the same name: captured on again.
ip -n "$client" link set nwc down
for name in root cap; do wait_for "$name" 'no packet capture'; done
ip -n "$client" link del nwc
veth
for name in root cap; do wait_for "$name" '● capturing'; done
download 0 30
wait_for root 'curl.*10\.79\.0\.2.*http'

# Without its broker the view goes on and says so.
kill -KILL "$broker"
sleep 1
tmux -L "$socket" send-keys -t root '!'
wait_for root 'keeps the rights has ended'
tmux -L "$socket" send-keys -t root Escape
wait_for root 'curl.*10\.79\.0\.2.*http'
kill -0 "$root" || fail "the worker ended with its broker"

# Without its courier, too.
kill -KILL "$courier"
sleep 1
tmux -L "$socket" send-keys -t root '!'
wait_for root 'asks gateway and resolvers has ended'
tmux -L "$socket" send-keys -t root Escape
# Closed before the next key: Escape and a key at once are another key.
for _ in $(seq 40); do
  pane root | grep -q 'What is missing' || break
  sleep 0.1
done

# Quitting gives the terminal back; broker and courier go, too.
broker=$(child "$cap" broker)
courier=$(child "$cap" probes)
for name in root cap off; do
  tmux -L "$socket" send-keys -t $name q
  wait_for "$name" 'status 0'
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
