# Scenarios of make_captures.sh for the protocols that run a network. Sourced by it: uses its
# functions and its two namespaces.
# Needs (Debian), besides what make_captures.sh names: isc-dhcp-client udhcpc chrony ntpsec-ntpdate
#   snmp snmpd minidlna miniupnpc coturn rsyslog freeradius freeradius-utils tftpd-hpa tftp-hpa
#   samba nbtscan krb5-kdc krb5-admin-server krb5-user libcoap3-bin wireguard-tools wireguard-go
#   strongswan-charon ike-scan transmission-cli transmission-daemon

# Runs a server in the client's namespace until the script ends.
serve_client() {
  ip netns exec "$client" "$@" >"$scratch/server2.log" 2>&1 &
  pids+=($!)
  sleep 0.4
}

dhcp_server() {
  serve dnsmasq -k --port=0 --conf-file=/dev/null --pid-file= --user=root --interface=nws \
    --dhcp-leasefile="$scratch/leases" --dhcp-range=10.77.0.100,10.77.0.110,1h --dhcp-authoritative \
    --dhcp-range=fd77::100,fd77::1ff,64,1h --domain=example.test --no-ping \
    --dhcp-option=option:router,10.77.0.2 --dhcp-option=option:ntp-server,10.77.0.2 \
    --dhcp-option=option:dns-server,10.77.0.2 --dhcp-option=option6:dns-server,[fd77::2]
}

dhcp_traffic() {
  in_client udhcpc -i nwc -n -q -f -s /bin/true -x hostname:printer -V "printer 1.0" -R
  printf 'send host-name "laptop";\nrequest subnet-mask, routers, domain-name-servers;\n' \
    >"$scratch/dhclient.conf"
  in_client timeout 6 dhclient -1 -d -cf "$scratch/dhclient.conf" -sf /bin/true \
    -lf "$scratch/dhclient.leases" -pf "$scratch/dhclient.pid" nwc
  in_client timeout 3 dhclient -r -cf "$scratch/dhclient.conf" -sf /bin/true \
    -lf "$scratch/dhclient.leases" -pf "$scratch/dhclient.pid" nwc
}

dhcpv6_traffic() {
  sleep 2  # for the link-local address
  in_client timeout 5 dhclient -6 -1 -d -cf /dev/null -sf /bin/true -lf "$scratch/dhclient6.leases" \
    -pf "$scratch/dhclient6.pid" nwc
  in_client timeout 3 dhclient -6 -r -cf /dev/null -sf /bin/true -lf "$scratch/dhclient6.leases" \
    -pf "$scratch/dhclient6.pid" nwc
  in_client timeout 3 dhclient -6 -S -1 -d -cf /dev/null -sf /bin/true -lf "$scratch/s.leases" \
    -pf "$scratch/s.pid" nwc
}

ntp_server() {
  printf 'local stratum 2\nallow\ncmdport 0\npidfile %s\ndriftfile %s\n' \
    "$scratch/chrony.pid" "$scratch/drift" >"$scratch/chrony.conf"
  serve chronyd -x -d -u root -f "$scratch/chrony.conf"
}

ntp_traffic() {
  in_client ntpdate -q -p 2 10.77.0.2
  in_client timeout 5 chronyd -Q -u root -f /dev/null "pidfile $scratch/c2.pid" 'cmdport 0' \
    'server 10.77.0.2 iburst maxsamples 1'
}

ntp_control() {  # scripted: no packaged server answers mode 7
  in_client "$here/peers/infra.py" ntp 10.77.0.2
}

snmp_server() {
  mkdir -p "$scratch/snmp"
  cat >"$scratch/snmpd.conf" <<CONF
rocommunity public
rwcommunity verysecret
rouser watcher priv
createUser watcher SHA "long enough one" AES "long enough two"
sysName router.example.test
sysDescr a router for tests
sysLocation nowhere
sysContact nobody
CONF
  SNMP_PERSISTENT_DIR=$scratch/snmp serve snmpd -f -Lo -C -c "$scratch/snmpd.conf" -p "$scratch/s.pid" \
    udp:10.77.0.2:161 tcp:10.77.0.2:161
}

