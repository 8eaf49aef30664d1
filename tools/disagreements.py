#!/usr/bin/env python3
"""Lists where netwatch and the ground truth of the corpus disagree, one value a line, in the form
of testdata/corpus/disagreements.tsv with packet and cause left empty.

usage: disagreements.py NETWATCH CORPUS LIST [--fields a,b,...] [--explain KEPT]
Without --fields, all that the corpus's own tools/agreement.py compares.
The last lines, "# compared FIELD N", say how many values were compared.
With --explain it writes a new KEPT to standard output instead: rows that are in KEPT stay as they
are, rows of fields that were not compared too; for others the packet is looked up and the cause, if
it can be proved (causes.py). What has no cause then must be mended, or judged by hand."""
import argparse
import os
import sys

import causes
import corpus


def kept_rows(path):
    """{(capture, field, value, side): whole line} of a list of explained disagreements."""
    if not os.path.exists(path):
        return {}
    with open(path, encoding='utf-8') as file:
        lines = [line.rstrip('\n') for line in file if line.strip() and not line.startswith('#')]
    return {tuple(line.split('\t')[:4]): line for line in lines}


def write_explained(options, rows, fields):
    kept = kept_rows(options.explain)
    lines = [line for key, line in kept.items() if key[1] not in fields]
    new = []
    for row in rows:
        key = (*row[:2], corpus.one_line(row[2]), row[3])
        if key in kept and not kept[key].endswith('\t'):
            lines.append(kept[key])
        else:
            new.append(row)
    rules = corpus.load_rules(options.corpus)
    for row in causes.explain(rules, options.program, options.corpus, new):
        lines.append('\t'.join((*row[:2], corpus.one_line(row[2]), *row[3:])))
    print('# capture\tfield\tvalue\tside\tpacket\tcause')
    print('\n'.join(sorted(lines)))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('program')
    parser.add_argument('corpus')
    parser.add_argument('listing')
    parser.add_argument('--fields')
    parser.add_argument('--explain', metavar='KEPT')
    options = parser.parse_args()
    sys.stdout.reconfigure(encoding='utf-8', errors='backslashreplace')
    every = [*corpus.load_rules(options.corpus)['FIELDS'], 'ja4']
    fields = options.fields.split(',') if options.fields else every
    rows, compared = corpus.disagreements(options.program, options.corpus, options.listing, fields)
    if options.explain:
        write_explained(options, rows, fields)
        return 0
    print('# capture\tfield\tvalue\tside\tpacket\tcause')
    for capture, field, value, side in rows:
        print(capture, field, corpus.one_line(value), side, '', '', sep='\t')
    for field, count in sorted(compared.items()):
        print(f'# compared\t{field}\t{count}')
    return 0


if __name__ == '__main__':
    sys.exit(main())
