# Scenarios of HTTP/2, gRPC, WebSocket and of QUIC on the move; a part of make_captures.sh, which runs scenario_NAME for
# every name here.
# Needs (Debian): nghttp2-client nghttp2-server nghttp2-proxy curl nginx-light python3-grpcio
#                 python3-hyperframe python3-hpack python3-websockets websocketd mosquitto
#                 ngtcp2-client ngtcp2-server nftables conntrack
# shellcheck shell=bash disable=SC2154
web_scenarios=(http2 grpc websocket quic_moves)

scenario_http2() {
  mkdir -p "$scratch/h2"
  seq 1 400 >"$scratch/h2/numbers.txt"
  echo '<h1>it works</h1>' >"$scratch/h2/index.html"
  echo 'h1 { color: green }' >"$scratch/h2/style.css"
  cat >"$scratch/nginx-h2.conf" <<CONF
daemon off; master_process off; pid $scratch/h2.pid; error_log $scratch/h2.err;
events {}
http {
  access_log off; root $scratch/h2; default_type text/plain;
  types { text/html html; } gzip on; gzip_min_length 1; gzip_types text/plain;
  client_body_temp_path $scratch/b; proxy_temp_path $scratch/p; fastcgi_temp_path $scratch/f;
  uwsgi_temp_path $scratch/u; scgi_temp_path $scratch/s;
  server { listen 8090 http2; listen 8091; location /moved { return 301 /index.html; }
           location = /in { add_header Set-Cookie session=secret; return 204; }
           location /closed { add_header WWW-Authenticate 'Basic realm="x"' always; return 401; } }
}
CONF
  serve nginx -c "$scratch/nginx-h2.conf"
  serve nghttpd --no-tls --address=10.77.0.2 -d "$scratch/h2" -p /index.html=/style.css \
    --trailer 'x-sum: 1' 8092
  serve nghttpx --conf=/dev/null --frontend='10.77.0.2,8093;no-tls' --backend=127.0.0.1,8091 \
    --errorlog-file="$scratch/nghttpx.log" --workers=1
  ip -n "$server" link set lo up
  await 8092
  await 8093
  capture http2/curl_nginx http2_nginx
  capture http2/nghttp_nghttpd http2_nghttpd
  capture http2/upgrade_nghttpx http2_upgrade
  capture http2/frames_scripted in_client "$here/peers/http2.py" 10.77.0.2 8092
}
http2_nginx() {
  local name=www.example.test
  ask() { in_client curl -s -o /dev/null --http2-prior-knowledge --resolve $name:8090:10.77.0.2 "$@"; }
  ask http://$name:8090/
  ask http://$name:8090/missing
  ask --compressed http://$name:8090/numbers.txt
  ask -e 'http://user:secret@from.example.test/' http://$name:8090/moved
  ask -u user:secret -b session=secret -H 'X-Forwarded-For: 192.0.2.7' http://$name:8090/in
  ask -I http://$name:8090/closed
  ask -d 'a=b' http://$name:8090/upload
}
http2_nghttpd() {
  in_client nghttp -n http://10.77.0.2:8092/index.html                    # with a pushed style sheet
  in_client nghttp -n --header-table-size=0 -m 2 http://10.77.0.2:8092/numbers.txt
  in_client h2load -n 8 -c 1 -m 4 http://10.77.0.2:8092/style.css
}
http2_upgrade() {
  in_client curl -s --http2 http://10.77.0.2:8093/style.css http://10.77.0.2:8093/style.css
  in_client nghttp -nu http://10.77.0.2:8093/style.css
}

scenario_grpc() {
  serve "$here/peers/grpc_calls.py" server 10.77.0.2:50051
  await 50051
  capture grpc/grpcio in_client "$here/peers/grpc_calls.py" client 10.77.0.2:50051
}