snmp_traffic() {
  local to=10.77.0.2 system=.1.3.6.1.2.1.1
  export SNMP_PERSISTENT_DIR=$scratch/snmp2 MIBS=
  in_client snmpget -v1 -c public $to $system.5.0
  in_client snmpget -v2c -c public $to $system.5.0 $system.3.0
  in_client snmpbulkget -v2c -c public -Cr4 $to $system
  in_client snmpset -v2c -c public -r0 -t1 $to $system.5.0 s other      # noAccess
  in_client snmpget -v1 -c verysecret $to $system.99.0                  # noSuchName
  in_client snmpget -v2c -c public tcp:$to $system.5.0
  in_client snmpget -v3 -u watcher -l authPriv -a SHA -A "long enough one" -x AES \
    -X "long enough two" $to $system.5.0
  in_client snmptrap -v1 -c public $to .1.3.6.1.4.1.8072 10.77.0.1 2 0 '' $system.5.0 s link
  in_client snmptrap -v2c -c public $to '' .1.3.6.1.6.3.1.1.5.3 $system.5.0 s link
}

ssdp_traffic() {
  mkdir -p "$scratch/media"
  printf 'network_interface=nws\nmedia_dir=%s\ndb_dir=%s\nlog_dir=%s\nport=8200\nfriendly_name=media\nuuid=4d696e69-444c-164e-9d41-020000000002\n' \
    "$scratch/media" "$scratch/media" "$scratch/media" >"$scratch/minidlna.conf"
  ip -n "$server" route add 224.0.0.0/4 dev nws 2>/dev/null || true
  serve minidlnad -d -f "$scratch/minidlna.conf" -P "$scratch/minidlna.pid"
  sleep 1
  in_client timeout 12 upnpc -m nwc -s
}

turn_server() {
  serve turnserver -n --no-cli -L 10.77.0.2 -E 10.77.0.2 --user bob:secret -r example.test --lt-cred-mech \
    --no-tls --no-dtls --allow-loopback-peers --cli-password x --pidfile "$scratch/turn.pid" \
    --log-file stdout --db "$scratch/turn.db" --min-port 50000 --max-port 50020
  sleep 1
}

stun_traffic() {
  in_client timeout 5 turnutils_stunclient 10.77.0.2
  in_client timeout 8 turnutils_uclient -y -c -n 2 -m 1 -u bob -w secret 10.77.0.2
  in_client timeout 8 turnutils_uclient -t -y -c -n 2 -m 1 -u bob -w secret 10.77.0.2
}

syslog_server() {
  cat >"$scratch/rsyslog.conf" <<CONF
module(load="imudp")
module(load="imtcp")
input(type="imudp" port="514")
input(type="imtcp" port="514")
*.* $scratch/messages
CONF
  serve rsyslogd -n -iNONE -f "$scratch/rsyslog.conf"
}

# logger of a host of our naming.
logged() { in_client unshare --uts sh -c 'hostname client.example.test; exec logger "$@"' sh "$@"; }

syslog_traffic() {
  local to=(-n 10.77.0.2 -P 514)
  logged "${to[@]}" -d --rfc3164 -p auth.notice -t sshd --id=123 "Accepted publickey for bob"
  logged "${to[@]}" -d --rfc5424 -p local0.err -t app --msgid LOGIN \
    --sd-id 'example@32473' --sd-param 'user="bob"' "failed: wrong \"word\""
  printf 'one\ntwo\n' | logged "${to[@]}" -T --octet-count --rfc5424 -p daemon.info -t counted
  printf 'three\nfour\n' | logged "${to[@]}" -T --rfc3164 -p mail.warning -t lines
}

# A server with the modules and services of standard input.
radius_with() {
  mkdir -p "$scratch/radius"
  echo "\$INCLUDE /usr/share/freeradius/dictionary" >"$scratch/radius/dictionary"
  cat >"$scratch/radius/radiusd.conf" <<CONF
prefix = /usr
name = radiusd
libdir = /usr/lib/freeradius
logdir = $scratch/radius
run_dir = $scratch/radius
pidfile = $scratch/radius/pid
max_request_time = 5
log {
  destination = stdout
}
client all {
  ipaddr = 10.77.0.0/24
  secret = testing123
}
CONF
  cat >>"$scratch/radius/radiusd.conf"
  serve freeradius -f -d "$scratch/radius" -n radiusd
  sleep 1
}

