#!/usr/bin/env bash
# The live screen in a real terminal (tmux), on traffic of real clients between two namespaces of
# its own: program, name and rate have to be on screen. NETWATCH names the program.
set -euo pipefail
cd "$(dirname "$0")/../.."
: "${NETWATCH:?names the program}"
if [[ $(id -u) != 0 ]] || ! unshare -n true 2>/dev/null; then
  echo "needs root and the right to make network namespaces"
  exit 77
fi
client=nwe-client-$$ server=nwe-server-$$
socket=nwe-$$
scratch=$(mktemp -d)
chmod 755 "$scratch"
cp "$NETWATCH" "$scratch/netwatch"  # where any user may start it
pids=()
cleanup() {
  tmux -L "$socket" kill-server 2>/dev/null || true
  for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; done
  ip netns del "$client" 2>/dev/null || true
  ip netns del "$server" 2>/dev/null || true
  rm -rf "$scratch"
}
trap cleanup EXIT

pane() { tmux -L "$socket" capture-pane -p -t "$1"; }
fail() {
  echo "FAILED: $*" >&2
  for name in root nobody; do pane $name >&2 2>/dev/null || true; done
  exit 1
}
# wait_for PANE PATTERN: on screen within 15 s
wait_for() {
  for _ in $(seq 60); do
    if pane "$1" 2>/dev/null | grep -qE -- "$2"; then return 0; fi
    sleep 0.25
  done
  fail "'$2' is not on the screen of $1"
}

ip netns add "$client"
ip netns add "$server"
ip link add nwc netns "$client" type veth peer name nws netns "$server"
ip -n "$client" addr add 10.78.0.1/24 dev nwc
ip -n "$server" addr add 10.78.0.2/24 dev nws
for ns in "$client nwc" "$server nws"; do
  read -r name link <<<"$ns"
  ip -n "$name" link set lo up
  ip -n "$name" link set "$link" up
done
ip -n "$client" route add default via 10.78.0.2

mkdir "$scratch/www"
head -c 60000000 /dev/zero >"$scratch/www/big"
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=x \
  -keyout "$scratch/k.pem" -out "$scratch/c.pem" 2>/dev/null
(cd "$scratch/www" && exec ip netns exec "$server" openssl s_server -accept 443 -WWW \
  -key ../k.pem -cert ../c.pem -quiet) >/dev/null 2>&1 &
pids+=($!)

start_screen() {  # NAME PREFIX...
  local name=$1
  shift
  tmux -L "$socket" new-session -d -s "$name" -x 120 -y 35 \
    "nsenter --net=/run/netns/$client -- $* env TERM=xterm-256color LC_ALL=C.UTF-8 $scratch/netwatch 2>$scratch/$name.err; echo status \$?; sleep 60"
}
start_screen root
start_screen nobody setpriv --reuid=65534 --regid=65534 --clear-groups
wait_for root 'nwc'
ip netns exec "$client" curl -sk --limit-rate 300k -o /dev/null --max-time 60 \
  --resolve files.example.test:443:10.78.0.2 https://files.example.test/big &
pids+=($!)

# Program, name, application and a rate, in one row.
wait_for root 'curl.*files\.example\.test.*tls.*[0-9]+ ?k'
# Unprivileged: sockets and counters, and what is missing.
wait_for nobody 'CAP_NET_RAW|setcap|sudo'
wait_for nobody '10\.78\.0\.2'

# The filter takes effect, and a wrong one points at itself.
tmux -L "$socket" send-keys -t root / 'host:nothing' Enter
sleep 1
pane root | grep -q files.example.test && fail "the filter is not applied"
tmux -L "$socket" send-keys -t root / C-u 'app:tls' Enter
wait_for root 'files\.example\.test'
tmux -L "$socket" send-keys -t root '?'
wait_for root '[Pp]ause'
tmux -L "$socket" send-keys -t root Escape
sleep 0.5
tmux -L "$socket" resize-window -t root -x 80 -y 24
wait_for root 'files\.example\.test'

# Quitting gives the terminal back, with status 0.
tmux -L "$socket" send-keys -t root q
wait_for root 'status 0'
tmux -L "$socket" send-keys -t nobody q
wait_for nobody 'status 0'
[[ ! -s $scratch/root.err ]] || fail "on standard error: $(cat "$scratch/root.err")"
echo "live: program, name, rate; unprivileged; filter; resize; quit"
