# As fields_scenarios.sh, of the web, calls, directories, desktops, databases and tunnels.
# Needs (Debian), besides what the others name: python3-websockets minissdpd xvfb
#   avahi-daemon kamailio baresip-core freerdp2-shadow-x11 stun-client python3-aioice
#   tigervnc-viewer libcharon-extra-plugins ngtcp2-client ngtcp2-server
# shellcheck shell=bash disable=SC2154
fields_scenarios+=(http_more ssdp_more sip_register rtsp_auth ldap_text rdp_refused vnc_viewer kafka_sasl
  mongodb_auth quic_versions dtls_13 snmp_more stun_ice netbios_scope ike_esp mdns_avahi)

fields_http_more() {
  mkdir -p "$scratch/www"
  seq 1 400 >"$scratch/www/numbers.txt"
  cat >"$scratch/nginx.conf" <<CONF
daemon off; master_process off; pid $scratch/nginx.pid; error_log $scratch/nginx.err;
events {}
http {
  access_log off; root $scratch/www; default_type text/plain; gzip on; gzip_types text/plain;
  gzip_http_version 1.0; gzip_proxied any;
  client_body_temp_path $scratch/b; proxy_temp_path $scratch/p; fastcgi_temp_path $scratch/f;
  uwsgi_temp_path $scratch/u; scgi_temp_path $scratch/s;
  server { listen 80; }
}
CONF
  serve nginx -c "$scratch/nginx.conf"
  serve /usr/bin/python3 -c '
import asyncio, websockets
async def echo(socket, path):
    async for message in socket: await socket.send(message)
async def main():
    async with websockets.serve(echo, "10.77.0.2", 8765): await asyncio.Future()
asyncio.run(main())'
  cat >"$scratch/haproxy.cfg" <<CONF
defaults
  mode http
  timeout connect 1s
  timeout client 2s
  timeout server 2s
listen forward
  bind 127.0.0.1:8000
  option forwardfor
  server s 10.77.0.2:80
CONF
  serve_client haproxy -db -f "$scratch/haproxy.cfg"
  await 8765
  capture http/haproxy_websockets http_more_traffic
}
http_more_traffic() {
  in_client curl -s --compressed -e http://search.example.test/?q=numbers http://10.77.0.2/numbers.txt
  in_client curl -s http://127.0.0.1:8000/numbers.txt
  in_client curl -s --http2 http://10.77.0.2/missing                      # offers h2c
  in_client timeout 5 /usr/bin/python3 -c '
import asyncio, websockets
async def main():
    async with websockets.connect("ws://10.77.0.2:8765/chat") as socket:
        await socket.send("hello")
        await socket.recv()
asyncio.run(main())'
}

# minissdpd, told of one service through its socket, answers everybody and who asks it alone. Typed:
# the packaged clients name the kernel, or say nothing of themselves.
fields_ssdp_more() {
  serve minissdpd -d -i nws -s "$scratch/ssdp.socket" -p "$scratch/minissdpd.pid"
  printf '\x04\x0f%s\x3a%s\x09tests/1.0\x1b%s' upnp:rootdevice \
    uuid:4d696e69-444c-164e-9d41-020000000002::upnp:rootdevice http://10.77.0.2:8200/d.xml \
    >"$scratch/told"
  timeout 2 socat -t 1 - "UNIX-CONNECT:$scratch/ssdp.socket" <"$scratch/told" >"$scratch/told.log"
  capture ssdp/typed_minissdpd ssdp_more_traffic
}
ssdp_more_traffic() {
  search() {
    printf '%s\r\n' 'M-SEARCH * HTTP/1.1' "HOST: $1" 'MAN: "ssdp:discover"' 'ST: upnp:rootdevice' \
      "${@:2}" '' | in_client timeout 3 socat -t 2 - "UDP4-DATAGRAM:$1"
  }
  search 239.255.255.250:1900 'MX: 1' 'USER-AGENT: Linux/6.1 UPnP/1.1 typed/1.0'
  search 10.77.0.2:1900                                                   # UPnP 1.1 section 1.3.2
}

