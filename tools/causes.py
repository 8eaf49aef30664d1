"""Why a value of ours is not in the ground truth, or one of the truth's not in ours: each cause is
proved, by the values alone, by a run of tshark with one setting changed that makes the values
agree, or by the bytes of a hello. What cannot be proved so gets no cause."""
import collections
import concurrent.futures
import json
import os
import re
import subprocess

import http_lines
from tshark import CUT_BYTES, Tshark

BODY = ['-o', 'http.desegment_body:FALSE']
STREAM = ['-o', 'tcp.desegment_tcp_streams:FALSE']
PLAIN = ['-o', 'tcp.analyze_sequence_numbers:FALSE']
AGAIN = 'tcp.analysis.retransmission'
EMPTY_SERVER_HELLO = 'tls.handshake.type == 2 && tls.handshake.length == 0'

# First word of a field -> the dissectors that show it, by transport.
TLS = {'tcp': ['tls'], 'udp': ['quic', 'dtls']}
DISSECTORS = {'http': {'tcp': ['http']}, 'dns': {'tcp': ['dns'], 'udp': ['dns']},
              'tls': TLS, 'ja3': TLS, 'ja3s': TLS, 'ja4': TLS,
              'ssh': {'tcp': ['ssh']}, 'hassh': {'tcp': ['ssh']}}

CUT = 'the truth is cut at 300 characters'
# What clienthello-expected.jsonl calls a field.
SECOND_KEYS = {'ja3': 'ja3', 'tls.sni': 'sni', 'tls.alpn': 'alpn0'}
# Behind a cause: what netwatch reads is what clienthello-expected.jsonl says.
SECOND = " (the truth's other reader of hellos agrees)"
OPENVPN_HMAC = 'openvpn.tls_auth_hmac_size'
OPENVPN_HMAC_SIZES = (32, 64)  # of SHA-256 and SHA-512
COMMAS = 'a hello without extensions: JA3 keeps the commas of its empty lists, tshark leaves out ' \
         'all but one'
OVERRUN = 'damaged: the extensions are said to reach beyond the hello; tshark stops there, ' \
          'netwatch reads those that are there and counts it as odd'
DRAFT = 'a ServerHello of a TLS 1.3 draft, which has no session id: tshark takes the cipher from ' \
        'behind one'
NOT_UTF8 = 'no UTF-8: tshark shows U+FFFD for each byte, netwatch the bytes'
EMPTY_HELLO = 'an encrypted message that begins with 02 00 00 00: tshark takes it for a ' \
              'ServerHello of 0 bytes, and reads version 0 behind its end'
TSHARK_ERROR = 'no name but the text of an error of tshark'
NO_CLASS = 'damaged or hostile: the question has a class that does not exist, so only its port ' \
           'says DNS'
QUOTED = 'a message that an ICMPv6 error quotes; tshark reads it as if it had been sent here'
FLAGS_OF_MISSING = {
    'dns.qry.class == 0 || (dns.qry.class > 0xff && dns.qry.class < 0x8000) || '
    'dns.qry.class > 0x80ff': NO_CLASS,
    'icmpv6 && dns': QUOTED}


def place(rules, program, capture, field):
    """{value: (packet, transport and ports of its flow)} of what netwatch reads, the first of
    each value."""
    run = subprocess.run(['timeout', '60', program, 'read', '--json', capture],
                         stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False)
    rows = []
    for line in run.stdout.splitlines():
        try:
            rows.append(json.loads(line))
        except ValueError:
            continue
    flows = {row['flow']: (row.get('l4'), [row[side].get('port') for side in ('resp', 'orig')])
             for row in rows if row.get('type') == 'flow'}
    found = {}
    for row in rows:
        if row.get('type') != 'record':
            continue
        for path in rules['FIELDS'][field][0] if field in rules['FIELDS'] else [field]:
            for value in rules['dig'](row, path):
                found.setdefault(rules['canon'](value),
                                 (row.get('packet', ''), *flows.get(row.get('flow'), (None, []))))
    return found


