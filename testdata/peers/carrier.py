#!/usr/bin/env python3
"""Peers for captures of the protocols of operators' networks that no packaged program speaks, or
of which it speaks one version only.

usage: carrier.py ROLE [HOST]     (ROLE: see the end; a server takes no host)"""
import socket
import struct
import sys

SERVER = '10.77.0.2'


def udp(port=0, own=''):
    peer = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    peer.settimeout(2)
    if port:
        peer.bind((own, port))
    return peer


def answer(port, answers):
    """Answers each datagram with what `answers` makes of it, until the end."""
    peer = udp(port, SERVER)
    peer.settimeout(None)
    while True:
        asked, client = peer.recvfrom(4096)
        for reply in answers(asked):
            peer.sendto(reply, client)


# LISP, RFC 9301: a router and its map server.

NET4, NET6 = socket.inet_aton('192.0.2.0'), socket.inet_pton(socket.AF_INET6, '2001:db8:1::')
ROUTER, ROUTER6 = socket.inet_aton('10.77.0.1'), socket.inet_pton(socket.AF_INET6, 'fd77::1')
XTR = bytes(range(16)) + bytes(8)


def afi4(address):
    return struct.pack('>H', 1) + address


def afi6(address):
    return struct.pack('>H', 2) + address


def instance(number, place):
    return struct.pack('>HBBBBHI', 16387, 0, 0, 2, 0, 4 + len(place), number) + place


def mapping(eid, bits, *locators, action=0, ttl=1440):
    record = struct.pack('>IBBHH', ttl, len(locators), bits, action << 13 | 0x1000, 0) + eid
    return record + b''.join(struct.pack('>BBBBH', 1, 100, 255, 0, 5) + rloc for rloc in locators)


def lisp_register(word, nonce, *records, tail=b''):
    head = struct.pack('>IQHH', word | len(records), nonce, 1, 20) + bytes(20)
    return head + b''.join(records) + tail


def lisp_request(word, nonce, source, itr, eid, bits, tail=b''):
    return struct.pack('>IQ', word | 1, nonce) + source + itr + struct.pack('>BB', 0, bits) + eid + tail


def in_udp(message):
    """In headers of IPv4 and UDP, as an Encapsulated Control Message has it."""
    header = struct.pack('>BBHHHBBH', 0x45, 0, 28 + len(message), 0, 0, 64, 17, 0)
    return (struct.pack('>I', 8 << 28) + header + ROUTER + NET4[:3] + b'\x09'
            + struct.pack('>HHHH', 4342, 4342, 8 + len(message), 0) + message)


def lisp_client(host):
    peer = udp(4342, '10.77.0.1')
    net4, net6 = afi4(NET4), afi6(NET6)
    for message in [
            lisp_register(0x3A000100, 1, mapping(net4, 24, afi4(ROUTER), afi6(ROUTER6)),
                          mapping(instance(100, net6), 48, afi4(ROUTER)), tail=XTR),
            in_udp(lisp_request(0x10000000, 2, afi4(NET4[:3] + b'\x07'), afi4(ROUTER),
                                afi4(socket.inet_aton('198.51.100.1')), 32)),
            in_udp(lisp_request(0x10000000, 3, net6, afi4(ROUTER), instance(
                7, afi4(socket.inet_aton('203.0.113.9'))), 32)),
            lisp_request(0x12000000, 4, struct.pack('>H', 0), afi4(ROUTER), net4, 24),
            lisp_request(0x15000000, 5, net4, afi4(ROUTER), net4, 24,
                         mapping(net4, 24, afi4(ROUTER))),
            struct.pack('>IQHH', 7 << 28, 6, 1, 20) + bytes(20) + struct.pack('>IBB', 3, 0, 24)
            + net4 + struct.pack('>H', 0)]:
        peer.sendto(message, (host, 4342))
        peer.recv(4096)


