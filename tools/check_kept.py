#!/usr/bin/env python3
"""Holds the list of explained disagreements against the present ones.

usage: check_kept.py PRESENT KEPT [SHORT]   (all as tools/disagreements.py writes them)
SHORT: what netwatch lacks, in the same form. Its rows are known, but are never set aside when recall
is measured; they are no excuse, only no surprise.
Fails on a present disagreement that is in neither list, on a row that no longer occurs, on one
without packet or cause, and if nothing was compared. Prints the length of the list and its share of
the compared values: per field, by cause, and apart from values that the truth itself has cut."""
import collections
import os
import re
import sys

import causes


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


def print_shares(kept, short, compared):
    of_field = collections.Counter(row[1] for row in kept)
    for field, count in sorted(compared.items()):
        print(f'{field:12s} {of_field[field]:5d} kept of {count} compared values '
              f'({100 * of_field[field] / max(count, 1):.2f} %)')
    total = max(sum(compared.values()), 1)
    print_causes(kept, total)
    cut = sum(cause == causes.CUT for _, cause in kept.values())
    judged = len(kept) - cut
    most = collections.Counter(row[0] for row, (_, why) in kept.items() if why != causes.CUT)
    print(f'the truth\'s own cuts: {cut} ({100 * cut / total:.2f} %); all others: {judged} '
          f'({100 * judged / total:.2f} %)')
    for capture, count in most.most_common(1):
        print(f'of these in one capture: {count}; without it: {judged - count} '
              f'({100 * (judged - count) / total:.2f} %): {capture}')
    if short:
        print(f'what netwatch lacks: {len(short)} ({100 * len(short) / total:.2f} %)')
        print_causes(short, total)


def main():
    (present, compared), (kept, _) = read(sys.argv[1]), read(sys.argv[2])
    short, _ = read(sys.argv[3]) if len(sys.argv) > 3 else ({}, {})
    known = {**kept, **short}
    gone = sorted(set(known) - set(present))
    new = sorted(set(present) - set(known))
    silent = sorted(row for row, why in known.items() if not all(why))
    report('kept, but does not occur any more', gone)
    report('occurs, but is not kept', new)
    report('kept without packet or cause', silent)
    print_shares(kept, short, compared)
    total = sum(compared.values())
    print(f'{len(kept)} kept ({100 * len(kept) / max(total, 1):.2f} % of {total}), '
          f'{len(gone)} gone, {len(new)} new, {len(silent)} without a cause')
    return 1 if gone or new or silent or not compared else 0


if __name__ == '__main__':
    sys.exit(main())
