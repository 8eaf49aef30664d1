#!/usr/bin/env python3
"""CPU time and memory of netwatch and other tools over large captures, side by side in one run.

usage: bench.py NETWATCH FOLDER [--quick] [--repeat N] [--captures a,b]
Each round runs every tool once over a capture, in turn, so that other load falls on all alike; the
table holds medians. CPU is user + system of the whole process tree as wait4 tells. RSS is the peak:
with mapped files the capture's pages count, and it is never below this script's own 15 MB. anon is
netwatch's peak of RssAnon, its own memory, looked at every 20 ms. Only the ratios of one run may be
compared, never the seconds."""
import argparse
import os
import shutil
import statistics
import subprocess
import sys
import time

SAMPLE_S = 0.02


def rss_anon_kib(pid):
    try:
        with open(f'/proc/{pid}/status', encoding='utf-8') as file:
            for line in file:
                if line.startswith('RssAnon:'):
                    return int(line.split()[1])
    except (OSError, ValueError):
        pass
    return 0


def run(command, sample):
    """(CPU s, peak RSS MB, peak RssAnon MB, wall s) of one command; nothing if it failed."""
    start = time.monotonic()
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                               stderr=subprocess.DEVNULL)
    anon = 0
    while sample:
        anon = max(anon, rss_anon_kib(process.pid))
        pid, status, usage = os.wait4(process.pid, os.WNOHANG)
        if pid:
            break
        time.sleep(SAMPLE_S)
    else:
        _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        return None
    return (usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024, anon / 1024,
            time.monotonic() - start)


def tools_of(program, quick):
    """(name, command before the capture, whether it is ours)."""
    listed = [('netwatch read -q', [program, 'read', '-q'], True)]
    text = subprocess.run([program, 'read', '--help'], capture_output=True, text=True, check=False)
    if '--json' in text.stdout + text.stderr:
        listed.append(('netwatch read --json', [program, 'read', '--json'], True))
    others = [('ndpiReader -q', ['ndpiReader', '-q', '-i'])]
    if not quick:
        others += [('tshark -q -z conv,tcp', ['tshark', '-q', '-z', 'conv,tcp', '-n', '-r']),
                   ('tcpdump -w /dev/null', ['tcpdump', '-n', '-w', '/dev/null', '-r'])]
    for name, command in others:
        if shutil.which(command[0]):
            listed.append((name, command, False))
        else:
            print(f'bench: {command[0]} is not installed: left out', file=sys.stderr)
    return listed


def measure(tools, capture, repeat):
    """{name: [results]}, interleaved."""
    results = {name: [] for name, _, _ in tools}
    for _ in range(repeat):
        for name, command, own in tools:
            result = run([*command, capture], own)
            if result is None:
                print(f'bench: {name} failed on {capture}', file=sys.stderr)
            else:
                results[name].append(result)
    return results


def print_table(capture, results):
    medians = {name: [statistics.median(column) for column in zip(*rows)]
               for name, rows in results.items() if rows}
    first = next(iter(results))
    size = os.path.getsize(capture) / 1e6
    print(f'\n{os.path.basename(capture)}, {size:.0f} MB')
    print(f'{"":24s} {"CPU s":>8s} {"wall s":>8s} {"RSS MB":>8s} {"anon MB":>8s} '
          f'{"CPU x":>8s} {"RSS x":>8s}   runs')
    for name, (cpu, rss, anon, wall) in medians.items():
        ratio = ['', '']
        if first in medians:
            ratio = [f'{cpu / medians[first][0]:.2f}', f'{rss / medians[first][1]:.2f}']
        print(f'{name:24s} {cpu:8.2f} {wall:8.2f} {rss:8.0f} {f"{anon:.0f}" if anon else "":>8s} '
              f'{ratio[0]:>8s} {ratio[1]:>8s}   {len(results[name])}')
    return all(results.values())


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('program')
    parser.add_argument('folder')
    parser.add_argument('--quick', action='store_true', help='only against ndpiReader')
    parser.add_argument('--repeat', type=int, default=3)
    parser.add_argument('--captures', default='mixed,tlshttp,manyflows')
    options = parser.parse_args()
    tools, fine = tools_of(options.program, options.quick), True
    for name in options.captures.split(','):
        capture = os.path.join(options.folder, f'{name}.pcap')
        with open(capture, 'rb') as file:  # one cold read for all
            while file.read(1 << 20):
                pass
        fine &= print_table(capture, measure(tools, capture, options.repeat))
    print(f'\nx: times what {tools[0][0]} takes; medians of {options.repeat} interleaved runs')
    return 0 if fine else 1


if __name__ == '__main__':
    sys.exit(main())
