#!/usr/bin/env python3
"""proofs.py believes a claim of the kept list only if it holds."""
import unittest

import causes
import proofs

LONG = '/' + 400 * 'x'
TOLD = 'tshark goes by the port, and 8080 is not http to it (shown when told so)'
OPENVPN = 'tshark goes by the port, and 443 is not openvpn to it (shown when told so, with ' \
          'openvpn.tls_auth_hmac_size 64)'


class FakeTshark:
    """Shows a value under the options of a table, joined by blanks, and no other."""
    table = {}
    canon = staticmethod(proofs.canon)

    def __init__(self, _rules, capture, _field):
        self.capture = capture

    def values(self, *options):
        return self.table.get(' '.join(options), {})

    def values_from(self, packet):
        return self.table.get(packet, {})


def prove(cause, table, field='http.uri', value='/x', side='extra', hellos=(), packet='7'):
    """What had to be changed for one row; None if its claim does not hold."""
    FakeTshark.table = {options: {shown: '7'} for options, shown in table.items()}
    prover = proofs.Prover({('a.pcap', field, value, side): (packet, cause)},
                           make_tshark=FakeTshark)
    prover.folder, prover.hellos = '.', {'a.pcap': list(hellos)}
    return prover.proved().get(('a.pcap', field, value, side))


class Proofs(unittest.TestCase):
    def test_a_setting_has_to_show_the_value(self):
        cause = 'because (shown with http.desegment_body off)'
        option = '-o http.desegment_body:FALSE'
        self.assertEqual(prove(cause, {option: '/x'}), 'http.desegment_body off')
        self.assertIsNone(prove(cause, {option: '/y'}))
        self.assertIsNone(prove(cause, {'': '/x', '-o tcp.desegment_tcp_streams:FALSE': '/x'}))

    def test_a_port_is_told_for_either_transport(self):
        self.assertEqual(prove(TOLD, {'-d udp.port==8080,http': '/x'}), 'a port told')
        self.assertIsNone(prove(TOLD, {'-d udp.port==80,http': '/x'}))

    def test_a_second_setting_is_named(self):
        self.assertEqual(prove(TOLD, {'-d tcp.port==8080,http -o http.desegment_body:FALSE': '/x'}),
                         'a port told, and http.desegment_body off')
        shown = {'-d tcp.port==443,openvpn -o openvpn.tls_auth_hmac_size:64': 'x'}
        self.assertEqual(prove(OPENVPN, shown, 'ja3', 'x'),
                         'a port told, and openvpn.tls_auth_hmac_size')

    def test_a_later_beginning(self):
        cause = 'because (shown when the capture begins at packet 2)'
        self.assertEqual(prove(cause, {2: 'x'}, 'ja3', 'x'), 'a capture that begins later')
        self.assertIsNone(prove(cause, {3: 'x'}, 'ja3', 'x'))

    def test_what_claims_nothing_is_not_asked(self):
        for cause in ('judged by hand', 'the rest is not here (RFC 1)', ''):
            self.assertEqual(proofs.claim_of(cause), '')
            self.assertIsNone(prove(cause, {'': '/x'}))

    def test_a_missing_value_cannot_be_shown(self):
        self.assertIsNone(prove(TOLD, {'-d tcp.port==8080,http': '/x'}, side='missing'))

    def test_the_other_reader(self):
        cause = 'damaged' + causes.SECOND
        for value, side, proof in (('x', 'extra', True), ('y', 'extra', False),
                                   ('y', 'missing', True), ('x', 'missing', False)):
            found = prove(cause, {}, 'ja3', value, side, [{'frame': 7, 'ja3': 'x'}])
            self.assertEqual(found is not None, proof, (value, side))
        self.assertIsNone(prove(cause, {}, 'ja3', 'y', 'missing', [{'frame': 8, 'ja3': 'x'}]))

    def test_a_cut_is_one_of_a_pair(self):
        rows = {('a.pcap', 'http.uri', LONG, 'extra'): ('7', causes.CUT),
                ('a.pcap', 'http.uri', LONG[:300], 'missing'): ('7', causes.CUT),
                ('b.pcap', 'http.uri', LONG, 'extra'): ('7', causes.CUT),
                ('b.pcap', 'http.uri', '/x', 'missing'): ('7', causes.CUT)}
        proved = proofs.Prover(rows).proved()
        self.assertEqual({row[0] for row in proved}, {'a.pcap'})
        self.assertEqual(len(proved), 2)


if __name__ == '__main__':
    unittest.main()
