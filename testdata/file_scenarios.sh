# Scenarios of make_captures.sh for the protocols of files and of industrial control. Sourced by it:
# uses its functions and its two namespaces.
# Needs (Debian), besides what make_captures.sh names: samba smbclient rpcbind nfs-common nfs-ganesha
#   nfs-ganesha-vfs libnfs-utils mbpoll python3-pymodbus python3-serial-asyncio

smb_server() {
  mkdir -p "$scratch/smbd/ncalrpc" "$scratch/docs/reports"
  chmod -R 777 "$scratch/docs"
  chmod 755 "$scratch"
  printf 'quarterly\n' >"$scratch/docs/reports/q1.txt"
  echo 'nobody = alice' >"$scratch/smbd/users"
  cat >"$scratch/smbd.conf" <<CONF
[global]
  netbios name = FILES
  workgroup = OFFICE
  interfaces = 10.77.0.2/24
  bind interfaces only = yes
  server min protocol = NT1
  server smb encrypt = default
  disable spoolss = yes
  load printers = no
  username map = $scratch/smbd/users
  passdb backend = tdbsam:$scratch/smbd/passdb.tdb
  private dir = $scratch/smbd
  lock directory = $scratch/smbd
  state directory = $scratch/smbd
  cache directory = $scratch/smbd
  pid directory = $scratch/smbd
  ncalrpc dir = $scratch/smbd/ncalrpc
  log file = $scratch/smbd/log
[docs]
  path = $scratch/docs
  read only = no
  force user = root
CONF
  printf 'secret\nsecret\n' | smbpasswd -s -a -c "$scratch/smbd.conf" nobody >"$scratch/pw.log" 2>&1
  serve smbd -F --no-process-group -s "$scratch/smbd.conf"
  sleep 2
  printf '[global]\n workgroup = OFFICE\n netbios name = LAPTOP\n client min protocol = NT1\n private dir = %s\n lock directory = %s\n state directory = %s\n cache directory = %s\n' \
    "$scratch/smbc" "$scratch/smbc" "$scratch/smbc" "$scratch/smbc" >"$scratch/smbc.conf"
  mkdir -p "$scratch/smbc"
  seq 1 400 >"$scratch/numbers.txt"
}

smb_client() { in_client timeout 10 smbclient -s "$scratch/smbc.conf" "$@"; }

smb3_traffic() {
  local alice=(-U OFFICE/alice%secret) files='cd reports; get q1.txt /dev/null; put numbers.txt sums.txt;
    rename sums.txt totals.txt; get missing.txt /dev/null; del totals.txt; cd ..; ls'
  cd "$scratch"
  smb_client -m SMB3 "${alice[@]}" //10.77.0.2/docs -c "$files"
  smb_client -m SMB3 -U OFFICE/alice%wrong //10.77.0.2/docs -c ls
  smb_client -m SMB3_11 "${alice[@]}" --client-protection=encrypt //10.77.0.2/docs -c ls
  smb_client -m SMB2_02 "${alice[@]}" //10.77.0.2/nothing -c ls
  smb_client -m SMB2_10 -U% -L //10.77.0.2
}

smb1_traffic() {
  cd "$scratch"
  smb_client -m NT1 -U OFFICE/alice%secret //10.77.0.2/docs -c \
    'get reports\q1.txt /dev/null; put numbers.txt sums.txt; rename sums.txt totals.txt; mkdir new; rmdir new;
    del totals.txt; get missing.txt /dev/null; ls reports\*'
  smb_client -m NT1 --option='client use spnego=no' --option='client ntlmv2 auth=no' -U% //10.77.0.2/IPC$ -c ls
  smb_client --option='client max protocol=SMB3' -U% -L //10.77.0.2 -g
}

nbss_traffic() {
  cd "$scratch"
  smb_client -m NT1 -p 139 -U OFFICE/alice%secret -I 10.77.0.2 //FILES/docs -c 'get reports\q1.txt /dev/null'
}

