#!/usr/bin/env python3
"""Clients and servers that show what no packaged program says, each from its specification.

usage: fields.py proxy-unix HOST PORT | ntp-private-server | ntp-private-client HOST |
       dtls-13 HOST PORT | ice-controlling WRITE READ | ice-controlled READ WRITE (named pipes) |
       nbdgm-server | nbdgm-client HOST"""
import asyncio
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
                items.append(struct.pack('>IIII', 8, 1, 0, 5) + address +
                             socket.inet_aton('10.77.0.2') +
                             struct.pack('>IHBBII', 0, 123, 3, 4, 0, 0) + bytes(32))
        error = 0 if items else 1
        head = struct.pack('>BBBBHH', 0x97, 0, 3, asked[3], error << 12 | len(items),
                           72 if items else 0)
        peer.sendto(head + b''.join(items), client)


def vector(size, data):
    return len(data).to_bytes(size, 'big') + data


def dtls_13(host, port):
    """RFC 9147 section 5.3: the first flight of a client; nobody answers."""
    def extension(number, data):
        return struct.pack('>H', number) + vector(2, data)

    extensions = (extension(0, vector(2, b'\0' + vector(2, b'new.example.test'))) +
                  extension(43, vector(1, b'\xfe\xfc\xfe\xfd')) +            # supported_versions
                  extension(10, vector(2, b'\x00\x1d\x00\x17')) +             # groups
                  extension(13, vector(2, b'\x04\x03\x08\x04')) +             # signatures
                  extension(51, vector(2, b'\x00\x1d' + vector(2, bytes(range(1, 33))))))
    hello = (b'\xfe\xfd' + bytes(range(32)) + vector(1, b'') + vector(1, b'') +
             vector(2, b'\x13\x01\x13\x03') + vector(1, b'\0') + vector(2, extensions))
    message = (b'\x01' + len(hello).to_bytes(3, 'big') + bytes(2) + bytes(3) +
               len(hello).to_bytes(3, 'big') + hello)
    record = b'\x16\xfe\xfd' + bytes(8) + vector(2, message)
    socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(record, (host, port))


def netbios_name(name):
    """RFC 1001 section 14.1: two letters for every byte of sixteen, the last one for its use."""
    return b'\x20' + bytes(letter for byte in name.ljust(15) + b'\0'
                          for letter in (65 + (byte >> 4), 65 + (byte & 15))) + b'\0'


def nbdgm_client(host):
    """RFC 1002 section 4.4.2: a direct unique datagram, whose sender is its first word."""
    peer = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    peer.settimeout(2)
    peer.bind(('10.77.0.1', 138))
    names = netbios_name(b'LAPTOP') + netbios_name(b'NOBODY')
    body = names + b'hello'
    peer.sendto(struct.pack('>BBH4sHHH', 0x10, 0x02, 77, socket.inet_aton('10.77.0.1'), 138,
                            len(body), 0) + body, (host, 138))
    peer.recv(100)


def nbdgm_server():
    """Section 4.4.3: error 0x82, the destination's name is not here."""
    peer = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    peer.bind(('10.77.0.2', 138))
    asked, client = peer.recvfrom(1000)
    peer.sendto(struct.pack('>BB2s4sHB', 0x13, 0x02, asked[2:4], socket.inet_aton('10.77.0.2'), 138,
                            0x82), client)


async def ice(controlling, first, second):
    """aioice's agents, each with the other's candidates by way of the pipes."""
    import aioice
    agent = aioice.Connection(ice_controlling=controlling, components=1, use_ipv6=False)
    await agent.gather_candidates()
    mine = [agent.local_username, agent.local_password,
            *(candidate.to_sdp() for candidate in agent.local_candidates)]

    def tell(pipe):
        with open(pipe, 'w', encoding='ascii') as out:
            out.write('\n'.join(mine))

    def hear(pipe):
        with open(pipe, encoding='ascii') as heard:
            return heard.read().split('\n')

    if controlling:
        tell(first)
        theirs = hear(second)
    else:
        theirs = hear(first)
        tell(second)
    agent.remote_username, agent.remote_password = theirs[:2]
    for line in theirs[2:]:
        await agent.add_remote_candidate(aioice.Candidate.from_sdp(line))
    await agent.add_remote_candidate(None)
    await agent.connect()
    await agent.send(b'hello')
    await agent.recv()
    await asyncio.sleep(0.5)
    await agent.close()


def ice_controlling(first, second):
    asyncio.run(ice(True, first, second))


def ice_controlled(first, second):
    asyncio.run(ice(False, first, second))


if __name__ == '__main__':
    arguments = sys.argv[2:]
    if arguments and arguments[-1].isdigit():
        arguments[-1] = int(arguments[-1])
    {'proxy-unix': proxy_unix, 'ntp-private-client': ntp_private_client,
     'ntp-private-server': ntp_private_server, 'dtls-13': dtls_13,
     'nbdgm-client': nbdgm_client, 'nbdgm-server': nbdgm_server,
     'ice-controlling': ice_controlling, 'ice-controlled': ice_controlled}[sys.argv[1]](*arguments)
