#!/usr/bin/env python3
"""Peers of industrial control, each from its specification: IEC 60870-5-104, S7, EtherNet/IP,
BACnet/IP, OPC UA.

usage: control.py NAME-server PORT | NAME-client HOST PORT
       (iec104, s7comm, enip, bacnet, opcua)"""
import socket
import struct
import sys
import threading
import time


def serve(port, answer, connections=1):
    """Gives each chunk that comes to `answer`, and sends the messages that it yields."""
    server = socket.socket()
    server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    server.bind(('10.77.0.2', port))
    server.listen()
    for _ in range(connections):
        peer, _ = server.accept()
        while asked := peer.recv(4096):
            peer.sendall(b''.join(answer(asked)))
        peer.close()


def talk(host, port, messages):
    peer = socket.create_connection((host, port), timeout=2)
    for message in messages:
        peer.sendall(message)
        try:
            peer.recv(4096)
        except TimeoutError:
            pass
        time.sleep(0.02)
    peer.close()


def iec_u(function):
    return bytes((0x68, 4, function, 0, 0, 0))


def iec_i(kind, cause, objects, count=1, originator=0):
    asdu = struct.pack('<BBBBH', kind, count, cause, originator, 3) + objects
    return struct.pack('<BBHH', 0x68, 4 + len(asdu), 0, 0) + asdu


def ioa(number, *data):
    return number.to_bytes(3, 'little') + b''.join(data)


def iec104_client(host, port):
    clock = struct.pack('<HBBBBB', 30500, 15, 10, 3, 6, 26)
    talk(host, port, [
        iec_u(0x07),                                             # STARTDT
        iec_i(100, 6, ioa(0, b'\x14'), originator=1),            # interrogation of the station
        iec_i(103, 6, ioa(0, clock)),                            # clock
        iec_i(45, 6, ioa(5001, b'\x81')),                        # select, then execute: on
        iec_i(45, 6, ioa(5001, b'\x01')),
        iec_i(50, 6, ioa(6001, struct.pack('<fB', 12.5, 0))),    # set point
        iec_i(46, 0x80 | 6, ioa(9999, b'\x01')),                 # a test; no such object
        iec_i(101, 6, ioa(0, b'\x05')),                          # counters
        struct.pack('<BBHH', 0x68, 4, 1, 24),                    # acknowledges
        iec_u(0x43),                                             # TESTFR
        iec_u(0x13)])                                            # STOPDT


def iec104_answer(asked):
    while asked:
        frame, asked = asked[:asked[1] + 2], asked[asked[1] + 2:]
        if frame[2] & 3 == 3:
            yield iec_u({0x07: 0x0B, 0x43: 0x83, 0x13: 0x23}[frame[2]])
        if frame[2] & 1:
            continue
        kind, what = frame[6], frame[12:]
        refused = what[:3] == ioa(9999)
        yield iec_i(kind, frame[8] & 0x80 | (0x40 if refused else 0) | 7, what)
        if kind == 100:
            yield iec_i(1, 20, ioa(100, b'\1\0\1\0'), count=0x84)         # one address
            yield iec_i(13, 20, ioa(700, struct.pack('<fB', 49.98, 0)) +
                        ioa(701, struct.pack('<fB', -3.25, 0)), count=2)
            yield iec_i(31, 3, ioa(200, b'\2', struct.pack('<HBBBBB', 1000, 1, 2, 3, 6, 26)))
        if kind == 101:
            yield iec_i(15, 37, ioa(900, struct.pack('<iB', 123456, 1)))
        if kind in (100, 101):
            yield iec_i(kind, 10, what)


def iec104_server(port):
    serve(port, iec104_answer)


def cotp(code, source, called):
    """A connection request or confirm with both transport selectors."""
    variable = (b'\xc0\x01\x0a' + b'\xc1\x02' + struct.pack('>H', source) +
                b'\xc2\x02' + struct.pack('>H', called))
    return struct.pack('>BBHBBHHB', 3, 0, 11 + len(variable), 6 + len(variable), code,
                       0 if code == 0xE0 else 1, 1, 0) + variable


def s7(kind, reference, parameters, data=b'', error=None):
    answer = b'' if error is None else struct.pack('>H', error)
    body = (struct.pack('>BBHHHH', 0x32, kind, 0, reference, len(parameters), len(data)) + answer +
            parameters + data)
    return struct.pack('>BBHBBB', 3, 0, 7 + len(body), 2, 0xF0, 0x80) + body


