#!/usr/bin/env bash
# `netwatch record` on traffic of known programs, over loopback and over a veth pair, in namespaces of
# its own: whose each packet is, the counts of the kernel and of tshark, files that follow each other,
# a full disk, the owner of the files. NETWATCH names the program.
. "$(dirname "$0")/lib.sh"
need_namespaces
need curl python3 setpriv setcap tshark capinfos
unset SUDO_UID SUDO_GID
near=nwr-near-$$ far=nwr-far-$$
copy_program
cp tests/e2e/record_check.py "$scratch/"
at_end() { umount "$scratch/small" 2>/dev/null || true; }
inside() { nsenter --net="/run/netns/$near" -- "$@"; }
get() { inside curl -s -o /dev/null "http://$1:8080/$2"; }
threads() { [[ $(find "/proc/$watcher/task" -mindepth 1 -maxdepth 1 | wc -l) -ge "$1" ]]; }
# start OPTIONS...: netwatch record in the background, from the near namespace, once everything is
# open and its threads run
start() {
  nsenter --net="/run/netns/$near" -- "${prefix[@]}" "$program" record "$@" 2>"$scratch/err" &
  watcher=$!
  pids+=("$watcher")
  wait_for threads 3
}
prefix=(env) program=$scratch/netwatch
# opens FILE: in tshark, without a complaint
opens() {
  tshark -r "$1" -T fields -e frame.number >"$scratch/frames" 2>"$scratch/tshark.err" ||
    fail "tshark does not read $1: $(cat "$scratch/tshark.err")"
  ! grep -v 'Running as user' "$scratch/tshark.err" || fail "tshark complains of $1"
}
# check FILE WHAT...: by its blocks (record_check.py)
check() { python3 "$scratch/record_check.py" "$@" || fail "$1 is not as it should be"; }

add_namespaces "$near" "$far"
plug() { cable "$near" nwn 10.81.0.1/24 "$far" nwf 10.81.0.2/24; }
lo_up "$near" "$far"
plug
mkdir "$scratch/www"
echo hello >"$scratch/www/file"
head -c 1000000 /dev/zero >"$scratch/www/big"
truncate -s 60000000 "$scratch/www/large"
for ns in $near $far; do
  ip netns exec "$ns" python3 -m http.server -d "$scratch/www" --bind 0.0.0.0 8080 >/dev/null 2>&1 &
  pids+=($!)
done
server=${pids[0]}
wait_for get 127.0.0.1 file
wait_for get 10.81.0.2 file
exact=inferred
inside "$scratch/netwatch" doctor --json | grep -q '"name":"exact owners","on":true' && exact=exact

# All interfaces; each packet names its process, on loopback those of both ends.
start -w "$scratch/all.pcapng"
curls=()
for host in 127.0.0.1 10.81.0.2 127.0.0.1 10.81.0.2; do
  nsenter --net="/run/netns/$near" -- curl -s -o /dev/null "http://$host:8080/file" &
  curls+=($!)
  wait $!
done
inside python3 -c 'import socket; s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.sendto(b"x", ("10.81.0.2", 9))'
sleep 0.3
stop TERM 0
[[ $(stat -c %a:%u "$scratch/all.pcapng") == 600:0 ]] || fail "mode or owner of the file"
opens "$scratch/all.pcapng"
check "$scratch/all.pcapng" "$exact" names "$server" "${curls[@]}"
packets=$(python3 "$scratch/record_check.py" "$scratch/all.pcapng" "$exact" count)
[[ $(capinfos -Tmc "$scratch/all.pcapng" 2>/dev/null | tail -n 1 | cut -d, -f2) == "$packets" ]] ||
  fail "capinfos counts otherwise than $packets"
if [[ $exact == exact ]]; then
  [[ $(tshark -r "$scratch/all.pcapng" -Y 'frame.comment contains "from curl["' 2>/dev/null | wc -l) -gt 10 ]] ||
    fail "tshark finds no comments"
fi
# What was recorded is read again, and survives being written.
"$scratch/netwatch" read -q "$scratch/all.pcapng" -w "$scratch/again.pcapng" >/dev/null
check "$scratch/again.pcapng" "$exact" names "$server" "${curls[@]}"