radius_server() {
  radius_with <<'CONF'
modules {
  pap {
  }
  chap {
  }
  always ok {
    rcode = ok
  }
}
server default {
  listen {
    type = auth
    ipaddr = 10.77.0.2
    port = 1812
  }
  listen {
    type = acct
    ipaddr = 10.77.0.2
    port = 1813
  }
  authorize {
    update control {
      &Cleartext-Password := "hello"
    }
    chap
    pap
  }
  authenticate {
    Auth-Type PAP {
      pap
    }
    Auth-Type CHAP {
      chap
    }
  }
  post-auth {
    update reply {
      &Framed-IP-Address := 10.77.0.50
      &Reply-Message := "welcome"
    }
  }
  preacct {
    ok
  }
  accounting {
    ok
  }
}
CONF
}

radius_traffic() {
  ask() { in_client radclient -r 1 -t 2 -d "$scratch/radius" "10.77.0.2:$1" "$2" testing123; }
  echo 'User-Name=bob,User-Password=hello,NAS-Identifier=switch1,NAS-Port=7,NAS-Port-Type=Ethernet,Calling-Station-Id="02-00-00-00-00-09"' | ask 1812 auth
  echo 'User-Name=bob,CHAP-Password=hello,NAS-IP-Address=10.77.0.1' | ask 1812 auth
  echo 'User-Name=eve,User-Password=wrong,NAS-Identifier=switch1' | ask 1812 auth
  echo 'User-Name=bob,Acct-Status-Type=Start,Acct-Session-Id=abc,NAS-IP-Address=10.77.0.1' | ask 1813 acct
  echo 'User-Name=bob,Acct-Status-Type=Stop,Acct-Session-Id=abc,Acct-Session-Time=60,Acct-Input-Octets=1000,Acct-Output-Gigawords=1,Acct-Output-Octets=5' | ask 1813 acct
}

tftp_server() {
  mkdir -p "$scratch/tftp"
  seq 1 400 >"$scratch/tftp/numbers.txt"
  chmod -R a+rwX "$scratch" "$scratch/tftp"
  serve in.tftpd -L -c -u root -s "$scratch/tftp" -a 10.77.0.2:69
}

tftp_traffic() {
  (
    cd "$scratch"
    in_client timeout 5 tftp -m octet 10.77.0.2 -c get numbers.txt
    in_client timeout 5 tftp -m netascii 10.77.0.2 -c put numbers.txt copy.txt
    in_client timeout 5 curl -s --tftp-blksize 1024 tftp://10.77.0.2/numbers.txt
    in_client timeout 5 curl -s tftp://10.77.0.2/missing.txt
  )
}

netbios_traffic() {
  mkdir -p "$scratch/samba"
  cat >"$scratch/smb.conf" <<CONF
[global]
  netbios name = FILES
  workgroup = OFFICE
  server string = the files
  interfaces = nws
  bind interfaces only = yes
  local master = yes
  preferred master = yes
  private dir = $scratch/samba
  lock directory = $scratch/samba
  state directory = $scratch/samba
  cache directory = $scratch/samba
  pid directory = $scratch/samba
  ncalrpc dir = $scratch/samba
  log file = $scratch/samba/log
CONF
  serve nmbd -F --no-process-group -s "$scratch/smb.conf"
  sleep 4
  printf '[global]\n interfaces = nwc\n bind interfaces only = yes\n lock directory = %s\n state directory = %s\n cache directory = %s\n private dir = %s\n' \
    "$scratch/samba2" "$scratch/samba2" "$scratch/samba2" "$scratch/samba2" >"$scratch/smb2.conf"
  mkdir -p "$scratch/samba2"
  in_client timeout 5 nmblookup -s "$scratch/smb2.conf" -B 10.77.0.255 FILES
  in_client timeout 5 nmblookup -s "$scratch/smb2.conf" -B 10.77.0.255 NOBODY
  in_client timeout 5 nbtscan -t 500 10.77.0.2
  sleep 8  # for elections and announcements
}

