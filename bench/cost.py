#!/usr/bin/env python3
"""What NetWatch costs the host that it watches, beside the bounds that it has to keep.

usage: bench/cost.py NETWATCH KNOWN_TRAFFIC [--quick] [--only PART,...]      (root)

Parts: bpf (time in the kernel's programs, by BPF run-time statistics), rates (connections, requests
and bytes per second over loopback, with and without NetWatch in turn), idle (CPU of all its
processes), memory (with 10,000 sockets), capture (losses at 300,000 packets per second, beside
tcpdump with as large a ring). Medians of pairs; figures of a crowded machine are not those of a
quiet one. What is over its bound is marked, and nothing fails: timings decide no test.
"""
import argparse
import contextlib
import fcntl
import glob
import json
import os
import pty
import re
import shutil
import signal
import statistics
import struct
import subprocess
import tempfile
import termios
import threading
import time

import empty
from places import Places

MIB = 1 << 20
RING_KIB = 64 << 10


def say(name, measured, bound, fine):
    print(f'  {name:<52} {measured:>16}   {bound:<18} {"ok" if fine else "OVER ITS BOUND"}')


class Screen:
    """A program on a terminal of its own, whose output nobody reads."""

    def __init__(self, command):
        self.master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack('HHHH', 40, 120, 0, 0))
        self.process = subprocess.Popen(command, stdin=slave, stdout=slave,
                                        stderr=subprocess.DEVNULL, start_new_session=True,
                                        env={**os.environ, 'TERM': 'xterm-256color'})
        os.close(slave)
        threading.Thread(target=self.drain, daemon=True).start()

    def drain(self):
        with contextlib.suppress(OSError):
            while os.read(self.master, 1 << 16):
                pass

    def stop(self):
        stop(self.process)
        os.close(self.master)


def stop(process):
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def tree(pid):
    """The process and all below it."""
    found, todo = [], [pid]
    while todo:
        one = todo.pop()
        found.append(one)
        with contextlib.suppress(OSError), open(f'/proc/{one}/task/{one}/children',
                                                encoding='utf-8') as file:
            todo += map(int, file.read().split())
    return found


def cpu_s(pids):
    """Of all their threads; the clock ticks of proc_pid_stat(5) are too coarse for idle ones."""
    total = 0
    for pid in pids:
        for path in glob.glob(f'/proc/{pid}/task/*/schedstat'):
            with contextlib.suppress(OSError), open(path, encoding='utf-8') as file:
                total += int(file.read().split()[0])
    return total / 1e9


def memory_mib(pids, key):
    total = 0
    for pid in pids:
        with open(f'/proc/{pid}/smaps_rollup', encoding='utf-8') as file:
            total += int(re.search(rf'^{key}:\s+(\d+)', file.read(), re.M)[1])
    return total / 1024


def programs(pids):
    """{name: (runs, nanoseconds)} of the programs in the kernel that these processes hold."""
    held = set()
    for pid in pids:
        for path in glob.glob(f'/proc/{pid}/fdinfo/*'):
            with contextlib.suppress(OSError), open(path, encoding='utf-8') as file:
                held.update(map(int, re.findall(r'^prog_id:\s+(\d+)', file.read(), re.M)))
    listed = json.loads(subprocess.run(['bpftool', 'prog', 'show', '--json'], check=True,
                                       capture_output=True, text=True).stdout or '[]')
    return {p.get('name', ''): (p.get('run_cnt', 0), p.get('run_time_ns', 0)) for p in listed
            if p['id'] in held}


@contextlib.contextmanager
def statistics_on():
    path = '/proc/sys/kernel/bpf_stats_enabled'
    with open(path, encoding='utf-8') as file:
        before = file.read()
    try:
        with open(path, 'w', encoding='utf-8') as file:
            file.write('1')
        yield
    finally:
        with open(path, 'w', encoding='utf-8') as file:
            file.write(before)


def measure_empty(rates, requests):
    """What programs that do nothing are said to take in the places of netwatch's."""
    try:
        with empty.attached() as descriptors:
            rates('connections=1', f'requests={requests}', 'bulk=1', f'datagrams={requests}')
            costs = {}
            for name, descriptor in descriptors.items():
                with open(f'/proc/self/fdinfo/{descriptor}', encoding='utf-8') as file:
                    counted = dict(re.findall(r'^run_(cnt|time_ns):\s+(\d+)', file.read(), re.M))
                costs[name] = int(counted['time_ns']) / max(1, int(counted['cnt']))
    except empty.NoPrograms as error:
        print(f'  empty programs instead: not measured, {error}')
        return
    say('empty programs instead, of a send: length; peer',
        '; '.join(f'{costs[name]:.0f}' for name in ('empty_send', 'empty_to')) + ' ns', '', True)
    say('of a receive: length; peer',
        '; '.join(f'{costs[name]:.0f}' for name in ('empty_receive', 'empty_from')) + ' ns', '',
        True)


