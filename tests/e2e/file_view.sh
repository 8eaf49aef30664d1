#!/usr/bin/env bash
# `netwatch -r FILE` in a real terminal (tmux): a host of a kept capture is on screen, and the time
# line steps, seeks by keys and by the mouse, and plays. NETWATCH names the program.
. "$(dirname "$0")/lib.sh"
need tmux
capture=testdata/dpi/tls/curl_nginx.pcapng
show_more() { show_screens file; }

# screen COMMAND...: anew, its standard error in $scratch/file.err
screen() {
  tmux -L "$terminal" kill-session -t file 2>/dev/null || true
  tmux -L "$terminal" new-session -d -s file -x 120 -y 35 \
    "env TERM=xterm-256color LC_ALL=C.UTF-8 $* 2>$scratch/file.err; echo status \$?; sleep 90"
}
# time_line PATTERN: the last row of the screen becomes so
time_line() {
  for _ in $(seq 80); do
    if pane file | grep -E -- "$1" | grep -qE '[0-9]x|max'; then return 0; fi
    sleep 0.25
  done
  fail "the time line is not '$1'"
}

screen "$NETWATCH" -r "$capture"
time_line '^ at the end .* (..:..\....) / \1 .*┃$'
wait_for_screen file 'capture file'
wait_for_screen file 'example'

# To the start, where there is little, and back to all of it.
all=$(pane file | grep -oE '[0-9]+ of [0-9]+ packets')
keys file '{'
time_line '^ paused .* 00:00\.000 / '
[[ $(pane file | grep -oE '[0-9]+ of [0-9]+ packets') != "$all" ]] || fail "nothing went by going back"
keys file '\;'
time_line '^ paused '
keys file '}'
time_line '^ at the end '
wait_for_screen file "$all"
keys file '['
time_line '^ paused '
keys file ']'
keys file '>'
time_line '^ at the end '

# A press on the first column of the line, by the mouse; then it plays to its end.
keys file -l $'\e[<0;44;35M'
time_line '^ paused .* 00:00\.000 / '
keys file + + + + .
time_line '^ at the end .* max '
# The other view has it, too, and the filter holds.
keys file 1
wait_for_screen file 'Connections'
time_line '^ at the end '
keys file q
wait_for_screen file 'status 0'
[[ ! -s $scratch/file.err ]] || fail "on standard error: $(cat "$scratch/file.err")"

# Damage is said, and what came before it is shown.
head -c -20 "$capture" >"$scratch/cut.pcapng"
screen "$NETWATCH" -r "$scratch/cut.pcapng"
time_line '^ at the end '
wait_for_screen file '! .*cut\.pcapng'
keys file q
wait_for_screen file 'status 1'

# What cannot be shown is said on the ordinary screen.
echo "no capture at all, but words" >"$scratch/words"
screen "$NETWATCH" -r "$scratch/words"
wait_for_screen file 'status 1'
grep -q words "$scratch/file.err" || fail "nothing is said of a file that is none"
screen "$NETWATCH" -r "$scratch/none.pcap"
wait_for_screen file 'status 1'
screen "$NETWATCH" -r -
wait_for_screen file 'status 2'
for more in '-i lo' '-f tcp' '--no-capture'; do
  screen "$NETWATCH" -r "$capture" $more
  wait_for_screen file 'status 2'
done
echo "file view: opens at the end, steps, seeks, plays; damage; what is refused"
