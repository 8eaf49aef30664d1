#!/usr/bin/env bash
# Makes the golden captures of testdata/dpi with real clients and servers in two network namespaces
# of its own. Keys, ports and times differ with every run: after it, rewrite the goldens
# (NETWATCH_UPDATE_GOLDEN=1) and read the difference.
#
# usage: sudo testdata/make_captures.sh [NAME ...]     (all by default; names: see the end)
# Needs (Debian): iproute2 tcpdump wireshark-common curl openssl nginx-light dnsmasq-base
#                 bind9-dnsutils ethtool python3 ngtcp2-client ngtcp2-server haproxy openvpn
#                 freerdp2-x11 xrdp xvfb gnutls-bin
#                 and what the *_scenarios.sh beside it name
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
scratch=$(mktemp -d)
client=nw-client-$$ server=nw-server-$$
pids=()

cleanup() {
  for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; done
  ip netns del "$client" 2>/dev/null || true
  ip netns del "$server" 2>/dev/null || true
  rm -rf "$scratch"
}
trap cleanup EXIT

in_client() { ip netns exec "$client" "$@"; }
in_server() { ip netns exec "$server" "$@"; }

# Runs a server in its namespace until the script ends.
serve() {
  ip netns exec "$server" "$@" >"$scratch/server.log" 2>&1 &
  pids+=($!)
  sleep 0.4
}

setup() {
  ip netns add "$client"
  ip netns add "$server"
  ip link add nwc address 02:00:00:00:00:01 netns "$client" type veth \
    peer name nws address 02:00:00:00:00:02 netns "$server"
  ip -n "$client" addr add 10.77.0.1/24 dev nwc
  ip -n "$client" addr add fd77::1/64 dev nwc nodad
  ip -n "$server" addr add 10.77.0.2/24 dev nws
  ip -n "$server" addr add fd77::2/64 dev nws nodad
  ip -n "$client" link set nwc up
  ip -n "$server" link set nws up
  ip -n "$client" link set lo up
  ip -n "$server" link set lo up
  # Segments as on a wire, not as offloads hand them over.
  in_client ethtool -K nwc tso off gso off gro off >/dev/null 2>&1 || true
  in_server ethtool -K nws tso off gso off gro off >/dev/null 2>&1 || true
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 3650 \
    -keyout "$scratch/k.pem" -out "$scratch/c.pem" -subj "/O=NetWatch tests/CN=www.example.test" \
    -addext "subjectAltName=DNS:www.example.test,DNS:api.example.test" 2>/dev/null
}

# capture PROTO/NAME COMMAND...: what crosses the client's interface while COMMAND runs.
capture() {
  local out=$here/dpi/$1.pcapng
  shift
  mkdir -p "$(dirname "$out")"
  ip netns exec "$client" tcpdump -i nwc -U --immediate-mode --time-stamp-precision nano -w "$scratch/x.pcap" \
    "${capture_filter:-not icmp6 and not arp}" 2>"$scratch/tcpdump.log" &
  local dump=$!
  until grep -q listening "$scratch/tcpdump.log"; do sleep 0.05; done
  "$@" >"$scratch/client.log" 2>&1 || true
  sleep 0.5
  kill -TERM "$dump"
  wait "$dump" 2>/dev/null || true
  editcap -F pcapng "$scratch/x.pcap" "$out"
  echo "$(capinfos -Mrc "$out" | awk '/Number of packets/ {print $NF}') packets: ${out#"$here"/}"
}

web_server() {
  mkdir -p "$scratch/www"
  seq 1 4000 >"$scratch/www/numbers.txt"
  echo '<h1>it works</h1>' >"$scratch/www/index.html"
  cat >"$scratch/nginx.conf" <<CONF
daemon off; master_process off; pid $scratch/nginx.pid; error_log $scratch/nginx.err;
events {}
http {
  access_log off; root $scratch/www; default_type text/plain;
  client_body_temp_path $scratch/b; proxy_temp_path $scratch/p; fastcgi_temp_path $scratch/f;
  uwsgi_temp_path $scratch/u; scgi_temp_path $scratch/s;
  types { text/html html; }
  server { listen 80; listen [::]:80; listen 8081; location /missing { return 404; }
           location /moved { return 301 /index.html; } location /upload { return 204; } }
  server { listen 443 ssl http2; listen [::]:443 ssl http2; ssl_certificate $scratch/c.pem;
           ssl_certificate_key $scratch/k.pem; ssl_protocols TLSv1.2 TLSv1.3; }
}
CONF
  serve nginx -c "$scratch/nginx.conf"
}

