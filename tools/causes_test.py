#!/usr/bin/env python3
"""causes.py gives a cause where a change of one setting, or the bytes, prove it, and else none."""
import unittest

import causes
import hello
import hello_test as make


class FakeTshark:
    """Answers as a Tshark does, out of tables."""

    def __init__(self, usual=None, by_option=None, flags=None, payloads=None, texts=None,
                 from_packet=None):
        self.usual, self.by_option = usual or {}, by_option or {}
        self.flags, self.texts, self.later = flags or {}, texts or {}, from_packet or {}
        self.bytes = {n: hello.of_payload(p) for n, p in (payloads or {}).items()}

    @staticmethod
    def canon(value):
        return value.strip().rstrip('.').lower()

    def values(self, *options):
        return self.by_option.get(options[-1], {}) if options else self.usual

    def values_from(self, packet):
        return self.later.get(packet, {})

    def flagged(self, flag):
        return self.flags.get(flag, {})

    def lost_before(self, packet):
        return packet in self.flags.get('lost', {})

    def text_of(self, value):
        return self.texts.get(value, '')

    def hellos(self):
        return self.bytes

    @staticmethod
    def payload(_packet):
        return b'WEIRD /x HTTP/1.1\r\n'


SEEN = (7, 'tcp', [80, 40000])


def extra(field, value, tshark, seen=SEEN):
    return causes.cause_of_extra(field, value, seen, tshark)


class Extra(unittest.TestCase):
    def test_nothing_proved_gives_no_cause(self):
        for field in ('http.status', 'dns.qname', 'tls.sni', 'ja3', 'ja3s', 'ja4'):
            self.assertEqual(extra(field, 'x', FakeTshark()), (7, ''))

    def test_value_that_tshark_shows_needs_a_cut_to_differ(self):
        self.assertEqual(extra('http.uri', '/x', FakeTshark({'/x': '7'}))[1], '')
        long = '/' + 400 * 'x'
        self.assertEqual(extra('http.uri', long, FakeTshark({long[:300]: '7'}))[1], causes.CUT)

    def test_port_by_transport(self):
        tshark = FakeTshark(by_option={'tcp.port==80,tls': {'x': '9'}})
        packet, cause = extra('ja4', 'x', tshark)
        self.assertEqual(packet, 7)
        self.assertIn('80 is not tls to it', cause)
        self.assertEqual(extra('ja4', 'x', tshark, (7, 'udp', [80]))[1], '')
        tshark = FakeTshark(by_option={'udp.port==853,quic': {'x': '9'}})
        self.assertIn('quic', extra('tls.alpn', 'x', tshark, (7, 'udp', [853, 1]))[1])

    def test_inside_openvpn(self):
        for shown, words in (({'tcp.port==80,openvpn': {'x': '9'}}, 'not openvpn to it (shown when'),
                             ({'openvpn.tls_auth_hmac_size:32': {'x': '9'}}, 'tls_auth_hmac_size 32')):
            self.assertIn(words, extra('ja3', 'x', FakeTshark(by_option=shown))[1])
            self.assertEqual(extra('ssh', 'x', FakeTshark(by_option=shown))[1], '')

    def test_the_truths_other_reader_is_noted_where_nothing_else_proves(self):
        hellos = [{'frame': 7, 'ja3': 'x'}]
        for value, cause, noted in (('x', 'why', True), ('y', 'why', True), ('x', '', False),
                                    ('x', 'why (shown with a.b off)', False)):
            found = causes.ask_second('ja3', value, hellos, {'x': ()}, ('7', cause))
            self.assertEqual(found, ('7', cause + causes.SECOND if noted else cause))
        for ours, packet, field in (({'z': ()}, '7', 'ja3'), ({'x': ()}, '8', 'ja3'),
                                    ({'x': ()}, '7', 'ja3s')):
            found = causes.ask_second(field, 'y', hellos, ours, (packet, 'why'))
            self.assertEqual(found, (packet, 'why'))

    def test_retransmission_only_if_tshark_says_so(self):
        option = {'tcp.analyze_sequence_numbers:FALSE': {'x': '7'}}
        self.assertEqual(extra('ja3', 'x', FakeTshark(by_option=option))[1], '')
        tshark = FakeTshark(by_option=option, flags={causes.AGAIN: {7: '0'}})
        self.assertIn('retransmission', extra('ja3', 'x', tshark)[1])

    def test_http_behind_a_lost_segment(self):
        option = {'tcp.desegment_tcp_streams:FALSE': {'/x': '7'}}
        self.assertIn('never shows', extra('http.uri', '/x', FakeTshark(by_option=option))[1])
        tshark = FakeTshark(by_option=option, flags={'lost': {7: '0'}})
        self.assertIn('not in the capture', extra('http.uri', '/x', tshark)[1])

    def test_http_by_its_line(self):
        self.assertIn('does not know the method', extra('http.uri', '/x', FakeTshark())[1])
        shown = FakeTshark(flags={'http.request.method': {7: '0'}})
        self.assertEqual(extra('http.uri', '/x', shown)[1], '')

    def test_what_came_before(self):
        tshark = FakeTshark(flags={'tcp.port == 80 && tcp.port == 40000': {1: '0', 3: '0'}},
                            from_packet={3: {'x': '3'}})
        packet, cause = extra('ja3', 'x', tshark)
        self.assertEqual(packet, '3')
        self.assertIn('begins at packet 3', cause)

    def test_name_in_the_first_part_of_a_hello(self):
        cut = make.record(make.client(0x303, [47], [make.name(b'Example.org'), (9, bytes(90))]))
        packet, cause = extra('tls.sni', 'example.org', FakeTshark(payloads={5: cut[:-9]}))
        self.assertEqual(packet, 5)
        self.assertIn('rest of the hello', cause)

    def test_hello_in_a_record_without_end(self):
        server = make.message(hello.SERVER, 0x303, b'\0' + make.words([47]) + b'\0', [])
        payload = make.record(server + bytes(500))[:200]
        value = hello.of_payload(payload)['ja3s'][0]
        self.assertIn('whole records only', extra('ja3s', value, FakeTshark(payloads={7: payload}))[1])

    def test_sane_hello_is_no_excuse(self):
        payload = make.record(make.of_ja4())
        self.assertEqual(extra('ja4', make.JA4, FakeTshark(payloads={7: payload})), (7, ''))

    def test_commas_only_for_a_hello_without_extensions(self):
        for text, cause in ((make.JA3_PLAIN[0], causes.COMMAS), (make.JA3[0], '')):
            value = hello.md5(text)
            tshark = FakeTshark(usual={'theirs': '7'}, texts={'theirs': text.rstrip(',') + ','},
                                payloads={7: make.record(make.of_ja3(text))})
            self.assertEqual(extra('ja3', value, tshark), (7, cause))

    def test_bytes_that_are_no_text(self):
        tshark = FakeTshark({'\ufffd\ufffd': '1'})
        self.assertEqual(extra('tls.alpn', '\\xba\\xad', tshark)[1], causes.NOT_UTF8)
        self.assertEqual(extra('tls.alpn', '\\x41\\xad', tshark)[1], '')