def lisp_answers(asked):
    kind, nonce = asked[0] >> 4, struct.unpack('>Q', asked[4:12])[0]
    other = socket.inet_aton('198.51.100.0')
    if kind == 3:
        # Later, one that nobody asked for.
        yield lisp_register(0x48000000, nonce, mapping(afi4(NET4), 24, afi4(ROUTER)), tail=XTR)
        yield struct.pack('>IQ', 0x60000001, 9) + struct.pack(
            '>IBBHH', 1440, 1, 24, 1 << 13 | 0x1000, 0) + afi4(other) + struct.pack(
                '>BBBBH', 1, 100, 255, 0, 1) + afi4(socket.inet_aton('10.77.0.9'))
    elif kind == 8:
        nonce = struct.unpack('>Q', asked[36:44])[0]
        found = mapping(afi4(other), 24, afi4(socket.inet_aton('10.77.0.2')))
        none = mapping(instance(7, afi4(socket.inet_aton('203.0.113.0'))), 24, action=1, ttl=15)
        yield struct.pack('>IQ', 0x20000001, nonce) + (found if nonce == 2 else none)
    elif kind == 1:
        yield struct.pack('>IQ', 0x28000001, nonce) + mapping(afi4(NET4), 24, afi4(ROUTER))
    elif kind == 7:
        nat = struct.pack('>HH', 4342, 4342) + afi4(ROUTER) + afi4(ROUTER) + struct.pack('>H', 0)
        yield asked[:0] + b'\x78' + asked[1:-2] + struct.pack(
            '>HBBBBH', 16387, 0, 0, 7, 0, len(nat)) + nat


# GTPv2-C, TS 29.274, between a serving and a packet gateway; GTP', TS 32.295, to a charging gateway.

def element(kind, value, instance_number=0):
    return struct.pack('>BHB', kind, len(value), instance_number) + value


def gtp2(kind, sequence, *elements, teid=None, piggyback=False):
    body = (b'' if teid is None else struct.pack('>I', teid)) + struct.pack('>I', sequence << 8)
    body += b''.join(elements)
    flags = 0x40 | (0 if teid is None else 8) | (0x10 if piggyback else 0)
    return struct.pack('>BBH', flags, kind, len(body)) + body


def fteid(interface, teid, address, number=0):
    return element(87, struct.pack('>BI', 0x80 | interface, teid) + address, number)


IMSI, GATEWAY = bytes.fromhex('00010121436587f9'), socket.inet_aton('10.77.0.2')
CREATE = [element(1, IMSI), element(76, bytes.fromhex('947110325476')),
          element(75, bytes.fromhex('5366020030405060')), element(83, bytes.fromhex('00f110')),
          element(82, b'\6'), fteid(6, 0x1001, ROUTER), element(71, b'\x08internet\4test'),
          element(79, b'\1' + bytes(4)), element(3, b'\5'),
          element(93, element(73, b'\5') + fteid(4, 0x1002, ROUTER, 2))]


def gtp2_client(host):
    peer = udp(2123, '10.77.0.1')
    for message in [gtp2(1, 1, element(3, b'\5')), gtp2(32, 2, *CREATE, teid=0),
                    gtp2(36, 3, element(73, b'\5'), teid=0x2001),
                    gtp2(36, 4, element(73, b'\6'), teid=0x2001)]:
        peer.sendto(message, (host, 2123))
        peer.recv(4096)
    charging = udp(3386, '10.77.0.1')
    records = element(252, b'')[:1] + struct.pack('>H', 14) + b'\2\1\x18\1' + 2 * b'\0\3abc'
    for message in [struct.pack('>BBHH', 0x4F, 4, 7, 1) + struct.pack('>BH', 251, 4) + ROUTER,
                    struct.pack('>BBHH', 0x4F, 240, 2 + len(records), 2) + b'\x7e\1' + records]:
        charging.sendto(message, (host, 3386))
        charging.recv(4096)


def gtp2_server():
    import select  # pylint: disable=import-outside-toplevel
    control, charging = udp(2123, SERVER), udp(3386, SERVER)
    while True:
        for peer in select.select([control, charging], [], [])[0]:
            asked, client = peer.recvfrom(4096)
            peer.sendto(gtp2_answer(asked) if peer is control else charging_answer(asked), client)


def gtp2_answer(asked):
    kind, sequence = asked[1], int.from_bytes(asked[8 if asked[0] & 8 else 4:][:3], 'big')
    if kind == 1:
        return gtp2(2, sequence, element(3, b'\7'))
    if kind == 32:
        created = gtp2(33, sequence, element(2, b'\x10\0'), fteid(7, 0x2001, GATEWAY, 1),
                       element(79, b'\3\x40' + socket.inet_pton(socket.AF_INET6, '2001:db8:2::1')
                               + socket.inet_aton('198.51.100.9')), element(3, b'\7'),
                       element(93, element(73, b'\5') + element(2, b'\x10\0')
                               + fteid(5, 0x2002, GATEWAY, 2)), teid=0x1001, piggyback=True)
        return created + gtp2(95, 77, element(73, b'\5'), teid=0x1001)
    return gtp2(37, sequence, element(2, b'\x10\0' if sequence == 3 else b'\x40\0'), teid=0x1001)


