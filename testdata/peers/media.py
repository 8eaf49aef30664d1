#!/usr/bin/python3
"""Media by GStreamer: rtsp-server ADDRESS PORT; sender and receiver OWN PEER, which nobody announces
and which lose packets on purpose, so that the receiver asks for them (RFC 4585); caller OWN PEER, who
speaks and listens on the same ports, so that round trips can be told."""
import sys

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import Gio, GLib, Gst, GstRtspServer  # noqa: E402

TONE = ("audiotestsrc is-live=true {end} ! audioconvert ! audioresample ! "
        "opusenc bitrate=6000 frame-size=60 ! rtpopuspay name=pay0 pt=97")


def serve(address, port):
    server = GstRtspServer.RTSPServer.new()
    server.set_address(address)
    server.set_service(port)
    factory = GstRtspServer.RTSPMediaFactory.new()
    factory.set_launch("( " + TONE.format(end="") + " )")
    factory.set_shared(False)
    server.get_mount_points().add_factory("/film", factory)
    server.attach(None)
    GLib.MainLoop().run()


def run(description, seconds, sockets=()):
    """`sockets`: (element, Gio.Socket) pairs."""
    pipeline = Gst.parse_launch(description)
    for name, socket in sockets:
        pipeline.get_by_name(name).set_property("socket", socket)
    loop = GLib.MainLoop()
    GLib.timeout_add(int(seconds * 1000), lambda: pipeline.send_event(Gst.Event.new_eos()) and False)
    GLib.timeout_add(int(seconds * 1000) + 1000, loop.quit)
    pipeline.set_state(Gst.State.PLAYING)
    loop.run()
    pipeline.set_state(Gst.State.NULL)


def bound(address, port):
    socket = Gio.Socket.new(Gio.SocketFamily.IPV4, Gio.SocketType.DATAGRAM, Gio.SocketProtocol.UDP)
    socket.bind(Gio.InetSocketAddress.new_from_string(address, port), True)
    return socket


Gst.init(None)
if sys.argv[1] == "rtsp-server":
    serve(sys.argv[2], sys.argv[3])
elif sys.argv[1] == "sender":
    own, peer = sys.argv[2:4]
    run(f"rtpbin name=bin rtp-profile=avpf "
        f"{TONE.format(end='num-buffers=2000')} ! bin.send_rtp_sink_0 "
        f"bin.send_rtp_src_0 ! identity drop-probability=0.1 ! "
        f"udpsink host={peer} port=7000 bind-address={own} bind-port=7000 "
        f"bin.send_rtcp_src_0 ! udpsink host={peer} port=7001 bind-address={own} bind-port=7001 "
        f"sync=false async=false", 7)
elif sys.argv[1] == "caller":
    own, peer = sys.argv[2:4]
    media, control = bound(own, 7000), bound(own, 7001)
    run(f"rtpbin name=bin {TONE.format(end='')} ! bin.send_rtp_sink_0 "
        f"bin.send_rtp_src_0 ! udpsink name=ms host={peer} port=7000 close-socket=false "
        f"udpsrc name=mr close-socket=false caps=\"application/x-rtp,media=audio,clock-rate=48000,"
        f"encoding-name=OPUS,payload=97\" ! bin.recv_rtp_sink_0 bin. ! rtpopusdepay ! fakesink "
        f"bin.send_rtcp_src_0 ! udpsink name=cs host={peer} port=7001 close-socket=false "
        f"sync=false async=false "
        f"udpsrc name=cr close-socket=false caps=\"application/x-rtcp\" ! bin.recv_rtcp_sink_0",
        14, (("ms", media), ("mr", media), ("cs", control), ("cr", control)))
else:
    own, peer = sys.argv[2:4]
    run(f"rtpbin name=bin rtp-profile=avpf do-retransmission=true "
        f"udpsrc address={own} port=7000 caps=\"application/x-rtp,media=audio,clock-rate=48000,"
        f"encoding-name=OPUS,payload=97,rtcp-fb-nack=(boolean)true\" ! bin.recv_rtp_sink_0 "
        f"bin. ! rtpopusdepay ! fakesink "
        f"udpsrc address={own} port=7001 caps=\"application/x-rtcp\" ! bin.recv_rtcp_sink_0 "
        f"bin.send_rtcp_src_0 ! udpsink host={peer} port=7001 sync=false async=false", 12)