def measure_bpf(options, places):
    def rates(*words):
        subprocess.run(places.inside('middle', options.known_traffic, 'rates', *words), check=True,
                       stdout=subprocess.DEVNULL)

    def mean(costs, name):
        runs, spent_ns = costs.get(name, (0, 0))
        return spent_ns / max(1, runs)

    print('\ntime in the programs in the kernel, by BPF run-time statistics')
    with statistics_on():
        measure_empty(rates, options.requests)
        watcher = Screen(places.inside('middle', options.netwatch, '--no-capture'))
        try:
            time.sleep(3)
            pids = tree(watcher.process.pid)
            rates(f'connections={options.connections}', 'requests=1', 'bulk=1', 'datagrams=1')
            lives = programs(pids)
            rates('connections=1', f'requests={options.requests}', 'bulk=1',
                  'datagrams=1')
            calls = programs(pids)
            rates('connections=1', 'requests=1', 'bulk=1', f'datagrams={options.requests}')
            datagrams = programs(pids)
        finally:
            watcher.stop()
    if not lives:
        print('  there are none: nothing to measure')
        return
    life_ns = sum(spent_ns for name, (_, spent_ns) in lives.items()
                  if name not in ('holders', 'on_exec'))
    per_life = life_ns / max(1, lives['on_release'][0])
    say('a TCP socket, all of its life', f'{per_life / 1000:.2f} us', '<= 4 us', per_life <= 4000)
    for name, what in (('on_send', 'a send'), ('on_receive', 'a receive')):
        cost = mean(calls, name)
        say(f'{what} ({calls[name][0]} of them)', f'{cost:.0f} ns', '<= 150 ns', cost <= 150)
    # Two programs: the length, and before it the peer.
    for names, what in ((('on_send', 'to_peer4'), 'a datagram sent, unconnected: length; peer'),
                        (('on_receive', 'from_peer4'), 'one received: length; peer')):
        costs = []
        for name in names:
            runs, spent_ns = (datagrams.get(name, (0, 0))[i] - calls.get(name, (0, 0))[i]
                              for i in (0, 1))
            costs.append(spent_ns / max(1, runs))
        say(what, '; '.join(f'{cost:.0f}' for cost in costs) + ' ns', '<= 150 ns each',
            max(costs) <= 150)
    print('    each: ' + ', '.join(f'{name} {mean(lives, name):.0f} ns' for name in sorted(lives)))


@contextlib.contextmanager
def watching(options, places, how):
    """NetWatch in the namespace in the middle: 'no capture', 'capture' (its screens), 'lines'; or
    'tcpdump', which captures the same and looks at nothing."""
    if how == 'none':
        yield None
        return
    if how in ('lines', 'tcpdump'):
        command = [options.netwatch, 'live', '-q'] if how == 'lines' else [
            'tcpdump', '-i', 'any', '-n', '-B', str(RING_KIB), '-w', '/dev/null']
        command = places.inside('middle', *command)
        watcher = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    else:
        words = ['--no-capture'] if how == 'no capture' else []
        screen = Screen(places.inside('middle', options.netwatch, *words))
        watcher = screen.process
    try:
        time.sleep(3)
        yield watcher
    finally:
        stop(watcher)
        if how in ('capture', 'no capture'):
            screen.stop()


def measure_rates(options, places):
    print(f'\nloopback with NetWatch against without, medians of {options.pairs} runs in turn')
    ways = ['none', 'no capture', 'capture'] + (['tcpdump'] if shutil.which('tcpdump') else [])
    seen = {how: [] for how in ways}
    for _ in range(options.pairs):
        for how in ways:
            with watching(options, places, how):
                out = subprocess.run(
                    places.inside('middle', options.known_traffic, 'rates',
                                  f'connections={options.connections}',
                                  f'requests={options.requests}', f'bulk={options.bulk}'),
                    check=True, stdout=subprocess.PIPE, text=True).stdout
                seen[how].append(json.loads(out))
    for key, unit in (('connections', 1), ('requests', 1), ('bulk_bytes', 1e9 / 8)):
        base = [run[key] for run in seen['none']]
        spread = min(base) / statistics.median(base)
        for how in ways[1:]:
            ratio = statistics.median(run[key] for run in seen[how]) / statistics.median(base)
            # Without NetWatch the runs themselves differ by so much.
            bound = 0.8 if key == 'connections' else min(0.95, spread)
            say(f'{key.split("_")[0]}, {how}: {statistics.median(base) / unit:.0f} without',
                f'{ratio:.2f}', '' if how == 'tcpdump' else f'>= {bound:.2f}',
                how == 'tcpdump' or ratio >= bound)


