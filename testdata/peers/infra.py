#!/usr/bin/env python3
"""Peers for captures of what no packaged program does, or not within a minute: NTP's control and
private messages, a short talk of BitTorrent's DHT, one connection of uTP, a first flight of
Google's QUIC.

usage: infra.py ntp HOST | dht-server PORT | dht-client HOST PORT | utp-server PORT |
       utp-client HOST PORT | gquic HOST PORT"""
import socket
import struct
import sys


def udp():
    peer = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    peer.settimeout(2)
    return peer


def ntp(host):
    """Read variables (mode 6), then mon_getlist_1 (mode 7): chronyd answers neither."""
    peer = udp()
    peer.sendto(struct.pack('>BBHHHHH', 0x16, 2, 1, 0, 0, 0, 0), (host, 123))
    peer.sendto(struct.pack('>BBBBHH', 0x17, 0, 3, 42, 0, 0) + bytes(40), (host, 123))
    peer.sendto(struct.pack('>BBBBIIIQQQQ', 0x1B, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0), (host, 123))


def bencode(value):
    if isinstance(value, int):
        return b'i%de' % value
    if isinstance(value, bytes):
        return b'%d:%s' % (len(value), value)
    if isinstance(value, list):
        return b'l' + b''.join(bencode(v) for v in value) + b'e'
    return b'd' + b''.join(bencode(k) + bencode(value[k]) for k in sorted(value)) + b'e'


ASKER, ANSWERER, TORRENT = b'abcdefghij0123456789', b'mnopqrstuvwxyz123456', b'torrent-hash-of-20by'


def dht_client(host, port):
    peer = udp()
    for number, (method, more) in enumerate([
            (b'ping', {}), (b'find_node', {b'target': ANSWERER}),
            (b'get_peers', {b'info_hash': TORRENT}),
            (b'announce_peer', {b'info_hash': TORRENT, b'port': 6881, b'token': b'wrong'})]):
        peer.sendto(bencode({b't': b'%02d' % number, b'y': b'q', b'q': method, b'v': b'NW\0\1',
                             b'a': {b'id': ASKER, **more}}), (host, port))
        peer.recv(2048)


def dht_server(port):
    peer = udp()
    peer.settimeout(None)
    peer.bind(('10.77.0.2', port))
    node = ANSWERER + socket.inet_aton('10.77.0.2') + struct.pack('>H', port)
    while True:
        asked, client = peer.recvfrom(2048)
        transaction = asked[asked.index(b'1:t2:') + 5:][:2]
        answer = {b't': transaction, b'y': b'r', b'v': b'NW\0\1', b'r': {b'id': ANSWERER},
                  b'ip': socket.inet_aton(client[0]) + struct.pack('>H', client[1])}
        if b'find_node' in asked:
            answer[b'r'][b'nodes'] = node * 2
        elif b'get_peers' in asked:
            answer[b'r'].update({b'token': b'right', b'values': [node[20:], node[20:]]})
        elif b'announce_peer' in asked:
            answer = {b't': transaction, b'y': b'e', b'e': [203, b'Bad token']}
        peer.sendto(bencode(answer), client)


def utp_packet(kind, connection, delay, sequence, acknowledged, payload=b''):
    return struct.pack('>BBHIIIHH', kind << 4 | 1, 0, connection, 1000 * sequence, delay, 1 << 18,
                       sequence, acknowledged) + payload


HANDSHAKE = b'\x13BitTorrent protocol' + bytes(8) + TORRENT + b'-NW0001-abcdefghijkl'


def utp_client(host, port):
    peer = udp()
    peer.sendto(utp_packet(4, 100, 0, 1, 0), (host, port))
    peer.recv(2048)
    # In two pieces, of which the second comes first.
    peer.sendto(utp_packet(0, 101, 7, 3, 500, HANDSHAKE[30:]), (host, port))
    peer.sendto(utp_packet(0, 101, 7, 2, 500, HANDSHAKE[:30]), (host, port))
    peer.recv(2048)
    peer.sendto(utp_packet(1, 101, 7, 4, 501), (host, port))


def utp_server(port):
    peer = udp()
    peer.settimeout(None)
    peer.bind(('10.77.0.2', port))
    seen = 0
    while True:
        packet, client = peer.recvfrom(2048)
        if packet[0] == 0x41:
            peer.sendto(utp_packet(2, 100, 5, 500, 1), client)
        elif packet[0] == 0x01:
            seen += 1
            if seen == 2:
                peer.sendto(utp_packet(0, 100, 5, 500, 3, HANDSHAKE), client)


def gquic(host, port):
    """A first packet of Q043 and one of Q046, each with a hello; nobody answers."""
    values = [(b'PAD\0', b'-' * 900), (b'SNI\0', b'www.example.test'), (b'VER\0', b'Q043')]
    end, tags = 0, b''
    for tag, value in values:
        end += len(value)
        tags += tag + struct.pack('<I', end)
    hello = b'CHLO' + struct.pack('<HH', len(values), 0) + tags
    hello += b''.join(value for _, value in values)
    frame = bytes([0xA0, 1]) + struct.pack('>H', len(hello)) + hello
    cid, hashed = bytes(range(1, 9)), bytes(12)
    for header in (b'\x0d' + cid + b'Q043\x01', b'\xc3Q046\x50' + cid + b'\0\0\0\1'):
        udp().sendto(header + hashed + frame, (host, port))


if __name__ == '__main__':
    arguments = sys.argv[2:]
    if arguments and arguments[-1].isdigit():
        arguments[-1] = int(arguments[-1])
    {'ntp': ntp, 'dht-client': dht_client, 'dht-server': dht_server, 'utp-client': utp_client,
     'utp-server': utp_server, 'gquic': gquic}[sys.argv[1]](*arguments)