kerberos_server() {
  cat >"$scratch/krb5.conf" <<CONF
[libdefaults]
  default_realm = EXAMPLE.TEST
  dns_lookup_kdc = false
  rdns = false
  dns_canonicalize_hostname = false
[realms]
  EXAMPLE.TEST = {
    kdc = 10.77.0.2
  }
CONF
  cat >"$scratch/kdc.conf" <<CONF
[kdcdefaults]
  kdc_listen = 88
  kdc_tcp_listen = 88
[realms]
  EXAMPLE.TEST = {
    database_name = $scratch/principal
    key_stash_file = $scratch/stash
    acl_file = $scratch/acl
  }
CONF
  export KRB5_CONFIG=$scratch/krb5.conf KRB5_KDC_PROFILE=$scratch/kdc.conf KRB5CCNAME=$scratch/ticket
  kdb5_util create -s -r EXAMPLE.TEST -P master >/dev/null 2>&1
  for name in 'bob -pw hello +requires_preauth' 'host/www.example.test -randkey'; do
    kadmin.local -q "addprinc ${name#* } ${name%% *}" >/dev/null 2>&1
  done
  serve krb5kdc -n -P "$scratch/kdc.pid"
}

kerberos_traffic() {
  echo hello | in_client timeout 5 kinit bob
  in_client timeout 5 kvno host/www.example.test
  echo hello | in_client timeout 5 kinit nobody
  sed -i 's/rdns = false/rdns = false\n  udp_preference_limit = 1/' "$scratch/krb5.conf"
  echo wrong | in_client timeout 5 kinit bob
  echo hello | in_client timeout 5 kinit bob
  in_client timeout 5 kvno host/www.example.test
}

coap_traffic() {
  serve coap-server-notls -A 10.77.0.2 -d 5
  local to=coap://10.77.0.2
  in_client timeout 3 coap-client-notls -B 2 -m get $to/.well-known/core
  in_client timeout 3 coap-client-notls -B 2 -m put -t text/plain -e hello "$to/example_data?a=b"
  in_client timeout 3 coap-client-notls -B 2 -N -m get $to/example_data
  in_client timeout 3 coap-client-notls -B 2 -m get $to/missing
  in_client timeout 4 coap-client-notls -B 3 -s 3 -m get $to/time
}

# The userspace implementation: kernels without the module make the same capture.
wireguard_traffic() {
  local one two
  one=$(wg genkey) two=$(wg genkey)
  WG_PROCESS_FOREGROUND=1 LOG_LEVEL=error serve wireguard-go -f nwtun0
  WG_PROCESS_FOREGROUND=1 LOG_LEVEL=error serve_client wireguard-go -f nwtun1
  sleep 0.5
  in_server wg set nwtun0 listen-port 51820 private-key <(echo "$one") \
    peer "$(echo "$two" | wg pubkey)" allowed-ips 10.88.0.1/32
  in_client wg set nwtun1 private-key <(echo "$two") peer "$(echo "$one" | wg pubkey)" \
    endpoint 10.77.0.2:51820 allowed-ips 10.88.0.2/32
  ip -n "$server" addr add 10.88.0.2/24 dev nwtun0
  ip -n "$client" addr add 10.88.0.1/24 dev nwtun1
  ip -n "$server" link set nwtun0 up
  ip -n "$client" link set nwtun1 up
  in_client python3 -c '
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
for i in range(3): s.sendto(b"hello", ("10.88.0.2", 9))'
  sleep 1
}

# charon NAMESPACE NAME ARGS: strongSwan's daemon of its own configuration.
ipsec_conf() {
  mkdir -p "$scratch/$1"
  cat >"$scratch/$1/strongswan.conf" <<CONF
charon {
  piddir = $scratch/$1
  install_routes = no
  load = random nonce x509 pubkey pkcs1 pem openssl hmac kdf gmp aes sha1 sha2 kernel-netlink socket-default vici updown
  plugins {
    vici {
      socket = unix://$scratch/$1/vici
    }
  }
}
CONF
}