def s7_item(size, count, block, area, bits):
    return struct.pack('>BBBBHHB', 0x12, 10, 0x10, size, count, block, area) + bits.to_bytes(3, 'big')


def s7_user(way, group, function, error=None):
    tail = b'' if error is None else struct.pack('>BBH', 0, 0, error)
    return struct.pack('>3sBBBBB', b'\0\1\x12', 4 + len(tail), 0x11, way << 4 | group, function,
                       0) + tail


def s7_file(function, name):
    return struct.pack('>BBHIB', function, 0, 0, 0, len(name)) + name


def s7_requests():
    return [s7(1, 1, struct.pack('>BBHHH', 0xF0, 0, 1, 1, 480)),
            s7(1, 2, b'\4\2' + s7_item(2, 10, 1, 0x84, 0) + s7_item(1, 1, 0, 0x83, 85)),
            s7(1, 3, b'\5\1' + s7_item(4, 1, 20, 0x84, 16), b'\0\4\0\x10\1\2'),
            s7(7, 4, s7_user(4, 4, 1), struct.pack('>BBHHH', 0xFF, 9, 4, 0x11, 1)),
            s7(1, 5, s7_file(0x1D, b'_0A00001A')),
            s7(7, 6, s7_user(4, 3, 3), b'\xff\x09\0\x0800A00099A'),
            s7(1, 7, b'\x28' + bytes(6) + b'\xfd\0\0\x05_GARB'),
            s7(1, 8, b'\x29' + bytes(5) + b'\x09P_PROGRAM')]


def s7_answers():
    yield s7(3, 1, struct.pack('>BBHHH', 0xF0, 0, 1, 1, 240), error=0)
    yield s7(3, 2, b'\4\2', b'\xff\4\0\x50' + bytes(10) + b'\xff\3\0\1\1', error=0)
    yield s7(3, 3, b'\5\1', b'\x0a', error=0)
    yield s7(7, 4, s7_user(8, 4, 1, 0), struct.pack('>BBHHH', 0xFF, 9, 8, 0x11, 1) + bytes(4))
    yield s7(2, 5, b'', error=0xD20C)
    yield s7(7, 6, s7_user(8, 3, 3, 0xD209), b'\x0a\0\0\0')
    yield s7(3, 7, b'\x28', error=0)
    yield s7(3, 8, b'\x29', error=0) + s7(7, 0, s7_user(0, 4, 3, 0), b'\xff\x09\0\0')


def s7comm_client(host, port):
    talk(host, port, [cotp(0xE0, 0x0100, 0x0102)] + s7_requests())
    plus = b'\x72\1\0\4abcd\x72\1\0\0'  # a first message of S7comm plus, as to its frame
    talk(host, port, [cotp(0xE0, 0x0600, 0x0302),
                      struct.pack('>BBHBBB', 3, 0, 7 + len(plus), 2, 0xF0, 0x80) + plus])


def s7comm_server(port):
    answers = s7_answers()

    def answer(asked):
        if asked[5] == 0xE0:
            return [cotp(0xD0, 0x0100, 0x0102)]
        return [next(answers, b'')]
    serve(port, answer, connections=2)


def enip(command, body=b'', session=0, status=0, context=b'tests\0\0\0'):
    return struct.pack('<HHII', command, len(body), session, status) + context + bytes(4) + body


def enip_items(*items):
    return struct.pack('<H', len(items)) + b''.join(
        struct.pack('<HH', kind, len(data)) + data for kind, data in items)


