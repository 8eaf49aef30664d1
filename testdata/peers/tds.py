#!/usr/bin/env python3
"""A server for TDS clients, from [MS-TDS]; and a client for what FreeTDS's programs do not send.

usage: tds.py server PORT | client HOST PORT"""
import socket
import struct
import sys


def text16(text):
    return text.encode('utf-16-le')


def packet(kind, body, status=1):
    return struct.pack('>BBHHBB', kind, status, 8 + len(body), 0, 1, 0) + body


def prelogin(*options):
    at, table, data = 5 * len(options) + 1, b'', b''
    for token, value in options:
        table += struct.pack('>BHH', token, at + len(data), len(value))
        data += value
    return table + b'\xff' + data


def token(kind, body):
    return struct.pack('<BH', kind, len(body)) + body


def words(size, text):
    return len(text).to_bytes(size, 'little') + text16(text)


DONE = struct.pack('<BHHQ', 0xFD, 0, 0, 0)


def logged_in():
    return (token(0xE3, b'\1' + words(1, 'shop') + words(1, 'master')) +
            token(0xAD, b'\1' + struct.pack('>I', 0x74000004) + words(1, 'Test SQL Server') +
                  bytes((16, 0, 4, 0))) + DONE)


def error(number, message):
    return token(0xAA, struct.pack('<IBB', number, 1, 16) + words(2, message) + words(1, 'DB1') +
                 words(1, '') + struct.pack('<I', 1)) + DONE


def challenge():
    name = struct.pack('<HH', 1, 6) + text16('DB1') + bytes(4)
    target = text16('OFFICE')
    return (b'NTLMSSP\0' + struct.pack('<IHHII8s8x', 2, len(target), len(target), 56, 0x628201,
                                       b'\1\2\3\4\5\6\7\x08') +
            struct.pack('<HHI', len(name), len(name), 56 + len(target)) + bytes(8) + target + name)


def answer(kind, body):
    if kind == 0x12:
        return packet(4, prelogin((0, b'\x10\0\x10\0\0\0'), (1, b'\2'), (2, b'\0')))
    if kind == 0x10 and b'NTLMSSP' in body:
        return packet(4, token(0xED, challenge()))
    if kind in (0x10, 0x11):
        refused = text16('mallory') in body
        return packet(4, error(18456, "Login failed for user 'mallory'.") if refused else logged_in())
    if text16('missing') in body:
        return packet(4, error(208, "Invalid object name 'missing'."))
    return packet(4, DONE)


def server(port):
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(('10.77.0.2', port))
    listener.listen()
    while True:
        peer, _ = listener.accept()
        while head := peer.recv(8, socket.MSG_WAITALL):
            body = peer.recv(struct.unpack('>H', head[2:4])[0] - 8, socket.MSG_WAITALL)
            peer.sendall(answer(head[0], body))
        peer.close()


def client(host, port):
    peer = socket.create_connection((host, port), timeout=2)
    headers = struct.pack('<IIHQI', 22, 18, 2, 0, 1)
    for message in (packet(0x12, prelogin((0, b'\x11\0\0\0\0\0'), (1, b'\2'), (2, b'SHOP\0'))),
                    packet(3, headers + struct.pack('<HHH', 0xFFFF, 10, 0) + b'\0\0\xe7\x40\x1f'),
                    packet(3, headers + words(2, 'dbo.restock') + b'\0\0'),
                    packet(6, b'')):
        peer.sendall(message)
        peer.recv(4096)
    peer.close()


if __name__ == '__main__':
    {'server': lambda: server(int(sys.argv[2])),
     'client': lambda: client(sys.argv[2], int(sys.argv[3]))}[sys.argv[1]]()
