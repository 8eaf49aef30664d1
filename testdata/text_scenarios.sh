# Scenarios of mail, files, shells, proxies, chat, calls, databases and queues; a part of
# make_captures.sh, which runs scenario_NAME for every name here.
# Needs (Debian): openssh-server openssh-client vsftpd opensmtpd dovecot-imapd dovecot-pop3d
#                 inetutils-inetd inetutils-telnetd telnet dante-server microsocks
#                 redis-server redis-tools memcached libmemcached-tools mariadb-server mariadb-client
#                 postgresql mosquitto mosquitto-clients ngircd prosody sip-tester slapd ldap-utils
#                 tigervnc-standalone-server tigervnc-tools vncsnapshot rabbitmq-server amqp-tools
#                 python3-pymongo kcat socat
# shellcheck shell=bash disable=SC2154
text_scenarios=(ssh ftp smtp imap pop3 telnet socks redis memcached mysql pgsql mqtt irc xmpp sip
  rtsp ldap vnc amqp mongodb kafka)

# As serve, for servers that tell the host's name.
serve_named() { serve unshare --uts sh -c 'hostname server && exec "$@"' sh "$@"; }

# Until somebody in the server's namespace listens on PORT (TCP).
await() {
  timeout 60 ip netns exec "$server" sh -c \
    "until ss -ltnH 'sport = :$1' | grep -q .; do sleep 0.2; done"
}

scenario_ssh() {
  mkdir -p /run/sshd
  ssh-keygen -q -t ed25519 -N '' -f "$scratch/host_key"
  serve /usr/sbin/sshd -D -p 2022 -h "$scratch/host_key" -f /dev/null
  await 2022
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
  await 21
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
  await 25
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
  await 143
  capture imap/curl_dovecot imap_traffic
}
imap_traffic() {
  local to=imap://10.77.0.2
  in_client curl -s -u alice:secret -T "$scratch/mail/one" "$to/Sent%20Mail"  # a literal
  in_client curl -s -u alice:secret "$to/" -X 'CREATE Archive'
  in_client curl -s -u alice:secret --login-options AUTH=LOGIN "$to/INBOX" -X 'UID FETCH 1 FLAGS'
  in_client curl -s -u alice:wrong --login-options AUTH=+LOGIN "$to/"
  in_client curl -sk --ssl-reqd -u alice:secret "$to/"                    # STARTTLS
  typed 143 <<<$'a1 LOGIN "alice" "secret"\na2 LIST "" *\na3 STATUS INBOX (MESSAGES)\na4 LOGOUT'
}
scenario_pop3() {
  printf 'From x Thu Jan  1 00:00:00 2026\nSubject: hello\n\nit works\n\n' >"$scratch/alice.mbox"
  mail_server
  cp "$scratch/alice.mbox" "$scratch/mail/alice.mbox"
  chmod 666 "$scratch/mail/alice.mbox"
  await 110
  capture pop3/curl_dovecot pop3_traffic
}
pop3_traffic() {
  local to=pop3://10.77.0.2
  in_client curl -s -u alice:secret "$to/1"
  in_client curl -s -u alice:secret --login-options AUTH=LOGIN "$to/" -X UIDL
  in_client curl -s -u alice:wrong --login-options AUTH=+LOGIN "$to/"
  in_client curl -s -u bob:secret --login-options 'AUTH=+APOP' "$to/"
  in_client curl -sk --ssl-reqd -u alice:secret "$to/"                    # STLS
  typed 110 <<<$'USER alice\nPASS secret\nSTAT\nTOP 1 0\nQUIT'
}

