#!/usr/bin/env python3
"""Holds the list of explained disagreements against the present ones.

usage: check_kept.py PRESENT KEPT   (both as tools/disagreements.py writes them)
Fails on a present disagreement that is not kept, on a kept one that no longer occurs, on one
without packet or cause, and if nothing was compared. Prints the length of the list and its share of the compared values."""
import collections
import os
import sys


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


def main():
    (present, compared), (kept, _) = read(sys.argv[1]), read(sys.argv[2])
    gone = sorted(set(kept) - set(present))
    new = sorted(set(present) - set(kept))
    silent = sorted(row for row, why in kept.items() if not all(why))
    report('kept, but does not occur any more', gone)
    report('occurs, but is not kept', new)
    report('kept without packet or cause', silent)
    of_field = collections.Counter(row[1] for row in kept)
    for field, count in sorted(compared.items()):
        print(f'{field:12s} {of_field[field]:5d} kept of {count} compared values '
              f'({100 * of_field[field] / max(count, 1):.2f} %)')
    total = sum(compared.values())
    print(f'{len(kept)} kept ({100 * len(kept) / max(total, 1):.2f} % of {total}), '
          f'{len(gone)} gone, {len(new)} new, {len(silent)} without a cause')
    return 1 if gone or new or silent or not compared else 0


if __name__ == '__main__':
    sys.exit(main())
