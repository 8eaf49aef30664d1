#!/usr/bin/env bash
# config.toml: mistakes end before the screen opens, the command line wins, and a confined screen
# saves what is changed on it, with the rights of its user alone. NETWATCH names the program.
. "$(dirname "$0")/lib.sh"
need_namespaces
need tmux setpriv
space=nwe-config-$$
copy_program
show_more() { show_screens root nobody; }
add_namespaces "$space"
lo_up "$space"
home=$scratch/user
mkdir -m 700 "$home"
config=$home/.config/netwatch/config.toml

# Mistakes: status 2, the place, and what was probably meant.
wrong() {
  printf '%s\n' "$1" >"$scratch/wrong.toml"
  expect 2 "$scratch/netwatch" --config "$scratch/wrong.toml"
  has err "$2"
}
wrong 'tehme = "dark"' "wrong.toml:1:1: there is no setting 'tehme'; try: theme"
wrong 'theme = "drak"' "wrong.toml:1:9: there is no theme 'drak'; try: dark"
wrong 'refresh_ms = 3' 'wrong.toml:1:14: refresh_ms is 250 to 5000'
wrong 'filter = "prt == 3"' 'try: port'
expect 2 "$scratch/netwatch" --config "$scratch/nothing.toml"
# What is printed is right as it is.
expect 0 "$scratch/netwatch" --print-config
cp "$scratch/out" "$scratch/printed.toml"
expect 2 "$scratch/netwatch" --config "$scratch/printed.toml" </dev/null
has err 'needs a terminal'

# Without rights to it nobody's words get on the screen, also of a program that was lent some.
printf 'secret = 1\n' >"$scratch/secret.toml"
chmod 600 "$scratch/secret.toml"
cp "$scratch/netwatch" "$scratch/netwatch-cap"
if setcap cap_dac_read_search,cap_net_raw=ep "$scratch/netwatch-cap" 2>/dev/null; then
  expect 2 setpriv --reuid=65534 --regid=65534 --clear-groups "$scratch/netwatch-cap" \
    --config "$scratch/secret.toml"
  has err 'Permission denied'
  # Nor is anybody's text parsed with rights that are lent.
  printf 'theme = "dusk"\n' >"$scratch/open.toml"
  chmod 644 "$scratch/open.toml"
  expect 2 setpriv --reuid=65534 --regid=65534 --clear-groups "$scratch/netwatch-cap" \
    --config "$scratch/open.toml"
  has err 'lends rights'
fi

# Confined, a change is saved where nothing was.
open_screen root "$space" env -u XDG_CONFIG_HOME "HOME=$home" "$scratch/netwatch" --theme dusk
wait_for_screen root 'NetWatch'
keys root ,
wait_for_screen root 'theme +‹ dusk ›'
[[ ! -e $home/.config ]] || fail "something is written before that is asked for"
keys root l
wait_for_screen root 'theme +‹ paper › +changed'
keys root s
wait_for_screen root 'saved to'
grep -qx 'theme = "paper"' "$config" || fail "the theme is not in the file"
[[ $(stat -c %a "$config") == 600 ]] || fail "the mode is $(stat -c %a "$config")"
[[ $(find "$home/.config/netwatch" -type f | wc -l) == 1 ]] || fail "something is left over"
keys root Escape
sleep 0.5
keys root q
wait_for_screen root 'status 0'

# What people wrote stays; the file says what the screen begins with.
printf '# mine\ntheme = "amber"  # warm\nrefresh_ms = 500\n' >"$config"
chown -R 65534:65534 "$home"
open_screen nobody "$space" env -u XDG_CONFIG_HOME "HOME=$home" setpriv --reuid=65534 \
  --regid=65534 --clear-groups "$scratch/netwatch"
wait_for_screen nobody 'NetWatch'
keys nobody ,
wait_for_screen nobody 'theme +‹ amber ›'
keys nobody j l s
wait_for_screen nobody 'saved to'
diff - "$config" <<'END' || fail "another file than was wanted"
# mine
theme = "amber"  # warm
refresh_ms = 750
END
keys nobody Escape
sleep 0.5
keys nobody q
wait_for_screen nobody 'status 0'
echo "config: mistakes, command line, rights, saved confined, comments kept"
