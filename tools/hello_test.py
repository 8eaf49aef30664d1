#!/usr/bin/env python3
"""hello.py computes the published fingerprints, and tells a whole hello from a part of one."""
import unittest

import hello

# JA3 and JA3S: the examples of Salesforce's README. JA4: that of FoxIO's technical details.
JA3 = ('769,47-53-5-10-49161-49162-49171-49172-50-56-19-4,0-10-11,23-24-25,0',
       'ada70206e40642a3e4461f35503241d5')
JA3_PLAIN = ('769,4-5-10-9-100-98-3-6-19-18-99,,,', 'de350869b8c85de67a350c8d186f11e6')
JA3S = ('769,47,65281-0-11-35-5-16', '836ce314215654b5b1f85f97c73e506f')
JA4 = 't13d1516h2_8daaf6152771_e5627efa2ab1'
JA4_CIPHERS = '002f 0035 009c 009d 1301 1302 1303 c013 c014 c02b c02c c02f c030 cca8 cca9'
JA4_KINDS = '0000 0010 0005 000a 000b 000d 0012 0015 0017 001b 0023 002b 002d 0033 4469 ff01'
JA4_SIGNATURES = '0403 0804 0401 0503 0805 0501 0806 0601'


def block(count, data):
    return len(data).to_bytes(count, 'big') + data


def words(values):
    return b''.join(value.to_bytes(2, 'big') for value in values)


def message(kind, version, middle, extensions):
    body = version.to_bytes(2, 'big') + bytes(32) + middle
    if extensions is not None:
        body += block(2, b''.join(words([k]) + block(2, data) for k, data in extensions))
    return bytes([kind]) + block(3, body)


def client(version, ciphers, extensions, cookie=b''):
    return message(hello.CLIENT, version, b'\0' + cookie + block(2, words(ciphers)) + b'\1\0',
                   extensions)


def record(data):
    return b'\x16\x03\x01' + block(2, data)


def name(text):
    return 0, block(2, b'\0' + block(2, text))


def of_ja3(text):
    """A ClientHello for which JA3 hashes that text."""
    version, ciphers, kinds, groups, formats = ([int(n) for n in part.split('-') if n]
                                                for part in text.split(','))
    data = {10: block(2, words(groups)), 11: block(1, bytes(formats))}
    return client(version[0], ciphers, [(kind, data.get(kind, b'')) for kind in kinds] or None)


def of_ja4():
    data = {0: name(b'example.org')[1], 16: block(2, block(1, b'h2') + block(1, b'http/1.1')),
            13: block(2, bytes.fromhex(JA4_SIGNATURES)), 43: block(1, words([0x7a7a, 0x303, 0x304]))}
    kinds = pairs(JA4_KINDS)
    ciphers = pairs(JA4_CIPHERS)
    return client(0x303, [0x1a1a] + ciphers[::-1],
                  [(0x2a2a, b'')] + [(kind, data.get(kind, b'')) for kind in kinds])


def pairs(text):
    return [int(word, 16) for word in text.split()]


class Hellos(unittest.TestCase):
    def test_ja3(self):
        for text, digest in (JA3, JA3_PLAIN):
            got = hello.of_message(of_ja3(text))
            self.assertEqual(got['ja3_full'], text)
            self.assertEqual(got['ja3'], [digest])

    def test_ja3s(self):
        text, digest = JA3S
        version, cipher, kinds = text.split(',')
        got = hello.of_message(message(hello.SERVER, int(version), b'\0' + words([int(cipher)]) + b'\0',
                                       [(int(kind), b'') for kind in kinds.split('-')]))
        self.assertEqual((got['ja3s_full'], got['ja3s']), (text, [digest]))

    def test_ja4_without_grease_and_sorted(self):
        got = hello.of_message(of_ja4())
        self.assertEqual(got['ja4'], [JA4])
        self.assertEqual(got['tls.sni'], [b'example.org'])
        self.assertEqual(got['tls.alpn'], [b'h2', b'http/1.1'])

    def test_ja4_of_other_transports(self):
        self.assertEqual(hello.of_message(of_ja4(), 'q')['ja4'], ['q' + JA4[1:]])
        plain = client(0xfefd, [0xc02b], [], cookie=b'\0')
        dtls = plain[:4] + bytes(8) + plain[4:]
        self.assertTrue(hello.of_message(dtls, 'd')['ja4'][0].startswith('dd2i0100'))

    def test_ja4_of_bytes_that_are_no_letters(self):
        self.assertEqual(hello.ja4_alpn([b'\xba\xad']), 'bd')
        self.assertEqual(hello.ja4_alpn([b'h3']), 'h3')
        self.assertEqual(hello.ja4_alpn([]), '00')

    def test_server_hello_of_a_draft_has_no_session_id(self):
        for version in (0x0304, 0x7f0e, 0x7f15):
            got = hello.of_message(message(hello.SERVER, version, words([0xc02b]), [(40, b'key')]))
            self.assertEqual(got['ja3s_full'], f'{version},49195,40')
            self.assertTrue(got['draft'])

    def test_cut_hello_tells_its_name_only(self):
        whole = client(0x303, [47], [name(b'example.org'), (13, bytes(90))])
        got = hello.of_payload(record(whole)[:-80])
        self.assertEqual(got['tls.sni'], [b'example.org'])
        self.assertEqual((got['ja3'], got['ja4'], got['whole']), ([], [], False))
        cut_in_name = hello.of_payload(record(whole)[:70])
        self.assertFalse(cut_in_name and cut_in_name['tls.sni'])

    def test_whole_hello_in_a_record_that_is_not(self):
        server = message(hello.SERVER, 0x303, b'\0' + words([47]) + b'\0', None)
        got = hello.of_payload(record(server + b'\x0b' + block(3, bytes(500)))[:100])
        self.assertTrue(got['whole'])
        self.assertFalse(got['record_whole'])
        self.assertTrue(hello.of_payload(record(server))['record_whole'])

    def test_overrun_is_told(self):
        sane = client(0x303, [47], [(23, b'')])
        self.assertFalse(hello.of_message(sane)['overrun'])
        self.assertTrue(hello.of_message(sane[:-1] + b'\x09')['overrun'])

    def test_what_is_no_hello(self):
        self.assertIsNone(hello.of_payload(b'\x17\x03\x03\0\1\0'))
        self.assertIsNone(hello.of_payload(record(b'\x0b' + block(3, b'\0'))))
        self.assertIsNone(hello.of_payload(b''))


if __name__ == '__main__':
    unittest.main()
