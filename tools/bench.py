#!/usr/bin/env python3
"""CPU time and memory of netwatch and other tools over large captures, side by side in one run.

usage: bench.py NETWATCH FOLDER [--quick] [--repeat N] [--captures a,b] [--no-layers]
Each round runs every tool once over a capture, in turn, so that other load falls on all alike; the
table holds medians. CPU is user + system of the whole process tree as wait4 tells. RSS is the peak:
with mapped files the capture's pages count, and it is never below this script's own 15 MB. anon is
netwatch's peak of RssAnon, its own memory, looked at every 20 ms. Only the ratios of one run may be
compared, never the seconds. Then the instructions per packet of each layer, as callgrind counts
them: those are the same on any day (the program's start is taken off). --quick: ndpiReader only,
one run each, no manyflows (ndpiReader needs minutes for it), fewer packets for callgrind."""
import argparse
import collections
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
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
    listed = [('netwatch read -q', [program, 'read', '-q'], True),
              ('netwatch -q, 2 threads', [program, 'read', '-q', '--threads', '2'], True),
              ('netwatch read --json', [program, 'read', '--json'], True)]
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
          f'{"CPU x":>8s} {"wall x":>8s} {"RSS x":>8s}   runs')
    for name, (cpu, rss, anon, wall) in medians.items():
        ratio = ['', '', '']
        if first in medians:
            base = medians[first]
            ratio = [f'{cpu / base[0]:.2f}', f'{wall / base[3]:.2f}', f'{rss / base[1]:.2f}']
        print(f'{name:24s} {cpu:8.2f} {wall:8.2f} {rss:8.0f} {f"{anon:.0f}" if anon else "":>8s} '
              f'{ratio[0]:>8s} {ratio[1]:>8s} {ratio[2]:>8s}   {len(results[name])}')
    return all(results.values())


def instructions(program, capture, packets):
    """{layer: instructions} of `read -q -c packets`, by the namespace of the function."""
    cost = collections.Counter()
    with tempfile.TemporaryDirectory() as folder:
        out = os.path.join(folder, 'out')
        subprocess.run(['valgrind', '--tool=callgrind', f'--callgrind-out-file={out}', program,
                        'read', '-q', '--confine', 'off', '-c', str(packets), capture], check=True,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        text = subprocess.run(['callgrind_annotate', '--threshold=100', out], check=True,
                              capture_output=True, text=True).stdout
    for line in text.splitlines():
        found = re.match(r'\s*([\d,]+) \(\s*[\d.]+%\)\s+(.*)', line)
        if not found or found[2].startswith('PROGRAM TOTALS'):
            continue
        layer = re.search(r'netwatch::(\w+)::', found[2])
        library = re.search(r'\[.*/(lib\w+)', found[2])
        rest = 'std' if 'std::' in found[2] else 'other'
        name = layer[1] if layer else library[1] if library else rest
        cost[name] += int(found[1].replace(',', ''))
    return cost


def print_layers(program, folder, captures, packets):
    columns = {}
    for name in captures:
        capture = os.path.join(folder, f'{name}.pcap')
        cost = instructions(program, capture, packets + 1)
        cost.subtract(instructions(program, capture, 1))
        columns[name] = {layer: count / packets for layer, count in cost.items()}
    layers = {layer for column in columns.values() for layer in column}
    heaviest = sorted(layers, key=lambda layer: -max(c.get(layer, 0) for c in columns.values()))
    print(f'\ninstructions per packet, first {packets} packets of each')
    print(f'{"":24s} ' + ' '.join(f'{name:>10s}' for name in columns))
    for layer in heaviest:
        if max(column.get(layer, 0) for column in columns.values()) >= 1:
            print(f'{layer:24s} ' +
                  ' '.join(f'{column.get(layer, 0):10.0f}' for column in columns.values()))
    print(f'{"all":24s} ' + ' '.join(f'{sum(c.values()):10.0f}' for c in columns.values()))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('program')
    parser.add_argument('folder')
    parser.add_argument('--quick', action='store_true', help='only against ndpiReader')
    parser.add_argument('--repeat', type=int)
    parser.add_argument('--captures')
    parser.add_argument('--no-layers', action='store_true', help='without callgrind')
    options = parser.parse_args()
    options.repeat = options.repeat or (1 if options.quick else 3)
    quick_or_all = 'mixed,tlshttp' if options.quick else 'mixed,tlshttp,manyflows'
    captures = (options.captures or quick_or_all).split(',')
    tools, fine = tools_of(options.program, options.quick), True
    for name in captures:
        capture = os.path.join(options.folder, f'{name}.pcap')
        with open(capture, 'rb') as file:  # one cold read for all
            while file.read(1 << 20):
                pass
        fine &= print_table(capture, measure(tools, capture, options.repeat))
    if not options.no_layers and shutil.which('callgrind_annotate'):
        packets = 20_000 if options.quick else 200_000
        print_layers(options.program, options.folder, captures, packets)
    print(f'\nx: times what {tools[0][0]} takes; medians of {options.repeat} interleaved runs')
    return 0 if fine else 1


if __name__ == '__main__':
    sys.exit(main())