# One interface, both filters, ended by SIGINT; comments only: frames keep their numbers.
start -w "$scratch/some.pcapng" -i nwn -f 'tcp port 8080' -Y 'process:curl' --annotate comments
get 10.81.0.2 file
inside python3 -c 'import urllib.request as r; r.urlopen("http://10.81.0.2:8080/file").read()'
sleep 1.5
stop INT 0
opens "$scratch/some.pcapng"
[[ $exact != exact ]] || check "$scratch/some.pcapng" "$exact" only curl

# -c ends it, and still waits for the owners; files that follow each other are each complete.
start -w "$scratch/ring.pcapng" -c 30 -b packets:10 -i lo
for _ in 1 2 3 4; do get 127.0.0.1 file; done
wait "$watcher" || fail "-c does not end it well"
grep -q '^30 packets' "$scratch/err" || fail "-c 30 does not take 30 packets"
[[ $(find "$scratch" -name 'ring_*' | wc -l) == 3 ]] || fail "not three files"
for file in "$scratch"/ring_*; do
  opens "$file"
  check "$file" "$exact" whole 10
done

# While it stands still the kernel drops: received is written and dropped, as the interface counts.
# shellcheck disable=SC2016
passed() { inside awk '$1 == "lo:" {print $3}' /proc/self/net/dev; }
start -w "$scratch/lossy.pcapng" -i lo
before=$(passed)
kill -STOP "$watcher"
for _ in 1 2 3; do get 127.0.0.1 large; done
kill -CONT "$watcher"
get 127.0.0.1 file
sleep 1.5
after=$(passed)
stop TERM 0
opens "$scratch/lossy.pcapng"
check "$scratch/lossy.pcapng" "$exact" lossy $((after - before))

# To a pipe; a reader that has seen enough ends it.
inside timeout 20 bash -c "{ '$scratch/netwatch' record -w - -i lo 2>'$scratch/err'
  echo \$? >'$scratch/status'; } | head -c 40" >"$scratch/front" &
reader=$!
sleep 1
for _ in 1 2 3; do get 127.0.0.1 file && sleep 0.5; done
wait $reader || fail "a closed pipe does not end it"
[[ $(wc -c <"$scratch/front") == 40 ]] || fail "nothing comes through a pipe"
[[ $(cat "$scratch/status") == 3 ]] || fail "status $(cat "$scratch/status"), not 3, after a closed pipe"
grep -q 'packets in standard output' "$scratch/err" || fail "no summary after a closed pipe"

# A terminal that closes hangs up more than once: the file is complete all the same. nohup: it goes on.
start -w "$scratch/hup.pcapng" -i lo
get 127.0.0.1 file
sleep 0.3
kill -HUP "$watcher"
stop HUP 0
check "$scratch/hup.pcapng" "$exact" whole
[[ $(find "$scratch" -name 'hup.pcapng*' | wc -l) == 1 ]] || fail "SIGHUP leaves a file behind"
prefix=(env --ignore-signal=HUP)
start -w "$scratch/nohup.pcapng" -i lo
prefix=(env)
kill -HUP "$watcher"
sleep 0.5
get 127.0.0.1 file
sleep 0.3
stop TERM 0
grep -q '^[1-9][0-9]* packets' "$scratch/err" || fail "SIGHUP ends what nohup started"

# Words that nobody can read do not end it, nor do they come into the file.
for streams in '<&- >&- 2>&-' '2>/dev/full'; do
  rm -f "$scratch/mute.pcapng"
  nsenter --net="/run/netns/$near" -- bash -c \
    "exec '$scratch/netwatch' record -w '$scratch/mute.pcapng' -i lo -c 5 $streams" &
  watcher=$!
  pids+=("$watcher")
  wait_for threads 3
  get 127.0.0.1 file
  wait "$watcher" || fail "'record $streams' does not end well"
  opens "$scratch/mute.pcapng"
  check "$scratch/mute.pcapng" "$exact" whole
done

# A disk that is full: said at once, and the file is whole up to there.
mkdir "$scratch/small"
mount -t tmpfs -o size=300k tmpfs "$scratch/small"
start -w "$scratch/small/full.pcapng" -i lo
get 127.0.0.1 big
status=0
wait "$watcher" || status=$?
[[ $status == 3 ]] || fail "status $status, not 3, on a full disk"
grep -qi 'no space left.*kept in' "$scratch/err" || fail "does not say that the disk is full"
opens "$scratch/small/full.pcapng"
[[ -s $scratch/frames ]] || fail "nothing is kept on a full disk"
kept=$(capinfos -Tmc "$scratch/small/full.pcapng" 2>/dev/null | tail -n 1 | cut -d, -f2)
grep -q "^$kept packets in" "$scratch/err" || fail "does not say that $kept packets are kept"
grep -q '^[1-9][0-9]* more could not be written' "$scratch/err" || fail "does not say how many are lost"

