#!/usr/bin/env python3
"""Clients and servers of protocols that no packaged program speaks, each from its specification.

usage: small.py mgcp-server | mgcp-client HOST | tns-server | tns-client HOST |
       pptp-server | pptp-client HOST"""
import socket
import struct
import sys

HOST = '10.77.0.2'


def listen(port):
    """Connections to a port, one after the other."""
    server = socket.create_server((HOST, port))
    while True:
        yield server.accept()[0]


def exactly(peer, size):
    data = b''
    while len(data) < size:
        more = peer.recv(size - len(data))
        if not more:
            raise EOFError
        data += more
    return data


# RFC 3435: appendix F has the whole of such a call.
SDP = ('v=0\r\no=- 25678 753849 IN IP4 {0}\r\ns=-\r\nc=IN IP4 {0}\r\nt=0 0\r\n'
       'm=audio {1} RTP/AVP 0\r\n')
MGCP = [  # (of the gateway, its message, the answer)
    (True, 'RSIP 1200 *@gw.example.test MGCP 1.0\r\nRM: restart\r\n', '200 1200 OK\r\n'),
    (False, 'RQNT 1201 aaln/1@gw.example.test MGCP 1.0\r\nN: ca@10.77.0.1:2727\r\nX: 0123456789AC\r\n'
            'R: l/hd(N)\r\nS: l/dl\r\n', '200 1201 OK\r\n'),
    (True, 'NTFY 2002 aaln/1@gw.example.test MGCP 1.0\r\nX: 0123456789AC\r\nO: L/hd,D/9,D/1\r\n',
     '200 2002 OK\r\n'),
    (False, 'CRCX 1204 aaln/1@gw.example.test MGCP 1.0\r\nC: A3C47F21456789F0\r\nL: p:10, a:PCMU\r\n'
            'M: recvonly\r\n',
     '200 1204 OK\r\nI: FDE234C8\r\n\r\n' + SDP.format(HOST, 3456)),
    (False, 'MDCX 1209 aaln/1@gw.example.test MGCP 1.0\r\nC: A3C47F21456789F0\r\nI: FDE234C8\r\n'
            'M: sendrecv\r\n\r\n' + SDP.format('10.77.0.1', 1296) + '.\r\n'
            'RQNT 1210 aaln/1@gw.example.test MGCP 1.0\r\nX: 0123456789AD\r\nR: l/hu\r\n',
     '200 1209 OK\r\n.\r\n200 1210 OK\r\n'),
    (True, 'DLCX 2005 aaln/1@gw.example.test MGCP 1.0\r\nC: A3C47F21456789F0\r\nI: FDE234C8\r\n'
           'E: 900 Hardware error\r\n', '250 2005 OK\r\n'),
    (False, 'AUEP 1212 aaln/9@gw.example.test MGCP 1.0\r\nF: A\r\n', '500 1212 No such endpoint\r\n')]


def mgcp(gateway, host):
    """Both sides know the whole play; who is not the sender of a message answers it."""
    peer = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    peer.settimeout(3)
    peer.bind((HOST if gateway else '', 2427))
    other = None if gateway else (host, 2427)
    if not gateway:
        peer.sendto(b'AUEP 1 *@gw.example.test MGCP 1.0\r\n', other)
        peer.recv(2048)
    else:
        _, other = peer.recvfrom(2048)
        peer.sendto(b'100 1 Wait\r\n', other)
        peer.sendto(b'200 1 OK\r\n', other)
    if not gateway:
        peer.recv(2048)
    for of_gateway, message, answer in MGCP:
        if of_gateway == gateway:
            peer.sendto(message.encode(), other)
            peer.recv(2048)
        else:
            peer.recv(2048)
            peer.sendto(answer.encode(), other)


def tns_packet(kind, body):
    return struct.pack('>HHBBH', 8 + len(body), 0, kind, 0, 0) + body


def tns_receive(peer):
    head = exactly(peer, 8)
    return head[4], exactly(peer, struct.unpack('>H', head[:2])[0] - 8)


def tns_connect(text, apart=False):
    """With `apart` the description comes in a data packet, as a long one does."""
    fixed = struct.pack('>HHHHHHHHHHIBB', 319, 300, 0x0C41, 8192, 65535, 0x7F08, 0, 1, len(text), 58,
                        2048, 0x41, 0x41) + bytes(24)
    assert len(fixed) == 50
    if not apart:
        return tns_packet(1, fixed + text)
    return tns_packet(1, fixed) + tns_packet(6, b'\0\0' + text)