class Missing(unittest.TestCase):
    def missing(self, field, value, ours, tshark):
        return causes.cause_of_missing(field, value, '7', ours, tshark)

    def test_nothing_proved_gives_no_cause(self):
        for field in ('http.uri', 'tls.sni', 'ja3', 'ja4'):
            self.assertEqual(self.missing(field, 'x', {}, FakeTshark()), '')

    def test_cut_and_unreadable_partners(self):
        long = '/' + 400 * 'x'
        self.assertEqual(self.missing('http.uri', long[:300], {long: 1}, FakeTshark()), causes.CUT)
        self.assertEqual(self.missing('tls.alpn', '\ufffd', {'\\xba': 1}, FakeTshark()),
                         causes.NOT_UTF8)
        self.assertEqual(self.missing('tls.alpn', '\ufffd', {'h2': 1}, FakeTshark()), '')

    def test_dns_that_only_a_port_says(self):
        flag = next(f for f, cause in causes.FLAGS_OF_MISSING.items() if cause == causes.NO_CLASS)
        tshark = FakeTshark(flags={flag: {7: ''}})
        self.assertEqual(self.missing('dns.qname', 'x', {}, tshark), causes.NO_CLASS)
        self.assertEqual(self.missing('dns.qname', '<name too long>', {}, FakeTshark()),
                         causes.TSHARK_ERROR)

    def test_server_hello_of_no_bytes(self):
        flags = {causes.EMPTY_SERVER_HELLO: {7: '0'}}
        tshark = FakeTshark(flags=flags, texts={'x': '0,8565,'})
        self.assertEqual(self.missing('ja3s', 'x', {}, tshark), causes.EMPTY_HELLO)
        tshark = FakeTshark(flags=flags, texts={'x': '771,47,'})
        self.assertEqual(self.missing('ja3s', 'x', {}, tshark), '')

    def test_draft_only_if_ours_is_what_the_bytes_say(self):
        draft = make.message(hello.SERVER, 0x0304, make.words([0xc02b]), [(40, b'key')])
        tshark = FakeTshark(texts={'x': '772,44205,'}, payloads={7: make.record(draft)})
        mine = hello.md5('772,49195,40')
        self.assertEqual(self.missing('ja3s', 'x', {mine: 1}, tshark), causes.DRAFT)
        self.assertEqual(self.missing('ja3s', 'x', {'other': 1}, tshark), '')


if __name__ == '__main__':
    unittest.main()
