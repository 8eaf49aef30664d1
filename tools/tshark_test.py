#!/usr/bin/env python3
"""tshark.py understands tshark's output; tshark itself is not run."""
import unittest

import hello_test as make
import tshark

RULES = {'canon': str.lower, 'FIELDS': {'tls.sni': ([], ['tls.handshake.extensions_server_name'])}}


class Output(unittest.TestCase):
    def test_layers_of_ek(self):
        lines = b'{"index":{}}\n{"layers":{"frame_number":["7"]}}\nnot json\n{"layers":{}}\n'
        self.assertEqual(list(tshark.ek_layers(lines)), [{'frame_number': ['7']}])

    def test_ja4_by_what_carries_the_hello(self):
        def packet(number, extra):
            return (f'"_index": "x", "frame.number": "{number}", {extra} '
                    f'"tls.handshake_raw": [ "{make.of_ja4().hex()}", 1 ]')

        found = tshark.ja4_values((packet(3, '') + packet(5, '') + packet(9, '"quic": {},')).encode())
        self.assertEqual(found, {make.JA4: '3', 'q' + make.JA4[1:]: '9'})

    def test_earliest_packet_that_showed_a_value(self):
        of = tshark.Tshark(RULES, 'x.pcap', 'tls.sni')
        of.seen = {('-o', 'a'): {'x': '12'}, ('-o', 'b'): {'x': '9', 'y': '1'}, 'some filter': {7: '0'}}
        self.assertEqual(of.earliest('x', 20), 9)
        self.assertEqual(of.earliest('x', 4), 4)
        self.assertEqual(of.earliest('z', 20), 20)
        self.assertEqual(of.earliest('x', ''), '')


if __name__ == '__main__':
    unittest.main()