nbss_scripted() {  # smbd takes every call
  serve "$here/peers/files.py" nbss-server 1139
  in_client "$here/peers/files.py" nbss-client 10.77.0.2 1139
}

# Each server with a folder of its own over what it would share with the host's.
nfs_server() {
  mkdir -p "$scratch/run"
  cat >"$scratch/ganesha.conf" <<CONF
NFS_CORE_PARAM { Protocols = 3, 4; Enable_RQUOTA = false; Enable_NLM = false;
  Bind_addr = 10.77.0.2; mount_path_pseudo = true; }
NFSv4 { Graceless = true; RecoveryBackend = fs; RecoveryRoot = "$scratch/run"; }
EXPORT { Export_Id = 1; Path = /share; Pseudo = /share; Access_Type = RW; Squash = No_Root_Squash;
  SecType = sys; FSAL { Name = MEM; } }
CONF
  serve rpcbind -f -w -h 10.77.0.2
  serve ganesha.nfsd -F -f "$scratch/ganesha.conf" -L "$scratch/ganesha.log" -p "$scratch/ganesha.pid"
  sleep 5
}

# The client's calls carry the name of its host.
named_client() { in_client unshare --uts sh -c 'hostname laptop; exec timeout 5 "$@"' sh "$@"; }

sunrpc_traffic() {
  named_client rpcinfo -p 10.77.0.2
  named_client rpcinfo -s 10.77.0.2
  named_client rpcinfo -T udp 10.77.0.2 nfs 3
  named_client rpcinfo -T tcp 10.77.0.2 100099 1                   # not registered
  named_client showmount -e 10.77.0.2
  named_client showmount -a 10.77.0.2
}

nfs_traffic() {
  local share="nfs://10.77.0.2/share" how
  echo 'a note' >"$scratch/note.txt"
  for how in version=3 version=4; do
    named_client nfs-cp "$scratch/note.txt" "$share/$how.txt?$how"
    named_client nfs-cat "$share/$how.txt?$how"
    named_client nfs-cat "$share/missing.txt?$how"
    named_client "$here/peers/files.py" nfs-client "$share?$how"
  done
}

modbus_traffic() {
  local ask=(-1 -o 1 -a 7)
  serve /usr/bin/python3 "$here/peers/files.py" modbus-server
  sleep 2
  in_client timeout 5 mbpoll "${ask[@]}" -t 4 -r 1 -c 5 10.77.0.2
  in_client timeout 5 mbpoll "${ask[@]}" -t 0 -r 1 -c 9 10.77.0.2
  in_client timeout 5 mbpoll "${ask[@]}" -t 4 -r 10 10.77.0.2 -- 1234
  in_client timeout 5 mbpoll "${ask[@]}" -t 4 -r 10 10.77.0.2 -- 1 2 3
  in_client timeout 5 mbpoll "${ask[@]}" -t 4 -r 5000 10.77.0.2             # no such register
  in_client /usr/bin/python3 "$here/peers/files.py" modbus-client 10.77.0.2
}

dnp3_scripted() {  # nothing that is packaged speaks it
  serve "$here/peers/files.py" dnp3-server 20000
  in_client "$here/peers/files.py" dnp3-client 10.77.0.2 20000
}

file_captures() {
  if want smb; then
    smb_server
    capture smb/smbclient_smb3 smb3_traffic
    capture smb/smbclient_nt1 smb1_traffic
    capture nbss/smbclient_smbd nbss_traffic
    capture nbss/refused_scripted nbss_scripted
  fi
  if want nfs; then
    nfs_server
    capture sunrpc/rpcinfo_showmount sunrpc_traffic
    capture nfs/libnfs_ganesha nfs_traffic
  fi
  if want modbus; then capture modbus/mbpoll_pymodbus modbus_traffic; fi
  if want dnp3; then capture dnp3/outstation_scripted dnp3_scripted; fi
}
