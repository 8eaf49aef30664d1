#!/usr/bin/env python3
"""Holds `netwatch live --json` against traffic that keeps a ledger of its own.

usage: bench/ledger.py NETWATCH KNOWN_TRAFFIC [--connections N] [--rate N] [--datagrams N]
                       [--unowned N] [--keep FOLDER] [--waiting-unseen]             (root)
       bench/ledger.py --compare FOLDER [--waiting-unseen]

KNOWN_TRAFFIC (src/apps/known_traffic) makes it, in network namespaces of this run. Twice: with the
programs in the kernel, where every end of every connection has to have its exact owner, and without
the rights to load them, where owners are matched by looking. A wrong name fails in both. Payload
of each process has to be the ledger's to the byte, what nobody owns within 1 %. Exits with 1 if
anything is not as demanded. --waiting-unseen: this kernel (before 6.3) does not show the end of a
receive that waits already when netwatch starts; of older sockets of datagrams no payload may be told
then, and their owner may be unknown. What was said stays in the FOLDER of --keep, and is compared
again by --compare.
"""
import argparse
import collections
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time

from places import MIDDLE4, MIDDLE6, RIGHT4, RIGHT6, Places

NO_PROGRAMS = ['setpriv', '--bounding-set=-bpf,-sys_admin,-perfmon']
SHORT_NS = 5_000_000
SETTLE_S = 2.5  # an ended flow is told a second later, a look at the sockets is twice a second
PATIENCE_S = 60


def lines_of(path):
    with open(path, encoding='utf-8') as file:
        return [json.loads(line) for line in file]


def wait_for_text(path, text):
    for _ in range(PATIENCE_S * 10):
        with open(path, encoding='utf-8') as file:
            if text in file.read():
                return
        time.sleep(0.1)
    raise RuntimeError(f'{text!r} does not come')


def expect(process, word):
    line = process.stdout.readline().strip()
    if line != word:
        raise RuntimeError(f'the traffic says {line!r}, not {word!r}')


