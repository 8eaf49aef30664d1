#!/usr/bin/env python3
"""Captures that attack the reader of captures, and what they cost.

adversary.py make DIR [--packets N] [NAME...]        writes NAME.pcap (default: all)
adversary.py memory PROGRAM [--packets N] [NAME...]  peak RssAnon of each; fails above --limit,
    by default 64 MiB and 1 KiB a packet, at most 1 GiB: budgets are hit with millions of packets
adversary.py flows PROGRAM [--flows N] [NAME...]     bytes of RssAnon for each of N flows, all alive
    at once (default: a million; names: those of FLOWS); fails above 512
adversary.py cost PROGRAM [--packets N] [NAME...]    instructions, counted by cachegrind

`cost` runs ordinary traffic alone (N), an attack alone (A) and both mixed (M), each less what an
empty capture costs. It fails if the ordinary packets cost twice as much beside the attack,
(M - A) / N > 2, or if one packet of the attack costs more than --dear times an ordinary one.
"""

import argparse
import os
import random
import re
import struct
import subprocess
import sys
import tempfile
import time

MASK64 = (1 << 64) - 1
# How many ordinary packets one of an attack may cost. A packet that holds many messages or answers
# costs what they cost: 45 requests, 40 addresses with their name. dns_pointers is not good yet: 128
# names of 193 letters are written out of one datagram, most of them for a record that is full.
DEAR = {'requests': 80, 'colliding_answers': 50, 'dns_pointers': 240, 'hpack_bomb': 50}
ODD = 0x9E3779B97F4A7C15  # of the hashes that the crafted addresses are aimed at
UNDO_ODD = pow(ODD, -1, 1 << 64)
SYN, ACK, PSH, FIN = 2, 16, 8, 1

# --- packets ----------------------------------------------------------------------------------


def ipv4(src, dst, proto, payload, ident=0, fragment=0):
    return struct.pack('!BBHHHBBH4s4s', 0x45, 0, 20 + len(payload), ident, fragment, 64, proto, 0,
                       struct.pack('!I', src), struct.pack('!I', dst)) + payload


def ipv6(src, dst, proto, payload):
    return struct.pack('!IHBB', 6 << 28, len(payload), proto, 64) + src + dst + payload


def tcp(sport, dport, seq, flags, data=b'', ack=1):
    return struct.pack('!HHIIBBHHH', sport, dport, seq & 0xffffffff, ack & 0xffffffff, 0x50, flags,
                       65535, 0, 0) + data


def udp(sport, dport, data):
    return struct.pack('!HHHH', sport, dport, 8 + len(data), 0) + data


class Talk:
    """One TCP connection between two IPv4 addresses."""

    def __init__(self, number, dport, client=0x0a000000, server=0xc0000200):
        self.client = client + number % 0xfffff
        self.server = server + number % 199 + 1
        self.ports = (20000 + number % 40000, dport)
        self.seqs = [1000, 2000]

    def packet(self, side, flags, data=b'', seq=None):
        src, dst = (self.client, self.server) if side == 0 else (self.server, self.client)
        sport, dport = self.ports if side == 0 else self.ports[::-1]
        at = self.seqs[side] if seq is None else seq
        if seq is None:
            self.seqs[side] += len(data) + (1 if flags & (SYN | FIN) else 0)
        return ipv4(src, dst, 6, tcp(sport, dport, at, flags, data, self.seqs[1 - side]))

    def open(self):
        yield self.packet(0, SYN)
        yield self.packet(1, SYN | ACK)
        yield self.packet(0, ACK)

    def close(self):
        yield self.packet(0, FIN | ACK)
        yield self.packet(1, FIN | ACK)
        yield self.packet(0, ACK)


def dns_name(name):
    return b''.join(bytes([len(p)]) + p.encode() for p in name.split('.')) + b'\0'


# --- what is ordinary -------------------------------------------------------------------------