http_traffic() {
  local to=http://www.example.test to4=(--resolve www.example.test:80:10.77.0.2)
  in_client curl -s "${to4[@]}" $to/ $to/numbers.txt $to/missing        # one connection, kept alive
  in_client curl -sI "${to4[@]}" $to/numbers.txt
  in_client curl -s "${to4[@]}" -L $to/moved
  in_client curl -s "${to4[@]}" -H 'Transfer-Encoding: chunked' --data-binary @"$scratch/www/index.html" $to/upload
  in_client curl -s "${to4[@]}" -u user:secret -b 'session=secret' $to/
  in_client curl -sg 'http://[fd77::2]/'
  in_client curl -s --http1.0 http://10.77.0.2:8081/
}

http_pipelined() {  # a scripted client: no common one pipelines
  in_client python3 -c '
import socket
s = socket.create_connection(("10.77.0.2", 80))
s.sendall(b"".join(b"GET /%s HTTP/1.1\r\nHost: pipelined.example.test\r\n\r\n" % p for p in (b"", b"missing", b"moved")))
s.settimeout(0.5)
try:
    while s.recv(65536): pass
except TimeoutError: pass'
}

tls_traffic() {
  local name=www.example.test
  local to=(--resolve "$name:443:10.77.0.2" --cacert "$scratch/c.pem")
  in_client curl -s "${to[@]}" --tlsv1.3 https://$name/
  in_client curl -s "${to[@]}" --http1.1 --tls-max 1.2 https://$name/
  in_client curl -skg 'https://[fd77::2]/'                                # no SNI
}

tls_old_traffic() {
  serve openssl s_server -accept 4433 -key "$scratch/k.pem" -cert "$scratch/c.pem" -rev \
    -cipher ALL:@SECLEVEL=0 -groups P-384 -alpn one,two
  hello() { (sleep 0.2; echo hello; sleep 0.2; echo Q) | in_client timeout 5 openssl s_client \
    -connect 10.77.0.2:4433 -servername old.example.test "$@"; }
  hello -tls1 -cipher ALL:@SECLEVEL=0
  hello -tls1_2 -alpn two
  hello -tls1_3 -groups X25519:P-384 -alpn two,one                        # HelloRetryRequest
  hello -tls1_3 -ciphersuites TLS_CHACHA20_POLY1305_SHA256 -groups P-256  # refused: no group
}

# HAProxy on the client's side of the link, so that what it sends to the server is captured.
proxy_pair() {
  cat >"$scratch/nginx-behind.conf" <<CONF
daemon off; master_process off; pid $scratch/behind.pid; error_log $scratch/behind.err;
events {}
http {
  access_log off; root $scratch/www;
  client_body_temp_path $scratch/b; proxy_temp_path $scratch/p; fastcgi_temp_path $scratch/f;
  uwsgi_temp_path $scratch/u; scgi_temp_path $scratch/s;
  server { listen 8080 proxy_protocol; listen [::]:8080 proxy_protocol; }
  server { listen 8443 ssl proxy_protocol; ssl_certificate $scratch/c.pem;
           ssl_certificate_key $scratch/k.pem; }
}
CONF
  serve nginx -c "$scratch/nginx-behind.conf"
  cat "$scratch/c.pem" "$scratch/k.pem" >"$scratch/both.pem"
  cat >"$scratch/haproxy.cfg" <<CONF
defaults
  mode tcp
  timeout connect 1s
  timeout client 2s
  timeout server 2s
listen v1
  bind 127.0.0.1:1001
  server s 10.77.0.2:8080 send-proxy
listen v1_tls
  bind 127.0.0.1:1002
  server s 10.77.0.2:8443 send-proxy
listen v2
  bind [::1]:1003
  server s [fd77::2]:8080 send-proxy-v2
listen v2_tls_ended
  bind 127.0.0.1:1004 ssl crt $scratch/both.pem ca-file $scratch/c.pem verify optional alpn http/1.1
  server s 10.77.0.2:8080 send-proxy-v2-ssl-cn proxy-v2-options authority,ssl,cert-cn,unique-id
  unique-id-format %Ts-%rt
listen v2_checked
  bind 127.0.0.1:1005
  server s 10.77.0.2:8080 send-proxy-v2 check-send-proxy check inter 60s
CONF
  ip netns exec "$client" haproxy -db -f "$scratch/haproxy.cfg" >"$scratch/haproxy.log" 2>&1 &
  pids+=($!)
  sleep 0.6
}

