#!/usr/bin/env python3
"""flow_exceptions.py excepts a flow only by a row that is needed and that tshark proves."""
import contextlib
import io
import os
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '../bench'))
import flow_exceptions  # noqa: E402  pylint: disable=wrong-import-position

ROW = 'a.pcap\tudp\t10.0.0.1:50\t10.0.0.2:17500\tdropbox\tcoap\tudp.port==17500,coap\twhy\n'
KEY = ('udp', ('10.0.0.1', '50'), ('10.0.0.2', '17500'))
COAP = ('50', ['eth', 'ip', 'udp', 'coap'])
NONE = ('50', ['eth', 'ip', 'udp'])
ANSWER = ('17500', ['eth', 'ip', 'udp', 'http'])


class FlowExceptions(unittest.TestCase):
    def look(self, got, packets, names=('dropbox',), text=ROW):
        """(whether the flow is excepted, whether the list is sound, what is printed)"""
        with tempfile.TemporaryDirectory() as folder:
            path = f'{folder}/list'
            with open(path, 'w', encoding='utf-8') as file:
                file.write('# capture\n' + text)
            rows = flow_exceptions.Exceptions(path, 'corpus', lambda capture, row: packets)
        taken = rows.take('a.pcap', KEY, set(names), set(got))
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            sound = rows.report()
        return taken, sound, out.getvalue()

    def test_a_proved_row_excepts_its_flow_and_is_printed(self):
        taken, sound, out = self.look(['coap'], [COAP, COAP])
        self.assertTrue(taken and sound)
        self.assertIn('1 flows called coap, not dropbox: why', out)

    def test_what_tshark_does_not_show_is_no_proof(self):
        malformed = ('17500', COAP[1] + ['_ws.malformed'])
        for packets in ([], [NONE], [COAP, NONE], [ANSWER, COAP], [COAP, malformed]):
            taken, sound, out = self.look(['coap'], packets)
            self.assertTrue(taken)
            self.assertFalse(sound)
            self.assertIn('tshark does not prove: a.pcap', out)

    def test_who_is_asked_may_not_understand(self):
        self.assertTrue(self.look(['coap'], [COAP, ANSWER])[1])

    def test_a_flow_that_is_called_otherwise_is_not_excepted(self):
        for got, names in ((['stun'], ['dropbox']), (['coap'], ['dns'])):
            taken, sound, out = self.look(got, [COAP], names)
            self.assertFalse(taken or sound)
            self.assertIn('not needed: a.pcap', out)

    def test_the_filter_takes_the_flows_own_packets(self):
        row = flow_exceptions.Row(*ROW.rstrip('\n').split('\t'))
        self.assertEqual(flow_exceptions.flow_filter(row),
                         'udp.payload && ip.addr == 10.0.0.1 && udp.port == 50'
                         ' && ip.addr == 10.0.0.2 && udp.port == 17500')


if __name__ == '__main__':
    unittest.main()
