#!/usr/bin/env python3
"""Segments that were sent again or came out of order: netwatch beside tshark, per capture.

usage: tcp_loss.py NETWATCH CORPUS LIST [--show N] [--kinds]

The truth is `counters` of truth/*.jsonl: packets with tcp.analysis.retransmission (tshark sets it
on fast ones, too) and tcp.analysis.out_of_order. Netwatch's are `retransmitted` and `out_of_order`
of both sides of a flow. Which of the two a late segment is, is a matter of time and taste
(docs/flow.md): their sum is compared as well. SYNs that are sent again are `syn_retries` of
netwatch, and FINs count as nothing, nor do probes of one byte; tshark's retransmissions hold all.

Prints sums and the N captures that differ most. With --kinds tshark reads the captures that differ
once more, and what netwatch leaves out on purpose is taken off. Other differences that were looked
at: tshark joins flows of different VLANs and tunnels and of merged captures, takes an ACK that was
captured before its data for proof of loss, counts a segment that is sent again together with new
data, and does not count one that the capture has without its payload."""
import argparse
import collections
import os
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '../tools'))
import corpus  # noqa: E402  pylint: disable=wrong-import-position


def of_netwatch(program, capture):
    count = collections.Counter()
    for row in corpus.lines(program, capture):
        if row.get('type') != 'flow' or row['l4'] != 'tcp':
            continue
        for side in ('orig', 'resp'):
            count['sent again'] += row[side].get('retransmitted', 0)
            count['sent again'] += row[side].get('syn_retries', 0)
            count['out of order'] += row[side].get('out_of_order', 0)
    return count


def of_tshark(truth):
    counters = truth['counters']
    return collections.Counter({'sent again': counters.get('tcp_retrans', 0),
                                'out of order': counters.get('tcp_ooo', 0)})


def left_out(capture):
    """How many of tshark's in a capture are FINs without data and probes of one byte."""
    run = subprocess.run(['tshark', '-n', '-o', 'tcp.reassemble_out_of_order:TRUE', '-r', capture,
                          '-Y', 'tcp.analysis.retransmission || tcp.analysis.out_of_order',
                          '-T', 'fields', '-e', 'tcp.len', '-e', 'tcp.flags.fin',
                          '-e', 'tcp.flags.syn'],
                         stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False)
    rows = (line.split('\t') for line in run.stdout.decode().splitlines())
    return sum(length == '0' and fin == '1' or length == '1' and syn == '0'
               for length, fin, syn in rows)


def without_left_out(options, rows):
    def look_at(row):
        name, truth, mine = row
        if truth.total() <= mine.total():
            return row
        less = collections.Counter(truth)
        less['sent again'] -= min(left_out(os.path.join(options.corpus, name)),
                                  less['sent again'])
        return name, less, mine

    return list(corpus.in_parallel(look_at, rows))


def compare(options):
    """Rows (capture, tshark's, netwatch's) of the captures with TCP."""
    rules = corpus.load_rules(options.corpus)
    truths, _ = rules['truths'](os.path.join(options.corpus, 'truth'))
    with open(options.listing, encoding='utf-8') as file:
        names = [name for name in map(str.strip, file)
                 if truths.get(name, {}).get('tcp_streams')]

    def look_at(name):
        return name, of_netwatch(options.program, os.path.join(options.corpus, name))

    return [(name, of_tshark(truths[name]), ours)
            for name, ours in corpus.in_parallel(look_at, names)]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('program')
    parser.add_argument('corpus')
    parser.add_argument('listing')
    parser.add_argument('--show', type=int, default=10)
    parser.add_argument('--kinds', action='store_true')
    options = parser.parse_args()
    rows = compare(options)
    if options.kinds:
        rows = without_left_out(options, rows)
    theirs, ours = collections.Counter(), collections.Counter()
    for _, truth, mine in rows:
        theirs.update(truth)
        ours.update(mine)
    print(f'{"":14s} {"tshark":>8s} {"netwatch":>8s}')
    for kind in ('sent again', 'out of order'):
        print(f'{kind:14s} {theirs[kind]:8d} {ours[kind]:8d}')
    print(f'{"both":14s} {theirs.total():8d} {ours.total():8d}')
    equal = sum(truth == mine for _, truth, mine in rows)
    equal_sum = sum(truth.total() == mine.total() for _, truth, mine in rows)
    print(f'{len(rows)} captures with TCP: {equal} equal in both, {equal_sum} in the sum')
    rows.sort(key=lambda row: -abs(row[1].total() - row[2].total()))
    for name, truth, mine in rows[:options.show]:
        if truth.total() != mine.total():
            print(f'  {truth["sent again"]:6d} {truth["out of order"]:5d}   {mine["sent again"]:6d} '
                  f'{mine["out of order"]:5d}   {name}')
    return 0 if rows else 1


if __name__ == '__main__':
    sys.exit(main())