proxy_traffic() {
  local name=www.example.test
  proxy_pair
  in_client curl -s http://127.0.0.1:1001/
  in_client curl -s --cacert "$scratch/c.pem" --resolve $name:1002:127.0.0.1 https://$name:1002/
  in_client curl -sg 'http://[::1]:1003/'
  in_client curl -s --cacert "$scratch/c.pem" --cert "$scratch/both.pem" \
    --resolve $name:1004:127.0.0.1 https://$name:1004/
}

# Peers without a tunnel device, until both have keys: vpn PORT SERVER'S-PROTOCOL CLIENT'S ARGS...
vpn() {
  local port=$1 server_proto=$2 client_proto=$3
  shift 3
  serve openvpn --dev null --tls-server --dh none --ca "$scratch/c.pem" --cert "$scratch/c.pem" \
    --key "$scratch/k.pem" --port "$port" --proto "$server_proto" --ping 1 "$@"
  in_client timeout 2 openvpn --dev null --tls-client --ca "$scratch/c.pem" --cert "$scratch/c.pem" \
    --key "$scratch/k.pem" --remote 10.77.0.2 "$port" --proto "$client_proto" --nobind --ping 1 "$@"
}

openvpn_traffic() {
  openvpn --genkey secret "$scratch/ta.key"
  vpn 1194 udp udp
  vpn 1195 udp udp --tls-auth "$scratch/ta.key" --auth SHA256
  vpn 1196 tcp-server tcp-client --tls-auth "$scratch/ta.key" --tls-version-max 1.2
  vpn 1197 udp udp --tls-crypt "$scratch/ta.key"
}

rdpudp_traffic() {  # scripted peers: nothing that is packaged speaks it
  local version
  for version in 2 3; do
    serve "$here/peers/rdpudp.py" server "338$version" "$scratch/c.pem" "$scratch/k.pem"
    in_client "$here/peers/rdpudp.py" client 10.77.0.2 "338$version" "$version"
  done
}

# xrdp knows no CredSSP; its session manager is not needed before a log-on.
rdp_traffic() {
  sed -e "s|^port=.*|port=3389|" -e "s|^certificate=.*|certificate=$scratch/c.pem|" \
    -e "s|^key_file=.*|key_file=$scratch/k.pem|" -e "s|^LogFile=.*|LogFile=$scratch/xrdp.log|" \
    /etc/xrdp/xrdp.ini >"$scratch/xrdp.ini"
  serve xrdp --nodaemon --config "$scratch/xrdp.ini"
  Xvfb :77 -screen 0 1024x768x16 >/dev/null 2>&1 &
  pids+=($!)
  sleep 1
  ask() { in_client env DISPLAY=:77 HOME="$scratch" timeout 3 xfreerdp /v:10.77.0.2 /u:alice /p:secret /cert:ignore /client-hostname:laptop "$@" </dev/null; }
  ask /sec:tls
  ask /sec:rdp
  ask /sec:nla                                                            # refused
}

dtls_traffic() {
  local strict=(-key "$scratch/k.pem" -cert "$scratch/c.pem" -cipher ALL:@SECLEVEL=0 -quiet)
  serve openssl s_server -dtls -listen -accept 4433 "${strict[@]}" -alpn coap  # HelloVerifyRequest
  serve openssl s_server -dtls -accept 4434 "${strict[@]}" -mtu 300 -Verify 1   # in fragments
  serve gnutls-serv --udp --port 4435 --x509keyfile "$scratch/k.pem" --x509certfile "$scratch/c.pem" --quiet
  hello() { (sleep 0.3; echo hello; sleep 0.3; echo Q) | in_client timeout 3 openssl s_client \
    -connect "10.77.0.2:$1" -servername dtls.example.test -cipher ALL:@SECLEVEL=0 "${@:2}"; }
  hello 4433 -dtls1_2 -alpn coap,h3
  hello 4434 -dtls1_2 -mtu 300 -cert "$scratch/c.pem" -key "$scratch/k.pem"
  hello 4434 -dtls1
  (sleep 0.5; echo hello; sleep 0.3) | in_client timeout 3 gnutls-cli --udp --no-ca-verification --insecure \
    --sni-hostname gnutls.example.test --port 4435 10.77.0.2
}

