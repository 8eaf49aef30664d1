# Sourced by make_captures.sh: what speaks IP beside TCP and UDP, and its routers. The kernels of both namespaces are
# the peers of ICMP, NDP, MLD and IGMP; libusrsctp's examples those of SCTP.
# Needs (Debian): radvd libusrsctp-examples iputils-ping bird2
# shellcheck shell=bash disable=SC2154

join_groups() {  # joins, with and without a source, and leaves
  in_client python3 - <<'PY'
import socket, struct, time
v4, v6 = socket.AF_INET, socket.AF_INET6
iface = socket.if_nametoindex("nwc")
s = socket.socket(v4, socket.SOCK_DGRAM)
any_source = socket.inet_aton("239.1.2.3") + socket.inet_aton("10.77.0.1")
s.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, any_source)
IP_ADD_SOURCE_MEMBERSHIP = 39
s.setsockopt(socket.IPPROTO_IP, IP_ADD_SOURCE_MEMBERSHIP,
             socket.inet_aton("232.1.2.3") + socket.inet_aton("10.77.0.1") + socket.inet_aton("192.0.2.9"))
t = socket.socket(v6, socket.SOCK_DGRAM)
t.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_JOIN_GROUP,
             socket.inet_pton(v6, "ff15::77") + struct.pack("@I", iface))
time.sleep(1.2)
s.setsockopt(socket.IPPROTO_IP, socket.IP_DROP_MEMBERSHIP, any_source)
PY
}

