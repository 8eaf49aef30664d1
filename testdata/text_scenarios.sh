# Scenarios of mail, files, shells, proxies, chat, calls, databases and queues; a part of
# make_captures.sh, which runs scenario_NAME for every name here.
# Needs (Debian): openssh-server openssh-client vsftpd opensmtpd dovecot-imapd dovecot-pop3d
#                 inetutils-inetd inetutils-telnetd telnet dante-server microsocks
# shellcheck shell=bash disable=SC2154
text_scenarios=(ssh ftp smtp imap pop3 telnet socks)

# As serve, for servers that tell the host's name.
serve_named() { serve unshare --uts sh -c 'hostname server && exec "$@"' sh "$@"; }

scenario_ssh() {
  mkdir -p /run/sshd
  ssh-keygen -q -t ed25519 -N '' -f "$scratch/host_key"
  serve /usr/sbin/sshd -D -p 2022 -h "$scratch/host_key" -f /dev/null
  capture ssh/openssh ssh_traffic
}
ssh_traffic() {
  login() { in_client ssh -F none -o BatchMode=yes -o StrictHostKeyChecking=no \
    -o UserKnownHostsFile=/dev/null -p 2022 "$@" nobody@10.77.0.2 true; }
  login
  login -C -o KexAlgorithms=ecdh-sha2-nistp256 -c aes128-ctr -o MACs=hmac-sha2-256
}

scenario_ftp() {
  mkdir -p "$scratch/ftp/pub" "$scratch/empty"
  echo 'it works' >"$scratch/ftp/pub/hello.txt"
  chmod 755 "$scratch" "$scratch/ftp" "$scratch/ftp/pub" "$scratch/empty"
  cat >"$scratch/vsftpd.conf" <<CONF
listen=YES
listen_address=10.77.0.2
background=NO
anonymous_enable=YES
allow_anon_ssl=YES
anon_root=$scratch/ftp
secure_chroot_dir=$scratch/empty
seccomp_sandbox=NO
ssl_enable=YES
force_local_data_ssl=NO
force_local_logins_ssl=NO
require_ssl_reuse=NO
rsa_cert_file=$scratch/c.pem
rsa_private_key_file=$scratch/k.pem
CONF
  serve vsftpd "$scratch/vsftpd.conf"
  capture ftp/curl_vsftpd ftp_traffic
}
ftp_traffic() {
  in_client curl -s ftp://10.77.0.2/pub/hello.txt                         # EPSV
  in_client curl -s --disable-epsv ftp://10.77.0.2/pub/                   # PASV
  in_client curl -s --ftp-port - --disable-eprt ftp://10.77.0.2/pub/hello.txt
  in_client curl -s -T "$scratch/ftp/pub/hello.txt" ftp://10.77.0.2/up.txt  # refused
  in_client curl -s -u alice:secret ftp://10.77.0.2/
  in_client curl -sk --ssl-reqd ftp://10.77.0.2/pub/hello.txt             # AUTH TLS
}

scenario_smtp() {
  cat >"$scratch/smtpd.conf" <<CONF
pki www.example.test cert "$scratch/c.pem"
pki www.example.test key "$scratch/k.pem"
listen on 10.77.0.2 port 25 tls pki www.example.test hostname mail.example.test
listen on 10.77.0.2 port 2525 hostname mail.example.test
action "onward" relay host smtp://127.0.0.1:9
match from any for domain "example.test" action "onward"
CONF
  chmod 600 "$scratch/c.pem" "$scratch/k.pem"
  mkdir -p -m 711 /var/spool/smtpd
  serve_named smtpd -d -f "$scratch/smtpd.conf"
  sleep 1
  capture smtp/curl_opensmtpd smtp_traffic
}
smtp_traffic() {
  printf 'Subject: hello\r\n\r\nit works\r\n.\r\n' >"$scratch/message"
  send() { in_client curl -s --mail-from a@example.test --upload-file "$scratch/message" "$@"; }
  send --mail-rcpt b@example.test smtp://10.77.0.2/client.example.test
  send --mail-rcpt c@elsewhere.invalid smtp://10.77.0.2:2525/client.example.test  # refused
  send -k --ssl-reqd --mail-rcpt b@example.test smtp://10.77.0.2/client.example.test  # STARTTLS
  in_client curl -s -X HELP smtp://10.77.0.2:2525/client.example.test
}