name_server() {
  serve dnsmasq -k --no-resolv --no-hosts --conf-file=/dev/null --pid-file= --user=root \
    --listen-address=10.77.0.2,fd77::2 --bind-interfaces --no-dhcp-interface=nws \
    --address=/www.example.test/192.0.2.80 --address=/www.example.test/2001:db8::80 \
    --cname=alias.example.test,target.example.test --host-record=target.example.test,192.0.2.81 \
    --mx-host=example.test,mail.example.test,10 --txt-record=example.test,"v=spf1 -all" \
    --srv-host=_sip._tcp.example.test,sip.example.test,5060 --local=/example.test/
}

dns_traffic() {
  ask() { in_client dig +tries=1 +time=1 @10.77.0.2 "$@"; }
  ask www.example.test A
  ask www.example.test AAAA
  ask alias.example.test A +noedns
  ask example.test MX
  ask example.test TXT
  ask _sip._tcp.example.test SRV
  ask nothing.example.test A                                              # NXDOMAIN
  ask elsewhere.invalid A                                                 # REFUSED
  ask www.example.test HTTPS
  ask -x 192.0.2.81
  in_client dig +tries=1 +time=1 @fd77::2 www.example.test A
}

dns_tcp_traffic() {
  in_client dig +tcp +keepopen +tries=1 @10.77.0.2 www.example.test A example.test MX
}

quic_server() {
  mkdir -p "$scratch/h3"
  echo '<h1>it works</h1>' >"$scratch/h3/index.html"
  serve gtlsserver -q -d "$scratch/h3" 10.77.0.2 4433 "$scratch/k.pem" "$scratch/c.pem"
  serve gtlsserver -q --validate-addr -d "$scratch/h3" 10.77.0.2 4434 "$scratch/k.pem" "$scratch/c.pem"
}

# The client takes its SNI from the host that it connects to, so the name must resolve.
quic_traffic() {
  echo '10.77.0.2 www.example.test' >"$scratch/hosts"
  ask() { in_client unshare --mount sh -c "mount --bind $scratch/hosts /etc/hosts &&
    timeout 5 gtlsclient -q --exit-on-all-streams-close --timeout=2s www.example.test $1 \
    https://www.example.test:$1/index.html"; }
  ask 4433
  ask 4434                                                                # with a Retry
}

# tunnel KIND OPTIONS...: a device of that kind at both ends, 10.78.0.0/24 inside. Fails where the
# kernel has no such device.
tunnel() {
  local kind=$1
  shift
  ip -n "$client" link del tun77 2>/dev/null || true
  ip -n "$server" link del tun77 2>/dev/null || true
  ip -n "$client" link add tun77 type "$kind" local 10.77.0.1 remote 10.77.0.2 "$@" &&
    ip -n "$server" link add tun77 type "$kind" local 10.77.0.2 remote 10.77.0.1 "$@" || return 1
  in_client sysctl -qw net.ipv6.conf.tun77.disable_ipv6=1
  in_server sysctl -qw net.ipv6.conf.tun77.disable_ipv6=1
  ip -n "$client" addr add 10.78.0.1/24 dev tun77 && ip -n "$server" addr add 10.78.0.2/24 dev tun77
  ip -n "$client" link set tun77 up && ip -n "$server" link set tun77 up
  sleep 0.5
}

tunnel_traffic() { in_client curl -s -H 'Host: inside.example.test' http://10.78.0.2/; }

# The link is narrower than what the tunnel's device takes, and than IPv6 bears. The request says its
# host in the last fragment.
narrow_tunnel_traffic() {
  local long
  long=$(printf 'x%.0s' {1..1300})
  ip -n "$client" link set nwc mtu 600 && ip -n "$client" link set tun77 mtu 1500
  ip -n "$server" link set nws mtu 600 && ip -n "$server" link set tun77 mtu 1500
  in_client curl -s -H 'Host: inside.example.test' "http://10.78.0.2/numbers.txt?$long"
  ip -n "$client" link set nwc mtu 1500 && ip -n "$client" addr add fd77::1/64 dev nwc nodad
  ip -n "$server" link set nws mtu 1500 && ip -n "$server" addr add fd77::2/64 dev nws nodad
}

multicast_names() {  # scripted peers: the packaged ones need a system bus
  in_client python3 - <<'PY'
import socket, struct, time
def name(text): return b"".join(bytes([len(p)]) + p.encode() for p in text.split(".")) + b"\0"
def header(qid, flags, *counts): return struct.pack(">HHHHHH", qid, flags, *counts)
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
s.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton("10.77.0.1"))
s.bind(("10.77.0.1", 5353))
s.sendto(header(0, 0, 1, 0, 0, 0) + name("printer.local") + struct.pack(">HH", 1, 1), ("224.0.0.251", 5353))
s.sendto(header(0, 0x8400, 0, 1, 0, 0) + name("printer.local") + struct.pack(">HHIH", 1, 0x8001, 120, 4)
         + socket.inet_aton("10.77.0.9"), ("224.0.0.251", 5353))
t = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
t.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton("10.77.0.1"))
t.sendto(header(0x4242, 0, 1, 0, 0, 0) + name("fileserver") + struct.pack(">HH", 1, 1), ("224.0.0.252", 5355))
PY
}