def ordinary():
    number = 0
    while True:
        number += 1
        name = f'host{number % 500}.example.org'
        query = dns_name(name) + b'\0\1\0\1'
        ends = (0x0a100000 + number % 5000, 0xc6336401)
        ident = struct.pack('!H', number & 0xffff)
        yield ipv4(*ends, 17, udp(30000 + number % 20000, 53,
                                  ident + b'\1\0\0\1\0\0\0\0\0\0' + query))
        answer = b'\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4' + struct.pack('!I', 0xc6120000 + number % 500)
        yield ipv4(*ends[::-1], 17, udp(53, 30000 + number % 20000,
                                        ident + b'\x81\x80\0\1\0\1\0\0\0\0' + query + answer))
        talk = Talk(number, 80, client=0x0a200000, server=0xc6120000)
        yield from talk.open()
        yield talk.packet(0, PSH | ACK, (f'GET /page/{number} HTTP/1.1\r\nHost: {name}\r\n'
                                         'User-Agent: curl/8.0\r\nAccept: */*\r\n\r\n').encode())
        head = b'HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 7000\r\n\r\n'
        yield talk.packet(1, PSH | ACK, head)
        for _ in range(5):
            yield talk.packet(1, ACK, b'x' * 1400)
            yield talk.packet(0, ACK)
        yield from talk.close()


# --- attacks ----------------------------------------------------------------------------------


def in_pieces(dport, text, size, sides=0, first=b'', opening=()):
    """Connection after connection that says `text` in pieces."""
    number = 0
    while True:
        number += 1
        talk = Talk(number, dport)
        yield from talk.open()
        for side, said in opening:
            yield talk.packet(side, PSH | ACK, said)
        said = first + text
        for at in range(0, len(said), size):
            yield talk.packet(sides, PSH | ACK, said[at:at + size])


def tls_records():
    hello = b'\1\0\x3f\xfc\3\3' + b'r' * 32 + b'\0' + struct.pack('!H', 0x3f00) + b'\xc0\x2f' * 8000
    return in_pieces(443, b''.join(b'\x16\3\1\0\1' + hello[i:i + 1] for i in range(8000)), 6)


def overlapping():
    number = 0
    while True:
        number += 1
        talk = Talk(number, 80)
        yield from talk.open()
        yield talk.packet(0, PSH | ACK, b'GET / HTTP/1.1\r\nX: ')
        start = talk.seqs[0]
        for i in range(2000):
            yield talk.packet(0, ACK, b'o' * 1400, seq=start + 100 + i)


def holes(step):
    """One byte of each `step`, with the first one missing."""
    number = 0
    while True:
        number += 1
        talk = Talk(number, 80)
        yield from talk.open()
        start = talk.seqs[0]
        for i in range(4000):
            at = (i * 2654435761) % 4000
            yield talk.packet(0, ACK, b'h', seq=start + 1 + at * step)


def syn_flood(chance=random.Random(1)):
    while True:
        yield ipv4(chance.getrandbits(32), 0xc0000201, 6,
                   tcp(chance.randrange(1, 65536), 80, chance.getrandbits(32), SYN, ack=0))


def half_open(chance=random.Random(2)):
    while True:
        talk = Talk(chance.getrandbits(20), 443, client=chance.getrandbits(31))
        yield talk.packet(0, SYN)
        yield talk.packet(1, SYN | ACK)
        yield talk.packet(0, PSH | ACK, b'\x16\3\1\2\0\1\0\1\xfc')


def udp_flood(chance=random.Random(3)):
    while True:
        yield ipv4(chance.getrandbits(32), chance.getrandbits(32), 17,
                   udp(chance.randrange(1, 65536), chance.randrange(1, 65536), chance.randbytes(40)))


def first_fragments():
    number = 0
    while True:
        number += 1
        yield ipv4(0x0b000000 + number % 4096, 0xc0000201, 17,
                   udp(9, 9, b'f' * 1200)[:1200], ident=number & 0xffff, fragment=0x2000)


def crumbs(proto):
    """Fragments of eight bytes, every other one missing, each told twice with other contents."""
    number = 0
    while True:
        number += 1
        for i in range(1, 2000, 2):
            for byte in b'12':
                yield ipv4(0x0b000000 + number % 512, 0xc0000201, proto, bytes([byte]) * 8,
                           ident=number & 0xffff, fragment=0x2000 | i)


def tunnels(depth):
    number = 0
    while True:
        number += 1
        packet = ipv4(0x0c000000 + number % 1000, 0xc0000202, 17, udp(1, 2, b't' * 100))
        for level in range(depth):
            packet = ipv4(0x0d000000 + level, 0x0d010000 + level, 47, b'\0\0\x08\0' + packet)
        yield packet


