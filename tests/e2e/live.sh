#!/usr/bin/env bash
# The live screen in a real terminal (tmux), on traffic of real clients between two namespaces of
# its own: program, name and rate have to be on screen. NETWATCH names the program.
. "$(dirname "$0")/lib.sh"
need_namespaces
need tmux curl openssl
client=nwe-client-$$ server=nwe-server-$$
copy_program
show_more() { show_screens root nobody; }

add_namespaces "$client" "$server"
cable "$client" nwc 10.78.0.1/24 "$server" nws 10.78.0.2/24
lo_up "$client" "$server"
ip -n "$client" route add default via 10.78.0.2

mkdir "$scratch/www"
head -c 60000000 /dev/zero >"$scratch/www/big"
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=x \
  -keyout "$scratch/k.pem" -out "$scratch/c.pem" 2>/dev/null
(cd "$scratch/www" && exec ip netns exec "$server" openssl s_server -accept 443 -WWW \
  -key ../k.pem -cert ../c.pem -quiet) >/dev/null 2>&1 &
pids+=($!)

open_screen root "$client" "$scratch/netwatch"
open_screen nobody "$client" setpriv --reuid=65534 --regid=65534 --clear-groups "$scratch/netwatch"
wait_for_screen root 'nwc'
ip netns exec "$client" curl -sk --limit-rate 300k -o /dev/null --max-time 60 \
  --resolve files.example.test:443:10.78.0.2 https://files.example.test/big &
pids+=($!)

# Program, name, application and a rate, in one row.
wait_for_screen root 'curl.*files\.example\.test.*tls.*[0-9]+ ?[kM]'
# Unprivileged: sockets and counters, and what is missing.
wait_for_screen nobody 'CAP_NET_RAW|setcap|sudo'
wait_for_screen nobody '10\.78\.0\.2'

# The filter takes effect, and a wrong one points at itself.
keys root / 'host:nothing' Enter
sleep 1
pane root | grep -q files.example.test && fail "the filter is not applied"
keys root / C-u 'app:tls' Enter
wait_for_screen root 'files\.example\.test'
keys root '?'
wait_for_screen root '[Pp]ause'
keys root Escape
sleep 0.5
tmux -L "$terminal" resize-window -t root -x 80 -y 24
wait_for_screen root 'files\.example\.test'

# Quitting gives the terminal back, with status 0.
keys root q
wait_for_screen root 'status 0'
keys nobody q
wait_for_screen nobody 'status 0'
[[ ! -s $scratch/root.err ]] || fail "on standard error: $(cat "$scratch/root.err")"
echo "live: program, name, rate; unprivileged; filter; resize; quit"