. "$here/text_scenarios.sh"
. "$here/web_scenarios.sh"
. "$here/media_scenarios.sh"

want() { ((${#names[@]} == 0)) || [[ " ${names[*]} " == *" $1 "* ]]; }

source "$here/infra_scenarios.sh"
source "$here/ip_scenarios.sh"
. "$here/fields_scenarios.sh"
. "$here/fields_app_scenarios.sh"
source "$here/file_scenarios.sh"
source "$here/control_scenarios.sh"
source "$here/small_scenarios.sh"
source "$here/carrier_scenarios.sh"
names=("$@")
setup
ip -n "$client" route add 224.0.0.0/4 dev nwc
if want http || want tls || want proxy || want tunnel; then web_server; fi
if want dns; then name_server; fi
if want http; then
  capture http/curl_nginx http_traffic
  capture http/pipelined_scripted http_pipelined
fi
if want tls; then
  capture tls/curl_nginx tls_traffic
  capture tls/openssl_versions tls_old_traffic
fi
if want dns; then
  capture dns/dig_dnsmasq dns_traffic
  capture dns/dig_tcp dns_tcp_traffic
  capture dns/multicast_scripted multicast_names
fi
if want proxy; then
  capture proxy/haproxy_nginx proxy_traffic
fi
if want dtls; then capture dtls/openssl_gnutls dtls_traffic; fi
if want rdp; then capture rdp/freerdp_xrdp rdp_traffic; fi
if want rdpudp; then capture rdpudp/tls_scripted rdpudp_traffic; fi
if want openvpn; then capture openvpn/peers openvpn_traffic; fi
if want quic; then
  quic_server
  capture quic/gtls_h3 quic_traffic
fi
for scenario in "${text_scenarios[@]}" "${web_scenarios[@]}" "${media_scenarios[@]}"; do
  if want "$scenario"; then "scenario_$scenario"; fi
done
if want tunnel; then
  if tunnel vxlan id 4242 dstport 4789; then capture tunnel/curl_vxlan tunnel_traffic; fi
  if tunnel gretap key 7; then capture tunnel/curl_gretap tunnel_traffic; fi
  if tunnel ipip; then capture tunnel/curl_ipip tunnel_traffic; fi
  if tunnel vxlan id 4242 dstport 4789; then
    capture_filter=ip capture tunnel/curl_vxlan_fragments narrow_tunnel_traffic
  fi
fi
infra_captures
ip_captures
for scenario in "${fields_scenarios[@]}"; do
  if want "$scenario"; then
    alone
    "fields_$scenario"
  fi
done
file_captures
control_captures
small_captures
carrier_captures
