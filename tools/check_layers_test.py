#!/usr/bin/env python3
"""check_layers.py sees each kind of breach, and only breaches."""
import os
import tempfile
import unittest

import check_layers


def problems(files, exceptions=''):
    with tempfile.TemporaryDirectory() as root:
        for path, text in files.items():
            full = os.path.join(root, 'src', path)
            os.makedirs(os.path.dirname(full), exist_ok=True)
            with open(full, 'w', encoding='utf-8') as file:
                file.write(text)
        listed = os.path.join(root, 'exceptions.txt')
        with open(listed, 'w', encoding='utf-8') as file:
            file.write(exceptions)
        found, _ = check_layers.check(os.path.join(root, 'src'), listed)
        return found


BASE = {'base/a.h': '#pragma once\n', 'wire/w.h': '#include "base/a.h"\n'}


class CheckLayers(unittest.TestCase):
    def expect(self, files, *words, exceptions=''):
        found = problems({**BASE, **files}, exceptions)
        self.assertEqual(len(found), 1, found)
        for word in words:
            self.assertIn(word, found[0])

    def test_a_sound_tree_has_no_problem(self):
        self.assertEqual(problems({
            **BASE,
            'flow/f.cpp': '#include <vector>\n#include "wire/w.h"\n#include "base/a.h"\n',
            'flow/f_test.cpp': '#include <gtest/gtest.h>\n#include <unistd.h>\n',
            'base/clock_posix.cpp': '#include <unistd.h>\n',
            'capture/c.cpp': '#include <pcap.h>\n#include <sys/socket.h>\n',
            'apps/netwatch/main.cpp': '#include <CLI/CLI.hpp>\n#include "flow/x.h"\n',
            'flow/x.h': '#include "flow/y.h"\n', 'flow/y.h': ''}), [])

    def test_upward(self):
        self.expect({'base/b.cpp': '#include "wire/w.h"\n'}, 'src/base/b.cpp:1', 'above')

    def test_same_rank(self):
        self.expect({'flow/f.cpp': '\n#include "dpi/d.h"\n', 'dpi/d.h': ''},
                    'src/flow/f.cpp:2', 'same rank')

    def test_programs_do_not_meet(self):
        self.expect({'apps/one/a.h': '', 'apps/two/main.cpp': '#include "apps/one/a.h"\n'},
                    'do not include each other')

    def test_operating_system_header_in_a_portable_folder(self):
        for header in ('linux/if.h', 'sys/epoll.h', 'netinet/in.h', 'unistd.h'):
            self.expect({'dpi/d.cpp': f'#include <{header}>\n'}, 'portable', header)
        self.expect({'flow/clock_posix.cpp': '#include <unistd.h>\n'}, 'portable')

    def test_stated_exception(self):
        files = {**BASE, 'base/os.cpp': '#include <unistd.h>\n'}
        self.assertEqual(problems(files, 'src/base/os.cpp unistd.h the seam to the system\n'), [])

    def test_exception_without_reason(self):
        found = problems({**BASE, 'base/os.cpp': '#include <unistd.h>\n'},
                         'src/base/os.cpp unistd.h\n')
        self.assertEqual(len(found), 2, found)

    def test_exception_that_is_not_needed(self):
        self.expect({}, 'not needed', exceptions='src/base/gone.cpp unistd.h old\n')

    def test_confined_library(self):
        self.expect({'wire/x.cpp': '#include <pcap.h>\n'}, 'confined to capture')
        self.expect({'wire/x.cpp': '#include <openssl/evp.h>\n'}, 'confined to base')
        self.expect({'wire/x.cpp': '#include <gtest/gtest.h>\n'}, 'confined to _test.cpp')
        self.expect({'wire/x.h': '#include <fmt/core.h>\n'}, 'confined to .cpp')

    def test_cycle(self):
        self.expect({'flow/x.h': '#include "flow/y.h"\n', 'flow/y.h': '#include "flow/x.h"\n'},
                    'circle', 'flow/x.h')

    def test_missing_file(self):
        self.expect({'wire/x.cpp': '#include "w.h"\n'}, 'does not exist')

    def test_places_that_cmake_does_not_search(self):
        self.expect({'stray.cpp': ''}, 'no known layer')
        self.expect({'elsewhere/x.cpp': ''}, 'no known layer')
        self.expect({'apps/netwatch/deep/x.cpp': ''}, 'directly')
        self.expect({'wire/x.cc': ''}, 'end in .cpp')
        self.expect({'wire/x.bpf.c': ''}, 'end in .cpp')

    def test_programs_of_the_kernel(self):
        self.assertEqual(problems({'ebpf/programs/x.bpf.c': '#include <bpf/bpf_helpers.h>\n',
                                   'ebpf/x.cpp': ''}), [])

    def test_no_sources_is_a_problem(self):
        self.assertEqual(len(problems({})), 1)


if __name__ == '__main__':
    unittest.main()
