#!/usr/bin/python3
"""A server of Cassandra's native protocol that knows a handful of statements, and a client that is the
packaged driver (python3-cassandra). No server is packaged.

usage: cql_peers.py server | client HOST"""
import socket
import struct
import sys
import threading

SERVER = ('10.77.0.2', 9042)


def short(text):
    data = text if isinstance(text, bytes) else text.encode()
    return struct.pack('>H', len(data)) + data


def answer(version, opcode, body):
    """(opcode, body) of the response."""
    if opcode == 5:
        options = [('CQL_VERSION', '3.4.5'), ('COMPRESSION', 'lz4')]
        return 6, struct.pack('>H', 2) + b''.join(
            short(k) + struct.pack('>H', 1) + short(v) for k, v in options)
    if opcode == 1:
        return 3, short('org.apache.cassandra.auth.PasswordAuthenticator')
    if opcode in (4, 15):
        return (2, b'') if version == 1 else (16, struct.pack('>i', -1))
    if opcode == 11:
        return 2, b''
    if opcode == 9:
        metadata = struct.pack('>III' if version >= 4 else '>II', *([0] * (3 if version >= 4 else 2)))
        more = short(b'\x07' * 16) if version >= 5 else b''
        return 8, (struct.pack('>I', 4) + short(bytes(range(16))) + more + metadata
                   + struct.pack('>II', 4, 0))
    text = body[4:].decode('latin-1') if opcode == 7 else ''
    if text.startswith('USE '):
        return 8, struct.pack('>I', 3) + short('shop')
    if text.startswith('CREATE TABLE'):
        return 8, struct.pack('>I', 5) + short('CREATED') + short('TABLE') + short('shop') + short('t')
    if text.startswith('SELEC '):
        return 0, struct.pack('>I', 0x2000) + short("line 1:0 no viable alternative at input 'SELEC'")
    if text.startswith('SELECT'):
        columns = short('shop') + short('t') + short('k') + struct.pack('>H', 0x0D)
        return 8, struct.pack('>III', 2, 1, 1) + columns + struct.pack('>Ii', 1, 4) + b'blue'
    return 8, struct.pack('>I', 1)


def envelope(version, stream, opcode, body):
    if version < 3:
        return struct.pack('>BBbBI', version | 0x80, 0, stream, opcode, len(body)) + body
    return struct.pack('>BBhBI', version | 0x80, 0, stream, opcode, len(body)) + body


def frame(payload):
    from cassandra import segment  # pylint: disable=import-outside-toplevel
    head = len(payload) | 1 << 17
    crc = segment.compute_crc24(head, 3)
    return (head.to_bytes(3, 'little') + crc.to_bytes(3, 'little') + payload
            + segment.compute_crc32(payload, segment.CRC32_INITIAL).to_bytes(4, 'little'))


def exactly(peer, count):
    data = b''
    while len(data) < count:
        more = peer.recv(count - len(data))
        if not more:
            raise EOFError
        data += more
    return data


def serve(peer):
    framed = False
    try:
        while True:
            if framed:
                head = exactly(peer, 6)
                data = exactly(peer, (int.from_bytes(head[:3], 'little') & 0x1FFFF) + 4)[:-4]
            else:
                data = exactly(peer, 8)
                if data[0] >= 3:
                    data += exactly(peer, 1)
                data += exactly(peer, int.from_bytes(data[-4:], 'big'))
            version = data[0]
            stream, opcode = (data[2], data[3]) if version < 3 else struct.unpack('>hB', data[2:5])
            body = data[8 if version < 3 else 9:]
            reply = envelope(version, stream, *answer(version, opcode, body))
            peer.sendall(frame(reply) if framed else reply)
            if opcode == 11:
                event = envelope(version, -1, 12, short('STATUS_CHANGE') + short('UP') + b'\x04'
                                 + socket.inet_aton('10.77.0.3') + struct.pack('>I', 9042))
                peer.sendall(frame(event) if framed else event)
            framed = framed or (version >= 5 and opcode == 1)
    except (EOFError, OSError):
        peer.close()


def server():
    listener = socket.create_server(SERVER)
    while True:
        threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()


def client(host):
    from cassandra import ConsistencyLevel, protocol  # pylint: disable=import-outside-toplevel
    from cassandra.auth import PlainTextAuthenticator  # pylint: disable=import-outside-toplevel
    from cassandra.connection import DefaultEndPoint  # pylint: disable=import-outside-toplevel
    from cassandra.io.asyncorereactor import AsyncoreConnection  # pylint: disable=import-outside-toplevel
    from cassandra.query import BatchType  # pylint: disable=import-outside-toplevel
    AsyncoreConnection.initialize_reactor()
    one = ConsistencyLevel.LOCAL_ONE
    for version in (4, 5):
        peer = AsyncoreConnection.factory(
            DefaultEndPoint(host, 9042), 5, protocol_version=version, compression=False,
            authenticator=PlainTextAuthenticator('alice', 'secret'))
        peer.register_watcher('STATUS_CHANGE', lambda event: None, register_timeout=3)
        requests = [protocol.QueryMessage(text, one) for text in (
            'USE shop', 'CREATE TABLE t (k text PRIMARY KEY)', 'SELECT k FROM t',
            "CREATE ROLE bob WITH PASSWORD = 'secret' AND LOGIN = true")]
        requests += [protocol.PrepareMessage('INSERT INTO t (k) VALUES (?)'),
                     protocol.ExecuteMessage(bytes(range(16)), [], ConsistencyLevel.QUORUM,
                                             result_metadata_id=b'\x07' * 16),
                     protocol.BatchMessage(BatchType.LOGGED, [
                         (False, "INSERT INTO t (k) VALUES ('a')", []),
                         (False, "INSERT INTO t (k) VALUES ('b')", [])], one),
                     protocol.QueryMessage('SELEC 1', one)]
        for request in requests:
            try:
                peer.wait_for_response(request, timeout=3)
            except Exception as error:  # pylint: disable=broad-except
                print(error)  # what the server refuses ends the connection
        peer.close()
    # The driver does not speak version 1 any more.
    with socket.create_connection((host, 9042)) as peer:
        options = struct.pack('>H', 2) + b''.join(short(text) for text in (
            'CQL_VERSION', '3.0.0', 'COMPRESSION', 'snappy'))
        login = struct.pack('>H', 2) + b''.join(short(text) for text in (
            'username', 'carol', 'password', 'secret'))
        for opcode, body in ((1, options), (4, login)):
            peer.sendall(struct.pack('>BBbBI', 1, 0, 0, opcode, len(body)) + body)
            peer.recv(4096)


if __name__ == '__main__':
    {'server': server, 'client': client}[sys.argv[1]](*sys.argv[2:])