def tunnel_fragments():
    """Each datagram in a tunnel comes in two outer fragments; the first one holds the headers."""
    number = 0
    while True:
        number += 1
        inner = ipv4(0x0c000000 + number % 1000, 0xc0000202, 17, udp(1, 2, b't' * 1472))
        gre = b'\0\0\x08\0' + inner
        ends = (0x0d000001, 0x0d000002, 47)
        yield ipv4(*ends, gre[:1480], ident=number & 0xffff, fragment=0x2000)
        yield ipv4(*ends, gre[1480:], ident=number & 0xffff, fragment=185)


def colliding_flows():
    """Prefix and port that make up for each other in a sum with a known factor."""
    port = 0
    while True:
        port = port % 65535 + 1
        high = (0x20010db8 << 32) + (-port * UNDO_ODD) & MASK64
        yield ipv6(struct.pack('<QQ', high, 1), struct.pack('!QQ', 0x20010db8 << 32, 2), 6,
                   tcp(port, 80, 1, SYN, ack=0))


def colliding_answers(chance=random.Random(4)):
    """Answers with addresses of one value under the hash that chooses shards."""
    number = 0
    while True:
        number += 1
        query = dns_name(f'n{number}.example') + b'\0\x1c\0\1'
        rows = b''
        for _ in range(40):
            low = chance.getrandbits(64)
            high = ((0x1234567 - low) * UNDO_ODD & MASK64) ^ (low >> 29)
            rows += b'\xc0\x0c\0\x1c\0\1\0\0\0\x3c\0\x10' + struct.pack('<QQ', high, low)
        yield ipv4(0xc6336401, 0x0a100000 + number % 500, 17,
                   udp(53, 30000, struct.pack('!H', number & 0xffff) + b'\x81\x80\0\1\0\x28\0\0\0\0' +
                       query + rows))


def dns_pointers():
    """Names by chains of pointers, in as many records as a datagram holds."""
    number = 0
    while True:
        number += 1
        body = b''.join(b'\x3f' + b'p' * 63 for _ in range(3)) + b'\0' + b'\0\1\0\1'
        row = b'\0\5\0\1\0\0\0\1\0\2\xc0\x0c'
        targets = [12, *range(12 + len(body), 12 + len(body) + 99 * (2 + len(row)), 2 + len(row))]
        rows = b''.join(struct.pack('!H', 0xc000 | at) + row for at in targets)
        yield ipv4(0xc6336401, 0x0a100000 + number % 500, 17,
                   udp(53, 30000, struct.pack('!H', number & 0xffff) + b'\x81\x80\0\1\0\x64\0\0\0\0' +
                       body + rows))


def hpack_bomb():
    """One long header field in the table, then frames of nothing but references to it."""
    def frame(kind, flags, stream, body):
        return struct.pack('!I', len(body))[1:] + bytes([kind, flags]) + \
            struct.pack('!I', stream) + body
    long = b'\x40\x01x\x7f' + b'\x81\x1e' + b'v' * 4000  # literal, indexed; 127 + 3873 bytes
    number = 0
    while True:
        number += 1
        talk = Talk(number, 80)
        yield from talk.open()
        yield talk.packet(0, PSH | ACK, b'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n' + frame(4, 0, 0, b''))
        said = frame(1, 4, 1, b'\x82\x86\x84' + long)
        for stream in range(3, 41, 2):
            said += frame(1, 4, stream, b'\x82\x86\x84' + b'\xbe' * 16000)
        for at in range(0, len(said), 1400):
            yield talk.packet(0, PSH | ACK, said[at:at + 1400])


def requests():
    said = b'GET /a HTTP/1.1\r\nHost: h\r\n\r\n' * 45
    return in_pieces(80, said * 40, 1400)


SIP = b'INVITE sip:a@example.org SIP/2.0\r\nVia: SIP/2.0/TCP h;branch=1\r\nX: '
RTSP = b'DESCRIBE rtsp://h/a RTSP/1.0\r\nCSeq: 1\r\nX: '
HTTP = b'GET / HTTP/1.1\r\nHost: h\r\nX: '
SMTP = ((1, b'220 mail.example.org ESMTP\r\n'), (0, b'EHLO me\r\n'), (1, b'250 mail\r\n'))