def charging_answer(asked):
    kind, sequence = asked[1], struct.unpack('>H', asked[4:6])[0]
    if kind == 4:
        return struct.pack('>BBHH', 0x4F, 5, 0, sequence)
    return struct.pack('>BBHH', 0x4F, 241, 7, sequence) + b'\1\x80' + struct.pack(
        '>BHH', 253, 2, sequence)


# NetFlow 7 and 8 (softflowd speaks the others), and version 5 with a gap; sFlow 4, and 5 with
# counters.

def netflow_client(host):
    peer = udp(40000, '10.77.0.1')
    now = struct.pack('>III', 5000, 1700000000, 0)
    for number in (100, 102, 110):
        peer.sendto(struct.pack('>HH', 5, 2) + now + struct.pack('>IBBH', number, 0, 3, 0x4000 | 100)
                    + bytes(2 * 48), (host, 2055))
    peer.sendto(struct.pack('>HH', 7, 1) + now + struct.pack('>II', 1, 0) + bytes(52), (host, 2055))
    peer.sendto(struct.pack('>HH', 8, 2) + now + struct.pack('>IBBBBI', 1, 0, 4, 1, 2, 0)
                + bytes(2 * 28), (host, 2055))


def sflow_client(host):
    peer = udp(40000, '10.77.0.1')
    for number in (7, 9):
        peer.sendto(struct.pack('>II', 4, 1) + ROUTER + struct.pack('>III', number, 1000, 1)
                    + struct.pack('>I', 1) + bytes(64), (host, 6343))
    counters = struct.pack('>IIII', 1, 0, 0, 0)
    peer.sendto(struct.pack('>II', 5, 1) + ROUTER + struct.pack('>IIII', 3, 1, 1000, 2)
                + 2 * (struct.pack('>II', 2, len(counters)) + counters), (host, 6343))


def sink():
    """Reads what comes over TCP."""
    listener = socket.create_server((SERVER, 4739))
    while True:
        peer, _ = listener.accept()
        while peer.recv(65536):
            pass


# Dropbox and BJNP: what their programs send, without them.

def dropbox_client(_host):
    peer = udp(17500, '10.77.0.1')
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
    first = (b'{"host_int": 274363570036934823360341409051841573579, "version": [2, 0], '
             b'"displayname": "laptop", "port": 17500, "namespaces": [%s]}')
    for folders in (b'20630140', b'20630140', b'20630140, 16715688'):
        peer.sendto(first % folders, ('10.77.0.255', 17500))


def bjnp(device, code, sequence, payload=b'', session=0, error=0, mark=b'BJNP'):
    return mark + struct.pack('>BBHHHI', device, code, error, sequence, session, len(payload)) + payload


def wide(text, size):
    return text.encode('utf-16-be').ljust(size, b'\0')


def bjnp_client(host):
    job = bytes(8) + wide('laptop', 64) + wide('alice', 64) + wide('holiday.pdf', 256)
    for port, message in [(8612, bjnp(2, 1, 1)), (8612, bjnp(2, 0x30, 2)),
                          (8612, bjnp(2, 0x10, 3, job)), (8612, bjnp(2, 0x11, 4, session=5)),
                          (8611, bjnp(1, 1, 1)), (8611, bjnp(1, 0x10, 2, job, mark=b'MFNP'))]:
        peer = udp()
        peer.sendto(message, (host, port))
        peer.recv(4096)


def bjnp_answer(asked):
    device, code, _, sequence, session, _ = struct.unpack('>BBHHHI', asked[4:16])
    identity = b'MFG:Canon;CMD:MultiPass 2.1;MDL:MX920 series;CLS:IMAGE;'
    payload = {1: bytes.fromhex('000108000604') + bytes.fromhex('020000000002') + GATEWAY,
               0x30: struct.pack('>H', len(identity) + 2) + identity}.get(code, b'')
    refused = asked[:4] == b'MFNP'
    return bjnp(device | 0x80, code, sequence, payload, 5 if code == 0x10 else session,
                0x8700 if refused else 0, asked[:4])


def bjnp_server():
    import select  # pylint: disable=import-outside-toplevel
    peers = [udp(8611, SERVER), udp(8612, SERVER)]
    while True:
        for peer in select.select(peers, [], [])[0]:
            asked, client = peer.recvfrom(4096)
            peer.sendto(bjnp_answer(asked), client)


# Diameter, RFC 6733: credit control (RFC 8506) and an S6a location update, with results of both kinds.

def avp(code, value, vendor=0):
    value = struct.pack('>I', value) if isinstance(value, int) else value
    head = struct.pack('>IBBH', code, 0xC0 if vendor else 0x40, 0, len(value) + (12 if vendor else 8))
    return head + (struct.pack('>I', vendor) if vendor else b'') + value + bytes(-len(value) % 4)