def read_as(field, short, transport, ports, tshark):
    """The cause, if tshark shows the value once it is told what a port is."""
    http = field.startswith('http')
    known = DISSECTORS[field.split('.')[0]]
    for dissector in known.get(transport, []):
        for port in ports:
            as_if = ['-d', f'{transport}.port=={port},{dissector}']
            for options in (as_if, as_if + BODY if http else as_if):
                if short in tshark.values(*options):
                    return f'tshark goes by the port, and {port} is not {dissector} to it ' \
                       '(shown when told so)'
    return read_in_openvpn(short, transport, ports, tshark) if known is TLS else ''


def read_in_openvpn(short, transport, ports, tshark):
    """The same for TLS inside OpenVPN. How long the HMAC of its tls-auth is nothing says; tshark
    knows that of SHA-1."""
    for size in ('', *OPENVPN_HMAC_SIZES):
        option = ['-o', f'{OPENVPN_HMAC}:{size}'] if size else []
        if size and short in tshark.values(*option):
            return f"inside OpenVPN's control channel (shown with {OPENVPN_HMAC} {size})"
        told = f', with {OPENVPN_HMAC} {size}' if size else ''
        for port in ports:
            if short in tshark.values('-d', f'{transport}.port=={port},openvpn', *option):
                return f'tshark goes by the port, and {port} is not openvpn to it ' \
                       f'(shown when told so{told})'
    return ''


def cause_of_http(field, short, packet, tshark):
    if packet in tshark.flagged(AGAIN) and short in tshark.values(*PLAIN, *BODY):
        return 'tshark takes the packet for a retransmission ' \
               '(shown with tcp.analyze_sequence_numbers off)'
    if short not in tshark.values(*STREAM):
        return http_lines.cause_of_extra(field, short, tshark.payload(packet),
                                         packet in tshark.flagged('http.request.method'))
    if tshark.lost_before(packet):
        return 'a segment before it is not in the capture, and tshark waits for it ' \
               '(shown with tcp.desegment_tcp_streams off)'
    return 'tshark keeps the bytes for reassembly and never shows them ' \
           '(shown with tcp.desegment_tcp_streams off)'


def in_hello(field, value, message, canon):
    """Whether a hello that was read out of the bytes says a value."""
    texts = (text.decode('utf-8', 'backslashreplace') if isinstance(text, bytes) else text
             for text in message.get(field, []))
    return value in (canon(text) for text in texts)


def cause_in_hello(message, shown):
    """Why tshark does not read a hello as its bytes stand; `shown`: what it hashed, '' if nothing
    is known to belong to the same hello."""
    full = message.get('ja3_full', message.get('ja3s_full', ''))
    if shown and not message['extensions'] and full.rstrip(',') == shown.rstrip(','):
        return COMMAS
    if message.get('draft'):
        return DRAFT
    return OVERRUN if message['overrun'] else ''


def cause_of_tls(field, value, packet, tshark):
    """(packet, cause) of an extra value, by the bytes of the hello that it is in."""
    hellos = tshark.hellos()
    for number in sorted(hellos, key=lambda number: number != packet):
        message = hellos[number]
        if not in_hello(field, value, message, tshark.canon):
            continue
        if not message['whole']:
            return number, 'the rest of the hello is not in the capture; the name is in its first ' \
                           'part, and tshark shows whole records only'
        if not message['record_whole']:
            return number, 'tshark shows whole records only, and the end of this one is not in ' \
                           'the capture; the hello in it is whole'
        cause = cause_in_hello(message, text_at(number, tshark))
        if cause:
            return number, cause
    return None


def text_at(packet, tshark):
    """What tshark hashed of the hello in a packet; '' if nothing."""
    return next((tshark.text_of(value) for value, number in tshark.values().items()
                 if int(number) == packet), '')


def cause_of_extra(field, value, seen, tshark):
    """(packet, cause): why tshark does not show a value that netwatch does; no cause if no setting
    makes it do so and the bytes do not tell."""
    packet, transport, ports = seen
    short = tshark.canon(value[:CUT_BYTES])
    if short in tshark.values():
        return packet, CUT if len(value) > CUT_BYTES else ''
    if field.startswith('http') and short in tshark.values(*BODY):
        return packet, 'tshark shows a message once its body is whole, and this one never is ' \
                       '(shown with http.desegment_body off)'
    cause = read_as(field, short, transport, ports, tshark)
    if cause:
        return packet, cause
    if packet in tshark.flagged(AGAIN) and short in tshark.values(*PLAIN):
        return packet, 'tshark takes the packet for a retransmission ' \
                       '(shown with tcp.analyze_sequence_numbers off)'
    if field.startswith('http'):
        return packet, cause_of_http(field, short, packet, tshark)
    if field.startswith('dns'):
        return packet, ''
    if unreadable(value) in tshark.values():
        return packet, NOT_UTF8
    return (cause_of_tls(field, value, packet, tshark) or cause_of_before(short, seen, tshark))


