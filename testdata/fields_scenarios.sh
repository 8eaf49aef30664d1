# Scenarios that make the rarer fields occur: what the first scenario of a protocol leaves out. A part
# of make_captures.sh, which runs fields_NAME for every name here.
# Needs (Debian), besides what the others name: bind9 isc-dhcp-server isc-dhcp-relay eapoltest swaks
#   dovecot-submissiond
# shellcheck shell=bash disable=SC2154
fields_scenarios=(dns_bind coap_proxy dhcp_relay dhcpv6_relay radius_eap ntp_chrony ntp_ntpd smtp_auth
  proxy_more)

# Ends the servers of the scenarios before: some want the same ports.
alone() {
  ((${#pids[@]} == 0)) || kill "${pids[@]}" 2>/dev/null || true
  pids=()
  sleep 0.5
}

# draft-ietf-tls-esni section 4: one configuration, X25519 and AES-128-GCM.
ech_config() {
  local name=cover.example.test
  printf '\x00\x4d\xfe\x0d\x00\x49\x07\x00\x20\x00\x20%s\x00\x04\x00\x01\x00\x01\x40\x12%s\x00\x00' \
    '0123456789abcdef0123456789abcdef' "$name" | base64 -w0
}

fields_dns_bind() {
  mkdir -p "$scratch/named"
  cat >"$scratch/named/zone" <<ZONE
\$TTL 300
@ SOA ns hostmaster 1 3600 600 86400 300
@ NS ns
ns A 10.77.0.2
www A 192.0.2.80
www HTTPS 1 . alpn="h3,h2" port=8443 ipv4hint=192.0.2.80 ech="$(ech_config)"
shop HTTPS 0 www
_dns SVCB 1 ns alpn="dot"
long TXT $(for i in 1 2 3 4 5 6 7; do printf '"%0250d" ' "$i"; done)
ZONE
  cat >"$scratch/named/named.conf" <<CONF
options {
  directory "$scratch/named";
  pid-file "$scratch/named/pid";
  listen-on port 53 { 10.77.0.2; };
  listen-on-v6 { none; };
  recursion no;
};
dnssec-policy short { keys { csk lifetime unlimited algorithm ecdsap256sha256; }; };
zone "example.test" { type primary; file "zone"; dnssec-policy short; inline-signing yes; };
CONF
  serve named -g -c "$scratch/named/named.conf"
  sleep 3  # to sign
  capture dns/dig_bind dns_bind_traffic
}
dns_bind_traffic() {
  ask() { in_client dig +tries=1 +time=1 @10.77.0.2 "$@"; }
  ask www.example.test A +dnssec +subnet=198.51.100.0/24
  ask www.example.test HTTPS
  ask shop.example.test HTTPS +nocookie
  ask _dns.example.test SVCB
  ask long.example.test TXT +bufsize=512                                  # then over TCP
  ask missing.example.test AAAA +dnssec +subnet=2001:db8::/32
}

# A proxy that reaches nobody, names of hosts, and bodies in blocks.
fields_coap_proxy() {
  echo '10.77.0.2 sensors.example.test' >"$scratch/hosts"
  serve coap-server-notls -A 10.77.0.2 -d 5 -P "coap://10.77.0.2,sensors.example.test"
  capture coap/libcoap_proxy coap_proxy_traffic
}
coap_proxy_traffic() {
  ask() { in_client unshare --mount sh -c "mount --bind $scratch/hosts /etc/hosts &&
    exec timeout 4 coap-client-notls -B 2 \"\$@\"" sh "$@"; }
  ask -m get coap://sensors.example.test/
  seq 1 60 >"$scratch/body"
  ask -m put -t text/plain -b 64 -f "$scratch/body" coap://10.77.0.2/example_data
  ask -m get -b 64 coap://10.77.0.2/example_data
  ask -m get -P coap://10.77.0.2 coap://far.example.test/light
  ask -m get -O 35,coap://bob:secret@far.example.test/light coap://10.77.0.2/
}

# What is behind the relay: a link of its own, both ends in the client's namespace.
behind_relay() {
  ip -n "$client" link show nwl0 >/dev/null 2>&1 && return
  ip -n "$client" link add nwl0 type veth peer name nwl1
  ip -n "$client" addr add 10.79.0.1/24 dev nwl0
  ip -n "$client" addr add fd79::1/64 dev nwl0 nodad
  ip -n "$client" link set nwl0 up
  ip -n "$client" link set nwl1 address 02:00:00:00:00:03 up
  ip -n "$server" route add 10.79.0.0/24 via 10.77.0.1
  ip -n "$server" route add fd79::/64 via fd77::1
  sleep 2  # for the link-local addresses
}

fields_dhcp_relay() {
  behind_relay
  : >"$scratch/dhcpd.leases"
  cat >"$scratch/dhcpd.conf" <<CONF
authoritative;
option domain-name "example.test";
server-name "boot.example.test";
filename "pxelinux.0";
next-server 10.77.0.2;
ignore-client-uids true;
subnet 10.77.0.0 netmask 255.255.255.0 { range 10.77.0.120 10.77.0.129; }
host printer {
  hardware ethernet 02:00:00:00:00:01;
  fixed-address 10.77.0.1;
  min-lease-time 4;
  default-lease-time 4;
}
subnet 10.79.0.0 netmask 255.255.255.0 { range 10.79.0.120 10.79.0.129; option routers 10.79.0.1; }
CONF
  serve dhcpd -4 -f -d -user root -group root -cf "$scratch/dhcpd.conf" -lf "$scratch/dhcpd.leases" \
    -pf "$scratch/dhcpd.pid" nws
  serve_client dhcrelay -4 -d -a -pf "$scratch/dhcrelay.pid" -iu nwc -id nwl0 10.77.0.2
  capture dhcp/dhcpd_dhcrelay dhcp_relay_traffic
}
dhcp_relay_traffic() {
  printf 'send %s;\n' 'fqdn.fqdn "laptop.example.test"' 'fqdn.encoded on' 'fqdn.server-update off' \
    'user-class "lab"' >"$scratch/dhclient.conf"
  in_client timeout 6 dhclient -1 -d -cf "$scratch/dhclient.conf" -sf /bin/true \
    -lf "$scratch/dhclient.leases" -pf "$scratch/dhclient.pid" nwl1
  # A switch on the way adds option 82 (here: port 7 of switch1); udhcpc says it itself.
  in_client timeout 6 udhcpc -i nwc -n -q -f -t 1 -s /bin/true -x 0x52:0104706f7274020773776974636831
  echo 'send user-class "\003lab\004desk";' >"$scratch/printer.conf"       # RFC 3004's form
  in_client timeout 6 dhclient -d -cf "$scratch/printer.conf" -sf /bin/true \
    -lf "$scratch/printer.leases" -pf "$scratch/printer.pid" nwc          # renews its address
  sed -i 's/10.79.0.1[0-9]*/10.98.0.5/' "$scratch/dhclient.leases"
  in_client timeout 4 dhclient -1 -d -cf "$scratch/dhclient.conf" -sf /bin/true \
    -lf "$scratch/dhclient.leases" -pf "$scratch/dhclient.pid" nwl1      # refused
}

fields_dhcpv6_relay() {
  behind_relay
  : >"$scratch/dhcpd6.leases"
  cat >"$scratch/dhcpd6.conf" <<CONF
authoritative;
option dhcp6.domain-search "example.test", "lab.example.test";
option dhcp6.name-servers fd77::2;
option dhcp6.rapid-commit;
subnet6 fd77::/64 { range6 fd77::200 fd77::20f; prefix6 fd80:0:0:100:: fd80:0:0:f00:: /56; }
subnet6 fd79::/64 { range6 fd79::200 fd79::20f; }
CONF
  serve dhcpd -6 -f -d -user root -group root -cf "$scratch/dhcpd6.conf" \
    -lf "$scratch/dhcpd6.leases" -pf "$scratch/dhcpd6.pid" nws
  serve_client dhcrelay -6 -d -I -pf "$scratch/dhcrelay6.pid" -l nwl0 -u fd77::2%nwc
  capture dhcpv6/dhcpd_dhcrelay dhcpv6_relay_traffic
}
dhcpv6_relay_traffic() {
  cat >"$scratch/dhclient6.conf" <<CONF
send dhcp6.rapid-commit;
send fqdn.fqdn "laptop.example.test";
option dhcp6.user-classes code 15 = string;
option dhcp6.vendor-classes code 16 = string;
send dhcp6.user-classes 00:03:6c:61:62;
send dhcp6.vendor-classes 00:00:7e:d9:00:06:72:6f:75:74:65:72;
CONF
  ask() { in_client timeout 3 dhclient -6 -1 -d -cf "$scratch/dhclient6.conf" -sf /bin/true \
    -lf "$scratch/dhclient6.leases" -pf "$scratch/dhclient6.pid" "$@"; }
  ask -N -P nwc
  ask nwl1
  ask -r nwl1
  ask -P nwl1                                                             # no prefix there
}

fields_radius_eap() {
  radius_with <<CONF
modules {
  eap {
    default_eap_type = md5
    md5 {
    }
  }
  always ok {
    rcode = ok
  }
}
server default {
$(for kind in 'auth 1812' 'acct 1813' 'coa 3799'; do
    printf '  listen {\n    type = %s\n    ipaddr = 10.77.0.2\n    port = %s\n  }\n' $kind
  done)
  authorize {
    update control {
      &Cleartext-Password := "hello"
    }
    eap
  }
  authenticate {
    eap
  }
  post-auth {
    update reply {
      &Cisco-AVPair := "ip:addr-pool=guests"
    }
  }
  preacct {
    ok
  }
  accounting {
    ok
  }
  recv-coa {
    ok
  }
}
CONF
  capture radius/eapol_freeradius radius_eap_traffic
}
radius_eap_traffic() {
  cat >"$scratch/eapol.conf" <<CONF
network={
  key_mgmt=IEEE8021X
  eap=MD5
  identity="bob"
  password="hello"
}
CONF
  in_client timeout 5 eapol_test -n -t 3 -c "$scratch/eapol.conf" -a 10.77.0.2 -s testing123 \
    -N 30:s:02-00-00-00-00-01:lab
  ask() { in_client radclient -r 1 -t 2 -d "$scratch/radius" "10.77.0.2:$1" "$2" testing123; }
  local stop=Acct-Status-Type=Stop,Acct-Terminate-Cause=User-Request,Service-Type=Framed-User
  echo "User-Name=bob,Acct-Session-Id=abc,$stop" | ask 1813 acct
  echo 'User-Name=bob,Acct-Session-Id=abc,Cisco-AVPair="subscriber:command=reauthenticate"' |
    ask 3799 coa
  echo 'User-Name=bob,Acct-Session-Id=abc' | ask 3799 disconnect
}

# Keys, network time security, and a server that has a server itself.
fields_ntp_chrony() {
  echo '10.77.0.2 www.example.test' >"$scratch/hosts"
  echo '1 SHA1 HEX:0123456789ABCDEF0123456789ABCDEF01234567' >"$scratch/ntp.keys"
  cat >"$scratch/chrony.conf" <<CONF
cmdport 0
keyfile $scratch/ntp.keys
local stratum 2
allow
pidfile $scratch/chrony.pid
ntsserverkey $scratch/k.pem
ntsservercert $scratch/c.pem
CONF
  serve chronyd -x -d -u root -f "$scratch/chrony.conf"
  capture ntp/chrony_keys_nts ntp_chrony_traffic
}
ntp_chrony_traffic() {
  printf 'allow\ncmdport 0\nkeyfile %s\npidfile %s\nserver 10.77.0.2 key 1 iburst maxpoll 4\n' \
    "$scratch/ntp.keys" "$scratch/chrony2.pid" >"$scratch/chrony2.conf"
  serve_client chronyd -x -d -u root -f "$scratch/chrony2.conf"
  sleep 8
  in_server timeout 3 ntpdig -t 1 10.77.0.1
  kill "${pids[-1]}"
  in_client unshare --mount sh -c "mount --bind $scratch/hosts /etc/hosts &&
    exec timeout 5 chronyd -Q -u root -f /dev/null 'pidfile $scratch/c2.pid' 'cmdport 0' \
    'nosystemcert' 'ntstrustedcerts $scratch/c.pem' 'server www.example.test nts iburst maxsamples 1'"
}

# ntpsec cannot be installed beside chrony: its package is unpacked.
fields_ntp_ntpd() {
  (cd "$scratch" && apt-get -qq -o APT::Sandbox::User=root download ntpsec &&
    dpkg -x ntpsec_*.deb ntpsec)
  printf 'disable ntp\nrestrict 10.77.0.1 limited kod nomodify\ntos orphan 5\n' \
    >"$scratch/ntpd.conf"
  serve "$scratch/ntpsec/usr/sbin/ntpd" -n -c "$scratch/ntpd.conf" -I nws
  sleep 3
  capture ntp/ntpd_ntpq ntp_ntpd_traffic
  alone
  serve "$here/peers/fields.py" ntp-private-server
  capture ntp/private_scripted in_client "$here/peers/fields.py" ntp-private-client 10.77.0.2
}
ntp_ntpd_traffic() {
  ask() { in_client timeout 5 /usr/bin/python3 "$scratch/ntpsec/usr/bin/ntpq" "$@" 10.77.0.2; }
  ask -c 'rv 0 version,stratum'
  ask -c 'rv 0 nothing'                                                   # an error
  ask -c associations
  in_client timeout 20 ntpdig -p 25 -g 1 -t 1 10.77.0.2                   # too often: RATE
}

fields_smtp_auth() {
  mail_server
  alone
  sleep 1
  sed -i -e 's/^protocols = .*/protocols = submission/' -e 's/^auth_mechanisms = .*/& cram-md5/' \
    "$scratch/dovecot.conf"
  printf 'hostname = mail.example.test\nsubmission_relay_host = 127.0.0.1\n' >>"$scratch/dovecot.conf"
  serve_named dovecot -F -c "$scratch/dovecot.conf"
  await 587
  capture smtp/swaks_dovecot smtp_auth_traffic
}
smtp_auth_traffic() {
  send() { in_client timeout 5 swaks -s 10.77.0.2 -p 587 --helo client.example.test -f a@example.test \
    -t b@example.test --auth-user alice --quit-after auth "$@"; }
  send --auth PLAIN --auth-password secret
  send --auth LOGIN --auth-password secret
  send --auth CRAM-MD5 --auth-password secret
  send --auth PLAIN --auth-password wrong
}

# A listener in a namespace of its own, and the cipher. UNIX sockets no packaged program names.
fields_proxy_more() {
  web_server
  proxy_pair
  alone
  serve nginx -c "$scratch/nginx-behind.conf"
  ip netns add "$client-inner"
  cat >"$scratch/haproxy.cfg" <<CONF
defaults
  mode tcp
  timeout connect 1s
  timeout client 2s
  timeout server 2s
listen inner
  bind 127.0.0.1:1001 namespace $client-inner ssl crt $scratch/both.pem
  server s 10.77.0.2:8080 send-proxy-v2-ssl proxy-v2-options ssl,ssl-cipher
CONF
  ip -n "$client-inner" link set lo up
  serve_client haproxy -db -f "$scratch/haproxy.cfg"
  cat >"$scratch/smtpd.conf" <<CONF
listen on 10.77.0.2 port 2526 proxy-v2 hostname mail.example.test
action a relay host smtp://127.0.0.1:9
match from any for local action a
CONF
  mkdir -p -m 711 /var/spool/smtpd
  serve_named smtpd -d -f "$scratch/smtpd.conf"
  await 2526
  capture proxy/haproxy_swaks proxy_more_traffic
  capture proxy/unix_scripted in_client "$here/peers/fields.py" proxy-unix 10.77.0.2 2526
  ip netns del "$client-inner"
}
proxy_more_traffic() {
  ip netns exec "$client-inner" curl -sk https://127.0.0.1:1001/
  send() { in_client timeout 5 swaks -s 10.77.0.2 -p 2526 --helo client.example.test -f a@example.test \
    -t b@example.test --quit-after helo --proxy-version 2 --proxy-command PROXY "$@"; }
  send --proxy-family AF_INET --proxy-protocol STREAM --proxy-source 192.0.2.7 --proxy-source-port 1025 \
    --proxy-dest 192.0.2.8 --proxy-dest-port 25
}