def measure_idle(options, places):
    print(f'\nidle, {options.idle_s} s')
    for how in ('no capture', 'capture', 'lines'):
        with watching(options, places, how) as watcher:
            time.sleep(2)
            pids = tree(watcher.pid)
            before = cpu_s(pids)
            time.sleep(options.idle_s)
            share = (cpu_s(pids) - before) / options.idle_s
        say(f'CPU of {len(pids)} processes, {how}', f'{share:.2%}', '<= 0.5 % of a core',
            share <= 0.005)


def hold_sockets(places, count):
    """A process in the middle that holds so many."""
    script = (f'import sys, time; sys.path.insert(0, {os.path.dirname(__file__)!r}); import sockets;'
              f'pids = sockets.start({count}); print("ready", flush=True); sys.stdin.read();'
              '[__import__("os").kill(pid, 15) for pid in pids]')
    process = subprocess.Popen(places.inside('middle', 'python3', '-c', script), text=True,
                               stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    process.stdout.readline()
    return process


def measure_memory(options, places):
    print('\nmemory with 10,000 sockets, without capture')
    holder = hold_sockets(places, 10000)
    try:
        with watching(options, places, 'no capture') as watcher:
            time.sleep(options.idle_s)
            pids = tree(watcher.pid)
            for key, what in (('Rss', 'resident'), ('Pss', 'its own share of that')):
                size = memory_mib(pids, key)
                say(f'{what}, {len(pids)} processes', f'{size:.1f} MiB', '<= 40 MiB', size <= 40)
    finally:
        holder.stdin.close()
        holder.wait()


def flood(options, places, size):
    out = subprocess.run(
        places.inside('left', options.known_traffic, 'flood', 'interface=nwup', f'bytes={size}',
                      f'rate={options.pps}', f'count={options.pps * options.flood_s}'),
        check=True, stdout=subprocess.PIPE, text=True).stdout
    return json.loads(out)


def capture_netwatch(options, places, size, scratch):
    out = os.path.join(scratch, 'out')
    with open(out, 'w', encoding='utf-8') as file:
        watcher = subprocess.Popen(
            places.inside('middle', options.netwatch, 'live', '--json', '-i', 'nwleft', '-f',
                          'udp port 5000', '-Y', 'tcp'), stdout=file, stderr=subprocess.DEVNULL)
    time.sleep(3)
    sent = flood(options, places, size)
    time.sleep(2)
    stop(watcher)
    with open(out, encoding='utf-8') as file:
        stats = json.loads(file.readlines()[-1])
    return sent, stats['packets'], stats['dropped']['kernel']


def capture_tcpdump(options, places, size, _):
    watcher = subprocess.Popen(
        places.inside('middle', 'tcpdump', '-i', 'nwleft', '-n', '-B', str(RING_KIB), '-s', '0',
                      '-w', '/dev/null', 'udp port 5000'), stderr=subprocess.PIPE, text=True)
    time.sleep(2)
    sent = flood(options, places, size)
    time.sleep(2)
    watcher.send_signal(signal.SIGTERM)
    said = watcher.communicate()[1]
    seen = int(re.search(r'(\d+) packets? captured', said)[1])
    return sent, seen, int(re.search(r'(\d+) packets? dropped by kernel', said)[1])


def measure_capture(options, places):
    print(f'\ncapture of {options.pps} packets per second for {options.flood_s} s, ring of 64 MiB')
    with tempfile.TemporaryDirectory() as scratch:
        os.chmod(scratch, 0o755)
        for size in (64, 1500):
            others = None
            for name, capture in (('tcpdump -w /dev/null', capture_tcpdump),
                                  ('netwatch live', capture_netwatch)):
                if name.startswith('tcpdump') and not shutil.which('tcpdump'):
                    continue
                sent, seen, dropped = capture(options, places, size, scratch)
                rate = sent['packets'] / sent['seconds']
                if seen + dropped != sent['packets']:
                    say(f'{name}: {seen} seen', f'{dropped} dropped', f'{sent["packets"]} sent',
                        False)
                else:
                    bound = max(0, others or 0)
                    say(f'{name}, {size} B at {rate / 1000:.0f} kpps: lost of {sent["packets"]}',
                        str(dropped), f'<= {bound}' if others is not None else '',
                        others is None or dropped <= bound)
                others = dropped


PARTS = {'bpf': measure_bpf, 'rates': measure_rates, 'idle': measure_idle,
         'memory': measure_memory, 'capture': measure_capture}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('netwatch')
    parser.add_argument('known_traffic')
    parser.add_argument('--quick', action='store_true', help='less of everything')
    parser.add_argument('--only', default=','.join(PARTS))
    options = parser.parse_args()
    options.connections = 3000 if options.quick else 20000
    options.requests = 20000 if options.quick else 100000
    options.bulk = (1 if options.quick else 8) << 30
    options.pairs = 2 if options.quick else 7
    options.idle_s = 20
    options.pps, options.flood_s = 300_000, 3 if options.quick else 10
    for name in options.only.split(','):
        with Places() as places:
            PARTS[name](options, places)


if __name__ == '__main__':
    main()
