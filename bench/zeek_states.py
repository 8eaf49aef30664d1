#!/usr/bin/env python3
"""conn_state and history beside what Zeek itself wrote of the same connections.

usage: zeek_states.py NETWATCH CORPUS [LIST]   (testdata/corpus/zeek_conn.tsv by default)

Exit 0 when every connection of the list has the same state and the same history."""
import collections
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, '../tools'))
import corpus  # noqa: E402  pylint: disable=wrong-import-position


def of_netwatch(program, capture):
    """{(originator, port, responder, port): (conn_state, history)}"""
    return {(row['orig']['ip'], str(row['orig']['port']), row['resp']['ip'],
             str(row['resp']['port'])): (row.get('conn_state', '-'), row.get('history', '-'))
            for row in corpus.lines(program, capture)
            if row.get('type') == 'flow' and row['l4'] == 'tcp'}


def main():
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    program, folder = sys.argv[1:3]
    listing = sys.argv[3] if len(sys.argv) > 3 else \
        os.path.join(HERE, '../testdata/corpus/zeek_conn.tsv')
    wanted = collections.defaultdict(dict)
    with open(listing, encoding='utf-8') as file:
        for line in file:
            columns = line.rstrip('\n').split('\t')
            if len(columns) == 7 and not line.startswith('#'):
                wanted[columns[0]][tuple(columns[1:5])] = tuple(columns[5:])
    total = state = both = 0
    for capture, connections in wanted.items():
        ours = of_netwatch(program, os.path.join(folder, capture))
        for ends, zeeks in connections.items():
            mine = ours.get(ends, ('no such flow', '-'))
            total += 1
            state += mine[0] == zeeks[0]
            both += mine == zeeks
            if mine != zeeks:
                print(f'{capture} {" ".join(ends)}: Zeek {" ".join(zeeks)}, netwatch '
                      f'{" ".join(mine)}')
    print(f'Zeek: {total} connections: {state} with the same conn_state, {both} with the same '
          'history as well')
    return 0 if total and both == total else 1


if __name__ == '__main__':
    sys.exit(main())
