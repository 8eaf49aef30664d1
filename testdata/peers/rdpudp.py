#!/usr/bin/env python3
"""A pair of peers for RDP over UDP ([MS-RDPEUDP], [MS-RDPEUDP2]) that no package has: a SYN, its
answer, and a real TLS handshake in numbered datagrams.

usage: rdpudp.py server PORT CERTIFICATE KEY | rdpudp.py client ADDRESS PORT VERSION (1, 2 or 3)"""
import socket
import ssl
import struct
import sys

SYN, ACK, DATA, CORRELATION, SYNEX = 1, 4, 8, 0x800, 0x1000
WIRE_VERSION = {1: 1, 2: 2, 3: 0x101}
PIECE = 400


def syn(first, acked, version, correlation=b''):
    flags = SYN | SYNEX | (ACK if acked != 0xFFFFFFFF else 0) | (CORRELATION if correlation else 0)
    head = struct.pack('>IHHIHH', acked, 64, flags, first, 1232, 1232)
    head += correlation + bytes(16 if correlation else 0)
    head += struct.pack('>HH', 1, WIRE_VERSION[version])
    return head.ljust(1232, b'\0')


class Sender:
    def __init__(self, version, first):
        self.version, self.number, self.channel = version, first, 0

    def data(self, acked, piece):
        self.number += 1
        self.channel += 1
        if self.version < 3:
            vector = struct.pack('>HBx', 1, 0)
            return (struct.pack('>IHH', acked, 64, ACK | DATA) + vector +
                    struct.pack('>II', self.number, self.number) + piece)
        flags = 0x104 if self.channel == 1 else 0x004
        body = struct.pack('<H', flags | 0xC000)
        if flags & 0x100:
            body += struct.pack('<BH', 1, 500)
        body += struct.pack('<HH', 99 + self.channel, self.channel) + piece
        packet = bytearray(bytes([7 << 5]) + body)
        packet[0], packet[7] = packet[7], packet[0]
        return bytes(packet)

    def payload(self, packet):
        if self.version < 3:
            return packet[20:]
        packet = bytearray(packet)
        packet[0], packet[7] = packet[7], packet[0]
        flags, = struct.unpack_from('<H', packet, 1)
        return bytes(packet[10 if flags & 0x100 else 7:])


def talk(sock, peer, sender, tls, inbox, outbox, acked):
    """The handshake, and a line each."""
    done = False
    while True:
        try:
            if not done:
                tls.do_handshake()
                tls.write(b'hello')
                done = True
            if tls.read(100):
                return
        except ssl.SSLWantReadError:
            pass
        while piece := outbox.read(PIECE):
            sock.sendto(sender.data(acked, piece), peer)
        inbox.write(sender.payload(sock.recv(2000)))


def main():
    role = sys.argv[1]
    inbox, outbox = ssl.MemoryBIO(), ssl.MemoryBIO()
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.settimeout(2)
    if role == 'client':
        peer, version = (sys.argv[2], int(sys.argv[3])), int(sys.argv[4])
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        tls = context.wrap_bio(inbox, outbox, server_hostname='desktop.example.test')
        sender = Sender(version, 0x0B127F15)
        sock.sendto(syn(sender.number, 0xFFFFFFFF, version, bytes(range(1, 17))), peer)
        acked, = struct.unpack_from('>I', sock.recv(2000), 8)
    else:
        sock.settimeout(None)
        sock.bind(('10.77.0.2', int(sys.argv[2])))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(sys.argv[3], sys.argv[4])
        tls = context.wrap_bio(inbox, outbox, server_side=True)
        packet, peer = sock.recvfrom(2000)
        acked, = struct.unpack_from('>I', packet, 8)
        offered, = struct.unpack_from('>H', packet, 50)
        version = {number: name for name, number in WIRE_VERSION.items()}[offered]
        sender = Sender(version, 0x0F94EA0B)
        sock.sendto(syn(sender.number, acked, version), peer)
    talk(sock, peer, sender, tls, inbox, outbox, acked)


main()
