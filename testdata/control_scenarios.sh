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

control_captures() {
  if want dcerpc; then
    dcerpc_server
    capture dcerpc/rpcclient_samba dcerpc_traffic
    capture dcerpc/profinet_scripted dcerpc_scripted
  fi
}
