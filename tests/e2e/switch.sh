#!/usr/bin/env bash
# Another interface is chosen on the live screen while it is confined: traffic of the second of two
# links appears after the switch, with the filter that was given, whatever its kind of link header;
# what cannot be opened leaves what is there. By root, by a file's capability, and not confined.
# NETWATCH names the program.
. "$(dirname "$0")/lib.sh"
need_namespaces
need tmux setcap python3
[[ -c /dev/net/tun ]] || skip "needs /dev/net/tun"
need_confinement
strict='--confine strict'
unset SUDO_UID SUDO_GID
client=nws-client-$$ server=nws-server-$$
copy_program_with_capability
show_more() { show_screens root cap off; }
# choose NAME INTERFACE: by arrow, from the top of the list.
choose() {
  keys "$1" i
  wait_for_screen "$1" 'Capture on'
  keys "$1" g
  for _ in $(seq 8); do
    if pane "$1" | grep -qE "▸ .* $2 "; then
      keys "$1" Enter
      return
    fi
    keys "$1" Down
    sleep 0.3
  done
  fail "$2 cannot be chosen on $1"
}

add_namespaces "$client" "$server"
lo_up "$client" "$server"
for i in 1 2; do
  cable "$client" "nwc$i" "10.81.$i.1/24" "$server" "nws$i" "10.81.$i.2/24"
  ip -n "$server" addr add "10.81.$i.9/24" dev "nws$i"
done
# A link that is down, and one without Ethernet header, which talk.py holds.
ip link add nwdown netns "$client" type veth peer name nwdown netns "$server"
ip -n "$client" tuntap add dev nwt mode tun
ip -n "$client" addr add 10.81.3.1/24 dev nwt
ip -n "$client" link set nwt up
# A datagram each fifth of a second on each of them, and one that the filter leaves out (to .9).
cat >"$scratch/talk.py" <<'PY'
import fcntl, os, socket, struct, time
tun = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
TUNSETIFF, IFF_TUN, IFF_NO_PI = 0x400454CA, 0x0001, 0x1000
fcntl.ioctl(tun, TUNSETIFF, struct.pack("16sH", b"nwt", IFF_TUN | IFF_NO_PI))
sockets = []
for net in 1, 2, 3:
    for last, port in (2, 4000 + net), (9, 5000 + net):
        one = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        sockets.append((one, (f"10.81.{net}.{last}", port)))
while True:
    for one, peer in sockets:
        try:
            one.sendto(b"x" * 400, peer)
        except OSError:
            pass
    try:
        while os.read(tun, 2000):
            pass
    except BlockingIOError:
        pass
    time.sleep(0.2)
PY
ip netns exec "$client" python3 "$scratch/talk.py" >/dev/null 2>&1 &
pids+=($!)

start_screen() {  # NAME PROGRAM OPTIONS PREFIX...
  local name=$1 program=$2 options=$3
  shift 3
  open_screen "$name" "$client" "$*" "$scratch/$program" -i nwc1 \
    -f "'udp and dst portrange 4000-4999'" "$options"
  wait_for_screen "$name" 'nwc1  ● capturing'
}
# Sockets that are not connected have no rows: who is listed was seen on the wire.
captured() { wait_for_screen "$1" "▸. .* 10\.81\.$2\.2 "; }
unseen() { pane "$1" | grep -qE "10\.81\.$2\.2 " && fail "net $2 is seen by $1 already"; true; }

start_screen root netwatch "$strict"
start_screen cap netwatch-cap '' setpriv --reuid=4711 --regid=4711 --clear-groups
start_screen off netwatch '--confine off'
now_on() {  # NAME INTERFACE
  wait_for_screen "$1" "$2  ● capturing"
}

for name in root cap off; do
  captured "$name" 1
  unseen "$name" 2
  choose "$name" nwc2
  now_on "$name" nwc2
  captured "$name" 2
  unseen "$name" 3
  choose "$name" nwt
  now_on "$name" nwt
  captured "$name" 3
  choose "$name" any
  now_on "$name" any
  # What is down is not opened: the other one stays, and the reason is said.
  choose "$name" nwdown
  wait_for_screen "$name" 'not switched to nwdown: interface nwdown is down'
  now_on "$name" any
  pane "$name" | grep -qE '10\.81\.[123]\.9' && fail "the filter is lost on $name"
done

for name in root cap off; do
  keys "$name" q
  wait_for_screen "$name" 'status 0'
  [[ ! -s $scratch/$name.err ]] || fail "on standard error: $(cat "$scratch/$name.err")"
done
echo "switched while confined: root, file capability, off; Ethernet, tunnel, any, one that is down"
