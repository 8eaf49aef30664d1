#!/usr/bin/env python3
"""check_sizes.py measures what it says, also around strings, lambdas and initialisers."""
import os
import tempfile
import unittest

import check_sizes

BODY = '  work();\n'


def lengths(text):
    return [(check_sizes.name_of(head), lines) for _, lines, head in check_sizes.functions(text)]


def kinds(path, text):
    return [kind for kind, _, _ in check_sizes.findings(path, text)]


class Functions(unittest.TestCase):
    def test_lines_from_head_to_closing_brace(self):
        self.assertEqual(lengths('namespace a {\n\nint f(int x,\n      int y) {\n  return 1;\n}\n}\n'),
                         [('f', 4)])

    def test_members_constructors_and_operators(self):
        text = ('class C final : public B {\n public:\n  C() : x_{1}, y_(2) {}\n'
                '  bool operator==(const C& o) const {\n    return true;\n  }\n'
                '  int x_{3};\n};\nC::~C() {\n  f();\n}\n'
                'C::C(int z)\n    : x_{z}, b::y_{2} {\n  f();\n}\n')
        self.assertEqual([n for _, n in lengths(text)], [1, 3, 3, 4])

    def test_tests_are_functions(self):
        self.assertEqual(lengths('TEST(Suite, Case) {\n  f();\n}\n'), [('Suite.Case', 3)])

    def test_tables_and_lambdas_in_them_are_not(self):
        self.assertEqual(lengths('constexpr int kTable[] = {\n    f(1),\n    f(2),\n};\n'), [])
        self.assertEqual(lengths('struct S {\n  int a = 0;\n};\nenum class E : int { kA };\n'), [])

    def test_what_looks_like_a_brace_is_none(self):
        text = ('void f() {\n  a("}{", \'{\', R"x({{{)x");  // }\n  /* { */ b(1\'000\'000);\n}\n'
                'void g() {\n}\n')
        self.assertEqual(lengths(text), [('f', 4), ('g', 2)])

    def test_lambdas_belong_to_their_function(self):
        self.assertEqual(lengths('void f() {\n  auto g = [](int x) {\n    return x;\n  };\n}\n'),
                         [('f', 5)])

    def test_requires_and_templates(self):
        self.assertEqual(lengths('template <typename T = int>\nT f(T x) {\n  return x;\n}\n'),
                         [('f', 4)])


class Findings(unittest.TestCase):
    def test_limits_are_inclusive(self):
        fits = 'void f() {\n' + BODY * 68 + '}\n'
        self.assertEqual(kinds('src/a/f.cpp', fits), [])
        self.assertEqual(kinds('src/a/f.cpp', 'void f() {\n' + BODY * 69 + '}\n'), ['function'])
        self.assertEqual(kinds('src/a/f.h', '\n' * 200), [])
        self.assertEqual(kinds('src/a/f.h', '\n' * 201), ['lines'])
        self.assertEqual(kinds('src/a/f.cpp', '\n' * 501), ['lines'])
        self.assertEqual(kinds('src/a/f.cpp', '/' * 100 + '\n'), [])
        self.assertEqual(kinds('src/a/f.cpp', '/' * 101 + '\n'), ['columns'])

    def test_words(self):
        self.assertEqual(kinds('src/a/f.cpp', '// TO' + 'DO: later\n'), ['word'])
        self.assertEqual(kinds('src/a/f.cpp', 'class FlowManager {\n};\n'), ['word'])
        self.assertEqual(kinds('src/a/f.cpp', 'struct tcp_info raw;\nclass Manage {\n};\n'), [])

    def test_exceptions_must_be_needed_and_reasoned(self):
        with tempfile.TemporaryDirectory() as root:
            os.makedirs(f'{root}/src/a')
            os.makedirs(f'{root}/tools')
            for path, text in (('src/a/long.cpp', '\n' * 501),
                               ('tools/size_exceptions.txt', 'lines src/a/long.cpp one table\n')):
                with open(f'{root}/{path}', 'w', encoding='utf-8') as file:
                    file.write(text)
            self.assertEqual(check_sizes.check(root)[0], [])
            with open(f'{root}/src/a/long.cpp', 'w', encoding='utf-8') as file:
                file.write('\n')
            self.assertIn('not needed', check_sizes.check(root)[0][0])


if __name__ == '__main__':
    unittest.main()
