#!/usr/bin/env bash
# What `netwatch read` can still do while it reads. NETWATCH names the program.
. "$(dirname "$0")/lib.sh"
http=testdata/dpi/http/curl_nginx.pcapng
dns=testdata/dpi/dns/dig_dnsmasq.pcapng
unset SUDO_UID SUDO_GID

if ! "$NETWATCH" read -q --confine strict $http >/dev/null 2>"$scratch/err"; then
  grep -q 'Landlock: the kernel' "$scratch/err" || fail "strict does not start"
  skip "the kernel has no Landlock"
fi

# While it waits for a pipe: the state of every thread, as the kernel tells it.
mkfifo "$scratch/pipe"
"$NETWATCH" read "$scratch/pipe" --threads 3 --json >"$scratch/out" 2>"$scratch/err" &
reader=$!
pids+=("$reader")
exec 9>"$scratch/pipe"
head -c 3000 $http >&9
for _ in $(seq 100); do
  [[ $(find /proc/$reader/task -mindepth 1 -maxdepth 1 | wc -l) -lt 5 ]] || break
  sleep 0.05
done
threads=0
for status in /proc/"$reader"/task/*/status; do
  ((threads += 1))
  for line in 'CapInh 0000000000000000' 'CapPrm 0000000000000000' 'CapEff 0000000000000000' \
    'CapAmb 0000000000000000' 'NoNewPrivs 1' 'Seccomp 2'; do
    grep -qE "^${line% *}:[[:space:]]*${line#* }$" "$status" || fail "$line is not in $status"
  done
  [[ $(id -u) != 0 ]] || grep -qE '^Uid:[[:space:]]*65534' "$status" || fail "root reads"
done
((threads == 3)) || fail "$threads threads"
tail -c +3001 $http >&9
exec 9>&-
wait "$reader" || fail "status $? of a confined reader of a pipe"
"$NETWATCH" read "$http" --json --confine off | tail -n +2 >"$scratch/expected"
tail -n +2 "$scratch/out" | cmp -s - "$scratch/expected" || fail "a pipe reads differently"

# The same output with and without, from every decoder.
mapfile -t captures < <(find testdata/dpi -name '*.pcapng' | sort)
for mode in strict off; do
  "$NETWATCH" read --json --threads 2 --confine $mode "${captures[@]}" >"$scratch/$mode" 2>"$scratch/err" ||
    fail "status $? with --confine $mode"
done
cmp -s "$scratch/strict" "$scratch/off" || fail "confined, decoders find something else"

# Two passes over pipes and over what only root may read; several named pipes, one writer for both.
expect 0 sh -c "cat $dns | '$NETWATCH' read - -Y dns --records --confine strict"
grep -q 'dns.qname=www.example.test' "$scratch/out" || fail "-Y finds nothing in a pipe"
mkdir "$scratch/in"
cp $dns "$scratch/in/dns.pcapng"
chmod 600 "$scratch/in/dns.pcapng"
expect 0 "$NETWATCH" read "$scratch/in/dns.pcapng" -Y dns --records --confine strict
grep -q 'dns.qname=www.example.test' "$scratch/out" || fail "-Y finds nothing in a private file"
mkfifo "$scratch/one" "$scratch/two"
(cat testdata/dpi/http/*.pcapng >"$scratch/one"; cat $dns >"$scratch/two") &
expect 1 timeout 20 "$NETWATCH" read -q --confine strict "$scratch/one" "$scratch/nothing" "$scratch/two"
grep -q 'nothing: No such file' "$scratch/err" || fail "a missing file is not told"
expect 0 timeout 20 "$NETWATCH" read -q --confine strict <(cat $http) <(cat $dns)

# Following what nobody else may look up: replaced, renamed and removed are told all the same.
chmod 700 "$scratch/in"
for change in 'cp other growing.new; mv growing.new growing' 'mv growing other' 'rm growing'; do
  cp $http "$scratch/in/growing"
  cp $dns "$scratch/in/other"
  timeout 20 "$NETWATCH" read --follow -q "$scratch/in/growing" >"$scratch/out" 2>"$scratch/err" &
  reader=$!
  pids+=("$reader")
  sleep 0.5
  (cd "$scratch/in" && eval "$change")
  status=0
  wait "$reader" || status=$?
  [[ $status == 1 ]] || fail "status $status after: $change"
  grep -q 'replaced, renamed or removed' "$scratch/err" || fail "not told: $change"
done

# Writing: one file, files in a row, a device, standard output.
expect 0 sh -c "'$NETWATCH' read $http -w - --confine strict | '$NETWATCH' read -q - --confine strict"
expect 0 sh -c "'$NETWATCH' read $http -w /dev/stdout --confine strict | '$NETWATCH' read -q -"
expect 3 "$NETWATCH" read $http -w /dev/full
grep -q 'No space left' "$scratch/err" || fail "a full device is not told"
expect 0 "$NETWATCH" read $http -w "$scratch/one.pcapng" 
expect 0 "$NETWATCH" read $http -w "$scratch/ring.pcapng" -b packets:20 -b files:2
[[ $(find "$scratch" -name 'ring_*' | wc -l) == 2 ]] || fail "not two files in the ring"
expect 2 "$NETWATCH" read $http --confine most
expect 0 "$NETWATCH" read -q $http --confine off
[[ ! -s $scratch/err ]] || fail "--confine off says something"

if [[ $(id -u) == 0 ]]; then
  # Root's own files stay root's; by sudo they belong to who asked.
  [[ $(stat -c %u "$scratch/one.pcapng") == 0 ]] || fail "root's file is not root's"
  expect 0 "$NETWATCH" read $http -w "$scratch/told.pcapng"
  grep -q 'not fully confined: unprivileged user' "$scratch/err" || fail "that root stays is not told"
  expect 3 "$NETWATCH" read $http -w "$scratch/strict.pcapng" --confine strict
  [[ ! -e $scratch/strict.pcapng ]] || fail "strict wrote a file"
  mkdir "$scratch/theirs"
  chown 4711:4712 "$scratch/theirs"
  export SUDO_UID=4711 SUDO_GID=4712
  expect 0 "$NETWATCH" read $http -w "$scratch/theirs/one.pcapng" --confine strict
  expect 0 "$NETWATCH" read $http -w "$scratch/theirs/ring.pcapng" -b packets:20 --confine strict
  [[ $(stat -c %u:%g "$scratch"/theirs/* | sort -u) == 4711:4712 ]] || fail "files of somebody else"
  [[ $(find "$scratch/theirs" -name 'ring_*' | wc -l) == 5 ]] || fail "not five files"
fi
echo "confine: $threads threads, ${#captures[@]} captures, pipes, outputs$([[ $(id -u) != 0 ]] || echo ', sudo')"
