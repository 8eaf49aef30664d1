#!/usr/bin/env python3
"""Holds the list of explained disagreements against the present ones.

usage: check_kept.py PRESENT KEPT [SHORT] [--prove CORPUS] [--most PERCENT]
(the lists as tools/disagreements.py writes them)
SHORT: what netwatch lacks, in the same form. Its rows are known, but are never set aside when recall
is measured; they are no excuse, only no surprise.
The kept values are of two kinds. With some the truth itself agrees once one thing in how it was made
is changed: its cut at 300 characters, one setting of tshark (proofs.py puts each such claim to the
test, with the captures of CORPUS; without --prove only the cuts). All others are disagreements of
two readers, and so is a claim that does not hold.
Fails on a present disagreement that is in neither list, on a row that no longer occurs, on one
without packet or cause, on a claim that does not hold (with --prove), on more than --most % (1) of
real disagreements among the compared values, and if nothing was compared. Prints the lists and
their shares of the compared values: per field, by what has to be changed, by cause."""
import argparse
import collections
import os
import re
import sys

import proofs


def read(path):
    """{(capture, field, value, side): (packet, cause)} and {field: values compared}."""
    rows, compared = {}, {}
    if not os.path.exists(path):
        return rows, compared
    with open(path, encoding='utf-8') as file:
        for line in file:
            columns = line.rstrip('\n').split('\t')
            if columns[0] == '# compared':
                compared[columns[1]] = int(columns[2])
            elif line.strip() and not line.startswith('#'):
                columns += [''] * (6 - len(columns))
                rows[tuple(columns[:4])] = (columns[4].strip(), columns[5].strip())
    return rows, compared


def report(title, rows):
    for row in rows[:20]:
        print(f'{title}: ' + '  '.join(row))
    if len(rows) > 20:
        print(f'{title}: and {len(rows) - 20} more')


def kind_of(cause):
    """A cause without what differs from row to row."""
    return re.sub(r'(packet|and) \d+\b', r'\1 N', cause)


def print_causes(rows, total):
    """The rows of a list by cause, most first, each with its share of the compared values."""
    of_cause, captures = collections.Counter(), collections.defaultdict(set)
    for row, (_, cause) in rows.items():
        of_cause[kind_of(cause)] += 1
        captures[kind_of(cause)].add(row[0])
    for cause, count in of_cause.most_common():
        print(f'{count:5d} {100 * count / total:5.2f} % in {len(captures[cause]):3d} captures: {cause}')


def print_shares(kept, compared):
    of_field = collections.Counter(row[1] for row in kept)
    for field, count in sorted(compared.items()):
        print(f'{field:12s} {of_field[field]:5d} kept of {count} compared values '
              f'({100 * of_field[field] / max(count, 1):.2f} %)')


def print_proved(proved, total):
    """The values with which the truth agrees, by what has to be changed in how it was made."""
    captures = collections.defaultdict(set)
    for row, changed in proved.items():
        captures[changed].add(row[0])
    for changed, count in collections.Counter(proved.values()).most_common():
        print(f'{count:5d} {100 * count / total:5.2f} % in {len(captures[changed]):3d} captures: '
              f'{changed}')


def read_options():
    parser = argparse.ArgumentParser()
    parser.add_argument('present')
    parser.add_argument('kept')
    parser.add_argument('short', nargs='?')
    parser.add_argument('--prove', metavar='CORPUS')
    parser.add_argument('--most', type=float, default=1)
    return parser.parse_args()


def main():
    options = read_options()
    (present, compared), (kept, _) = read(options.present), read(options.kept)
    short, _ = read(options.short) if options.short else ({}, {})
    known = {**kept, **short}
    gone = sorted(set(known) - set(present))
    new = sorted(set(present) - set(known))
    silent = sorted(row for row, why in known.items() if not all(why))
    report('kept, but does not occur any more', gone)
    report('occurs, but is not kept', new)
    report('kept without packet or cause', silent)
    print_shares(kept, compared)
    total = max(sum(compared.values()), 1)
    proved = proofs.Prover(kept, options.prove).proved()
    real = {row: why for row, why in kept.items() if row not in proved}
    failed = sorted((*row, why[1]) for row, why in real.items() if proofs.claim_of(why[1]))
    failed = failed if options.prove else []
    report('is not so', failed)
    print(f'the truth agrees once one thing is changed: {len(proved)} '
          f'({100 * len(proved) / total:.2f} %)')
    print_proved(proved, total)
    print(f'real disagreements: {len(real)} ({100 * len(real) / total:.2f} %)')
    print_causes(real, total)
    if short:
        print(f'what netwatch lacks: {len(short)} ({100 * len(short) / total:.2f} %)')
        print_causes(short, total)
    print(f'{len(kept)} kept ({100 * len(kept) / total:.2f} % of {sum(compared.values())}), '
          f'{len(gone)} gone, {len(new)} new, {len(silent)} without a cause, {len(failed)} not so')
    too_many = 100 * len(real) > options.most * total
    return 1 if gone or new or silent or failed or too_many or not compared else 0


if __name__ == '__main__':
    sys.exit(main())
