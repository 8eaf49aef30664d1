# Scenarios of flows that other flows announce: FTP's transfers, calls and films with their media,
# and of BitTorrent's peers. A part of make_captures.sh, which runs scenario_NAME for every name.
# Needs (Debian): vsftpd curl lftp baresip-core gstreamer1.0-tools gstreamer1.0-plugins-base
#                 gstreamer1.0-plugins-good gir1.2-gst-rtsp-server-1.0 python3-gi python3-libtorrent
# shellcheck shell=bash disable=SC2154
media_scenarios=(ftp_data sip_media rtsp_media rtp bittorrent_peers)

scenario_ftp_data() {
  mkdir -p "$scratch/ftp/pub" "$scratch/ftp/in" "$scratch/empty"
  seq 1 200 >"$scratch/ftp/pub/numbers 1.txt"
  chmod 755 "$scratch" "$scratch/ftp" "$scratch/ftp/pub" "$scratch/empty"
  chmod 777 "$scratch/ftp/in"
  cat >"$scratch/vsftpd.conf" <<CONF
listen_ipv6=YES
background=NO
anonymous_enable=YES
write_enable=YES
anon_upload_enable=YES
anon_umask=022
anon_root=$scratch/ftp
secure_chroot_dir=$scratch/empty
seccomp_sandbox=NO
CONF
  serve vsftpd "$scratch/vsftpd.conf"
  await 21
  capture ftp/transfers_vsftpd ftp_data_traffic
}
ftp_data_traffic() {
  local four=ftp://10.77.0.2 six='ftp://[fd77::2]' file='/pub/numbers%201.txt'
  in_client curl -s "$four$file"                                          # EPSV
  in_client curl -s --disable-epsv "$four/pub/"                           # PASV, a listing
  in_client curl -s --ftp-port - --disable-eprt "$four$file"              # PORT
  in_client curl -s --ftp-port - "$four$file"                             # EPRT
  in_client curl -s -T "$scratch/ftp/pub/numbers 1.txt" "$four/in/up.txt"
  in_client curl -sg "$six$file"                                          # EPSV
  in_client curl -sg --ftp-port - "$six/pub/"                             # EPRT
  in_client lftp -c "set ftp:passive-mode on; set net:timeout 5; open 10.77.0.2; ls pub; get -o $scratch/got 'pub/numbers 1.txt'"
  in_client lftp -c "set ftp:passive-mode off; set net:timeout 5; open 10.77.0.2; cd in; put -O . $scratch/got -o again.txt"
}

# telephone ADDRESS NAME OPTIONS: sends a tone, takes every call.
telephone() {
  local folder=$scratch/phone-$2
  mkdir -p "$folder"
  cat >"$folder/config" <<CONF
sip_listen $1:5060
module_path $(dirname "$(find /usr/lib -name g711.so -path '*baresip*' | head -1)")
module gsm.so
module srtp.so
module aufile.so
module_app account.so
module_app menu.so
audio_source aufile,$scratch/tone.wav
audio_player aufile,$folder/heard.wav
rtp_ports 10000-10100
rtcp_mux no
net_interface
CONF
  echo "<sip:$2@$1>;regint=0;audio_codecs=GSM;$3" >"$folder/accounts"
  : >"$folder/contacts"
}
scenario_sip_media() {
  /usr/bin/python3 - "$scratch/tone.wav" <<'PY'
import math, struct, sys, wave
with wave.open(sys.argv[1], "wb") as tone:
    tone.setnchannels(1)
    tone.setsampwidth(2)
    tone.setframerate(8000)
    tone.writeframes(b"".join(struct.pack("<h", int(8000 * math.sin(i / 3))) for i in range(80000)))
PY
  telephone 10.77.0.2 bob 'answermode=auto;mediaenc=srtp'
  telephone 10.77.0.1 alice 'answermode=manual'
  serve timeout 60 baresip -f "$scratch/phone-bob"
  sleep 1
  capture sip/baresip_media sip_media_traffic
}
sip_media_traffic() {
  in_client timeout 20 baresip -f "$scratch/phone-alice" -e '/dial sip:bob@10.77.0.2' -t 1
  echo '<sip:alice@10.77.0.1>;regint=0;audio_codecs=GSM;mediaenc=srtp-mand' >"$scratch/phone-alice/accounts"
  in_client timeout 20 baresip -f "$scratch/phone-alice" -e '/dial sip:bob@10.77.0.2' -t 2
}

scenario_rtsp_media() {
  serve /usr/bin/python3 "$here/peers/media.py" rtsp-server 10.77.0.2 8554
  await 8554
  capture rtsp/gstreamer_media rtsp_media_traffic
}
rtsp_media_traffic() {
  local how
  for how in udp tcp; do
    in_client timeout -s INT 5 gst-launch-1.0 -e rtspsrc location=rtsp://10.77.0.2:8554/film \
      protocols=$how ! fakesink
  done
}

scenario_rtp() {
  capture rtp/gstreamer rtp_traffic
  capture_filter='port 7001' capture rtp/gstreamer_reports rtp_call
}
rtp_call() {
  serve timeout 20 /usr/bin/python3 "$here/peers/media.py" caller 10.77.0.2 10.77.0.1
  in_client timeout 20 /usr/bin/python3 "$here/peers/media.py" caller 10.77.0.1 10.77.0.2
}
rtp_traffic() {  # nobody announces it
  serve timeout 20 /usr/bin/python3 "$here/peers/media.py" receiver 10.77.0.2 10.77.0.1
  in_client timeout 20 /usr/bin/python3 "$here/peers/media.py" sender 10.77.0.1 10.77.0.2
}

scenario_bittorrent_peers() {
  mkdir -p "$scratch/whole" "$scratch/part"
  seq 1 4000 >"$scratch/whole/numbers.txt"
  serve timeout 60 /usr/bin/python3 "$here/peers/torrent.py" give "$scratch" 10.77.0.2 6881
  sleep 2
  capture bittorrent/libtorrent_tcp torrent_traffic tcp
  capture bittorrent/libtorrent_utp torrent_traffic utp
}
torrent_traffic() {
  rm -rf "$scratch/part"
  in_client timeout 20 /usr/bin/python3 "$here/peers/torrent.py" take "$scratch" 10.77.0.1 6882 "$1"
}
