#!/usr/bin/env python3
"""Whether netwatch's own memory stays flat over a long input.

usage: stream_memory.py NETWATCH CAPTURE.pcap [GIGABYTES]
Streams the capture again and again (stream_capture.py) into `netwatch read -q -` and looks at
RssAnon after each gigabyte. Fails if it leaves +-5 % of what it was after the first two."""
import os
import subprocess
import sys
import time

BAND = 0.05
SETTLED_GB = 2


def status_kib(pid, key):
    with open(f'/proc/{pid}/status', encoding='utf-8') as file:
        for line in file:
            if line.startswith(key + ':'):
                return int(line.split()[1])
    return 0


def bytes_read(pid):
    with open(f'/proc/{pid}/io', encoding='utf-8') as file:
        return int(file.readline().split()[1])


def main():
    if len(sys.argv) not in (3, 4):
        sys.exit(__doc__)
    program, capture = sys.argv[1:3]
    gigabytes = sys.argv[3] if len(sys.argv) == 4 else '20'
    here = os.path.dirname(os.path.abspath(__file__))
    sender = subprocess.Popen([sys.executable, os.path.join(here, 'stream_capture.py'), capture,
                               gigabytes], stdout=subprocess.PIPE)
    reader = subprocess.Popen([program, 'read', '-q', '-'], stdin=sender.stdout,
                              stdout=subprocess.DEVNULL)
    sender.stdout.close()
    seen = []
    while reader.poll() is None and len(seen) < int(float(gigabytes)):
        try:
            if bytes_read(reader.pid) >= (len(seen) + 1) * 1e9:
                seen.append(status_kib(reader.pid, 'RssAnon') / 1024)
                print(f'{len(seen):3d} GB  {seen[-1]:7.1f} MB', flush=True)
        except OSError:
            break
        time.sleep(0.02)
    if reader.wait() != 0 or sender.wait() != 0:
        sys.exit('stream_memory: the run failed')
    if len(seen) <= SETTLED_GB:
        sys.exit('stream_memory: too short to tell')
    base, rest = seen[SETTLED_GB - 1], seen[SETTLED_GB:]
    worst = max(abs(one - base) for one in rest) / base
    print(f'after {SETTLED_GB} GB {base:.1f} MB, then {min(rest):.1f} to {max(rest):.1f} MB: '
          f'at most {100 * worst:.1f} % off')
    return 0 if worst <= BAND else 1


if __name__ == '__main__':
    sys.exit(main())
