#!/usr/bin/env python3
"""Sockets that are handed on while nobody looks: `netwatch live --json` without its programs in the
kernel may know their owners or not, and must name none wrongly.

usage: bench/handed_on.py NETWATCH [--rounds N] [--together N] [--load N]           (root)

Each round is a process that connects, forks, and lets the child use the connection, as it is or
after execve, at random moments between two looks; with or without use of its own before; whoever of
both ends first. Beside them connections that stay with one process, which have to be named. --load:
busy processes meanwhile. In a network namespace of this run. Exits with 1 at a wrong name, or if
one of those that stay has none.
"""
import argparse
import collections
import ctypes
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

NO_PROGRAMS = ['setpriv', '--bounding-set=-bpf,-sys_admin,-perfmon']
PATIENCE_S = 60
STAYING = 4
USE = ('import socket,sys; s=socket.socket(fileno=int(sys.argv[1])); s.sendall(b"x"*int(sys.argv[2])); '
       's.recv(1, socket.MSG_WAITALL)')


def name(text):
    ctypes.CDLL(None).prctl(15, text.encode(), 0, 0, 0)  # PR_SET_NAME


def use(connection, size):
    connection.sendall(b'x' * size)
    connection.recv(1, socket.MSG_WAITALL)


def serve(listener):
    """Answers each message with a byte, in one process that never forks."""
    import selectors
    waiting = selectors.DefaultSelector()
    waiting.register(listener, selectors.EVENT_READ)
    while True:
        for key, _ in waiting.select():
            if key.fileobj is listener:
                waiting.register(listener.accept()[0], selectors.EVENT_READ)
                continue
            try:
                data = key.fileobj.recv(65536)
            except OSError:
                data = b''
            if data:
                key.fileobj.send(b'y')
            else:
                waiting.unregister(key.fileobj)
                key.fileobj.close()


def note(ledger, connection, pid, who, kind):
    row = {'port': connection.getsockname()[1], 'pid': pid, 'name': who, 'kind': kind}
    os.write(ledger, (json.dumps(row) + '\n').encode())


def pause(chance):
    time.sleep(chance.random() * chance.choice((0.002, 0.05, 0.7)))


def hand_on(port, ledger, executed, seed):
    chance = random.Random(seed)
    name('ho-parent')
    connection = socket.create_connection(('127.0.0.1', port))
    os.set_inheritable(connection.fileno(), True)
    own_use, executes, parent_first = (chance.random() < half for half in (0.4, 0.5, 0.4))
    pause(chance)
    if own_use:
        use(connection, 10)
        pause(chance)
    child = os.fork()
    if child == 0:
        child = os.getpid()
        # The row comes before the use: whatever is told of it afterwards is held against this.
        note(ledger, connection, child, 'ho-executed' if executes else 'ho-child',
             'executed' if executes else 'forked')
        pause(chance)
        if executes:
            os.execv(executed, [executed, '-S', '-E', '-c', USE, str(connection.fileno()), '1000'])
        name('ho-child')
        use(connection, 1000)
        pause(chance)
        os._exit(0)
    if not parent_first:
        os.waitpid(child, 0)
        pause(chance)
    connection.close()
    pause(chance)
    if parent_first and chance.random() < 0.5:
        os.waitpid(child, 0)
    os._exit(0)


def stay(port, ledger, seconds):
    name('ho-stays')
    connection = socket.create_connection(('127.0.0.1', port))
    note(ledger, connection, os.getpid(), 'ho-stays', 'stays')
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        use(connection, 100)
        time.sleep(0.05)
    connection.close()
    os._exit(0)


def start(function, *arguments):
    pid = os.fork()
    if pid == 0:
        try:
            function(*arguments)
        finally:
            os._exit(1)
    return pid


def wait_for_text(path, text):
    for _ in range(PATIENCE_S * 10):
        with open(path, encoding='utf-8') as file:
            if text in file.read():
                return
        time.sleep(0.1)
    raise RuntimeError(f'{text!r} does not come')


def busy():
    while True:
        pass