# By sudo the files belong to who asked, also those that are made once rights are given up.
mkdir "$scratch/theirs"
chown 4711:4712 "$scratch/theirs"
prefix=(env SUDO_UID=4711 SUDO_GID=4712)
for more in '' '-b packets:10'; do
  # shellcheck disable=SC2086
  start -w "$scratch/theirs/sudo.pcapng" -i lo $more
  get 127.0.0.1 file
  get 127.0.0.1 file
  sleep 0.3
  stop TERM 0
done
prefix=(env)
[[ $(find "$scratch/theirs" -name 'sudo*.pcapng' | wc -l) -ge 3 ]] || fail "files are missing"
[[ $(stat -c %a:%u:%g "$scratch"/theirs/* | sort -u) == 600:4711:4712 ]] || fail "files of somebody else"
for file in "$scratch"/theirs/*; do check "$file" "$exact" whole; done

# By a capability of the program's file: an ordinary user's file, confined, with inferred owners.
if "$scratch/netwatch" read -q --confine strict "$scratch/all.pcapng" >/dev/null 2>&1; then
  cp "$NETWATCH" "$scratch/netwatch-cap"
  setcap cap_net_raw=ep "$scratch/netwatch-cap"
  prefix=(setpriv --reuid=4711 --regid=4712 --clear-groups) program=$scratch/netwatch-cap
  # A small window: bytes come all the time, and not at once into the socket's buffer.
  inside bash -c 'echo 4096 8192 8192 >/proc/sys/net/ipv4/tcp_rmem'
  start -w "$scratch/theirs/cap.pcapng" -i lo --confine strict
  nsenter --net="/run/netns/$near" -- setpriv --reuid=4711 --regid=4712 --clear-groups \
    curl -s -o /dev/null --limit-rate 1M --max-time 6 http://127.0.0.1:8080/large || true
  stop TERM 0
  prefix=(env) program=$scratch/netwatch
  [[ $(stat -c %a:%u:%g "$scratch/theirs/cap.pcapng") == 600:4711:4712 ]] || fail "somebody else's file"
  check "$scratch/theirs/cap.pcapng" inferred curl
fi

# A link that goes, and another by its name: told, captured on again, one interface in the file.
start -w "$scratch/link.pcapng" -i nwn -f 'tcp port 8080'
get 10.81.0.2 file
ip -n "$near" link del nwn
wait_for grep -q 'missing: capture: .*nwn' "$scratch/err"
plug
wait_for grep -q 'capture: on again' "$scratch/err"
wait_for get 10.81.0.2 file
sleep 0.3
stop TERM 0
opens "$scratch/link.pcapng"
check "$scratch/link.pcapng" "$exact" again

# Without rights: it says what is missing and what would help, and leaves nothing behind.
mkdir "$scratch/nobody"
chown 65534 "$scratch/nobody"
status=0
inside setpriv --reuid=65534 --regid=65534 --clear-groups timeout 10 "$scratch/netwatch" record \
  -w "$scratch/nobody/x.pcapng" 2>"$scratch/err" || status=$?
[[ $status == 3 ]] || fail "status $status without rights"
grep -q 'CAP_NET_RAW.*setcap' "$scratch/err" || fail "does not say what would help"
[[ -z $(ls "$scratch/nobody") ]] || fail "leaves a file behind"
for wrong in '2 -f bad(' '2 -Y bad(' '2 -c 0' '2 -b files:3' '2 --annotate no' '3 -i nosuch'; do
  status=0 want=${wrong%% *} wrong=${wrong#* }
  # shellcheck disable=SC2086
  inside timeout 10 "$scratch/netwatch" record -w "$scratch/wrong" $wrong >/dev/null 2>"$scratch/err" ||
    status=$?
  [[ $status == "$want" ]] || fail "'record $wrong' gives $status, not $want"
done
[[ ! -e $scratch/wrong ]] || fail "a wrong option leaves a file behind"
echo "record: $packets packets, $exact owners of both ends, tshark, files, losses, pipe, full disk, sudo, setcap, a lost link, without rights"