scenario_websocket() {
  cat >"$scratch/mosquitto-ws.conf" <<CONF
allow_anonymous true
listener 9000 10.77.0.2
listener 9001 10.77.0.2
protocol websockets
CONF
  serve mosquitto -c "$scratch/mosquitto-ws.conf"
  serve websocketd --address=10.77.0.2 --port=9002 --loglevel=none cat
  serve "$here/peers/websocket.py" server 10.77.0.2 9003
  await 9001
  await 9002
  await 9003
  capture websocket/mosquitto in_client "$here/peers/websocket.py" mqtt ws://10.77.0.2:9001/mqtt
  capture websocket/websocketd in_client "$here/peers/websocket.py" plain ws://10.77.0.2:9002/echo
  capture websocket/python_websockets in_client "$here/peers/websocket.py" deflate ws://10.77.0.2:9003/chat
}

scenario_quic_moves() {
  mkdir -p "$scratch/h3"
  echo '<h1>it works</h1>' >"$scratch/h3/index.html"
  seq 1 2000 >"$scratch/h3/numbers.txt"
  printf '%s www.example.test\n' 10.77.0.2 >"$scratch/hosts"
  printf '%s www6.example.test\n' fd77::2 >>"$scratch/hosts"
  ip -n "$client" addr add 10.77.0.21/24 dev nwc
  ip -n "$client" addr add 10.77.0.22/24 dev nwc
  ip -n "$client" addr add fd77::21/64 dev nwc nodad
  serve gtlsserver -q --no-pmtud -d "$scratch/h3" 10.77.0.2 4440 "$scratch/k.pem" "$scratch/c.pem"
  serve gtlsserver -q --no-pmtud -d "$scratch/h3" fd77::2 4440 "$scratch/k.pem" "$scratch/c.pem"
  capture_filter=udp capture quic/gtls_rebinding quic_rebinding
  capture_filter=udp capture quic/gtls_nat quic_behind_nat
  in_client nft flush ruleset
  ip -n "$client" -6 route del fd77::2/128 dev nwc
  ip -n "$client" route change 10.77.0.0/24 dev nwc src 10.77.0.1
  ip -n "$client" addr del 10.77.0.21/24 dev nwc
  ip -n "$client" addr del 10.77.0.22/24 dev nwc
  ip -n "$client" addr del fd77::21/64 dev nwc
}
# quic_get URL OPTIONS...
quic_get() {
  local host=${1#https://}
  in_client unshare --mount sh -c "mount --bind $scratch/hosts /etc/hosts &&
    timeout 8 gtlsclient -q --no-pmtud --exit-on-all-streams-close --timeout=2s ${*:2} \
    ${host%%:*} 4440 $1"
}
# The client asks 0.6 s after the handshake; half way it goes on with another socket, whose address
# the kernel chooses.
quic_rebinding() {
  local url=https://www.example.test:4440/index.html moving=(--delay-stream=600ms --change-local-addr=300ms)
  quic_get "$url" "${moving[@]}" --nat-rebinding                          # another port
  quic_get "$url" "${moving[@]}"                                          # and another ID
  (sleep 0.2 && ip -n "$client" route change 10.77.0.0/24 dev nwc src 10.77.0.21) &
  quic_get "$url" "${moving[@]}" --nat-rebinding --scid=                  # another address
  ip -n "$client" -6 route add fd77::2/128 dev nwc src fd77::1
  (sleep 0.2 && ip -n "$client" -6 route change fd77::2/128 dev nwc src fd77::21) &
  quic_get "${url/www/www6}" "${moving[@]}" --nat-rebinding
}
# A translator that forgets twice, on a link so slow that the download goes on meanwhile.
quic_behind_nat() {
  ip netns exec "$client" tc qdisc add dev nwc root tbf rate 64kbit burst 1600 latency 2s
  ip netns exec "$server" tc qdisc add dev nws root tbf rate 64kbit burst 1600 latency 2s
  quic_nat 10.77.0.1:5001
  (sleep 0.7 && quic_nat 10.77.0.21:5002 && sleep 0.7 && quic_nat 10.77.0.22:5003) &
  quic_get https://www.example.test:4440/numbers.txt
  ip netns exec "$client" tc qdisc del dev nwc root
  ip netns exec "$server" tc qdisc del dev nws root
}
quic_nat() {
  in_client nft "flush ruleset; add table ip nat;
    add chain ip nat out { type nat hook postrouting priority 100; };
    add rule ip nat out ip protocol udp snat to $1"
  in_client conntrack -F
}
