#!/usr/bin/env python3
"""junit.py FILE NAME: what a JUnit file of ctest says: each failure and each distinct reason to
skip, then one line "PASSED FAILED SKIPPED"."""
import collections
import re
import sys
import xml.etree.ElementTree as ET


def skip_reason(output):
    """The text that GTEST_SKIP() << ... printed: the lines between the place and the verdict."""
    lines = (output or '').splitlines()
    for i, line in enumerate(lines):
        if re.search(r'\.cpp:\d+: Skipped$', line):
            return ' '.join(l.strip() for l in lines[i + 1:i + 3] if l.strip() and '[' not in l)
    return 'no reason given'


def main():
    path, name = sys.argv[1:3]
    counts, reasons = collections.Counter(), collections.defaultdict(list)
    for case in ET.parse(path).getroot().iter('testcase'):
        status = case.get('status')
        if case.find('failure') is not None or status == 'fail':
            counts['failed'] += 1
            print(f'FAILED: {name}: {case.get("name")}')
        elif case.find('skipped') is not None or status in ('notrun', 'disabled'):
            counts['skipped'] += 1
            out = case.find('system-out')
            reasons[skip_reason(out.text if out is not None else '')].append(case.get('name'))
        else:
            counts['passed'] += 1
    for reason, cases in sorted(reasons.items()):
        print(f'skipped: {name}: {len(cases)} ({cases[0]}{" ..." if len(cases) > 1 else ""}): {reason}')
    print(counts['passed'], counts['failed'], counts['skipped'])


if __name__ == '__main__':
    main()
