#!/usr/bin/env python3
"""http_lines.py gives a cause for odd lines only."""
import unittest

import http_lines as lines


def extra(field, value, payload, method_shown=True):
    return lines.cause_of_extra(field, value, payload, method_shown)


class HttpLines(unittest.TestCase):
    def test_sane_lines_are_no_excuse(self):
        request = b'GET /a HTTP/1.1\r\nHost: x.org\r\n\r\n'
        for field, value in (('http.uri', '/a'), ('http.method', 'get'), ('http.host', 'x.org')):
            self.assertEqual(extra(field, value, request), '')
        self.assertEqual(extra('http.status', '200', b'HTTP/1.1 200 OK\r\n\r\n'), '')
        self.assertEqual(lines.cause_of_missing('http.uri', '/a', request), '')

    def test_method_that_tshark_does_not_know(self):
        request = b'WEIRD /a HTTP/1.1\r\nHost: x.org\r\n\r\n'
        for field, value in (('http.uri', '/a'), ('http.method', 'weird'), ('http.host', 'x.org')):
            self.assertEqual(extra(field, value, request, False), lines.METHOD)
        self.assertEqual(extra('http.host', 'y.org', request, False), '')

    def test_blanks(self):
        self.assertEqual(extra('http.uri', '/a', b'GET   /a HTTP/1.1\r\n'), lines.BLANKS)
        inner = b'GET /a b HTTP/1.1\r\n'
        self.assertEqual(extra('http.uri', '/a b', inner), lines.INNER_BLANK)
        self.assertEqual(lines.cause_of_missing('http.uri', '/a', inner), lines.INNER_BLANK)
        self.assertEqual(lines.cause_of_missing('http.uri', '/', inner), '')

    def test_status(self):
        tab = b'HTTP/1.1\t200 OK\r\n'
        self.assertEqual(extra('http.status', '200', tab), lines.TAB)
        self.assertEqual(lines.cause_of_missing('http.status', '20', tab), lines.TAB)
        self.assertEqual(extra('http.status', '20', b'HTTP/1.1 20 OK\r\n'), lines.TWO_DIGITS)
        self.assertEqual(extra('http.status', '200', b'\n\rHTTP/1.1 200 OK\r\n'), lines.LATE_STATUS)
        self.assertEqual(extra('http.status', '200', b'HTTP/1.1 100 C\r\n\r\nHTTP/1.1 200 OK\r\n'), '')

    def test_second_request(self):
        second = b'GET /b HTTP/1.1\r\n'
        self.assertEqual(extra('http.uri', '/b', b'POST / HTTP/1.1\r\n\r\n' + second), '')
        fold = b'POST / HTTP/1.1\r\nTransfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n' + second
        self.assertEqual(extra('http.uri', '/b', fold), lines.FOLD)
        chunk = b'POST / HTTP/1.1\r\n\r\n10000000000000000\r\n\r\n' + second
        self.assertEqual(extra('http.method', 'get', chunk), lines.CHUNK)


if __name__ == '__main__':
    unittest.main()