mail_server() {
  mkdir -p "$scratch/mail/alice"
  printf 'From: b@example.test\r\nSubject: hello\r\n\r\nit works\r\n' >"$scratch/mail/one"
  chmod -R 777 "$scratch/mail"
  chmod 755 "$scratch"
  cat >"$scratch/dovecot.conf" <<CONF
base_dir = $scratch/dovecot
protocols = imap pop3
listen = 10.77.0.2
log_path = $scratch/dovecot.log
ssl = yes
ssl_cert = <$scratch/c.pem
ssl_key = <$scratch/k.pem
disable_plaintext_auth = no
auth_mechanisms = plain login
mail_location = mbox:$scratch/mail/%u:INBOX=$scratch/mail/%u.mbox
mail_uid = nobody
mail_gid = nogroup
first_valid_uid = 1
passdb {
  driver = static
  args = password=secret
}
userdb {
  driver = static
  args = uid=nobody gid=nogroup home=$scratch/mail/%u
}
CONF
  serve_named dovecot -F -c "$scratch/dovecot.conf"
  sleep 1
}
scenario_imap() {
  mail_server
  capture imap/curl_dovecot imap_traffic
}
imap_traffic() {
  local to=imap://10.77.0.2
  in_client curl -s -u alice:secret -T "$scratch/mail/one" "$to/Sent%20Mail"  # a literal
  in_client curl -s -u alice:secret "$to/" -X 'CREATE Archive'
  in_client curl -s -u alice:secret --login-options AUTH=LOGIN "$to/INBOX" -X 'UID FETCH 1 FLAGS'
  in_client curl -s -u alice:wrong --login-options AUTH=+LOGIN "$to/"
  in_client curl -sk --ssl-reqd -u alice:secret "$to/"                    # STARTTLS
  typed() { while read -r line; do printf '%s\r\n' "$line"; sleep 0.2; done; }
  typed <<<$'a1 LOGIN "alice" "secret"\na2 LIST "" *\na3 STATUS INBOX (MESSAGES)\na4 LOGOUT' |
    in_client timeout 3 socat - TCP:10.77.0.2:143
}
scenario_pop3() {
  printf 'From x Thu Jan  1 00:00:00 2026\nSubject: hello\n\nit works\n\n' >"$scratch/alice.mbox"
  mail_server
  cp "$scratch/alice.mbox" "$scratch/mail/alice.mbox"
  chmod 666 "$scratch/mail/alice.mbox"
  capture pop3/curl_dovecot pop3_traffic
}
pop3_traffic() {
  local to=pop3://10.77.0.2
  in_client curl -s -u alice:secret "$to/1"
  in_client curl -s -u alice:secret --login-options AUTH=LOGIN "$to/" -X UIDL
  in_client curl -s -u alice:wrong --login-options AUTH=+LOGIN "$to/"
  in_client curl -s -u bob:secret --login-options 'AUTH=+APOP' "$to/"
  in_client curl -sk --ssl-reqd -u alice:secret "$to/"                    # STLS
  (for line in 'USER alice' 'PASS secret' STAT 'TOP 1 0' QUIT; do printf '%s\r\n' "$line"; sleep 0.2; done) |
    in_client timeout 3 socat - TCP:10.77.0.2:110
}

scenario_telnet() {
  echo "2323 stream tcp nowait root $(command -v telnetd || echo /usr/sbin/telnetd) telnetd" >"$scratch/inetd.conf"
  serve_named inetutils-inetd -d "$scratch/inetd.conf"
  sleep 0.5
  capture telnet/telnetd telnet_traffic
}
telnet_traffic() {
  (sleep 0.7; echo alice; sleep 0.7; echo secret; sleep 1) |
    TERM=xterm-256color in_client timeout 4 telnet -l alice 10.77.0.2 2323
  (sleep 0.7; echo bob; sleep 0.7; echo secret; sleep 1) |
    TERM=vt100 in_client timeout 4 telnet -K 10.77.0.2 2323
}

scenario_socks() {
  web_server
  cat >"$scratch/sockd.conf" <<CONF
logoutput: $scratch/sockd.log
internal: 10.77.0.2 port = 1080
external: 10.77.0.2
clientmethod: none
socksmethod: none
user.privileged: root
user.unprivileged: nobody
client pass { from: 0.0.0.0/0 to: 0.0.0.0/0 }
socks block { from: 0.0.0.0/0 to: 192.0.2.0/24 }
socks pass { from: 0.0.0.0/0 to: 0.0.0.0/0 }
CONF
  serve danted -f "$scratch/sockd.conf"
  serve microsocks -i 10.77.0.2 -p 1081 -u alice -P secret
  capture socks/curl_dante_microsocks socks_traffic
}
socks_traffic() {
  in_client curl -s --socks4 10.77.0.2:1080 http://10.77.0.2/
  in_client curl -s --socks4a 10.77.0.2:1080 http://localhost:8081/       # reaches nobody
  in_client curl -s --socks5 10.77.0.2:1080 http://10.77.0.2/
  in_client curl -s --socks5 10.77.0.2:1080 -m 2 http://192.0.2.1/        # refused by a rule
  in_client curl -s --proxy-user alice:secret --socks5-hostname 10.77.0.2:1081 http://10.77.0.2/
  in_client curl -sk --proxy-user alice:secret --socks5 10.77.0.2:1081 https://10.77.0.2/
  in_client curl -s --proxy-user alice:wrong --socks5 10.77.0.2:1081 http://10.77.0.2/
}
