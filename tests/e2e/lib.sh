# shellcheck shell=bash
# What the scripts here share. Each sources it first: . "$(dirname "$0")/lib.sh"
#   NETWATCH   names the program (from outside)
#   $scratch   a folder of its own, which goes at the end with what is in the lists below
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
: "${NETWATCH:?names the program}"
scratch=$(mktemp -d)
chmod 755 "$scratch"
export HOME=$scratch/home  # nobody's settings of this host
unset XDG_CONFIG_HOME
mkdir "$HOME"
terminal=nw-$$  # of tmux, if one is started
watcher=        # the netwatch that stop() ends
pids=()         # to be ended
namespaces=()   # to be deleted
at_end() { :; }      # what else there is to undo: a script may say it anew
show_more() { :; }   # beside $scratch/out and $scratch/err, when it fails
# shellcheck disable=SC2317  # called by the trap
cleanup() {
  tmux -L "$terminal" kill-server 2>/dev/null || true
  for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; done
  at_end
  for name in "${namespaces[@]}"; do ip netns del "$name" 2>/dev/null || true; done
  rm -rf "$scratch"
}
trap cleanup EXIT

# --- what has to be there ---

skip() {
  echo "$*"
  exit 77
}
need_namespaces() {
  if [[ $(id -u) != 0 ]] || ! unshare -n true 2>/dev/null; then
    skip "needs root and the right to make network namespaces"
  fi
}
need() {
  for tool in "$@"; do command -v "$tool" >/dev/null || skip "needs $tool"; done
}
need_confinement() {
  "$NETWATCH" read -q --confine strict testdata/dpi/http/curl_nginx.pcapng >/dev/null 2>&1 ||
    skip "not all measures are possible here"
}
# As $scratch/netwatch, where any user may start it.
copy_program() {
  cp "$NETWATCH" "$scratch/netwatch"
}
# As $scratch/netwatch-cap, too, which may capture whoever starts it.
copy_program_with_capability() {
  copy_program
  cp "$NETWATCH" "$scratch/netwatch-cap"
  setcap cap_net_raw=ep "$scratch/netwatch-cap"
}

# --- what it is tested with ---

add_namespaces() {
  namespaces+=("$@")
  for name in "$@"; do ip netns add "$name"; done
}
# cable NAMESPACE LINK ADDRESS NAMESPACE LINK ADDRESS: a veth pair that is up; ADDRESS may be empty
cable() {
  ip link add "$2" netns "$1" type veth peer name "$5" netns "$4"
  [[ -z $3 ]] || nsenter --net="$(netns_file "$1")" -- ip addr add "$3" dev "$2"
  [[ -z $6 ]] || nsenter --net="$(netns_file "$4")" -- ip addr add "$6" dev "$5"
  nsenter --net="$(netns_file "$1")" -- ip link set "$2" up
  nsenter --net="$(netns_file "$4")" -- ip link set "$5" up
}
# By name, or by the pid of a process that is in it.
netns_file() {
  if [[ -e /run/netns/$1 ]]; then echo "/run/netns/$1"; else echo "/proc/$1/ns/net"; fi
}
lo_up() {
  for name in "$@"; do ip -n "$name" link set lo up; done
}

# --- what has to be so ---

fail() {
  echo "FAILED: $*" >&2
  for file in out err; do tail -c 3000 "$scratch/$file" >&2 2>/dev/null || true; done
  show_more >&2 2>/dev/null || true
  exit 1
}
# expect STATUS COMMAND...: output in $scratch/out and $scratch/err
expect() {
  local want=$1 status=0
  shift
  "$@" >"$scratch/out" 2>"$scratch/err" || status=$?
  [[ $status == "$want" ]] || fail "status $status, not $want: $*"
}
# has FILE PATTERN: of grep -E, in $scratch
has() { grep -qE -- "$2" "$scratch/$1" || fail "no '$2' in $1"; }
# wait_for COMMAND...: succeeds within 15 s
wait_for() {
  for _ in $(seq 150); do
    if "$@" >/dev/null 2>&1; then return 0; fi
    sleep 0.1
  done
  fail "this did not become true: $*"
}
# stop SIGNAL STATUS: ends the process $watcher
stop() {
  kill "-$1" "$watcher"
  local status=0
  wait "$watcher" || status=$?
  [[ $status == "$2" ]] || fail "status $status, not $2, after SIG$1"
}

# --- screens, each a session of tmux ---

# open_screen NAME NAMESPACE COMMAND...: its standard error in $scratch/NAME.err
open_screen() {
  local name=$1 namespace=$2
  shift 2
  tmux -L "$terminal" new-session -d -s "$name" -x 120 -y 35 \
    "nsenter --net=/run/netns/$namespace -- env TERM=xterm-256color LC_ALL=C.UTF-8 $* 2>$scratch/$name.err; echo status \$?; sleep 90"
}
pane() { tmux -L "$terminal" capture-pane -p -t "$1"; }
keys() {
  local name=$1
  shift
  tmux -L "$terminal" send-keys -t "$name" "$@"
}
# wait_for_screen NAME PATTERN: within 20 s
wait_for_screen() {
  for _ in $(seq 80); do
    if pane "$1" 2>/dev/null | grep -qE -- "$2"; then return 0; fi
    sleep 0.25
  done
  fail "'$2' is not on the screen of $1"
}
# show_screens NAME...: for show_more
show_screens() {
  for name in "$@"; do
    pane "$name" || true
    cat "$scratch/$name.err" || true
  done
}
