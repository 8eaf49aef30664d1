#!/usr/bin/env bash
# Programs that have ended before anybody could look at them are placed by their cgroup, while netwatch
# is confined: a container that is gone with its program, and a service whose cgroup is older than
# netwatch, in cgroups that are named like those of a runtime and of systemd. NETWATCH names the
# program.
. "$(dirname "$0")/lib.sh"
need_namespaces
need curl python3 nsenter unshare
need_confinement
"$NETWATCH" doctor --json | grep -q '"name":"short-lived programs","on":true' ||
  skip "no programs in the kernel that tell of short-lived programs (netwatch doctor says why)"
tree=$(awk '$(NF-2) == "cgroup2" && $4 == "/" {print $5; exit}' /proc/self/mountinfo)
ours=$tree/netwatch-e2e-$$
[[ -n $tree ]] && mkdir "$ours" 2>/dev/null || skip "no cgroup2 tree in which cgroups can be made"
# Where systemd's own hierarchy of version 1 is there, a look at /proc goes by that.
systemd=$(awk '$NF ~ /name=systemd/ && $4 == "/" {print $5; exit}' /proc/self/mountinfo)
theirs=${systemd:+$systemd/netwatch-e2e-$$}
at_end() { rmdir "$ours"/*/ "$ours" ${theirs:+"$theirs"/*/ "$theirs"} 2>/dev/null || true; }
unset SUDO_UID SUDO_GID
near=nwp-near-$$
copy_program
add_namespaces "$near"
lo_up "$near"
inside() { nsenter --net="/run/netns/$near" -- "$@"; }
ip netns exec "$near" python3 -m http.server 8080 -d /proc/self/ns --bind 127.0.0.1 >/dev/null 2>&1 &
pids+=($!)
wait_for inside curl -s -o /dev/null http://127.0.0.1:8080/
# netwatch COMMAND...: live, confined, started by that command
netwatch() {
  rm -f "$scratch/out"
  "$@" nsenter --net="/run/netns/$near" -- "$scratch/netwatch" live --json --confine strict -i lo \
    --no-probes >"$scratch/out" 2>"$scratch/err" &
  watcher=$!
  pids+=("$watcher")
  wait_for grep -q '"event":"existing"' "$scratch/out"
}
# fetch CGROUP: by a program that lives for some milliseconds; its pid is in $scratch/curls
fetch() {
  local folder folders=()
  for folder in "$ours/$1" ${theirs:+"$theirs/$1"}; do
    [[ ! -d $folder ]] || folders+=("$folder/cgroup.procs")
  done
  bash -c "echo \$\$ | tee ${folders[*]} >>'$scratch/curls' &&
    exec nsenter --net='/run/netns/$near' -- curl -s -o /dev/null http://127.0.0.1:8080/"
}
# placed KEY VALUE: all of $scratch/curls, and what they moved is in its line
placed() {
  python3 - "$scratch/out" "$scratch/curls" "$@" <<'PY' || fail "not all are in $1 $2"
import json, sys
out, curls, key, value = sys.argv[1:]
pids = {int(line) for line in open(curls)}
lines = [json.loads(line) for line in open(out)]
owners = []
for line in lines:
    owner = line.get("orig", {}).get("owner", {}) if line.get("type") == "flow" else {}
    if owner.get("pid") in pids:
        owners.append(owner)
assert {owner["pid"] for owner in owners} == pids, (len(owners), len(pids))
for owner in owners:
    assert owner["quality"] == "exact" and owner["name"] == "curl", owner
    assert owner["exe"].endswith("/bin/curl"), owner
    assert owner["user"] == "root" and owner["parent"] in ("bash", "cgroup.sh"), owner
    assert owner.get(key) == value, owner
rows = {line["ts"]: line for line in lines if line.get("type") == "container" and line.get(key) == value}
row = rows[max(rows)]
assert row["processes"] == len(pids) and row["connections"] == len(pids), row
assert row["received"]["payload_bytes"] > 100 * len(pids), row
PY
}

# A container of a moment, ten times. The tree is where this host has it.
id=$(printf 'c0ffee%058d' $$)
netwatch env
for _ in $(seq 10); do
  mkdir "$ours/docker-$id.scope"
  fetch "docker-$id.scope"
  rmdir "$ours/docker-$id.scope"
done
sleep 1.5
stop TERM 0
placed container "$id"

# A service that is older than netwatch. Units are told where version 2 alone is in use, as it is for
# who sees nothing else.
mkdir "$ours/nw-test.service"
[[ -z $theirs ]] || mkdir -p "$theirs/nw-test.service"
rm "$scratch/curls"
netwatch unshare -m sh -c 'umount -l /sys/fs/cgroup && mount -t cgroup2 none /sys/fs/cgroup && exec "$@"' sh
for _ in $(seq 10); do fetch nw-test.service; done
sleep 1.5
stop TERM 0
placed unit nw-test.service
echo "placed by their cgroup while confined: 10 programs of a container that is gone, 10 of a service"