def run(options, places, scratch, with_programs):
    """Leaves the ledger's lines and netwatch's lines in scratch."""
    out, ledger = os.path.join(scratch, 'out'), os.path.join(scratch, 'ledger')
    executed = os.path.join(scratch, 'kt-executed')
    shutil.copy(options.known_traffic, executed)
    traffic = subprocess.Popen(
        places.inside('middle', options.known_traffic, 'owned', f'ledger={ledger}',
                      f'connections={options.connections}', f'rate={options.rate}',
                      f'datagrams={options.datagrams}', f'executed={executed}'),
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    watcher = None
    try:
        expect(traffic, 'ready')
        rights = [] if with_programs else NO_PROGRAMS
        with open(out, 'w', encoding='utf-8') as file:
            watcher = subprocess.Popen(
                places.inside('middle', *rights, options.netwatch, 'live', '--json', '--no-probes'), stdout=file,
                stderr=subprocess.DEVNULL)
        wait_for_text(out, '"event":"existing"')
        traffic.stdin.write('go\n')
        traffic.stdin.flush()
        expect(traffic, 'done')
        unowned = subprocess.run(
            places.inside('left', options.known_traffic, 'unowned', f'count={options.unowned}',
                          f'middle4={MIDDLE4}', f'middle6={MIDDLE6}', f'beyond4={RIGHT4}',
                          f'beyond6={RIGHT6}', f'beyond_netns={places.path("right")}'),
            check=True, stdout=subprocess.PIPE, text=True).stdout
        time.sleep(SETTLE_S)
        watcher.send_signal(signal.SIGTERM)
        if watcher.wait(PATIENCE_S) != 0:
            raise RuntimeError(f'netwatch ends with {watcher.returncode}')
    finally:
        for process in (traffic, watcher):
            if process is not None and process.poll() is None:
                process.kill()
                process.wait()
        traffic.wait()
    with open(ledger, 'a', encoding='utf-8') as file:
        file.write(unowned)
        netns = {'type': 'netns', 'inode': os.stat(places.path('middle')).st_ino}
        file.write(json.dumps(netns) + '\n')


def ends(l4, local, remote):
    return (l4, local['ip'], local['port'], remote['ip'], remote['port'])


class Bytes(dict):
    """Sent and received of each key."""

    def add(self, key, sent, received):
        old = self.get(key, (0, 0))
        self[key] = (old[0] + sent, old[1] + received)


def split_by_namespace(lines, own):
    """The lines without sockets of other network namespaces, and the processes that have only such."""
    def pids(sockets):
        return {line['owner']['pid'] for line in sockets if 'owner' in line}
    sockets = [line for line in lines if line.get('type') == 'socket']
    theirs = [line for line in sockets if line.get('netns', own) != own]
    ours = [line for line in sockets if line.get('netns', own) == own]
    kept = [line for line in lines if line.get('type') != 'socket' or line.get('netns', own) == own]
    return kept, pids(theirs) - pids(ours)


class Comparison:
    """What one run said, beside its ledger."""

    def __init__(self, folder):
        ledger, told = (lines_of(os.path.join(folder, name)) for name in ('ledger', 'out'))
        # Whoever else is on this host, in network namespaces of others, is told of as well.
        own = next(line['inode'] for line in ledger if line['type'] == 'netns')
        told, others = split_by_namespace(told, own)
        self.failures = []
        self.sockets = [line for line in ledger if line['type'] == 'socket']
        self.names = {(s['pid'], s['name']) for s in self.sockets}
        self.name_of = dict(self.names)
        last = {line['flow']: line for line in told if line.get('type') == 'flow'}
        self.flows = sorted(last.values(), key=lambda flow: flow['ts'])
        self.start_of = {s['pid']: s['start_ticks'] for s in self.sockets}
        self.totals = [line for line in told if line.get('type') == 'process'
                       and line.get('owner', {}).get('pid') not in others]
        self.told, self.ledger = told, ledger
        self.stats = told[-1]
        self.quality = collections.Counter()
        self.kinds = collections.defaultdict(collections.Counter)
        self.flow_count = self.missing = 0
        self.compare_owners()

    def compare_owners(self):
        """Both ends of each flow; those with equal ends meet in the order of their times."""
        told = collections.defaultdict(list)
        for flow in self.flows:
            if 'port' in flow['orig']:
                # '^': by its bytes the first packet was an answer. Bytes of ours may look like that.
                sides = ('resp', 'orig') if '^' in flow.get('history', '') else ('orig', 'resp')
                key = ends(flow['l4'], *(flow[side] for side in sides))
                told[key].append((flow, sides))
        made = collections.defaultdict(list)
        for one in sorted(self.sockets, key=lambda s: s['opened_ns']):
            if 'peer_pid' not in one:
                continue
            key = ends(one['l4'], one['local'], one['remote'])
            # Datagrams of the same ends are one flow; only one program has used them.
            if one['l4'] == 'tcp' or key not in made:
                made[key].append(one)
        for key, connections in made.items():
            flows = told[key]
            self.flow_count += len(connections)
            if len(flows) != len(connections):
                self.missing += 1
                self.failures.append(f'{len(flows)} flows, not {len(connections)}, of {key}')
                continue
            for one, (flow, sides) in zip(connections, flows):
                self.judge(one['kind'], flow, sides[0], one['pid'])
                self.judge(one['kind'], flow, sides[1], one['peer_pid'])

    def judge(self, kind, flow, side, pid):
        owner = flow[side].get('owner')
        verdict = owner['quality'] if owner else 'unknown'
        if owner and (owner['pid'] != pid or owner['name'] != self.name_of[pid]):
            verdict = 'wrong'
            self.failures.append(f'{owner} and not {pid} ({self.name_of[pid]}) at {side} of {flow}')
        self.quality[verdict] += 1
        self.kinds[kind][verdict] += 1

    def share(self, quality):
        return self.quality[quality] / max(1, sum(self.quality.values()))

    def compare_bytes(self):
        """By the ends of sockets: each process and protocol, all of a socket's life. But for what
        cannot be known: datagrams of sockets that are older."""
        wanted, told = Bytes(), Bytes()
        for one in self.sockets:
            if one['kind'] != 'older' or one['l4'] != 'udp':
                wanted.add((one['pid'], one['name'], one['l4']), one['sent_bytes'],
                           one['received_bytes'])
        for line in self.told:
            if line.get('type') == 'socket' and line['event'] == 'closed' and 'sent_bytes' in line:
                owner = line.get('owner', {'pid': 0, 'name': ''})
                told.add((owner['pid'], owner['name'], line['l4']), line['sent_bytes'],
                         line['received_bytes'])
        return self.count_differences('bytes', wanted, told)

    def compare_peers(self, waiting_unseen):
        """By the ends of unconnected UDP sockets: what each has moved to and from each peer."""
        wanted, told = Bytes(), Bytes()
        for one in self.sockets:
            older = one['kind'] == 'older'
            if one['l4'] != 'udp' or 'peer_pid' not in one or (older and waiting_unseen):
                continue
            # Of one that is older, since netwatch watches.
            sent = one['sent_bytes'] - (one['sent_before_bytes'] if older else 0)
            received = one['received_bytes'] - (one['received_before_bytes'] if older else 0)
            local, remote = ((one[end]['ip'], one[end]['port']) for end in ('local', 'remote'))
            wanted.add((one['peer_pid'], remote[1], *local), received, sent)
            if 'unconnected' in one:
                wanted.add((one['pid'], local[1], *remote), sent, received)
        for line in self.told:
            if line.get('type') != 'socket' or line['event'] != 'closed' or 'peers' not in line:
                continue
            for peer in line['peers']:
                told.add((line['owner']['pid'], line['local']['port'], peer['ip'], peer['port']),
                         peer['sent_bytes'], peer['received_bytes'])
            for key in ('unknown_peers', 'more_peers'):
                if key in line:
                    self.failures.append(f'{key} of {line["owner"]}: {line[key]}')
        return self.count_differences('peers', wanted, told).replace('processes', 'sockets and peers')

    def expect_exact_owners(self, waiting_unseen):
        unknown = self.kinds['older']['unknown'] if waiting_unseen else 0
        if self.quality['exact'] + unknown != sum(self.quality.values()):
            self.failures.append('not all owners are exact')

    def compare_totals(self, waiting_unseen):
        """By netwatch's own totals: each process, what it moved since netwatch watches."""
        unseen, wanted, told = set(), Bytes(), Bytes()
        for one in self.sockets:
            if waiting_unseen and one['kind'] == 'older' and one['l4'] == 'udp':
                # No figure, never a part of one.
                unseen.add((one['pid'], one['name']))
                wanted.add((one['pid'], one['name']), 0, 0)
                continue
            wanted.add((one['pid'], one['name']),
                       one['sent_bytes'] - one['sent_before_bytes'],
                       one['received_bytes'] - one['received_before_bytes'])
        last = {(line['owner']['pid'], line['owner']['name'], line['start_ticks']): line
                for line in self.totals if line['kind'] == 'process'}
        for (pid, name, start_ticks), line in last.items():
            sent, received = (line[key]['payload_bytes'] for key in ('sent', 'received'))
            if (pid, name) in unseen and line['uncounted_sockets'] == 0:
                self.failures.append(f'{name} has nothing uncounted')
            if sent or received or (pid, name) in self.names:
                told.add((pid, name), sent, received)
            if (pid, name) in self.names and self.start_of[pid] != start_ticks:
                self.failures.append(f'{name} started at {start_ticks}, not {self.start_of[pid]}')
        return self.count_differences('totals', wanted, told)

    def count_differences(self, what, wanted, told):
        wrong = [key for key in wanted.keys() | told.keys() if wanted.get(key) != told.get(key)]
        for key in wrong:
            self.failures.append(f'{what} of {key}: {told.get(key)}, not {wanted.get(key)}')
        return f'{len(wanted)} processes{" and protocols" if what == "bytes" else ""}: {len(wrong)} differ'

    def compare_unowned(self):
        """(packets wanted, told, IP bytes wanted, told) of what no process here owns."""
        rows = [line for line in self.ledger if line['type'] == 'unowned']
        sides = [flow[side] for flow in self.flows for side in ('orig', 'resp')
                 if 'owner' not in flow['orig'] and 'owner' not in flow['resp']]
        own_rows = [line for line in self.totals if line['kind'] == 'unowned']
        if own_rows:
            sides = own_rows[-1:]
        pairs = []
        for key in ('packets', 'ip_bytes'):
            wanted, told = sum(row[key] for row in rows), sum(side[key] for side in sides)
            if abs(told - wanted) > wanted / 100:
                self.failures.append(f'un-owned {key}: {told}, not {wanted}')
            pairs += [wanted, told]
        return pairs

    def expect_no_drops(self):
        lost = {key: self.stats['dropped'][key] for key in ('kernel', 'queue', 'socket_events',
                                                            'row_refused', 'flow_refused')}
        for key, count in lost.items():
            if count:
                self.failures.append(f'{count} lost: {key}')
        return lost


def print_shape(comparison):
    short = [s['closed_ns'] - s['opened_ns'] for s in comparison.sockets
             if s['kind'] == 'short' and 'peer_pid' in s]
    opened = [s['opened_ns'] for s in comparison.sockets
              if s['kind'] == 'short' and 'peer_pid' in s]
    rate = (len(opened) - 1) * 1e9 / max(1, max(opened) - min(opened))
    print(f'{len(short)} short connections at {rate:.0f} per second, '
          f'{sum(one < SHORT_NS for one in short)} of them under 5 ms '
          f'(median {sorted(short)[len(short) // 2] / 1e6:.2f} ms)')


def print_owners(title, comparison):
    total = sum(comparison.quality.values())
    words = ', '.join(f'{name} {comparison.quality[name]}'
                      for name in ('exact', 'inferred', 'unknown', 'wrong'))
    print(f'{title}\n  owners at both ends of {comparison.flow_count} flows: {words} of {total} '
          f'({comparison.share("exact"):.2%} exact, {comparison.share("inferred"):.2%} inferred)')
    for kind, counts in sorted(comparison.kinds.items()):
        print(f'    {kind:<10} ' + ', '.join(f'{name} {n}' for name, n in sorted(counts.items())))


def report_with_programs(comparison, waiting_unseen):
    print_shape(comparison)
    print_owners('with the programs in the kernel', comparison)
    comparison.expect_exact_owners(waiting_unseen)
    print(f'  payload by ends of sockets, {comparison.compare_bytes()}')
    print(f'  payload by peers of UDP sockets, {comparison.compare_peers(waiting_unseen)}')
    if comparison.totals:
        print(f'  payload by its own totals, {comparison.compare_totals(waiting_unseen)}')
    packets, packets_told, size, size_told = comparison.compare_unowned()
    print(f'  un-owned: {packets_told} packets of {packets}, {size_told} IP bytes of '
          f'{size} ({size_told / size - 1:+.3%})')


def compare(folders, waiting_unseen):
    """Prints what both runs have said, beside their ledgers; exits with 1 if they differ."""
    failures, shares = [], []
    for with_programs, folder in zip((True, False), folders):
        comparison = Comparison(folder)
        if with_programs:
            report_with_programs(comparison, waiting_unseen)
        else:
            print_owners('without them', comparison)
        print('  lost: ' + ', '.join(f'{key} {count}' for key, count in
                                     comparison.expect_no_drops().items()))
        failures += comparison.failures
        shares.append(comparison.share('exact' if with_programs else 'inferred'))
    for failure in failures[:20]:
        print(f'FAILED: {failure}', file=sys.stderr)
    if failures:
        sys.exit(f'{len(failures)} failures')
    print(f'all as the ledger says; owners: {shares[0]:.2%} exact, '
          f'{shares[1]:.2%} inferred without the programs')


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('programs', nargs='*', metavar='NETWATCH KNOWN_TRAFFIC')
    parser.add_argument('--connections', type=int, default=10000)
    parser.add_argument('--rate', type=int, default=2000)
    parser.add_argument('--datagrams', type=int, default=2000)
    parser.add_argument('--unowned', type=int, default=2000)
    parser.add_argument('--keep', metavar='FOLDER')
    parser.add_argument('--compare', metavar='FOLDER')
    parser.add_argument('--waiting-unseen', action='store_true')
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        top = options.compare or options.keep or scratch
        folders = [os.path.join(top, name) for name in ('with', 'without')]
        if not options.compare:
            options.netwatch, options.known_traffic = options.programs
            for folder, with_programs in zip(folders, (True, False)):
                os.makedirs(folder, exist_ok=True)
                with Places() as places:
                    run(options, places, folder, with_programs)
        compare(folders, options.waiting_unseen)


if __name__ == '__main__':
    main()