def diameter(flags, command, application, number, *avps):
    body = b''.join(avps)
    return (struct.pack('>II', 1 << 24 | 20 + len(body), flags << 24 | command)
            + struct.pack('>III', application, number, number) + body)


def diameter_client(host):
    me = avp(264, b'pgw.example.test') + avp(296, b'example.test')
    to = avp(293, b'ocs.example.test') + avp(283, b'example.test')
    session = avp(263, b'pgw.example.test;1;42')
    subscriber = avp(443, avp(450, 0) + avp(444, b'491701234567'))
    with socket.create_connection((host, 3868)) as peer:
        for message in [
                diameter(0x80, 257, 0, 1, me, avp(257, b'\0\1' + ROUTER), avp(266, 0),
                         avp(269, b'test gateway'), avp(258, 4)),
                diameter(0xC0, 272, 4, 2, session, me, to, avp(258, 4), avp(416, 1), avp(415, 0),
                         avp(1, b'001010123456789'), subscriber, avp(30, b'internet')),
                diameter(0xC0, 272, 4, 3, session, me, to, avp(258, 4), avp(416, 3), avp(415, 1)),
                diameter(0xC0, 316, 16777251, 4, session, me, to, avp(1, b'001019999999999'))]:
            peer.sendall(message)
            peer.recv(4096)


def diameter_answer(asked):
    command, application, number = struct.unpack('>III', asked[4:16])
    me = avp(264, b'ocs.example.test') + avp(296, b'example.test')
    session = b'' if command & 0xFFFFFF == 257 else avp(263, b'pgw.example.test;1;42')
    result = avp(268, 2001)
    if number == 3:
        result = avp(268, 5002) + avp(281, b'no such session')
    if number == 4:
        result = avp(297, avp(266, 10415) + avp(298, 5001))
    return diameter(0x40, command & 0xFFFFFF, application, number, session, result, me)


def diameter_server():
    listener = socket.create_server((SERVER, 3868))
    while True:
        peer, _ = listener.accept()
        while asked := peer.recv(4096):
            peer.sendall(diameter_answer(asked))


# NATS: a client with requests, answers, headers and errors, for a real server.

def nats_client(host):
    with socket.create_connection((host, 4222)) as peer:
        peer.settimeout(0.3)

        def say(text):
            peer.sendall(text)
            try:
                peer.recv(65536)
            except TimeoutError:
                pass
        say(b'')
        say(b'CONNECT {"verbose":false,"pedantic":false,"user":"alice","pass":"secret","lang":"python",'
            b'"version":"1.0","name":"reporter","protocol":1,"headers":true}\r\nPING\r\n')
        say(b'SUB orders.* workers 1\r\nSUB _INBOX.abc 2\r\nPING\r\n')
        say(b'PUB orders.new _INBOX.abc 5\r\nhello\r\nPUB orders.new 5\r\nagain\r\n')
        say(b'HPUB orders.old 22 27\r\nNATS/1.0\r\nBar: Baz\r\n\r\nhello\r\n')
        say(b'PUB _INBOX.abc 2\r\nok\r\nUNSUB 1\r\n')
        say(b'PUB bad..subject. 0\r\n\r\nWHAT\r\n')
    with socket.create_connection((host, 4222)) as peer:
        peer.recv(4096)
        peer.sendall(b'CONNECT {"verbose":true,"user":"alice","pass":"wrong"}\r\n')
        peer.recv(4096)
    import ssl  # pylint: disable=import-outside-toplevel
    context = ssl._create_unverified_context()  # pylint: disable=protected-access
    with socket.create_connection((host, 4223)) as peer:
        peer.recv(4096)
        with context.wrap_socket(peer, server_hostname='broker.example.test') as inner:
            inner.sendall(b'CONNECT {"verbose":false}\r\nPING\r\n')
            inner.recv(4096)


ROLES = {
    'nats-client': nats_client,
    'diameter-client': diameter_client,
    'diameter-server': diameter_server,
    'bjnp-client': bjnp_client,
    'bjnp-server': bjnp_server,
    'dropbox-client': dropbox_client,
    'netflow-client': netflow_client,
    'sflow-client': sflow_client,
    'sink': sink,
    'lisp-client': lisp_client,
    'gtp2-client': gtp2_client,
    'gtp2-server': gtp2_server,
    'lisp-server': lambda: answer(4342, lisp_answers),
}

if __name__ == '__main__':
    ROLES[sys.argv[1]](*sys.argv[2:])