ATTACKS = {
    'http_head_1': lambda: in_pieces(80, b'a' * 16000, 1, first=HTTP),
    'http_lines_1': lambda: in_pieces(80, b'X: y\r\n' * 2600, 1, first=HTTP),
    'http_endless': lambda: in_pieces(80, b'Header: ' + b'v' * 1000000, 1400, first=HTTP),
    'sip_head_1': lambda: in_pieces(5060, b'a' * 16000, 1, first=SIP),
    'sip_lines_1': lambda: in_pieces(5060, b'X: y\r\n' * 2600, 1, first=SIP),
    'rtsp_head_1': lambda: in_pieces(554, b'a' * 16000, 1, first=RTSP),
    'ssh_lines_1': lambda: in_pieces(22, b'a\r\n' * 2700, 1, sides=1,
                                     opening=((0, b'SSH-2.0-x\r\n'),)),
    'redis_words_1': lambda: in_pieces(6379, b'$0\r\n\r\n' * 2000, 1,
                                       first=b'*100000\r\n$3\r\nGET\r\n'),
    'smtp_line_1': lambda: in_pieces(25, b'MAIL FROM:' + b'a' * 8000, 1, opening=SMTP),
    'tls_records_1': tls_records,
    'overlapping': overlapping,
    'holes_2': lambda: holes(2),
    'holes_9': lambda: holes(9),
    'syn_flood': syn_flood,
    'half_open': half_open,
    'udp_flood': udp_flood,
    'first_fragments': first_fragments,
    'crumbs': lambda: crumbs(17),
    'tunnel_crumbs': lambda: crumbs(47),
    'tunnels_4': lambda: tunnels(4),
    'tunnels_40': lambda: tunnels(40),
    'tunnel_fragments': tunnel_fragments,
    'tunnel_beginnings': lambda: (p for i, p in enumerate(tunnel_fragments()) if i % 2 == 0),
    'colliding_flows': colliding_flows,
    'colliding_answers': colliding_answers,
    'dns_pointers': dns_pointers,
    'hpack_bomb': hpack_bomb,
    'requests': requests,
}

# --- flows that stay alive --------------------------------------------------------------------


def talks(dport, *said):
    """Connection after connection: opened, each side says something, nobody closes."""
    number = 0
    while True:
        number += 1
        talk = Talk(number, dport)
        yield from talk.open()
        for side, data in enumerate(said):
            yield talk.packet(side, PSH | ACK, data)


def tls_hellos():
    """ClientHello and ServerHello with little in them, then application data."""
    def record(kind, body):
        return bytes([kind, 3, 3]) + struct.pack('!H', len(body)) + body
    def handshake(kind, body):
        return record(22, bytes([kind]) + struct.pack('!I', len(body))[1:] + body)
    name = b'www.example.org'
    sni = struct.pack('!HHHBH', 0, len(name) + 5, len(name) + 3, 0, len(name)) + name
    start = b'\3\3' + bytes(range(32)) + b'\0'
    client = start + b'\0\2\x13\1\1\0' + struct.pack('!H', len(sni)) + sni
    server = start + b'\x13\1\0\0\6\0\x2b\0\2\3\4'
    return (handshake(1, client), handshake(2, server) + record(23, bytes(64)))


# Name: packets a flow, and the packets.
FLOWS = {
    'syn': (1, syn_flood),
    'tcp': (5, lambda: talks(4000, b'\1\2\3\4hello', b'\5\6\7\10welcome')),
    'http': (5, lambda: talks(80, b'GET / HTTP/1.1\r\nHost: example.org\r\n\r\n',
                              b'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok')),
    'tls': (5, lambda: talks(443, *tls_hellos())),
}

# --- captures ---------------------------------------------------------------------------------


def take(packets, count):
    for _, packet in zip(range(count), packets):
        yield packet


def mixed(one, other, count):
    for a, b in zip(take(one, count), take(other, count)):
        yield a
        yield b


def write_capture(path, packets):
    """Raw IP in pcap; a packet each 10 us."""
    with open(path, 'wb') as out:
        out.write(struct.pack('<IHHiIII', 0xa1b2c3d4, 2, 4, 0, 0, 262144, 101))
        for i, packet in enumerate(packets):
            out.write(struct.pack('<IIII', 1700000000 + i // 100000, i % 100000 * 10, len(packet),
                                  len(packet)) + packet)


# --- measuring --------------------------------------------------------------------------------


