#!/usr/bin/env python3
"""Lists where netwatch and the ground truth of the corpus disagree, one value a line, in the form
of testdata/corpus/disagreements.tsv with packet and cause left empty.

usage: disagreements.py NETWATCH CORPUS LIST --fields a,b,...
The last lines, "# compared FIELD N", say how many values were compared."""
import argparse
import sys

import corpus


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('program')
    parser.add_argument('corpus')
    parser.add_argument('listing')
    parser.add_argument('--fields', required=True)
    options = parser.parse_args()
    sys.stdout.reconfigure(encoding='utf-8', errors='backslashreplace')
    rows, compared = corpus.disagreements(options.program, options.corpus, options.listing,
                                          options.fields.split(','))
    print('# capture\tfield\tvalue\tside\tpacket\tcause')
    for capture, field, value, side in rows:
        print(capture, field, corpus.one_line(value), side, '', '', sep='\t')
    for field, count in sorted(compared.items()):
        print(f'# compared\t{field}\t{count}')
    return 0


if __name__ == '__main__':
    sys.exit(main())