def cip(service, path, data=b''):
    return bytes((service, len(path) // 2)) + path + data


def rr_data(message, number):
    return enip(0x6F, struct.pack('<IH', 0, 5) + enip_items((0, b''), (0xB2, message)), 77,
                context=number.to_bytes(8, 'big'))


def unit_data(message, number):
    return enip(0x70, struct.pack('<IH', 0, 0) +
                enip_items((0xA1, b'\1\0\0\0'), (0xB1, struct.pack('<H', number) + message)), 77)


def enip_client(host, port):
    tag = b'\x91\x05Speed\0'
    write = cip(0x4D, tag, struct.pack('<HHi', 0xC4, 1, 1500))
    routed = struct.pack('<BBH', 10, 5, len(write)) + write + b'\1\0\1\0'
    talk(host, port, [
        enip(0x65, b'\1\0\0\0'),
        rr_data(cip(0x0E, b'\x20\1\x24\1\x30\7'), 1),               # the product's name
        rr_data(cip(0x52, b'\x20\6\x24\1', routed), 2),              # write_tag through a port
        unit_data(cip(0x4C, tag, b'\1\0'), 1),
        unit_data(cip(0x4C, tag, b'\1\0'), 2),                       # the same again
        enip(0x65, b'\1\0\0\0', context=b'again\0\0\0'),
        enip(0x66, session=77)])
    peer = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    peer.settimeout(2)
    peer.sendto(enip(0x63, context=bytes(8)), (host, port))
    peer.recv(1024)


def enip_answer(asked):
    command = struct.unpack('<H', asked[:2])[0]
    if command == 0x65:
        refused = asked[12:17] == b'again'
        yield enip(0x65, b'' if refused else b'\1\0\0\0', 0 if refused else 77,
                   3 if refused else 0, asked[12:20])
    if command == 0x6F:
        number = asked[19]
        yield rr_data(b'\x8e\0\0\0\x06Tester' if number == 1 else
                      b'\xcd\0\xff\1' + struct.pack('<H', 0x2107), number)
    if command == 0x70:
        yield unit_data(b'\xcc\0\0\0' + struct.pack('<Hi', 0xC4, 1500), asked[44])


def enip_server(port):
    threading.Thread(target=serve, args=(port, enip_answer), daemon=True).start()
    peer = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    peer.bind(('10.77.0.2', port))
    asked, sender = peer.recvfrom(1024)
    name = b'Test controller'
    identity = (struct.pack('<H', 1) + struct.pack('>HH4s8x', 2, port, bytes(4)) +
                struct.pack('<HHHBBHIB', 1, 14, 55, 20, 11, 0, 0xC0FFEE, len(name)) + name + b'\3')
    peer.sendto(enip(0x63, enip_items((0x0C, identity)), context=asked[12:20]), sender)
    time.sleep(1)


def bacnet(function, body):
    return struct.pack('>BBH', 0x81, function, 4 + len(body)) + body


def bacnet_ask(invoke, service, data, control=b'\1\4'):
    return bacnet(0x0A, control + bytes((0, 5, invoke, service)) + data)


def bacnet_id(kind, instance):
    return struct.pack('>I', kind << 22 | instance)


PRESENT = b'\x0c' + bacnet_id(2, 3) + b'\x19\x55'                    # analog_value:3 present_value
BACNET_TALK = [
    (bacnet(0x05, b'\0\x3c'), bacnet(0x00, b'\0\0')),              # foreign device
    (bacnet(0x0B, b'\1\x20\xff\xff\0\xff\x10\x08\x09\x64\x19\xc8'),       # who is 100 to 200?
     bacnet(0x04, socket.inet_aton('10.77.0.9') + b'\xba\xc0' + b'\1\x08\0\x05\1\7\x10\0' +
            b'\xc4' + bacnet_id(8, 150) + b'\x22\1\xe0\x91\3\x22\1\4')),
    (bacnet_ask(1, 12, PRESENT),
     bacnet(0x0A, b'\1\0\x30\1\x0c' + PRESENT + b'\x3e\x44' + struct.pack('>f', 21.5) + b'\x3f')),
    (bacnet_ask(2, 15, PRESENT + b'\x3e\x44' + struct.pack('>f', 22.5) + b'\x3f\x49\x08'),
     bacnet(0x0A, b'\1\0\x20\2\x0f')),
    (bacnet_ask(3, 14, b'\x0c' + bacnet_id(8, 150) + b'\x1e\x09\x4d\x09\x79\x1f'),
     bacnet(0x0A, b'\1\0\x50\3\x0e\x91\1\x91\x1f')),
    (bacnet_ask(4, 20, b'\x09\0\x1d\x07\0secret'), bacnet(0x0A, b'\1\0\x60\4\x09')),
    (bacnet(0x0B, b'\1\x80\0\0\7'), bacnet(0x0B, b'\1\x80\1\0\7')),  # who routes to 7? I do
]


def bacnet_client(host, port):
    peer = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    peer.settimeout(2)
    for asked, _ in BACNET_TALK:
        peer.sendto(asked, (host, port))
        peer.recv(1500)


def bacnet_server(port):
    peer = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    peer.bind(('10.77.0.2', port))
    for _, answer in BACNET_TALK:
        _, sender = peer.recvfrom(1500)
        peer.sendto(answer, sender)


def ua(kind, body):
    return kind + b'F' + struct.pack('<I', 8 + len(body)) + body


def ua_text(text):
    return struct.pack('<i', len(text)) + text


UA_POLICY = b'http://opcfoundation.org/UA/SecurityPolicy#None'


def ua_message(number, type_id, body):
    return ua(b'MSG', struct.pack('<IIIIBBH', 9, 1, number, number, 1, 0, type_id) + body)


def ua_ask(number, type_id, body=b''):
    header = b'\0\0' + struct.pack('<qII', 0, number, 0) + b'\xff\xff\xff\xff' + struct.pack('<I', 5000)
    return ua_message(number, type_id, header + b'\0\0\0' + body)


def ua_answer(number, type_id, status=0):
    return ua_message(number, type_id, struct.pack('<qII', 0, number, status) + b'\0' +
                      struct.pack('<i', 0) + b'\0\0\0')


def ua_open(channel, type_id, body):
    none = b'\xff\xff\xff\xff'
    return ua(b'OPN', struct.pack('<I', channel) + ua_text(UA_POLICY) + none + none +
              struct.pack('<IIBBH', 1, 1, 1, 0, type_id) + body)


UA_NODE = b'\3\2\0' + ua_text(b'Boiler.Level')
UA_TALK = [
    (ua(b'HEL', struct.pack('<IIIII', 0, 65536, 65536, 0, 0) + ua_text(b'opc.tcp://plant.example.test:4840')),
     ua(b'ACK', struct.pack('<IIIII', 0, 65536, 65536, 0, 0))),
    (ua_open(0, 446, b'\0\0' + struct.pack('<qII', 0, 1, 0) + b'\xff\xff\xff\xff' + struct.pack('<I', 5000) +
             b'\0\0\0' + struct.pack('<III', 0, 0, 1) + b'\xff\xff\xff\xff' + struct.pack('<I', 3600000)),
     ua_open(9, 449, struct.pack('<qII', 0, 1, 0) + b'\0' + struct.pack('<i', 0) + b'\0\0\0' +
             struct.pack('<IIIqI', 0, 9, 1, 0, 3600000) + b'\xff\xff\xff\xff')),
    (ua_ask(2, 461, ua_text(b'urn:laptop:client')), ua_answer(2, 464)),
    (ua_ask(3, 467, ua_text(b'') + ua_text(b'') + struct.pack('<ii', 0, 1) + ua_text(b'en') +
            struct.pack('<BBHBi', 1, 0, 324, 1, 25) + ua_text(b'pw') + ua_text(b'alice') + ua_text(b'secret')),
     ua_answer(3, 470)),
    (ua_ask(4, 631, struct.pack('<dIi', 0, 3, 1) + UA_NODE + struct.pack('<IiHi', 13, -1, 0, -1)),
     ua_answer(4, 634)),
    (ua_ask(5, 712, struct.pack('<i', 1) + UA_NODE + b'\1\2' + struct.pack('<Hi', 7001, -1)),
     ua_answer(5, 397, 0x801F0000)),
    (ua_ask(6, 826), ua_answer(6, 829)),
    (ua_ask(7, 826), ua_answer(7, 829)),
    (ua(b'CLO', struct.pack('<IIIIBBH', 9, 1, 8, 8, 1, 0, 452)),
     ua(b'ERR', struct.pack('<I', 0x807F0000) + ua_text(b'channel closed'))),
]


def opcua_client(host, port):
    talk(host, port, [asked for asked, _ in UA_TALK])


def opcua_server(port):
    answers = iter([answer for _, answer in UA_TALK])
    serve(port, lambda asked: [next(answers, b'')])


if __name__ == '__main__':
    name, *rest = sys.argv[1:]
    if name.endswith('-server'):
        globals()[name.replace('-', '_')](int(rest[0]))
    else:
        globals()[name.replace('-', '_')](rest[0], int(rest[1]))
