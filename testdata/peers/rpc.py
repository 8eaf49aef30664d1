#!/usr/bin/python3
"""Clients of DCE RPC: what rpcclient does not do, with impacket; PROFINET IO's datagrams by hand.

usage: rpc.py client HOST | profinet-server PORT | profinet-client HOST PORT"""
import socket
import struct
import sys
import uuid

NDR = uuid.UUID('8a885d04-1ceb-11c9-9fe8-08002b104860')


def client(host):
    from impacket.dcerpc.v5 import epm, samr, transport
    from impacket.uuid import string_to_bin
    print(epm.hept_map(host, samr.MSRPC_UUID_SAMR, protocol='ncacn_ip_tcp'))
    rpc = transport.DCERPCTransportFactory(f'ncacn_ip_tcp:{host}[135]')
    dce = rpc.get_dce_rpc()
    dce.connect()
    dce.bind(epm.MSRPC_UUID_PORTMAP)
    for number in (0, 99):  # the second is none
        try:
            dce.call(number, b'', uuid=string_to_bin('01234567-89ab-cdef-0123-456789abcdef'))
            dce.recv()
        except Exception as error:  # pylint: disable=broad-exception-caught
            print(error)
    dce.disconnect()
    # An interface that nobody has; a kind of authentication that nobody has.
    for auth in (b'', struct.pack('<BBBBI', 99, 6, 0, 0, 0) + bytes(8)):
        peer = socket.create_connection((host, 135), timeout=2)
        context = (struct.pack('<HBB', 0, 1, 0) + uuid.UUID(int=7).bytes_le +
                   struct.pack('<I', 1) + NDR.bytes_le + struct.pack('<I', 2))
        body = struct.pack('<HHIB3x', 4280, 4280, 0, 1) + context + auth
        size = 8 if auth else 0
        peer.sendall(struct.pack('<BBBBIHHI', 5, 0, 11, 3, 0x10, 16 + len(body), size, 1) + body)
        peer.recv(1024)
        # It gives up before there is an answer.
        peer.sendall(struct.pack('<BBBBIHHI', 5, 0, 19, 3, 0x10, 16, 0, 1))
        peer.close()


def datagram(kind, opnum, body, sequence):
    """C706 12.5.2.1, of the device interface of PROFINET IO."""
    object_id = uuid.UUID('dea00000-6c97-11d1-8271-00010001002a')
    interface = uuid.UUID('dea00001-6c97-11d1-8271-00a02442df7d')
    activity = uuid.UUID('01234567-0000-1111-2222-333344445555')
    return (struct.pack('<BBBB4s', 4, kind, 0x20 if kind == 0 else 0x0A, 0, b'\x10\0\0\0') +
            object_id.bytes_le + interface.bytes_le + activity.bytes_le +
            struct.pack('<IIIHHHHHBB', 0, 1, sequence, opnum, 0xFFFF, 0xFFFF, len(body), 0, 0, 0) +
            body)


def profinet_client(host, port):
    peer = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    peer.settimeout(2)
    for sequence, opnum in enumerate((5, 0, 9)):  # an implicit read, a connect, and none
        peer.sendto(datagram(0, opnum, struct.pack('<IIIII', 64, 0, 64, 0, 0), sequence),
                    (host, port))
        peer.recv(1024)


def profinet_server(port):
    peer = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    peer.bind(('10.77.0.2', port))
    while True:
        asked, sender = peer.recvfrom(1024)
        sequence, opnum = struct.unpack('<IH', asked[64:70])
        if opnum > 5:
            peer.sendto(datagram(6, opnum, struct.pack('<I', 0x1C010002), sequence), sender)
        else:
            peer.sendto(datagram(2, opnum, bytes(20), sequence), sender)


if __name__ == '__main__':
    {'client': lambda: client(sys.argv[2]),
     'profinet-server': lambda: profinet_server(int(sys.argv[2])),
     'profinet-client': lambda: profinet_client(sys.argv[2], int(sys.argv[3])),
     }[sys.argv[1]]()
