# Scenarios of make_captures.sh for news, repositories and a few older protocols. Sourced by it: uses
# its functions and its two namespaces.
# Needs (Debian), besides what make_captures.sh names: sn socat git pptpd pptp-linux
# shellcheck shell=bash disable=SC2154

nntp_server() {
  export SNROOT=$scratch/news POSTING_OK=1
  mkdir -p "$SNROOT"
  chown news:news "$SNROOT"
  chmod 755 "$scratch"
  snnewgroup local.test
  article | snstore
  serve socat TCP-LISTEN:119,reuseaddr,fork EXEC:snntpd.bin
}

article() {
  printf '%s\r\n' 'From: alice@example.test' 'Newsgroups: local.test' 'Subject: hello' \
    'Message-ID: <1@example.test>' 'Date: Mon, 30 Nov 2026 10:00:00 +0000' '' '..it works' '.'
}

nntp_traffic() {
  in_client python3 -W ignore - <<'PY'
import nntplib
server = nntplib.NNTP('10.77.0.2', readermode=True)
_, _, first, last, _ = server.group('local.test')
server.article(first)
server.over((first, last))
try:
    server.post([b'From: alice@example.test', b'Newsgroups: local.test', b'Subject: again', b'', b'QUIT'])
except nntplib.NNTPError:
    pass
server.quit()
PY
  typed 119 <<<$'AUTHINFO USER alice\nAUTHINFO PASS secret\nLISTGROUP local.test\nGROUP no.such\nQUIT'
}

git_server() {
  git init -q --bare -b main "$scratch/repositories/notes.git"
  git -C "$scratch/repositories/notes.git" fast-import --quiet <<'IMPORT'
commit refs/heads/main
committer Alice <alice@example.test> 1700000000 +0000
data 5
first
M 644 inline note.txt
data 8
a note

IMPORT
  touch "$scratch/repositories/notes.git/git-daemon-export-ok"
  serve git daemon --reuseaddr --listen=10.77.0.2 --informative-errors \
    --base-path="$scratch/repositories" "$scratch/repositories"
}

git_traffic() {
  local version
  for version in 0 1 2; do
    in_client git -c "protocol.version=$version" clone -q git://10.77.0.2/notes.git \
      "$scratch/clone$version"
  done
  in_client git ls-remote git://10.77.0.2/missing.git
  in_client git -C "$scratch/clone0" -c protocol.version=0 push -q origin HEAD:other
}

pptp_server() {
  printf 'localip 10.78.0.1\nremoteip 10.78.0.2\nnoipparam\n' >"$scratch/pptpd.conf"
  serve pptpd -f -c "$scratch/pptpd.conf" -p "$scratch/pptpd.pid"
}

pptp_traffic() { in_client timeout 3 pptp 10.77.0.2 --nolaunchpppd --phone 5550123 </dev/null; }

small_scripted() {  # NAME: no packaged program speaks it, or answers so
  serve "$here/peers/small.py" "$1-server"
  in_client "$here/peers/small.py" "$1-client" 10.77.0.2
}

small_captures() {
  if want nntp; then
    nntp_server
    capture nntp/nntplib_sn nntp_traffic
  fi
  if want git; then
    git_server
    capture git/clone_daemon git_traffic
  fi
  if want pptp; then
    pptp_server
    capture pptp/pptp_pptpd pptp_traffic
    alone
    capture pptp/refused_scripted small_scripted pptp
  fi
  if want mgcp; then capture mgcp/call_scripted small_scripted mgcp; fi
  if want tns; then capture tns/connects_scripted small_scripted tns; fi
}
