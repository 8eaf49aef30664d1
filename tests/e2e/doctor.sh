#!/usr/bin/env bash
# `netwatch doctor`: with rights and without, it says what is on and what would turn on the rest, and
# what it says is so. NETWATCH names the program.
. "$(dirname "$0")/lib.sh"
copy_program
# state NAME: "true" or "false" of the ability in the NDJSON of $scratch/out
state() {
  python3 - "$scratch/out" "$1" <<'PY'
import json, sys
lines = [json.loads(line) for line in open(sys.argv[1])]
assert lines[0]["_meta"]["schema"] == "netwatch.v1"
names = [line["name"] for line in lines[1:]]
assert len(names) == len(set(names)), names
one = [line for line in lines[1:] if line["name"] == sys.argv[2]]
assert len(one) == 1, (sys.argv[2], names)
assert one[0]["on"] or one[0]["why"], one
print(str(one[0]["on"]).lower())
PY
}

expect 0 "$scratch/netwatch" doctor
has out '^on   |^off  '
has out ' of [0-9]+ are on$'
expect 2 "$scratch/netwatch" doctor --no-such-option
expect 0 "$scratch/netwatch" doctor --json
parts=(capture 'owners of all sockets' 'socket counters' 'interface counters' 'exact owners'
  'payload of every socket' 'payload by peer of UDP sockets' 'short-lived programs' 'ping without rights'
  'other network namespaces' confinement)
for part in "${parts[@]}"; do state "$part" >/dev/null || fail "no ability '$part'"; done
# Where it says that owners are exact, they are.
if [[ $(state 'exact owners') == true ]]; then
  python3 -c 'import socket, time; s = socket.create_server(("127.0.0.1", 0)); time.sleep(60)' &
  holder=$!
  sleep 0.5
  "$scratch/netwatch" sockets -Y "pid == $holder" >"$scratch/sockets"
  kill "$holder"
  grep -q 'exact *ebpf' "$scratch/sockets" || fail "owners are not exact: $(cat "$scratch/sockets")"
fi

if [[ $(id -u) != 0 ]] || ! command -v setpriv >/dev/null; then
  echo "doctor: what there is without root"
  exit 0
fi
# Where the cgroup2 tree is out of sight, as under `ip netns exec`, nothing is missing.
expect 0 "$scratch/netwatch" doctor --json
exact=$(state 'exact owners')
expect 0 unshare -m sh -c "umount -l /sys && mount -t sysfs none /sys && exec $scratch/netwatch doctor --json"
[[ $(state 'exact owners') == "$exact" ]] || fail "no exact owners without a mounted cgroup2 tree"
expect 0 unshare -m sh -c "mount -t tmpfs none /sys/fs/cgroup && exec $scratch/netwatch doctor --json"
[[ $(state 'exact owners') == "$exact" ]] || fail "no exact owners where the cgroup2 tree is covered"

expect 0 setpriv --reuid=65534 --regid=65534 --clear-groups "$scratch/netwatch" doctor --json
for part in capture 'exact owners' 'other network namespaces'; do
  [[ $(state "$part") == false ]] || fail "'$part' is on without any right"
done
[[ $(state 'socket counters') == true ]] || fail "sock_diag needs no right"
for part in "${parts[@]}"; do state "$part" >/dev/null || fail "no ability '$part' without rights"; done
expect 0 setpriv --reuid=65534 --regid=65534 --clear-groups "$scratch/netwatch" doctor
has out '=> sudo setcap '
echo "doctor: as root and without rights, text and NDJSON"
