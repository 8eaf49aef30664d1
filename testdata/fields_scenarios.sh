# Scenarios that make the rarer fields occur: what the first scenario of a protocol leaves out. A part
# of make_captures.sh, which runs fields_NAME for every name here.
# Needs (Debian): bind9 bind9-utils
# shellcheck shell=bash disable=SC2154
fields_scenarios=(dns_bind)

# Ends the servers of the scenarios before: some want the same ports.
alone() {
  ((${#pids[@]} == 0)) || kill "${pids[@]}" 2>/dev/null || true
  pids=()
  sleep 0.5
}

# draft-ietf-tls-esni section 4: one configuration, X25519 and AES-128-GCM.
ech_config() {
  local name=cover.example.test
  printf '\x00\x4d\xfe\x0d\x00\x49\x07\x00\x20\x00\x20%s\x00\x04\x00\x01\x00\x01\x40\x12%s\x00\x00' \
    '0123456789abcdef0123456789abcdef' "$name" | base64 -w0
}

fields_dns_bind() {
  mkdir -p "$scratch/named"
  cat >"$scratch/named/zone" <<ZONE
\$TTL 300
@ SOA ns hostmaster 1 3600 600 86400 300
@ NS ns
ns A 10.77.0.2
www A 192.0.2.80
www HTTPS 1 . alpn="h3,h2" port=8443 ipv4hint=192.0.2.80 ech="$(ech_config)"
shop HTTPS 0 www
_dns SVCB 1 ns alpn="dot"
long TXT $(for i in 1 2 3 4 5 6 7; do printf '"%0250d" ' "$i"; done)
ZONE
  cat >"$scratch/named/named.conf" <<CONF
options {
  directory "$scratch/named";
  pid-file "$scratch/named/pid";
  listen-on port 53 { 10.77.0.2; };
  listen-on-v6 { none; };
  recursion no;
};
dnssec-policy short { keys { csk lifetime unlimited algorithm ecdsap256sha256; }; };
zone "example.test" { type primary; file "zone"; dnssec-policy short; inline-signing yes; };
CONF
  serve named -g -c "$scratch/named/named.conf"
  sleep 3  # to sign
  capture dns/dig_bind dns_bind_traffic
}
dns_bind_traffic() {
  ask() { in_client dig +tries=1 +time=1 @10.77.0.2 "$@"; }
  ask www.example.test A +dnssec +subnet=198.51.100.0/24
  ask www.example.test HTTPS
  ask shop.example.test HTTPS +nocookie
  ask _dns.example.test SVCB
  ask long.example.test TXT +bufsize=512                                  # then over TCP
  ask missing.example.test AAAA +dnssec +subnet=2001:db8::/32
}