fields_sip_register() {
  cat >"$scratch/kamailio.cfg" <<CONF
listen=udp:10.77.0.2:5060
children=1
log_stderror=yes
loadmodule "/usr/lib/x86_64-linux-gnu/kamailio/modules/sl.so"
loadmodule "/usr/lib/x86_64-linux-gnu/kamailio/modules/pv.so"
loadmodule "/usr/lib/x86_64-linux-gnu/kamailio/modules/auth.so"
request_route {
  if (!pv_www_authenticate("example.test", "secret", "0")) {
    www_challenge("example.test", "0");
    exit;
  }
  sl_send_reply("200", "OK");
}
CONF
  serve kamailio -DD -E -f "$scratch/kamailio.cfg" -Y "$scratch" -P "$scratch/kamailio.pid"
  mkdir -p "$scratch/baresip"
  local modules
  modules=$(dirname "$(find /usr/lib -name account.so -path '*baresip*' | head -1)")
  cat >"$scratch/baresip/config" <<CONF
sip_listen 10.77.0.1:5070
module_path $modules
module account.so
module g711.so
module_app menu.so
CONF
  echo '<sip:alice@10.77.0.2;transport=udp>;auth_user=alice;auth_pass=secret;regint=60' \
    >"$scratch/baresip/accounts"
  : >"$scratch/baresip/contacts"
  sleep 1
  capture sip/baresip_kamailio sip_register_traffic
}
sip_register_traffic() { in_client timeout 5 baresip -f "$scratch/baresip" -t 3 -n nwc; }

fields_rtsp_auth() {
  serve "$here/peers/servers.py" rtsp 10.77.0.2 8554
  await 8554
  capture rtsp/typed_auth_scripted rtsp_auth_traffic
}
rtsp_auth_traffic() {  # curl does not log in here; RFC 2617 section 3.2.2
  local uri=rtsp://10.77.0.2:8554/film one two answer
  one=$(printf alice:films:secret | md5sum | cut -c-32)
  two=$(printf 'DESCRIBE:%s' "$uri" | md5sum | cut -c-32)
  answer=$(printf '%s:0815:%s' "$one" "$two" | md5sum | cut -c-32)
  typed 8554 <<CLIENT
DESCRIBE $uri RTSP/1.0
CSeq: 1
Authorization: Digest username="alice", realm="films", nonce="0815", uri="$uri", response="$answer"

CLIENT
}

fields_ldap_text() {
  mkdir -p "$scratch/ldap"
  cat >"$scratch/slapd.conf" <<CONF
include /etc/ldap/schema/core.schema
modulepath /usr/lib/ldap
moduleload back_mdb
database mdb
suffix "dc=example,dc=test"
rootdn "cn=admin,dc=example,dc=test"
rootpw secret
directory $scratch/ldap
CONF
  serve slapd -d 0 -f "$scratch/slapd.conf" -h ldap://10.77.0.2:3890
  await 3890
  capture ldap/openldap_text ldap_text_traffic
}
ldap_text_traffic() {
  printf 'dn: dc=elsewhere,dc=invalid\nobjectClass: organization\no: x\n' |
    in_client ldapadd -H ldap://10.77.0.2:3890 -x -D cn=admin,dc=example,dc=test -w secret
}

# A server of CredSSP only, a client without; and one that a load balancer has told where to go.
fields_rdp_refused() {
  Xvfb :77 -screen 0 320x200x24 >/dev/null 2>&1 &
  pids+=($!)
  sleep 1
  serve env DISPLAY=:77 HOME="$scratch" freerdp-shadow-cli /port:3389 /sec:nla
  await 3389
  capture rdp/freerdp_refused rdp_refused_traffic
}
rdp_refused_traffic() {
  ask() { in_client env DISPLAY=:77 HOME="$scratch" timeout 3 xfreerdp /v:10.77.0.2 /u:alice /p:secret \
    /cert:ignore /client-hostname:laptop "$@" </dev/null; }
  ask /sec:rdp
  ask /sec:nla '/load-balance-info:Cookie: msts=33573130.15629.0000'
}

fields_vnc_viewer() {
  printf 'secret\n' | tigervncpasswd -f >"$scratch/vnc.pass"
  printf 'wrong1\n' | tigervncpasswd -f >"$scratch/vnc.wrong"
  serve Xtigervnc :7 -rfbport 5907 -geometry 320x200 -desktop tests -SecurityTypes None,VncAuth \
    -rfbauth "$scratch/vnc.pass"
  Xvfb :77 -screen 0 640x480x16 >/dev/null 2>&1 &
  pids+=($!)
  await 5907
  capture vnc/tigervnc_viewer vnc_viewer_traffic
}
vnc_viewer_traffic() {
  see() { in_client env DISPLAY=:77 HOME="$scratch" timeout 1 xtigervncviewer 10.77.0.2::5907 "$@"; }
  see -passwd "$scratch/vnc.wrong" -SecurityTypes VncAuth
  see -passwd "$scratch/vnc.pass" -SecurityTypes VncAuth -PreferredEncoding ZRLE
}

