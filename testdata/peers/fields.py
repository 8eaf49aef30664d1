#!/usr/bin/env python3
"""Clients and servers that show what no packaged program says, each from its specification.

usage: fields.py proxy-unix HOST PORT | ntp-private-server | ntp-private-client HOST"""
import socket
import struct
import sys


def proxy_unix(host, port):
    """proxy-protocol.txt, section 2.2: a header of version 2 with the names of two UNIX sockets."""
    peer = socket.create_connection((host, port), timeout=2)
    names = b'/run/client.sock'.ljust(108, b'\0') + b'/run/mail.sock'.ljust(108, b'\0')
    peer.sendall(b'\r\n\r\n\0\r\nQUIT\n' + struct.pack('>BBH', 0x21, 0x31, len(names)) + names)
    peer.recv(1024)
    peer.sendall(b'QUIT\r\n')
    peer.recv(1024)


# ntpd's ntp_request.h: four bytes, "error and number of items", "size of an item", items.
MON_GETLIST_1 = 42


def ntp_private_client(host):
    peer = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    peer.settimeout(2)
    for code in (MON_GETLIST_1, 45):
        peer.sendto(struct.pack('>BBBBHH', 0x17, 0, 3, code, 0, 0) + bytes(40), (host, 123))
        peer.recv(1024)


def ntp_private_server():
    """Two clients for the list of monitored ones; "no such request" (1) for all else."""
    peer = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    peer.bind(('10.77.0.2', 123))
    while True:
        asked, client = peer.recvfrom(1024)
        items = []
        if asked[3] == MON_GETLIST_1:
            for last in (1, 2):  # times, restrictions, count, addresses, flags, port, mode, version
                address = socket.inet_aton(f'10.77.0.{last}')
                items.append(struct.pack('>IIII', 8, 1, 0, 5) + address + socket.inet_aton('10.77.0.2') +
                             struct.pack('>IHBBII', 0, 123, 3, 4, 0, 0) + bytes(32))
        error = 0 if items else 1
        head = struct.pack('>BBBBHH', 0x97, 0, 3, asked[3], error << 12 | len(items),
                           72 if items else 0)
        peer.sendto(head + b''.join(items), client)


if __name__ == '__main__':
    arguments = sys.argv[2:]
    if arguments and arguments[-1].isdigit():
        arguments[-1] = int(arguments[-1])
    {'proxy-unix': proxy_unix, 'ntp-private-client': ntp_private_client,
     'ntp-private-server': ntp_private_server}[sys.argv[1]](*arguments)