def make_traffic(options, port, ledger, executed):
    stays = [start(stay, port, ledger, 4) for _ in range(STAYING)]
    running = set()
    for number in range(options.rounds):
        running.add(start(hand_on, port, ledger, executed, options.seed + number))
        while len(running) >= options.together:
            running.discard(os.wait()[0])
            stays = [pid for pid in stays if os.path.exists(f'/proc/{pid}')]
    while running | set(stays):
        try:
            gone = os.wait()[0]
        except ChildProcessError:
            break
        running.discard(gone)
        if running <= set() and not any(os.path.exists(f'/proc/{pid}') for pid in stays):
            break


def run(options, folder):
    out, ledger_path = os.path.join(folder, 'out'), os.path.join(folder, 'ledger')
    executed = os.path.join(folder, 'ho-executed')
    shutil.copy(os.path.realpath(sys.executable), executed)
    ledger = os.open(ledger_path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    listener = socket.create_server(('127.0.0.1', 0), backlog=500)
    port = listener.getsockname()[1]

    def named_server():
        name('ho-server')
        serve(listener)
    server = start(named_server)
    listener.close()
    loads = [start(busy) for _ in range(options.load)]
    with open(out, 'w', encoding='utf-8') as file:
        watcher = subprocess.Popen(NO_PROGRAMS + [options.netwatch, 'live', '--json', '--no-probes'],
                                   stdout=file, stderr=subprocess.DEVNULL)
    try:
        wait_for_text(out, '"event":"existing"')
        traffic = start(lambda: (make_traffic(options, port, ledger, executed), os._exit(0)))
        if os.waitpid(traffic, 0)[1] != 0:
            raise RuntimeError('the traffic fails')
        time.sleep(4)
        watcher.send_signal(signal.SIGTERM)
        watcher.wait(PATIENCE_S)
    finally:
        watcher.kill()
        watcher.wait()
        for pid in loads + [server]:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
    return server, port, [[json.loads(line) for line in open(path, encoding='utf-8')]
                          for path in (ledger_path, out)]


def compare(server, port, ledger, told):
    flows = collections.defaultdict(list)
    for line in told:
        if line.get('type') != 'flow' or 'port' not in line['orig']:
            continue
        sides = ('orig', 'resp') if line['resp']['port'] == port else ('resp', 'orig')
        if line[sides[1]]['port'] == port:
            flows[line[sides[0]]['port']].append([line[side] for side in sides])
    counts, failures = collections.Counter(), []
    for row in ledger:
        found = flows[row['port']]
        if len({json.dumps(one) for one in found}) == 0:
            failures.append(f'no flow of {row}')
        ends = (('client', 0, row['pid'], row['name']), ('server', 1, server, 'ho-server'))
        for what, place, pid, who in ends:
            verdict = 'unknown'
            for one in found:  # all that was told of it, not only the last
                owner = one[place].get('owner')
                if owner is None:
                    continue
                right = (owner['pid'], owner['name']) == (pid, who)
                verdict = 'named' if right and verdict != 'wrong' else 'wrong'
                if not right:
                    failures.append(f'{owner}, not {pid} ({who}): {row}')
            counts[row['kind'], what, verdict] += 1
            if row['kind'] == 'stays' and verdict == 'unknown':
                failures.append(f'no name at the {what} of one that stays: {row}')
    for key, count in sorted(counts.items()):
        print(f'  {key[0]:<10} {key[1]:<8} {key[2]:<8} {count}')
    return failures


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('netwatch')
    parser.add_argument('--rounds', type=int, default=200)
    parser.add_argument('--together', type=int, default=20)
    parser.add_argument('--load', type=int, default=2)
    parser.add_argument('--seed', type=int, default=1)
    options = parser.parse_args()
    if not os.environ.get('NETWATCH_HANDED_ON'):
        environment = dict(os.environ, NETWATCH_HANDED_ON='1')
        os.execvpe('unshare', ['unshare', '--net', sys.executable] + sys.argv, environment)
    subprocess.run(['ip', 'link', 'set', 'lo', 'up'], check=True)
    with tempfile.TemporaryDirectory() as folder:
        server, port, (ledger, told) = run(options, folder)
    failures = compare(server, port, ledger, told)
    for failure in failures[:20]:
        print(f'FAILED: {failure}', file=sys.stderr)
    sys.exit(f'{len(failures)} failures' if failures else 0)


if __name__ == '__main__':
    main()