fields_kafka_sasl() {
  serve "$here/peers/servers.py" kafka 10.77.0.2 9093
  await 9093
  capture kafka/kcat_sasl_scripted in_client timeout 5 kcat -L -b 10.77.0.2:9093 -t orders \
    -X security.protocol=SASL_PLAINTEXT -X sasl.mechanisms=PLAIN -X sasl.username=alice \
    -X sasl.password=secret
}

fields_mongodb_auth() {
  serve "$here/peers/servers.py" mongodb 10.77.0.2 27018
  await 27018
  capture mongodb/pymongo_auth_scripted mongodb_auth_traffic
}
mongodb_auth_traffic() {
  in_client timeout 10 /usr/bin/python3 - <<'PY'
import platform
platform.release = lambda: "6.1"  # a client says on what it runs
import pymongo
client = pymongo.MongoClient("mongodb://alice:secret@10.77.0.2:27018/shop?authMechanism=SCRAM-SHA-256",
                             serverSelectionTimeoutMS=3000, heartbeatFrequencyMS=100000)
try:
    client.shop.orders.find_one()
except Exception as error:
    print(error)
client.close()
PY
}

fields_quic_versions() {
  quic_server
  echo '10.77.0.2 www.example.test' >"$scratch/hosts"
  capture quic/gtls_versions quic_versions_traffic
}
quic_versions_traffic() {
  in_client unshare --mount sh -c "mount --bind $scratch/hosts /etc/hosts &&
    timeout 3 gtlsclient -q --version=0x1a2a3a4a --exit-on-all-streams-close --timeout=2s \
    www.example.test 4433 https://www.example.test:4433/index.html"
}

fields_dtls_13() {  # nothing packaged speaks it
  serve socat -u UDP-RECV:4433 /dev/null
  capture dtls/hello13_scripted in_client "$here/peers/fields.py" dtls-13 10.77.0.2 4433
}

fields_snmp_more() {
  snmp_server
  capture snmp/netsnmp_context snmp_more_traffic
}
snmp_more_traffic() {
  export SNMP_PERSISTENT_DIR=$scratch/snmp2 MIBS=
  local name=.1.3.6.1.2.1.1.5.0
  in_client snmptrap -v1 -c public 10.77.0.2 .1.3.6.1.4.1.8072 10.77.0.1 6 17 '' $name s link
  in_client snmpget -r 0 -t 1 -v3 -u watcher -l authNoPriv -a SHA -A "long enough one" -n bridge1 \
    10.77.0.2 $name
}

# RFC 3489's tests from two addresses; then ICE between two agents.
fields_stun_ice() {
  ip -n "$server" addr add 10.77.0.3/24 dev nws
  serve turnserver -n --no-cli -L 10.77.0.2 -L 10.77.0.3 --no-auth --no-tls --no-dtls --cli-password x \
    --pidfile "$scratch/turn.pid" --log-file stdout --db "$scratch/turn.db"
  sleep 1
  capture stun/stun_aioice stun_ice_traffic
}
stun_ice_traffic() {
  in_client timeout 8 stun 10.77.0.2 1 -p 40001
  in_client timeout 5 turnutils_natdiscovery -m 10.77.0.2
  local pipes=("$scratch/there" "$scratch/back")
  local agent=(timeout 8 /usr/bin/python3 "$here/peers/fields.py")
  mkfifo "${pipes[@]}"
  in_server "${agent[@]}" ice-controlled "${pipes[@]}" &
  in_client "${agent[@]}" ice-controlling "${pipes[@]}"
  wait $! || true
}

# samba_conf NUMBER INTERFACE: smbNUMBER.conf, with all folders in one.
samba_conf() {
  mkdir -p "$scratch/samba$1"
  printf '[global]\ninterfaces = %s\nbind interfaces only = yes\n' "$2" >"$scratch/smb$1.conf"
  printf "%s = $scratch/samba$1\n" 'private dir' 'ncalrpc dir' 'lock directory' 'state directory' \
    'cache directory' 'pid directory' >>"$scratch/smb$1.conf"
  echo "log file = $scratch/samba$1/log" >>"$scratch/smb$1.conf"
}

