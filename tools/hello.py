"""Reads a TLS hello out of bytes and computes its fingerprints, for the proofs of causes.py: a
second opinion that shares no code with netwatch or tshark. RFC 8446 4.1 and 4.2, RFC 6066 3,
RFC 7301, RFC 8701; JA3 and JA3S as Salesforce defines them, JA4 as FoxIO does."""
import hashlib

NAME, GROUPS, FORMATS, SIGNATURES, ALPN, VERSIONS = 0, 10, 11, 13, 16, 43
CLIENT, SERVER = 1, 2
JA4_VERSIONS = {0x0304: '13', 0x0303: '12', 0x0302: '11', 0x0301: '10', 0x0300: 's3', 0x0002: 's2',
                0xfeff: 'd1', 0xfefd: 'd2', 0xfefc: 'd3'}


class Bytes:
    """Bytes that are read from the front; `short` once there were fewer than asked for."""

    def __init__(self, data):
        self.data, self.short = data, False

    def take(self, count):
        self.short = self.short or count > len(self.data)
        head, self.data = self.data[:count], self.data[count:]
        return head

    def number(self, count):
        return int.from_bytes(self.take(count), 'big')

    def block(self, count):
        """What a length of `count` bytes in front announces."""
        return self.take(self.number(count))


def pairs(data):
    return [int.from_bytes(data[i:i + 2], 'big') for i in range(0, len(data) - 1, 2)]


def real(values):
    """Without GREASE."""
    return [v for v in values if v & 0x0f0f != 0x0a0a or v >> 8 != v & 0xff]


def extensions(data):
    """([(type, data)], whether a length overruns)"""
    found, rest = [], Bytes(data)
    while len(rest.data) >= 4:
        kind = rest.number(2)
        found.append((kind, rest.block(2)))
    return found, rest.short or bool(rest.data)


def names(data):
    """The protocols of an ALPN extension, as netwatch writes them: no UTF-8 as \\xNN."""
    rest, found = Bytes(Bytes(data).block(2)), []
    while rest.data:
        found.append(rest.block(1))
    return found


def joined(values):
    return '-'.join(str(value) for value in values)


def md5(text):
    return hashlib.md5(text.encode()).hexdigest()


def short_sha256(text):
    return hashlib.sha256(text.encode()).hexdigest()[:12] if text else '0' * 12


def ja4_alpn(protocols):
    if not protocols or not protocols[0]:
        return '00'
    first, last = protocols[0][:1], protocols[0][-1:]
    if first.isalnum() and last.isalnum():
        return (first + last).decode()
    return first.hex()[0] + last.hex()[1]


def ja4(transport, version, ciphers, kinds, found):
    def hexadecimal(values):
        return ','.join(f'{value:04x}' for value in values)

    signatures = real(pairs(Bytes(found.get(SIGNATURES, b'')).block(2)))
    kinds = real(kinds)
    hashed = hexadecimal(sorted(k for k in kinds if k not in (NAME, ALPN)))
    if signatures:
        hashed += '_' + hexadecimal(signatures)
    return (f'{transport}{JA4_VERSIONS.get(version, "00")}{"d" if NAME in kinds else "i"}'
            f'{min(len(ciphers), 99):02d}{min(len(kinds), 99):02d}'
            f'{ja4_alpn(names(found.get(ALPN, b"")))}'
            f'_{short_sha256(hexadecimal(sorted(ciphers)))}_{short_sha256(hashed)}')


def client_hello(body, transport):
    rest = Bytes(body)
    version = rest.number(2)
    rest.take(32)
    rest.block(1)
    if transport == 'd':
        rest.block(1)
    ciphers = real(pairs(rest.block(2)))
    rest.block(1)
    if rest.short:
        return None
    block, overrun = extensions(rest.block(2)) if rest.data else ([], False)
    found = dict(reversed(block))
    kinds = [kind for kind, _ in block]
    offered = real(pairs(Bytes(found.get(VERSIONS, b'')).block(1))) or [version]
    full = ','.join((str(version), joined(ciphers), joined(real(kinds)),
                     joined(real(pairs(Bytes(found.get(GROUPS, b'')).block(2)))),
                     joined(Bytes(found.get(FORMATS, b'')).block(1))))
    hello = {'ja3': [md5(full)], 'ja3_full': full, 'overrun': overrun or rest.short,
             'extensions': bool(kinds), 'tls.alpn': names(found.get(ALPN, b'')),
             'ja4': [ja4(transport, min(offered) if transport == 'd' else max(offered), ciphers,
                         kinds, found)]}
    name = Bytes(found.get(NAME, b''))
    name.take(3)
    hello['tls.sni'] = [text for text in [name.block(2)] if text and not name.short]
    return hello


def server_hello(body):
    rest = Bytes(body)
    version = rest.number(2)
    rest.take(32)
    # Drafts of TLS 1.3 up to 21 had neither a session id nor compression; the first ones called
    # themselves 0x0304, as no final version does in this place.
    draft = version == 0x0304 or 0x7f00 <= version < 0x7f16
    if not draft:
        rest.block(1)
    cipher = rest.number(2)
    if not draft:
        rest.take(1)
    if rest.short:
        return None
    block, overrun = extensions(rest.block(2)) if rest.data else ([], False)
    full = f'{version},{cipher},' + joined(kind for kind, _ in block)
    return {'ja3s': [md5(full)], 'ja3s_full': full, 'overrun': overrun or rest.short,
            'draft': draft, 'extensions': bool(block), 'tls.alpn': names(dict(block).get(ALPN, b''))}


def of_message(message, transport='t'):
    """What a handshake message says, or None if it is no hello. A message that is cut short tells
    the name at most; `whole` says so."""
    rest = Bytes(message)
    kind, length = rest.number(1), rest.number(3)
    if transport == 'd':
        rest.take(8)
    body = rest.take(length)
    hello = None
    if kind == CLIENT:
        hello = client_hello(body, transport)
    elif kind == SERVER:
        hello = server_hello(body)
    if hello is None:
        return None
    hello['whole'] = not rest.short
    if rest.short:
        hello = {**hello, 'ja3': [], 'ja3s': [], 'ja4': [], 'tls.alpn': []}
    return hello


def of_payload(payload):
    """What the hello in the first record of a TCP payload says; `record_whole` tells whether the
    record ends in it."""
    rest = Bytes(payload)
    if rest.number(1) != 22 or rest.number(1) != 3:
        return None
    rest.take(1)
    fragment = rest.block(2)
    hello = of_message(fragment)
    if hello is not None:
        hello['record_whole'] = not rest.short
    return hello