def tns_description(service, what='SERVICE_NAME'):
    return (f'(DESCRIPTION=(CONNECT_DATA=({what}={service})(CID=(PROGRAM=sqlplus@client)'
            '(HOST=client.example.test)(USER=alice)))(ADDRESS=(PROTOCOL=TCP)(HOST=10.77.0.2)'
            '(PORT=1521)))').encode()


def tns_server():
    for peer in listen(1521):
        kind, body = tns_receive(peer)
        if kind == 1 and len(body) == 50:
            body += tns_receive(peer)[1]
        if b'SID=OLD' in body:
            peer.sendall(tns_packet(11, b''))  # say it again
            tns_receive(peer)
        if b'=missing.' in body:
            error = b'(DESCRIPTION=(TMP=)(VSNNUM=318767104)(ERR=12514)(ERROR_STACK=(ERROR=' \
                b'(CODE=12514)(EMFI=4))))'
            peer.sendall(tns_packet(4, struct.pack('>BBH', 0x22, 0, len(error)) + error))
        elif b'=moved.' in body:
            where = b'(ADDRESS=(PROTOCOL=tcp)(HOST=10.77.0.3)(PORT=1522))'
            peer.sendall(tns_packet(5, struct.pack('>H', len(where)) + where))
        else:
            peer.sendall(tns_packet(2, struct.pack('>HHHHHHHBB', 318, 0x0C41, 8192, 32767, 1, 0, 32,
                                                   0x41, 0x41) + bytes(8)))
            tns_receive(peer)
        peer.close()


def tns_client(host):
    for description, apart in ((tns_description('orders.example.test'), False),
                               (tns_description('OLD', 'SID'), False),
                               (tns_description('missing.example.test'), True),
                               (tns_description('moved.example.test'), False)):
        peer = socket.create_connection((host, 1521), timeout=2)
        peer.sendall(tns_connect(description, apart))
        kind, _ = tns_receive(peer)
        if kind == 11:
            peer.sendall(tns_connect(description))
            kind, _ = tns_receive(peer)
        if kind == 2:
            peer.sendall(tns_packet(6, b'\0\0\xde\xad\xbe\xef' + bytes(20)))
        peer.close()


# RFC 2637 section 2.
def pptp_packet(kind, body, size):
    return struct.pack('>HHIHH', size, 1, 0x1A2B3C4D, kind, 0) + body.ljust(size - 12, b'\0')


def pptp_names(host, vendor):
    return struct.pack('>IIHH', 3, 3, 1, 0x100) + host.ljust(64, b'\0') + vendor.ljust(64, b'\0')


def pptp_server():
    for peer in listen(1724):
        exactly(peer, 156)
        peer.sendall(pptp_packet(2, struct.pack('>HBB', 0x100, 1, 0) +
                                 pptp_names(b'access', b'NetWatch tests'), 156))
        call = exactly(peer, 168)[12:14]
        peer.sendall(pptp_packet(8, b'\0\7' + call + struct.pack('>BBHI', 2, 4, 17, 64000), 32))
        exactly(peer, 16)
        peer.sendall(pptp_packet(9, struct.pack('>HHIIHH', 9, 1, 1, 0, 7, 0) + b'5550199', 220))
        exactly(peer, 24)
        peer.sendall(pptp_packet(11, call + struct.pack('>HIHHI', 0, 64000, 3, 0, 1), 28))
        peer.sendall(pptp_packet(13, struct.pack('>HBBHH', 9, 3, 0, 16, 0), 148))
        peer.sendall(pptp_packet(3, b'\3\0', 16))
        exactly(peer, 16)
        peer.close()


def pptp_client(host):
    peer = socket.create_connection((host, 1724), timeout=2)
    peer.sendall(pptp_packet(1, struct.pack('>HH', 0x100, 0) +
                             pptp_names(b'client', b'NetWatch tests'), 156))
    exactly(peer, 156)
    peer.sendall(pptp_packet(7, struct.pack('>HHIIIIHHHH', 8, 1, 2400, 10 ** 7, 3, 3, 3, 0, 7, 0) +
                             b'5550123', 168))
    exactly(peer, 32)
    peer.sendall(pptp_packet(12, b'\0\10', 16))
    exactly(peer, 220)
    peer.sendall(pptp_packet(10, struct.pack('>HHBBHHH', 8, 9, 1, 0, 3, 0, 0), 24))
    exactly(peer, 28 + 148 + 16)
    peer.sendall(pptp_packet(4, b'\1\0', 16))


def main():
    play, host = sys.argv[1], (sys.argv[2:] or [None])[0]
    if play.startswith('mgcp-'):
        mgcp(play == 'mgcp-server', host)
    elif play.startswith('tns-'):
        tns_client(host) if host else tns_server()
    else:
        pptp_client(host) if host else pptp_server()


if __name__ == '__main__':
    main()
