#!/usr/bin/env bash
# A network namespace that is deleted takes the interface that netwatch captures on with it, and one
# that netwatch is in loses its name: `netwatch live` goes on, tells of sockets, and captures again
# on a new interface of that name. NETWATCH names the program.
set -euo pipefail
cd "$(dirname "$0")/../.."
: "${NETWATCH:?names the program}"
if [[ $(id -u) != 0 ]] || ! unshare -n true 2>/dev/null; then
  echo "needs root and the right to make network namespaces"
  exit 77
fi
for tool in python3 ip nsenter; do
  command -v $tool >/dev/null || { echo "needs $tool" && exit 77; }
done
near=nwg-near-$$ far=nwg-far-$$
scratch=$(mktemp -d)
watcher=
keeper=
cleanup() {
  if [[ -n $watcher ]]; then kill "$watcher" 2>/dev/null || true; fi
  if [[ -n $keeper ]]; then kill "$keeper" 2>/dev/null || true; fi
  ip netns del "$near" 2>/dev/null || true
  ip netns del "$far" 2>/dev/null || true
  rm -rf "$scratch"
}
trap cleanup EXIT
fail() {
  echo "FAILED: $*" >&2
  tail -c 2000 "$scratch"/* >&2 || true
  exit 1
}
wait_for() {
  for _ in $(seq 150); do
    if "$@" >/dev/null 2>&1; then return 0; fi
    sleep 0.1
  done
  fail "this did not become true: $*"
}
inside() { nsenter --net="/proc/$keeper/ns/net" -- "$@"; }
# There is one more flow of this port after this; the far end refuses it or never answers.
datagram() { inside python3 -c "
import socket, time
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(('', $1))
s.sendto(b'here', ('10.79.0.2', 5000))
time.sleep(1.2)"; }
veth() {
  ip netns add "$far"
  ip link add nwn netns "$keeper" type veth peer name nwf netns "$far"
  inside ip addr add 10.79.0.1/24 dev nwn
  inside ip link set nwn up
  ip -n "$far" addr add 10.79.0.2/24 dev nwf
  ip -n "$far" link set nwf up
}
told() { grep -q "\"type\":\"$1\".*\"port\":$2[,}]" "$scratch/out"; }

ip netns add "$near"
nsenter --net="/run/netns/$near" -- sleep 300 &
keeper=$!
wait_for grep -q sleep "/proc/$keeper/comm" # it is inside by then
inside ip link set lo up
veth
nsenter --net="/run/netns/$near" -- "$NETWATCH" live --json -i nwn >"$scratch/out" 2>"$scratch/err" &
watcher=$!
wait_for grep -q _meta "$scratch/out"
datagram 7001
wait_for told socket 7001

# The far namespace goes, and the veth pair with it.
ip netns del "$far"
wait_for bash -c "! nsenter --net=/proc/$keeper/ns/net -- ip link show nwn"
sleep 1.5
kill -0 "$watcher" || fail "netwatch ended with the interface"
inside python3 -c 'import socket, time; s = socket.create_server(("127.0.0.1", 7002)); time.sleep(1.5)'
wait_for told socket 7002

# The namespace of netwatch itself has no name any more; what is in it goes on.
ip netns del "$near"
veth
sleep 2.5 # it tries again every second
datagram 7003
wait_for told socket 7003
kill -TERM "$watcher"
status=0
wait "$watcher" || status=$?
watcher=
[[ $status == 0 ]] || fail "status $status"
for port in 7001 7003; do told flow $port || fail "no flow of port $port"; done
tail -n 1 "$scratch/out" | grep -q '"type":"stats"' || fail "no statistics at the end"
echo "a namespace deleted with its interface, another by its name: captured again, sockets told"