def peak_anon_kib(program, path):
    process = subprocess.Popen([program, 'read', '-q', path], stdin=subprocess.DEVNULL,
                               stdout=subprocess.DEVNULL)
    peak = 0
    while process.poll() is None:
        try:
            with open(f'/proc/{process.pid}/status', encoding='ascii') as status:
                found = re.search(r'RssAnon:\s+(\d+)', status.read())
            peak = max(peak, int(found.group(1)) if found else 0)
        except OSError:
            pass
        time.sleep(0.002)
    if process.returncode != 0:
        sys.exit(f'adversary: {program} failed on {path}')
    return peak


def instructions(program, path):
    """Instructions of one run."""
    done = subprocess.run(['valgrind', '--tool=cachegrind', '--cache-sim=no',
                           '--cachegrind-out-file=/dev/null', program, 'read', '-q',
                           '--confine', 'off', path],
                          stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                          stderr=subprocess.PIPE, check=False, text=True)
    found = re.search(r'I\s+refs:\s+([\d,]+)', done.stderr)
    if done.returncode != 0 or not found:
        sys.exit(f'adversary: valgrind failed on {path}:\n{done.stderr}')
    return int(found.group(1).replace(',', ''))


def check_memory(options, folder):
    failed = []
    for name in options.names:
        path = os.path.join(folder, f'{name}.pcap')
        write_capture(path, take(ATTACKS[name](), options.packets))
        peak = peak_anon_kib(options.program, path) / 1024
        print(f'{name:20} {peak:8.1f} MiB', flush=True)
        if peak > options.limit:
            failed.append(f'{name}: {peak:.1f} MiB, more than {options.limit}')
        os.remove(path)
    return failed


def check_flows(options, folder):
    failed = []
    path = os.path.join(folder, 'flows.pcap')
    write_capture(path, ())
    empty = peak_anon_kib(options.program, path)
    for name in options.names:
        packets, make = FLOWS[name]
        write_capture(path, take(make(), options.flows * packets))
        each = (peak_anon_kib(options.program, path) - empty) * 1024 / options.flows
        print(f'{name:20} {each:8.1f} bytes a flow', flush=True)
        if each > 512:
            failed.append(f'{name}: {each:.1f} bytes a flow')
    return failed


def check_cost(options, folder):
    path = os.path.join(folder, 'one.pcap')

    def cost(packets):
        write_capture(path, packets)
        return instructions(options.program, path) - empty

    empty = 0
    empty = cost(())
    count = options.packets
    normal = cost(take(ordinary(), count))
    print(f'{"":20} instructions a packet   beside it\n{"ordinary":20} {normal / count:21.0f}')
    failed = []
    for name in options.names:
        alone = cost(take(ATTACKS[name](), count))
        both = cost(mixed(ordinary(), ATTACKS[name](), count))
        beside = (both - alone) / normal
        print(f'{name:20} {alone / count:21.0f} {beside:11.2f}', flush=True)
        if beside > 2:
            failed.append(f'{name}: ordinary packets cost {beside:.2f} times as much beside it')
        if alone > DEAR.get(name, 5) * normal:
            failed.append(f'{name}: {alone / normal:.1f} times an ordinary packet')
    return failed


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('step', choices=('make', 'memory', 'flows', 'cost'))
    parser.add_argument('program', metavar='PROGRAM|DIR')
    parser.add_argument('names', nargs='*', metavar='NAME')
    parser.add_argument('--packets', type=int, help='of each capture')
    parser.add_argument('--flows', type=int, default=1000000, help='alive at once')
    parser.add_argument('--limit', type=float, help='MiB of RssAnon')
    options = parser.parse_intermixed_args()
    options.names = options.names or list(FLOWS if options.step == 'flows' else ATTACKS)
    options.packets = options.packets or {'cost': 20000}.get(options.step, 300000)
    options.limit = options.limit or min(64 + options.packets / 1024, 1024)
    if options.step == 'make':
        os.makedirs(options.program, exist_ok=True)
        for name in options.names:
            write_capture(os.path.join(options.program, f'{name}.pcap'),
                          take(ATTACKS[name](), options.packets))
        return
    with tempfile.TemporaryDirectory() as folder:
        step = {'memory': check_memory, 'flows': check_flows, 'cost': check_cost}[options.step]
        failed = step(options, folder)
    for line in failed:
        print(f'FAILED: {line}', file=sys.stderr)
    sys.exit(1 if failed else 0)


if __name__ == '__main__':
    main()