def cause_of_before(short, seen, tshark):
    """What came before a packet keeps tshark from reading it, if it reads it without that."""
    packets = sorted(tshark.flagged(port_filter(*seen[1:])))
    for packet in (number for number in packets if 1 < number <= seen[0] + 16):
        if short in tshark.values_from(packet):
            return (tshark.values_from(packet)[short],
                    'what tshark reads before it keeps it from opening the packet (shown when '
                    f'the capture begins at packet {packet})')
    return seen[0], ''


def port_filter(transport, ports):
    return ' && '.join(f'{transport}.port == {port}' for port in ports) or 'frame'


def unreadable(value):
    """A value with bytes that are no UTF-8 as tshark shows it."""
    return re.sub(r'\\x[89a-f][0-9a-f]', '\ufffd', value)


def cause_of_missing(field, value, packet, ours, tshark):
    """Why netwatch does not show a value of the truth, as far as values and bytes tell."""
    if value in {tshark.canon(v[:CUT_BYTES]) for v in ours if len(v) > CUT_BYTES}:
        return CUT
    if '\ufffd' in value and value in map(unreadable, ours):
        return NOT_UTF8
    if field == 'dns.qname' and re.fullmatch('<[a-z ]+>', value):
        return TSHARK_ERROR
    for flag, cause in FLAGS_OF_MISSING.items():
        if packet and int(packet) in tshark.flagged(flag):
            return cause
    if packet and field.startswith('http'):
        return http_lines.cause_of_missing(field, value, tshark.payload(int(packet)))
    if field not in ('ja3', 'ja3s') or not packet:
        return ''
    shown = tshark.text_of(value)
    if shown.startswith('0,') and int(packet) in tshark.flagged(EMPTY_SERVER_HELLO):
        return EMPTY_HELLO
    message = tshark.hellos().get(int(packet))
    if message and any(v in ours for v in message.get(field, [])):
        return cause_in_hello(message, shown)
    return ''


def explain(rules, program, corpus, rows):
    """Rows (capture, field, value, side) with their packet and cause added."""
    groups = collections.defaultdict(list)
    for capture, field, value, side in rows:
        groups[capture, field].append((value, side))

    second = rules['truths'](os.path.join(corpus, 'truth'))[1] if rows else {}

    def explain_group(group):
        (capture, field), values = group
        path = os.path.join(corpus, capture)
        ours, tshark = place(rules, program, path, field), Tshark(rules, path, field)
        hellos = second.get(capture, [])
        return [(capture, field, value, side,
                 *ask_second(field, value, hellos, ours,
                             explain_value(field, value, side, ours, tshark)))
                for value, side in values]

    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        return [row for explained in pool.map(explain_group, groups.items()) for row in explained]


def ask_second(field, value, hellos, ours, explained):
    """(packet, cause), with a note if the truth's other reader reads that hello as netwatch does."""
    packet, cause = explained
    key = SECOND_KEYS.get(field)
    said = [str(hello.get(key) or '').lower() for hello in hellos
            if key and str(hello['frame']) == packet]
    agrees = value in said if value in ours else bool(said) and all(one in ours for one in said)
    proved = not cause or cause == CUT or '(shown w' in cause
    return packet, cause if proved or not agrees else cause + SECOND


def explain_value(field, value, side, ours, tshark):
    """(packet, cause), as text; '' for what is not known."""
    if side == 'missing':
        packet = tshark.values().get(value, '')
        return str(packet), cause_of_missing(field, value, packet, ours, tshark)
    packet, cause = cause_of_extra(field, value, ours.get(value, ('', None, [])), tshark)
    return str(tshark.earliest(tshark.canon(value[:CUT_BYTES]), packet)), cause
