#!/usr/bin/env python3
"""check_kept.py fails on what is gone, new or unexplained, and on nothing else."""
import os
import subprocess
import sys
import tempfile
import unittest

ROW = 'a.pcap\ttls.sni\texample.org\tmissing\t7\tcut by the snap length\n'
PRESENT = 'a.pcap\ttls.sni\texample.org\tmissing\t\t\n# compared\ttls.sni\t100\n'
TOOL = os.path.join(os.path.dirname(os.path.abspath(__file__)), 'check_kept.py')


class CheckKept(unittest.TestCase):
    def run_tool(self, present, *lists):
        with tempfile.TemporaryDirectory() as folder:
            paths = []
            for text in (present, *lists):
                paths.append(f'{folder}/{len(paths)}')
                with open(paths[-1], 'w', encoding='utf-8') as file:
                    file.write(text)
            run = subprocess.run([sys.executable, TOOL, *paths], capture_output=True, text=True,
                                 check=False)
            return run.returncode, run.stdout

    def test_equal_lists_pass_and_show_their_share(self):
        status, out = self.run_tool(PRESENT, '# capture\tfield\n' + ROW)
        self.assertEqual(status, 0, out)
        self.assertIn('1 kept (1.00 % of 100)', out)

    def test_what_is_lacking_is_no_surprise_but_is_not_kept(self):
        status, out = self.run_tool(PRESENT, '', ROW)
        self.assertEqual(status, 0, out)
        self.assertIn('0 kept (0.00 % of 100)', out)
        self.assertIn('what netwatch lacks: 1 (1.00 %)', out)

    def test_cuts_of_the_truth_are_no_real_disagreements(self):
        cut = '\t{}\t7\tthe truth is cut at 300 characters\n'
        rows = 'a.pcap\thttp.uri\t/' + 299 * 'x' + cut.format('missing')
        rows += 'a.pcap\thttp.uri\t/' + 300 * 'x' + cut.format('extra')
        status, out = self.run_tool(rows + PRESENT, rows + ROW)
        self.assertEqual(status, 0, out)
        self.assertIn('the truth agrees once one thing is changed: 2 (2.00 %)', out)
        self.assertIn('real disagreements: 1 (1.00 %)', out)

    def test_too_many_real_ones(self):
        other = ROW.replace('example', 'other')
        status, out = self.run_tool(other + PRESENT, ROW + other)
        self.assertEqual(status, 1)
        self.assertIn('real disagreements: 2 (2.00 %)', out)

    def test_a_claim_that_nobody_tried_is_a_real_one(self):
        status, out = self.run_tool(PRESENT, ROW.rstrip('\n') + ' (shown with x.y off)\n')
        self.assertEqual(status, 0, out)
        self.assertIn('real disagreements: 1', out)

    def test_gone(self):
        status, out = self.run_tool('# compared\ttls.sni\t100\n', ROW)
        self.assertEqual(status, 1)
        self.assertIn('does not occur any more: a.pcap', out)

    def test_new(self):
        status, out = self.run_tool(PRESENT, '')
        self.assertEqual(status, 1)
        self.assertIn('not kept: a.pcap', out)

    def test_without_cause(self):
        status, out = self.run_tool(PRESENT, ROW.rsplit('\t', 1)[0] + '\t\n')
        self.assertEqual(status, 1)
        self.assertIn('1 without a cause', out)

    def test_without_packet(self):
        status, out = self.run_tool(PRESENT, ROW.replace('\t7\t', '\t\t'))
        self.assertEqual(status, 1)
        self.assertIn('without packet or cause: a.pcap', out)

    def test_nothing_compared(self):
        status, out = self.run_tool('', '')
        self.assertEqual(status, 1, out)


if __name__ == '__main__':
    unittest.main()