group_traffic() {
  local version
  for version in 3 2; do
    in_client sysctl -qw net.ipv4.conf.nwc.force_igmp_version=$version
    in_client sysctl -qw net.ipv6.conf.nwc.force_mld_version=$((version - 1))
    join_groups
  done
  # A querier: none is packaged that runs without a multicast routing kernel.
  in_server python3 - <<'PY'
import socket, struct, time
def checksum(b):
    n = sum(struct.unpack(">%dH" % (len(b) // 2), b))
    n = (n >> 16) + (n & 0xffff)
    return ~(n + (n >> 16)) & 0xffff
q = struct.pack(">BBH4sBBH", 0x11, 20, 0, b"\0" * 4, 2, 125, 0)
q = q[:2] + struct.pack(">H", checksum(q)) + q[4:]
s = socket.socket(socket.AF_INET, socket.SOCK_RAW, 2)
s.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton("10.77.0.2"))
s.setsockopt(socket.IPPROTO_IP, socket.IP_OPTIONS, b"\x94\4\0\0")  # router alert
s.sendto(q, ("224.0.0.1", 0))
time.sleep(0.5)
PY
}

error_traffic() {
  in_client dig +tries=1 +time=1 -p 9999 @10.77.0.2 closed.example.test     # port unreachable
  in_client dig +tries=1 +time=1 -p 9999 @fd77::2 closed.example.test
  ip -n "$client" route add 198.51.100.0/24 via 10.77.0.2
  ip -n "$client" -6 route add 2001:db8:1::/48 via fd77::2
  ip -n "$server" link add narrow type veth peer name nowhere
  ip -n "$server" link set narrow mtu 1280 up
  ip -n "$server" link set nowhere up
  ip -n "$server" route add 198.51.100.128/25 dev narrow
  ip -n "$server" -6 route add 2001:db8:1:2::/64 dev narrow
  in_server sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1
  in_client ping -c 1 -W 1 -t 1 198.51.100.200                              # time exceeded
  in_client ping -c 1 -W 1 -t 1 2001:db8:1:2::1
  in_client ping -c 1 -W 1 198.51.100.1                                     # no route
  in_client ping -c 1 -W 1 2001:db8:1::1
  in_client ping -c 1 -W 1 -M do -s 1400 198.51.100.200                     # too narrow
  in_client ping -c 1 -W 1 -s 1400 2001:db8:1:2::1
  # Sent back to the network it came from: redirect.
  ip -n "$server" route add 198.51.100.0/25 via 10.77.0.9
  ip -n "$server" neigh add 10.77.0.9 lladdr 02:00:00:00:00:09 dev nws
  in_server sysctl -qw net.ipv4.conf.all.send_redirects=1 net.ipv4.conf.nws.send_redirects=1
  in_client ping -c 1 -W 1 198.51.100.1
}

neighbor_traffic() {
  cat >"$scratch/radvd.conf" <<CONF
interface nws {
  AdvSendAdvert on; AdvLinkMTU 1400; AdvDefaultLifetime 600; MinRtrAdvInterval 3; MaxRtrAdvInterval 4;
  prefix 2001:db8:77::/64 { };
  RDNSS fd77::53 2001:db8::53 { };
};
CONF
  in_server sysctl -qw net.ipv6.conf.all.forwarding=1
  serve radvd -n -d 1 -m stderr -C "$scratch/radvd.conf" -p "$scratch/radvd.pid"
  in_client sysctl -qw net.ipv6.conf.nwc.accept_ra=2
  ip -n "$client" link set nwc down                                          # asks for a router
  ip -n "$client" link set nwc up
  ip -n "$client" addr add fd77::1/64 dev nwc nodad
  sleep 3
  in_client ping -c 1 -W 1 fd77::2
}

# Arguments: the address, its port, the own port, and the ports of a UDP encapsulation (none).
sctp_traffic() {
  (sleep 1) | in_client timeout 3 /usr/lib/usrsctp/client 10.77.0.2 13 0 0 0
}

sctp_refused() {  # a scripted client, whose INIT wants no stream: no real one is refused
  in_client python3 - <<'PY'
import socket, struct, time
def crc32c(data):
    crc = 0xffffffff
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82f63b78 if crc & 1 else 0)
    return crc ^ 0xffffffff
init = struct.pack(">BBHIIHHI", 1, 0, 20, 0x11223344, 65536, 0, 0, 7)
head = struct.pack(">HHI", 40000, 13, 0)
s = socket.socket(socket.AF_INET, socket.SOCK_RAW, 132)
s.sendto(head + struct.pack("<I", crc32c(head + bytes(4) + init)) + init, ("10.77.0.2", 0))
time.sleep(0.5)
PY
}

# router NAMESPACE ADDRESS NUMBER PEER NUMBER: one that announces a network of each family.
router() {
  local conf=$scratch/$1.bird.conf own=${2##*.}
  cat >"$conf" <<CONF
router id $2;
protocol device { }
protocol static { ipv4; route 192.0.2.${own}/32 blackhole; route 203.0.113.0/24 blackhole; }
protocol static { ipv6; route 2001:db8:$own::/48 blackhole; }
protocol bgp peer {
  local $2 as $3; neighbor $4 as $5; direct; hold time 30; connect delay time 1;
  ipv4 { import all; export all; };
  ipv6 { import all; export all; next hop address fd77::$own; };
}
CONF
  ip netns exec "$1" bird -f -c "$conf" -s "$scratch/$1.ctl" -P "$scratch/$1.pid" >"$scratch/$1.log" 2>&1 &
  pids+=($!)
}
bgp_traffic() {
  router "$server" 10.77.0.2 65002 10.77.0.1 4200000001
  router "$client" 10.77.0.1 4200000001 10.77.0.2 65002
  sleep 8
  birdc -s "$scratch/$client.ctl" disable static1
  sleep 1
  birdc -s "$scratch/$client.ctl" reload in peer                            # asks for it again
  sleep 1
  birdc -s "$scratch/$server.ctl" disable peer '"maintenance until noon"'
  sleep 1
}

ip_captures() {
  if want bgp; then capture bgp/bird bgp_traffic; fi
  if want icmp; then
    capture_filter='icmp or icmp6 or port 9999' capture icmp/errors error_traffic
  fi
  if want ndp; then capture_filter=ip6 capture icmp/neighbors_radvd neighbor_traffic; fi
  if want igmp; then capture_filter='igmp or ip6' capture igmp/linux_groups group_traffic; fi
  if want sctp; then
    serve /usr/lib/usrsctp/daytime_server
    capture_filter=sctp capture sctp/usrsctp sctp_traffic
    capture_filter=sctp capture sctp/refused_scripted sctp_refused
  fi
}
