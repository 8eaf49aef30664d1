# Sourced by make_captures.sh: remote calls, industrial control, trade. Nothing that is packaged
# speaks most of it, so that peers are scripts (_scripted).
# Needs (Debian), besides what make_captures.sh names: samba samba-common-bin python3-impacket
#   freetds-bin
# shellcheck shell=bash disable=SC2154

dcerpc_server() {
  mkdir -p "$scratch/rpc"
  cat >"$scratch/rpc.conf" <<CONF
[global]
  netbios name = FILES
  workgroup = OFFICE
  interfaces = 10.77.0.2/24
  bind interfaces only = yes
  rpc start on demand helpers = false
  disable spoolss = yes
  passdb backend = tdbsam:$scratch/rpc/passdb.tdb
  private dir = $scratch/rpc
  lock directory = $scratch/rpc
  state directory = $scratch/rpc
  cache directory = $scratch/rpc
  pid directory = $scratch/rpc
  ncalrpc dir = $scratch/rpc/ncalrpc
  log file = $scratch/rpc/log
CONF
  printf 'secret\nsecret\n' | smbpasswd -s -a -c "$scratch/rpc.conf" nobody >"$scratch/pw.log" 2>&1
  serve /usr/libexec/samba/samba-dcerpcd --libexec-rpcds -F --no-process-group -s "$scratch/rpc.conf"
  sleep 4
}

dcerpc_traffic() {
  cd "$scratch"
  ask() {
    in_client timeout 10 rpcclient -s "$scratch/rpc.conf" --option="netbios name=LAPTOP" \
      -U OFFICE/nobody%secret "ncacn_ip_tcp:10.77.0.2[$1]" -c "$2"
  }
  ask sign 'enumdomains'
  ask seal 'lookupnames nobody'
  ask connect 'srvinfo'                                                   # not allowed
  in_client "$here/peers/rpc.py" client 10.77.0.2
}

dcerpc_scripted() {
  serve "$here/peers/rpc.py" profinet-server 34964
  in_client "$here/peers/rpc.py" profinet-client 10.77.0.2 34964
}

# control NAME PORT: both of a pair of scripted peers.
control_scripted() {
  serve "$here/peers/control.py" "$1-server" "$2"
  in_client "$here/peers/control.py" "$1-client" 10.77.0.2 "$2"
}

# FreeTDS's client is a real one; no server is packaged.
tds_traffic() {
  ask() {
    printf '%s\ngo\n' "${@:2}" | named_client env TDSVER=7.4 FREETDSCONF=/dev/null \
      tsql -H 10.77.0.2 -p 1433 -U "$1" -P secret -D shop -I /dev/null
  }
  ask alice 'select * from missing' "alter login bob with password = 'secret'"
  ask mallory 'select 1'
  ask 'OFFICE\alice' 'select 1'                                         # NTLM
  in_client "$here/peers/tds.py" client 10.77.0.2 1433
}

fix_scripted() {
  serve "$here/peers/fix.py" server 9878
  in_client "$here/peers/fix.py" client 10.77.0.2 9878
}

control_captures() {
  if want dcerpc; then
    dcerpc_server
    capture dcerpc/rpcclient_samba dcerpc_traffic
    capture dcerpc/profinet_scripted dcerpc_scripted
  fi
  if want iec104; then capture iec104/station_scripted control_scripted iec104 2404; fi
  if want s7comm; then capture s7comm/controller_scripted control_scripted s7comm 102; fi
  if want enip; then capture enip/controller_scripted control_scripted enip 44818; fi
  if want bacnet; then capture bacnet/device_scripted control_scripted bacnet 47808; fi
  if want opcua; then capture opcua/server_scripted control_scripted opcua 4840; fi
  if want tds; then
    serve "$here/peers/tds.py" server 1433
    capture tds/freetds_scripted tds_traffic
  fi
  if want fix; then capture fix/broker_scripted fix_scripted; fi
}
