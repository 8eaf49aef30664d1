#!/usr/bin/python3
"""An HTTP/2 client that says in odd frames what others say in plain ones.

usage: http2.py ADDRESS PORT"""
import socket
import sys
import time

from hpack import Encoder
from hyperframe.frame import (ContinuationFrame, DataFrame, GoAwayFrame, HeadersFrame, PingFrame,
                              RstStreamFrame, SettingsFrame)

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"


class Client:
    def __init__(self, address, port):
        self.socket = socket.create_connection((address, port))
        self.encoder = Encoder()
        settings = SettingsFrame(0, settings={SettingsFrame.MAX_HEADER_LIST_SIZE: 65536})
        self.socket.sendall(PREFACE + settings.serialize())
        time.sleep(0.1)
        self.send(SettingsFrame(0, flags=["ACK"]))

    def send(self, *frames):
        for frame in frames:
            self.socket.sendall(frame.serialize())
        time.sleep(0.1)

    def block(self, path, method="GET", more=()):
        return self.encoder.encode([(":method", method), (":scheme", "http"), (":path", path),
                                    (":authority", "frames.example.test"),
                                    ("user-agent", "scripted/1"), *more])

    def close(self):
        self.socket.settimeout(0.3)
        try:
            while self.socket.recv(65536):
                pass
        except TimeoutError:
            pass
        self.socket.close()


def main():
    client = Client(sys.argv[1], int(sys.argv[2]))
    padded = HeadersFrame(1, client.block("/style.css?padded"), pad_length=20, depends_on=0,
                          stream_weight=7, exclusive=True,
                          flags=["END_STREAM", "END_HEADERS", "PADDED", "PRIORITY"])
    client.send(padded)
    block = client.block("/style.css?in=pieces", more=[("x-long", "x" * 300)])
    client.send(HeadersFrame(3, block[:1], flags=["END_STREAM"]))
    client.send(ContinuationFrame(3, block[1:40]), ContinuationFrame(3, b""))
    client.send(ContinuationFrame(3, block[40:], flags=["END_HEADERS"]))
    client.send(HeadersFrame(5, client.block("/upload", "POST"), flags=["END_HEADERS"]),
                DataFrame(5, b"GET / HTTP/1.1\r\n\r\n"), RstStreamFrame(5, error_code=8),
                PingFrame(0, b"12345678"))
    client.send(GoAwayFrame(0, last_stream_id=0, error_code=11, additional_data=b"too much"))
    client.close()
    client = Client(sys.argv[1], int(sys.argv[2]))  # RFC 8441; nghttpd does not know it
    client.send(HeadersFrame(1, client.block("/chat", "CONNECT", [(":protocol", "websocket")]),
                             flags=["END_HEADERS"]))
    client.close()


main()
