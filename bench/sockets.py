#!/usr/bin/env python3
"""`netwatch sockets` beside `ss -tinp`, over many TCP connections in a network namespace of its own.

usage: bench/sockets.py NETWATCH [SOCKETS]     (root; 10000 sockets by default)

Runs itself again below `unshare -n`. Processes hold the connections, both ends, so that no limit of
open files is met. Prints the best and the median of seven runs of each, in turn, and their ratio.
"""
import os
import resource
import socket
import statistics
import subprocess
import sys
import time

RUNS = 7
SPARE_FILES = 200


def hold(number, pairs, ready):
    """Keeps both ends of `pairs` connections open until it is ended."""
    listener = socket.socket()
    listener.bind((f"127.0.1.{number + 1}", 0))
    listener.listen(100)
    kept = []
    for _ in range(pairs):
        client = socket.socket()
        client.connect(listener.getsockname())
        server, _ = listener.accept()
        client.sendall(b"hello")
        kept += [client, server]
    os.write(ready, b"r")
    time.sleep(3600)


def start(sockets):
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    most = (min(hard, 20000) - SPARE_FILES) // 2
    come, ready = os.pipe()
    pids, left = [], sockets // 2
    while left > 0:
        pairs = min(left, most)
        left -= pairs
        pid = os.fork()
        if pid == 0:
            hold(len(pids), pairs, ready)
            os._exit(0)
        pids.append(pid)
    os.close(ready)
    for _ in pids:
        if os.read(come, 1) != b"r":
            sys.exit("a process could not hold its connections")
    return pids


def seconds(command):
    begun = time.monotonic()
    subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True)
    return time.monotonic() - begun


def main():
    program, sockets = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 10000
    if "NETWATCH_BENCH_INSIDE" not in os.environ:
        os.environ["NETWATCH_BENCH_INSIDE"] = "1"
        os.execvp("unshare", ["unshare", "-n", sys.executable, *sys.argv])
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    pids = start(sockets)
    commands = {
        "ss -tinp": ["ss", "-tinp"],
        "netwatch sockets": [program, "sockets"],
        "netwatch sockets --json": [program, "sockets", "--json"],
    }
    took = {name: [] for name in commands}
    try:
        for _ in range(RUNS):
            for name, command in commands.items():
                took[name].append(seconds(command))
    finally:
        for pid in pids:
            os.kill(pid, 15)
            os.waitpid(pid, 0)
    print(f"{sockets} sockets of {len(pids)} processes; seconds, best (median) of {RUNS}")
    for name, times in took.items():
        ratio = statistics.median(took["ss -tinp"]) / statistics.median(times)
        print(f"  {name:<24} {min(times):.3f} ({statistics.median(times):.3f})  {ratio:.1f}x")


if __name__ == "__main__":
    main()
