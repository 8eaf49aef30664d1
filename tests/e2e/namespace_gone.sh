#!/usr/bin/env bash
# A network namespace that is deleted takes the interface that netwatch captures on with it, and one
# that netwatch is in loses its name: `netwatch live` goes on, tells of sockets, and captures again
# on a new interface of that name. NETWATCH names the program.
. "$(dirname "$0")/lib.sh"
need_namespaces
need python3 ip nsenter
near=nwg-near-$$ far=nwg-far-$$
inside() { nsenter --net="/proc/$keeper/ns/net" -- "$@"; }
# There is one more flow of this port after this; the far end refuses it or never answers.
datagram() { inside python3 -c "
import socket, time
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(('', $1))
s.sendto(b'here', ('10.79.0.2', 5000))
time.sleep(1.2)"; }
veth() {
  add_namespaces "$far"
  cable "$keeper" nwn 10.79.0.1/24 "$far" nwf 10.79.0.2/24
}
told() { grep -q "\"type\":\"$1\".*\"port\":$2[,}]" "$scratch/out"; }

add_namespaces "$near"
nsenter --net="/run/netns/$near" -- sleep 300 &
keeper=$!
pids+=("$keeper")
wait_for grep -q sleep "/proc/$keeper/comm" # it is inside by then
inside ip link set lo up
veth
nsenter --net="/run/netns/$near" -- "$NETWATCH" live --json -i nwn >"$scratch/out" 2>"$scratch/err" &
watcher=$!
pids+=("$watcher")
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
stop TERM 0
for port in 7001 7003; do told flow $port || fail "no flow of port $port"; done
tail -n 1 "$scratch/out" | grep -q '"type":"stats"' || fail "no statistics at the end"
echo "a namespace deleted with its interface, another by its name: captured again, sockets told"
