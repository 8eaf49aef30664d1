# Scenarios of make_captures.sh for the protocols of operators' and large sites' networks. Sourced by
# it: uses its functions and its two namespaces.
# Needs (Debian), besides what make_captures.sh names:
#   openafs-client openafs-fileserver openafs-dbserver osmo-ggsn
#   softflowd nfdump pmacct collectd-core freediameterd nats-server python3-cassandra

# A scripted server and client of one protocol: scripted_pair NAME
scripted_pair() {
  serve "$here/peers/carrier.py" "$1-server"
  in_client "$here/peers/carrier.py" "$1-client" 10.77.0.2
}

# A cell on one machine, in a root of its own: where AFS's files lie is compiled in.
rx_traffic() {
  local lower=$scratch/afs root=$scratch/afs/root to=10.77.0.2
  mkdir -p "$lower" && mount -t tmpfs none "$lower"
  mkdir -p "$lower/up" "$lower/work" "$root"
  mount -t overlay none -o "lowerdir=/,upperdir=$lower/up,workdir=$lower/work" "$root"
  mount -t proc none "$root/proc"
  mkdir -p "$root/vicepa" "$root/etc/openafs/server" "$root/var/lib/openafs/"{db,local,logs}
  touch "$root/vicepa/AlwaysAttach" "$root/var/lib/openafs/local/NoAuth"
  echo example.test | tee "$root/etc/openafs/ThisCell" >"$root/etc/openafs/server/ThisCell"
  printf '>example.test\n10.77.0.2 #www.example.test\n' |
    tee "$root/etc/openafs/CellServDB" >"$root/etc/openafs/server/CellServDB"
  echo 'hosts: files' >"$root/etc/nsswitch.conf"
  printf '10.77.0.1 client\n10.77.0.2 www.example.test %s\n' "$(hostname)" >"$root/etc/hosts"
  serve chroot "$root" bosserver -noauth -nofork
  local ask=(in_client chroot "$root" timeout 8)
  "${ask[@]}" bos create $to vl simple /usr/lib/openafs/vlserver -noauth
  "${ask[@]}" bos create $to pt simple /usr/lib/openafs/ptserver -noauth
  sleep 8  # until each has elected itself
  "${ask[@]}" bos create $to fs fs /usr/lib/openafs/fileserver /usr/lib/openafs/volserver \
    /usr/lib/openafs/salvager -noauth
  sleep 4
  "${ask[@]}" bos status $to fs -noauth
  "${ask[@]}" pts createuser alice -noauth
  "${ask[@]}" pts examine nobody.here -noauth
  "${ask[@]}" vos create $to a home.alice -noauth
  "${ask[@]}" vos examine home.alice -noauth
  "${ask[@]}" vos examine home.nobody -noauth
  "${ask[@]}" afsio fidread -fid 536870912.1.1 -cell example.test
  "${ask[@]}" rxdebug $to 7000 -version
  "${ask[@]}" rxdebug $to 7000 -rxstats
  "${ask[@]}" bos shutdown $to -noauth
  sleep 1
  umount -l "$root/proc" "$root" "$lower"
}

gtp_traffic() {
  cat >"$scratch/ggsn.cfg" <<CONF
log stderr
ggsn ggsn0
 gtp state-dir $scratch
 gtp bind-ip 10.77.0.2
 apn internet
  tun-device tun4
  type-support v4
  ip prefix dynamic 198.51.100.0/24
  ip ifconfig 198.51.100.0/24
  no shutdown
 default-apn internet
 no shutdown ggsn
CONF
  serve osmo-ggsn -c "$scratch/ggsn.cfg"
  local ask=(in_client timeout 4 sgsnemu --listen 10.77.0.1 --remote 10.77.0.2 --statedir "$scratch"
    --pidfile "$scratch/sgsn.pid" --msisdn 491700000000 --timelimit 2)
  "${ask[@]}" --apn internet
  "${ask[@]}" --apn internet --gtpversion 0
}

# One client of carrier.py that nobody answers: speaks NAME
speaks() { in_client "$here/peers/carrier.py" "$1-client" 10.77.0.2; }

netflow_traffic() {
  mkdir -p "$scratch/flows"
  serve nfcapd -p 2055 -w "$scratch/flows"
  serve "$here/peers/carrier.py" sink
  sleep 1
  probe() { in_client timeout 5 softflowd -d -r "$here/dpi/http/curl_nginx.pcapng" -p "$scratch/softflowd.pid" \
    -c none -n "10.77.0.2:$1" "${@:2}"; }
  probe 2055 -v 1
  probe 2055 -v 5
  probe 2055 -v 9
  probe 2055 -v 10
  probe 4739 -v 10 -P tcp
}