ike_traffic() {
  ipsec_conf right
  ipsec_conf left
  cat >"$scratch/right/swanctl.conf" <<CONF
connections {
  any {
    version = 0
    aggressive = yes
    local_addrs = 10.77.0.2
    proposals = aes256-sha256-modp2048,aes128-sha1-modp1024
    local {
      auth = psk
      id = right.example.test
    }
    remote {
      auth = psk
    }
    children {
      net {
        esp_proposals = aes128-sha1
      }
    }
  }
}
secrets {
  ike-1 {
    secret = testing
  }
}
CONF
  cat >"$scratch/left/swanctl.conf" <<CONF
connections {
  to {
    version = 2
    local_addrs = 10.77.0.1
    remote_addrs = 10.77.0.2
    encap = yes
    proposals = aes256-sha256-modp2048
    local {
      auth = psk
      id = left.example.test
    }
    remote {
      auth = psk
      id = right.example.test
    }
    children {
      net {
        esp_proposals = aes128-sha1
      }
    }
  }
}
secrets {
  ike-1 {
    secret = testing
  }
}
CONF
  STRONGSWAN_CONF=$scratch/right/strongswan.conf serve /usr/lib/ipsec/charon
  # Its process number goes to one place, so the second has a /run of its own.
  STRONGSWAN_CONF=$scratch/left/strongswan.conf serve_client \
    sh -c 'mount -t tmpfs none /run && exec /usr/lib/ipsec/charon'
  sleep 1.5
  swanctl --load-all --uri "unix://$scratch/right/vici" --file "$scratch/right/swanctl.conf"
  swanctl --load-all --uri "unix://$scratch/left/vici" --file "$scratch/left/swanctl.conf"
  timeout 6 swanctl --initiate --child net --uri "unix://$scratch/left/vici"
  in_client python3 -c '
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
for i in range(3): s.sendto(b"hello", ("10.77.0.2", 9))'
  timeout 4 swanctl --terminate --ike to --uri "unix://$scratch/left/vici"
  in_client timeout 5 ike-scan --sport=0 --retry=1 --timeout=500 10.77.0.2
  in_client timeout 5 ike-scan --sport=0 --retry=1 --timeout=500 --aggressive \
    --id=old.example.test --trans=7/128,2,1,2 10.77.0.2
}

bittorrent_scripted() {  # short and with an end; the packaged programs wait for minutes
  serve "$here/peers/infra.py" dht-server 6881
  in_client "$here/peers/infra.py" dht-client 10.77.0.2 6881
  serve "$here/peers/infra.py" utp-server 6882
  in_client "$here/peers/infra.py" utp-client 10.77.0.2 6882
}

gquic_scripted() {  # no packaged program speaks it any more
  in_client "$here/peers/infra.py" gquic 10.77.0.2 443
}

infra_captures() {
  if want dhcp; then
    dhcp_server
    capture dhcp/dnsmasq_udhcpc_dhclient dhcp_traffic
    capture dhcpv6/dnsmasq_dhclient dhcpv6_traffic
  fi
  if want ntp; then
    ntp_server
    capture ntp/chrony_ntpdate ntp_traffic
    capture ntp/control_scripted ntp_control
  fi
  if want snmp; then
    snmp_server
    capture snmp/netsnmp snmp_traffic
  fi
  if want ssdp; then capture ssdp/minidlna_upnpc ssdp_traffic; fi
  if want stun; then
    turn_server
    capture stun/coturn stun_traffic
  fi
  if want syslog; then
    syslog_server
    capture syslog/logger_rsyslog syslog_traffic
  fi
  if want radius; then
    radius_server
    capture radius/radclient_freeradius radius_traffic
  fi
  if want tftp; then
    tftp_server
    capture tftp/tftp_hpa_curl tftp_traffic
  fi
  if want netbios; then capture netbios/samba_nbtscan netbios_traffic; fi
  if want kerberos; then
    kerberos_server
    capture kerberos/kinit_krb5kdc kerberos_traffic
  fi
  if want coap; then capture coap/libcoap coap_traffic; fi
  if want wireguard; then capture wireguard/wireguard_go wireguard_traffic; fi
  if want ike; then capture ike/strongswan_ikescan ike_traffic; fi
  if want gquic; then capture gquic/hello_scripted gquic_scripted; fi
  if want bittorrent; then capture bittorrent/dht_utp_scripted bittorrent_scripted; fi
}
