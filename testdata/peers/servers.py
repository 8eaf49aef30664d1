#!/usr/bin/env python3
"""Servers for protocols whose own is not packaged: as much of each as its client asks for.

usage: servers.py mongodb|kafka|rtsp ADDRESS PORT"""
import socketserver
import struct
import sys


def bson(document):
    body = b""
    for name, value in document.items():
        key = name.encode() + b"\0"
        if isinstance(value, bool):
            body += b"\x08" + key + bytes([value])
        elif isinstance(value, int):
            body += b"\x10" + key + struct.pack("<i", value)
        elif isinstance(value, float):
            body += b"\x01" + key + struct.pack("<d", value)
        elif isinstance(value, str):
            text = value.encode() + b"\0"
            body += b"\x02" + key + struct.pack("<i", len(text)) + text
        elif isinstance(value, dict):
            body += b"\x03" + key + bson(value)
    return struct.pack("<i", len(body) + 5) + body + b"\0"


class Handler(socketserver.StreamRequestHandler):
    def exactly(self, count):
        data = self.rfile.read(count)
        if len(data) < count:
            raise EOFError
        return data


class Mongodb(Handler):
    HELLO = {"ismaster": True, "maxBsonObjectSize": 16777216, "maxMessageSizeBytes": 48000000,
             "maxWriteBatchSize": 100000, "minWireVersion": 0, "maxWireVersion": 17, "ok": 1.0}

    def handle(self):
        while True:
            size, number, _, operation = struct.unpack("<iiii", self.exactly(16))
            body = self.exactly(size - 16)
            greeting = operation == 2004 or b"hello\0" in body[:32] or b"ismaster\0" in body[:64]
            if greeting:
                answer = bson(self.HELLO)
            elif b"find\0" in body[:32]:
                answer = bson({"cursor": {"firstBatch": {}, "id": 0, "ns": "shop.orders"}, "ok": 1.0})
            elif b"insert\0" in body[:32] or b"endSessions\0" in body[:32]:
                answer = bson({"n": 1, "ok": 1.0})
            elif b"saslStart\0" in body[:32]:  # knows nobody
                answer = bson({"ok": 0.0, "errmsg": "Authentication failed.", "code": 18})
            else:
                answer = bson({"ok": 0.0, "errmsg": "no such command", "code": 59})
            if operation == 2004:
                answer = struct.pack("<iqii", 8, 0, 0, 1) + answer
                head = struct.pack("<iiii", len(answer) + 16, 1, number, 1)
            else:
                answer = struct.pack("<iB", 0, 0) + answer
                head = struct.pack("<iiii", len(answer) + 16, 1, number, 2013)
            self.wfile.write(head + answer)


class Kafka(Handler):
    def handle(self):
        while True:
            size = struct.unpack(">i", self.exactly(4))[0]
            request = self.exactly(size)
            api, version, correlation = struct.unpack(">hhi", request[:8])
            host, port = self.server.server_address
            if api == 18:  # ApiVersions; in version 0 also when a newer one was asked for
                error = 35 if version > 0 else 0
                apis = [(0, 0, 2), (1, 0, 2), (2, 0, 1), (3, 0, 1), (17, 0, 1), (18, 0, 0),
                        (36, 0, 0)]
                body = struct.pack(">hi", error, len(apis))
                body += b"".join(struct.pack(">hhh", *one) for one in apis)
            elif api == 3:  # Metadata, version 1: one broker, topic "orders" with one partition
                name = host.encode()
                body = struct.pack(">iih", 1, 0, len(name)) + name + struct.pack(">ihi", port, -1, 0)
                body += struct.pack(">ihh", 1, 0, 6) + b"orders" + struct.pack(">bi", 0, 1)
                body += struct.pack(">hiiiiii", 0, 0, 0, 1, 0, 1, 0)
            elif api == 0:  # Produce, version 2
                body = struct.pack(">ih", 1, 6) + b"orders" + struct.pack(">iihqqi", 1, 0, 0, 0, -1, 0)
            elif api == 17:  # SaslHandshake, version 1
                body = struct.pack(">hih", 0, 1, 5) + b"PLAIN"
            elif api == 36:  # SaslAuthenticate, version 0: everybody is let in
                body = struct.pack(">hhi", 0, -1, 0)
            else:
                return
            answer = struct.pack(">i", correlation) + body
            self.wfile.write(struct.pack(">i", len(answer)) + answer)


class Rtsp(Handler):
    SDP = ("v=0\r\no=- 1 1 IN IP4 10.77.0.2\r\ns=test\r\nc=IN IP4 0.0.0.0\r\nt=0 0\r\n"
           "m=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\nm=audio 0 RTP/AVP 0\r\n")

    def handle(self):
        while True:
            lines = []
            while True:
                line = self.rfile.readline().decode().rstrip("\r\n")
                if not line and lines:
                    break
                if not line:
                    return
                lines.append(line)
            method, uri, _ = lines[0].split(" ", 2)
            fields = dict(line.split(": ", 1) for line in lines[1:])
            head, body, data = [], "", b""
            if method == "OPTIONS":
                head = ["Public: OPTIONS, DESCRIBE, SETUP, PLAY, TEARDOWN"]
            elif method == "DESCRIBE":
                body = self.SDP
                head = ["Content-Type: application/sdp", f"Content-Base: {uri}/"]
            elif method == "SETUP":
                head = [f"Transport: {fields['Transport']};ssrc=12345678", "Session: 4711;timeout=60"]
            elif method == "PLAY":
                head = ["Session: 4711"]
                data = b"".join(b"$\0" + struct.pack(">H", 24) + bytes([0x80, 96]) + bytes(22)
                                for _ in range(3))
            status = "404 Not Found" if uri.endswith("missing") else "200 OK"
            head = [f"RTSP/1.0 {status}", f"CSeq: {fields['CSeq']}", "Server: scripted/1.0", *head]
            if body:
                head.append(f"Content-Length: {len(body)}")
            self.wfile.write("\r\n".join([*head, "", body]).encode() + data)


class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True


handler = {"mongodb": Mongodb, "kafka": Kafka, "rtsp": Rtsp}[sys.argv[1]]
Server((sys.argv[2], int(sys.argv[3])), handler).serve_forever()