scenario_telnet() {
  echo "2323 stream tcp nowait root $(command -v telnetd || echo /usr/sbin/telnetd) telnetd" >"$scratch/inetd.conf"
  serve_named inetutils-inetd -d "$scratch/inetd.conf"
  await 2323
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
  await 1081
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

# Lines from standard input, one after the other, to PORT; what comes back is not looked at.
typed() {
  (while read -r line; do printf '%s\r\n' "$line"; sleep 0.2; done) |
    in_client timeout 6 socat -t 1 - "TCP:10.77.0.2:$1"
}

scenario_redis() {
  serve redis-server --bind 10.77.0.2 --port 6380 --save '' --dir "$scratch" --requirepass secret
  await 6380
  capture redis/redis_cli redis_traffic
}
redis_traffic() {
  ask() { in_client redis-cli --no-auth-warning -h 10.77.0.2 -p 6380 "$@"; }
  ask GET a                                                               # refused
  ask -a secret SET color blue
  ask -a secret -3 HGETALL nothing                                        # RESP3
  ask --user default --pass wrong PING
  seq 1 3000 | tr '\n' ' ' | ask -a secret -x SET long
  ask -a secret GET long
  ask -a secret LPUSH color 1                                             # WRONGTYPE
  printf 'PING\r\nGET color\r\n' | in_client timeout 1 socat - TCP:10.77.0.2:6380  # inline
}

scenario_memcached() {
  serve memcached -u nobody -l 10.77.0.2 -p 11211
  await 11211
  capture memcached/text_and_binary memcached_traffic
}
memcached_traffic() {
  typed 11211 <<<$'set color 0 0 4\nblue\nget color\nget nothing\nincr color 1\nbogus\nstats\nquit'
  echo 'it works' >"$scratch/hello"
  in_client memccp --servers=10.77.0.2:11211 --binary "$scratch/hello"
  in_client memccat --servers=10.77.0.2:11211 --binary hello
  in_client memccat --servers=10.77.0.2:11211 --binary nothing
}

scenario_mysql() {
  mkdir -p "$scratch/mysql"
  mariadb-install-db --user=root --datadir="$scratch/mysql" --auth-root-authentication-method=normal \
    --skip-test-db >"$scratch/install.log" 2>&1
  serve mariadbd --no-defaults --user=root --datadir="$scratch/mysql" --socket="$scratch/m.sock" \
    --bind-address=10.77.0.2 --port=3307 --ssl-cert="$scratch/c.pem" --ssl-key="$scratch/k.pem" \
    --skip-name-resolve
  await 3307
  mariadb -S "$scratch/m.sock" -u root \
    -e "CREATE USER alice IDENTIFIED BY 'secret'; CREATE DATABASE shop; GRANT ALL ON shop.* TO alice"
  capture mysql/mariadb mysql_traffic
}
mysql_traffic() {
  ask() { in_client mariadb --no-defaults -h 10.77.0.2 -P 3307 -u alice "$@"; }
  ask --skip-ssl -psecret shop -e "CREATE TABLE t (a INT); INSERT INTO t VALUES (1), (2);
    SELECT * FROM t; SET PASSWORD = PASSWORD('secret'); SELECT nothing FROM t"
  ask --skip-ssl -pwrong shop -e 'SELECT 1'
  ask --ssl -psecret shop -e 'SELECT 1'
}

scenario_pgsql() {
  local bin
  bin=$(echo /usr/lib/postgresql/*/bin)
  mkdir -p "$scratch/pg"
  chown postgres "$scratch/pg"
  chmod 755 "$scratch"
  echo secret >"$scratch/pg.pass"
  chmod 644 "$scratch/pg.pass"
  runuser -u postgres -- "$bin/initdb" -D "$scratch/pg/data" -A scram-sha-256 -U alice \
    --pwfile="$scratch/pg.pass" >"$scratch/initdb.log" 2>&1
  cp "$scratch/c.pem" "$scratch/k.pem" "$scratch/pg/"
  chown postgres "$scratch"/pg/*.pem
  chmod 600 "$scratch/pg/k.pem"
  echo 'host all all 10.77.0.0/24 scram-sha-256' >>"$scratch/pg/data/pg_hba.conf"
  serve runuser -u postgres -- "$bin/postgres" -D "$scratch/pg/data" -k "$scratch/pg" -p 5433 \
    -c listen_addresses=10.77.0.2 -c ssl=on -c ssl_cert_file="$scratch/pg/c.pem" \
    -c ssl_key_file="$scratch/pg/k.pem"
  await 5433
  capture pgsql/psql pgsql_traffic
}
pgsql_traffic() {
  ask() { PGPASSWORD=secret in_client psql -X "host=10.77.0.2 port=5433 user=alice dbname=postgres $1" -c "$2"; }
  ask sslmode=disable 'SELECT 1'
  ask sslmode=disable 'SELECT nothing'
  ask sslmode=disable "ALTER USER alice PASSWORD 'secret'"
  ask sslmode=require 'SELECT 1'
  ask 'sslmode=disable application_name=shop dbname=missing' 'SELECT 1'
}

scenario_mqtt() {
  cat >"$scratch/mosquitto.conf" <<CONF
listener 1884 10.77.0.2
allow_anonymous true
CONF
  serve mosquitto -c "$scratch/mosquitto.conf"
  await 1884
  capture mqtt/mosquitto mqtt_traffic
}
mqtt_traffic() {
  publish() { in_client mosquitto_pub -h 10.77.0.2 -p 1884 "$@"; }
  in_client timeout 3 mosquitto_sub -h 10.77.0.2 -p 1884 -V 5 -i reader -t 'home/+/state' -t 'garden/#' &
  sleep 0.3
  publish -V 31 -i old -t home/door/state -m open
  publish -V 311 -i lamp -u alice -P secret -t home/lamp/state -m on -q 1 -r \
    --will-topic home/lamp/lost --will-payload gone
  publish -V 5 -i sensor -t garden/rain -m 3 -q 2
  wait $! || true
}

scenario_irc() {
  cat >"$scratch/ngircd.conf" <<CONF
[Global]
Name = irc.example.test
Info = tests
Listen = 10.77.0.2
Ports = 6668
ServerUID = nobody
ServerGID = nogroup
[Options]
DNS = no
Ident = no
PAM = no
CONF
  serve ngircd -n -f "$scratch/ngircd.conf"
  await 6668
  capture irc/typed_ngircd irc_traffic
}
irc_traffic() {
  typed 6668 <<<$'NICK alice\nUSER alice 0 * :Alice\nJOIN #tests\nPRIVMSG #tests :hello\nTOPIC #nowhere\nOPER alice secret\nQUIT :bye'
}

scenario_xmpp() {
  mkdir -p "$scratch/prosody"
  cat >"$scratch/prosody.cfg.lua" <<CONF
data_path = "$scratch/prosody"
pidfile = "$scratch/prosody.pid"
interfaces = { "10.77.0.2" }
c2s_ports = { 5223 }
s2s_ports = { }
modules_enabled = { "roster", "saslauth", "tls", "disco" }
allow_unencrypted_plain_auth = true
c2s_require_encryption = false
authentication = "internal_plain"
log = { info = "$scratch/prosody.log" }
run_as_root = true
VirtualHost "example.test"
  ssl = { certificate = "$scratch/c.pem", key = "$scratch/k.pem" }
CONF
  chmod 777 "$scratch/prosody"
  prosodyctl --root --config "$scratch/prosody.cfg.lua" register alice example.test secret || true
  serve prosody --root --config "$scratch/prosody.cfg.lua" -F
  await 5223
  capture xmpp/typed_prosody xmpp_traffic
}
xmpp_traffic() {
  local stream="<?xml version='1.0'?><stream:stream to='example.test' version='1.0' xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>"
  typed 5223 <<CLIENT
$stream
<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>$(printf '\0alice\0secret' | base64)</auth>
$stream
<iq type='set' id='1'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><resource>r</resource></bind></iq>
<presence/>
<message to='bob@example.test' type='chat'><body>hello</body></message>
</stream:stream>
CLIENT
  (sleep 0.3; echo Q) | in_client timeout 3 openssl s_client -connect 10.77.0.2:5223 -starttls xmpp -xmpphost example.test
}

scenario_sip() {
  serve sipp -sn uas -i 10.77.0.2 -p 5061 -mi 10.77.0.2 -nostdin
  serve sipp -sn uas -i 10.77.0.2 -p 5062 -mi 10.77.0.2 -t t1 -nostdin
  await 5062
  capture sip/sipp sip_traffic
}
sip_traffic() {
  call() { in_client timeout 5 sipp -sn uac -i 10.77.0.1 -mi 10.77.0.1 -m 1 -d 200 -s alice -nostdin "$@"; }
  call -p 5070 10.77.0.2:5061
  call -p 5071 -t t1 10.77.0.2:5062
}

scenario_rtsp() {  # a scripted server: none is packaged that runs without a camera or a film
  serve "$here/peers/servers.py" rtsp 10.77.0.2 8554
  await 8554
  capture rtsp/curl_scripted rtsp_traffic
}
rtsp_traffic() {
  typed 8554 <<CLIENT
DESCRIBE rtsp://10.77.0.2:8554/film RTSP/1.0
CSeq: 1
User-Agent: typed/1.0

SETUP rtsp://10.77.0.2:8554/film/1 RTSP/1.0
CSeq: 2
Transport: RTP/AVP/TCP;unicast;interleaved=0-1

PLAY rtsp://10.77.0.2:8554/film RTSP/1.0
CSeq: 3
Session: 4711

TEARDOWN rtsp://10.77.0.2:8554/film RTSP/1.0
CSeq: 4
Session: 4711

CLIENT
  in_client timeout 2 curl -s rtsp://10.77.0.2:8554/missing
}

scenario_ldap() {
  mkdir -p "$scratch/ldap"
  cat >"$scratch/slapd.conf" <<CONF
include /etc/ldap/schema/core.schema
modulepath /usr/lib/ldap
moduleload back_mdb
TLSCertificateFile $scratch/c.pem
TLSCertificateKeyFile $scratch/k.pem
database mdb
suffix "dc=example,dc=test"
rootdn "cn=admin,dc=example,dc=test"
rootpw secret
directory $scratch/ldap
CONF
  serve slapd -d 0 -f "$scratch/slapd.conf" -h ldap://10.77.0.2:3890
  await 3890
  capture ldap/openldap ldap_traffic
}
ldap_traffic() {
  local to=(-H ldap://10.77.0.2:3890) admin=(-x -D cn=admin,dc=example,dc=test -w secret)
  printf 'dn: dc=example,dc=test\nobjectClass: dcObject\nobjectClass: organization\no: tests\n' |
    in_client ldapadd "${to[@]}" "${admin[@]}"
  in_client ldapsearch "${to[@]}" -x -b dc=example,dc=test '(o=tests)'
  in_client ldapsearch "${to[@]}" -x -b dc=elsewhere
  in_client ldapwhoami "${to[@]}" -x -D cn=admin,dc=example,dc=test -w wrong
  in_client ldapwhoami "${to[@]}" "${admin[@]}"
  LDAPTLS_REQCERT=never in_client ldapsearch "${to[@]}" "${admin[@]}" -ZZ -b dc=example,dc=test  # StartTLS
  in_client ldapdelete "${to[@]}" "${admin[@]}" dc=example,dc=test
}

scenario_vnc() {
  printf 'secret\n' | tigervncpasswd -f >"$scratch/vnc.pass"
  serve Xtigervnc :7 -rfbport 5907 -geometry 320x200 -desktop tests -SecurityTypes None -rfbauth "$scratch/vnc.pass"
  serve Xtigervnc :8 -rfbport 5908 -geometry 320x200 -desktop tests -SecurityTypes VncAuth -rfbauth "$scratch/vnc.pass"
  await 5908
  capture vnc/tigervnc vnc_traffic
}
vnc_traffic() {
  in_client timeout 5 vncsnapshot -quiet 10.77.0.2::5907 "$scratch/shot.jpg"
  in_client timeout 5 vncsnapshot -quiet -passwd "$scratch/vnc.pass" 10.77.0.2::5908 "$scratch/shot.jpg"
}

scenario_amqp() {
  mkdir -p "$scratch/rabbit"
  chmod 777 "$scratch/rabbit"
  chmod 755 "$scratch"
  printf 'listeners.tcp.1 = 10.77.0.2:5673\nloopback_users = none\n' >"$scratch/rabbit/rabbitmq.conf"
  serve_named env HOME="$scratch/rabbit" RABBITMQ_NODENAME=tests@localhost RABBITMQ_DIST_PORT=25673 \
    RABBITMQ_MNESIA_BASE="$scratch/rabbit" RABBITMQ_LOG_BASE="$scratch/rabbit" \
    RABBITMQ_CONFIG_FILE="$scratch/rabbit/rabbitmq.conf" RABBITMQ_ENABLED_PLUGINS_FILE=/dev/null \
    RABBITMQ_PID_FILE="$scratch/rabbit/pid" \
    "$(echo /usr/lib/rabbitmq/lib/*/sbin/rabbitmq-server)"
  await 5673
  capture amqp/rabbitmq amqp_traffic
  kill "$(cat "$scratch/rabbit/pid")" || true  # neither ends with the script that began it
  sleep 3
  in_server epmd -kill >/dev/null || true
}
amqp_traffic() {
  local to=(-u amqp://guest:guest@10.77.0.2:5673)
  in_client amqp-declare-queue "${to[@]}" -q orders
  in_client amqp-publish "${to[@]}" -r orders -b 'it works'
  in_client amqp-get "${to[@]}" -q orders
  in_client amqp-publish "${to[@]}" -e missing -r orders -b x             # refused
  in_client amqp-get -u amqp://alice:wrong@10.77.0.2:5673 -q orders
}

scenario_mongodb() {  # a scripted server: none is packaged
  serve "$here/peers/servers.py" mongodb 10.77.0.2 27018
  await 27018
  capture mongodb/pymongo_scripted mongodb_traffic
}
mongodb_traffic() {
  in_client timeout 10 /usr/bin/python3 - <<'PY'
import pymongo
client = pymongo.MongoClient("mongodb://10.77.0.2:27018/", serverSelectionTimeoutMS=3000,
                             heartbeatFrequencyMS=100000)
client.shop.orders.insert_one({"_id": 1, "what": "lamp"})
try:
    list(client.shop.orders.find({"what": "lamp"}))
    client.shop.command("bogus")
except Exception as error:
    print(error)
client.close()
PY
}

scenario_kafka() {  # a scripted server: none is packaged
  serve "$here/peers/servers.py" kafka 10.77.0.2 9093
  await 9093
  capture kafka/kcat_scripted kafka_traffic
}
kafka_traffic() {
  in_client timeout 5 kcat -L -b 10.77.0.2:9093 -t orders
  echo hello | in_client timeout 5 kcat -P -b 10.77.0.2:9093 -t orders
}