sflow_traffic() {
  cat >"$scratch/pmacctd.conf" <<CONF
daemonize: false
pcap_interface: nwc
plugins: sfprobe[any]
sfprobe_receiver[any]: 10.77.0.2:6343
sampling_rate[any]: 4
sfprobe_agentip[any]: 10.77.0.1
sfprobe_agentsubid[any]: 3
sfprobe_ifspeed[any]: 100
CONF
  in_client timeout 26 pmacctd -f "$scratch/pmacctd.conf" &
  local probe=$!
  sleep 2
  in_client bash -c 'for i in {1..80}; do echo hello >/dev/udp/10.77.0.2/9; sleep 0.05; done'
  wait "$probe"
}

collectd_traffic() {
  local level
  cat >"$scratch/collectd-server.conf" <<CONF
BaseDir "$scratch"
PIDFile "$scratch/collectd-server.pid"
LoadPlugin network
<Plugin network>
  Listen "10.77.0.2" "25826"
</Plugin>
CONF
  serve collectd -f -C "$scratch/collectd-server.conf"
  for level in None Sign Encrypt; do
    cat >"$scratch/collectd.conf" <<CONF
Hostname "web.example.test"
Interval 1
BaseDir "$scratch"
PIDFile "$scratch/collectd.pid"
LoadPlugin load
LoadPlugin memory
LoadPlugin interface
LoadPlugin network
LoadPlugin threshold
<Plugin network>
  <Server "10.77.0.2" "25826">
    SecurityLevel "$level"
    Username "alice"
    Password "secret"
  </Server>
</Plugin>
<Plugin threshold>
  <Plugin "memory">
    <Type "memory">
      WarningMax 1
    </Type>
  </Plugin>
</Plugin>
CONF
    in_client timeout 3 collectd -f -C "$scratch/collectd.conf"
  done
}

# freediameter_conf NAME ADDRESS PEER ADDRESS: its configuration, and a certificate, which it wants even so
freediameter_conf() {
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 \
    -keyout "$scratch/$1.key" -out "$scratch/$1.pem" -subj "/CN=$1.example.test" 2>/dev/null
  cat >"$scratch/$1.conf" <<CONF
Identity = "$1.example.test";
Realm = "example.test";
ListenOn = "$2";
No_SCTP;
No_IPv6;
SecPort = 0;
TwTimer = 6;
TLS_Cred = "$scratch/$1.pem", "$scratch/$1.key";
TLS_CA = "$scratch/$1.pem";
ConnectPeer = "$3.example.test" { ConnectTo = "$4"; No_TLS; };
CONF
}

diameter_traffic() {
  freediameter_conf hss 10.77.0.2 mme 10.77.0.1
  freediameter_conf mme 10.77.0.1 hss 10.77.0.2
  serve freeDiameterd -c "$scratch/hss.conf"
  in_client timeout -s INT -k 5 10 freeDiameterd -c "$scratch/mme.conf"
}

nats_traffic() {
  serve nats-server -a 10.77.0.2 -p 4222 -n broker --user alice --pass secret
  serve nats-server -a 10.77.0.2 -p 4223 -n sealed --tls --tlscert "$scratch/c.pem" \
    --tlskey "$scratch/k.pem"
  speaks nats
}

cql_traffic() {
  serve "$here/peers/cql_peers.py" server
  sleep 1
  in_client timeout 20 "$here/peers/cql_peers.py" client 10.77.0.2
}

carrier_captures() {
  if want lisp; then capture lisp/control_scripted scripted_pair lisp; fi
  if want gtp; then
    capture gtp/sgsnemu_osmo_ggsn gtp_traffic
    alone
    capture gtp/v2_charging_scripted scripted_pair gtp2
  fi
  if want netflow; then
    capture netflow/softflowd_nfcapd netflow_traffic
    capture netflow/old_scripted speaks netflow
  fi
  if want sflow; then
    capture_filter='udp port 6343' capture sflow/pmacctd sflow_traffic
    capture sflow/counters_scripted speaks sflow
  fi
  if want collectd; then capture_filter='udp port 25826' capture collectd/collectd collectd_traffic; fi
  if want dropbox; then capture dropbox/announcements_scripted speaks dropbox; fi
  if want bjnp; then capture bjnp/jobs_scripted scripted_pair bjnp; fi
  if want diameter; then
    capture_filter='tcp port 3868' capture diameter/freediameter diameter_traffic
    alone
    capture diameter/sessions_scripted scripted_pair diameter
  fi
  if want nats; then capture nats/nats_server_scripted nats_traffic; fi
  if want cql; then capture_filter='tcp port 9042' capture cql/driver_scripted cql_traffic; fi
  if want rx; then capture rx/openafs rx_traffic; fi
}