# A name server that says no, names with a scope; scripted: a datagram for a name that is nobody's.
fields_netbios_scope() {
  samba_conf '' nws
  printf 'netbios name = FILES\nworkgroup = OFFICE\nwins support = yes\n' >>"$scratch/smb.conf"
  samba_conf 2 nwc
  serve nmbd -F --no-process-group -s "$scratch/smb.conf"
  sleep 2
  capture netbios/wins_scope netbios_scope_traffic
  alone
  serve "$here/peers/fields.py" nbdgm-server
  capture netbios/error_scripted in_client "$here/peers/fields.py" nbdgm-client 10.77.0.2
}
netbios_scope_traffic() {
  ask() { in_client timeout 5 nmblookup -s "$scratch/smb2.conf" --recursion -U 10.77.0.2 "$@"; }
  ask FILES
  ask NOBODY
  ask --netbios-scope=lab.example FILES
}

# IKE version 1 with its vendor IDs, and ESP in UDP of the userland's making.
fields_ike_esp() {
  local side
  for side in left right; do
    ipsec_conf "$side"
    sed -i -e 's/install_routes = no/install_routes = yes\n  send_vendor_id = yes/' \
      -e 's/kernel-netlink/kernel-libipsec kernel-netlink/' "$scratch/$side/strongswan.conf"
  done
  ip -n "$client" addr add 10.88.0.1/32 dev lo
  ip -n "$server" addr add 10.88.0.2/32 dev lo
  local psk='secrets {
  ike-1 {
    secret = testing
  }
}'
  cat >"$scratch/right/swanctl.conf" <<CONF
connections {
  any {
    version = 0
    local_addrs = 10.77.0.2
    encap = yes
    proposals = aes256-sha256-modp2048
    local {
      auth = psk
      id = right.example.test
    }
    remote {
      auth = psk
    }
    children {
      net {
        local_ts = 10.88.0.2/32
        remote_ts = 10.88.0.1/32
        esp_proposals = aes128-sha1
      }
    }
  }
}
$psk
CONF
  sed -e 's/  any {/  to {\n    remote_addrs = 10.77.0.2/' -e 's/version = 0/version = 1/' \
    -e 's/local_addrs = 10.77.0.2/local_addrs = 10.77.0.1/' -e 's/id = right/id = left/' \
    -e 's,local_ts = .*,local_ts = 10.88.0.1/32,' -e 's,remote_ts = .*,remote_ts = 10.88.0.2/32,' \
    "$scratch/right/swanctl.conf" >"$scratch/left/swanctl.conf"
  STRONGSWAN_CONF=$scratch/right/strongswan.conf serve /usr/lib/ipsec/charon
  STRONGSWAN_CONF=$scratch/left/strongswan.conf serve_client \
    sh -c 'mount -t tmpfs none /run && exec /usr/lib/ipsec/charon'
  sleep 1.5
  swanctl --load-all --uri "unix://$scratch/right/vici" --file "$scratch/right/swanctl.conf"
  swanctl --load-all --uri "unix://$scratch/left/vici" --file "$scratch/left/swanctl.conf"
  capture ike/strongswan_libipsec ike_esp_traffic
}
ike_esp_traffic() {
  timeout 6 swanctl --initiate --child net --uri "unix://$scratch/left/vici"
  in_client ping -c 2 -i 0.3 -I 10.88.0.1 10.88.0.2
  timeout 4 swanctl --terminate --ike to --uri "unix://$scratch/left/vici"
}

# A host that announces itself; dig asks it as a simple resolver does (RFC 6762 section 6.7).
fields_mdns_avahi() {
  ip -n "$client" route add 224.0.0.0/4 dev nwc 2>/dev/null || true
  ip -n "$server" route add 224.0.0.0/4 dev nws 2>/dev/null || true
  printf '%s\n' '[server]' host-name=printer allow-interfaces=nws enable-dbus=no '[publish]' \
    publish-workstation=yes publish-hinfo=yes >"$scratch/avahi.conf"
  capture mdns/avahi_dig mdns_traffic
}
mdns_traffic() {
  serve sh -c "mount -t tmpfs none /run && mkdir /run/avahi-daemon &&
    exec avahi-daemon -f $scratch/avahi.conf --no-drop-root --no-chroot --no-rlimits"
  sleep 4  # probes, then announcements
  ask() { in_client dig +tries=1 +time=1 +noedns +noadflag +norec -p 5353 @224.0.0.251 "$@"; }
  ask printer.local A
  ask printer.local AAAA
  ask _services._dns-sd._udp.local PTR
}
