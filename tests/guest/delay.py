#!/usr/bin/env python3
"""A network that delays and loses: RTT and retransmissions that netwatch tells, beside the kernel's.

For a guest of tools/guest.py: loopback itself becomes slow. netem delays each packet by 20 ms (so a
round trip is 40 ms) and loses 2 % of them, before they are captured. Exits with 1 if what is told
is not so.
"""
import json
import os
import signal
import socket
import struct
import subprocess
import sys
import threading
import time

DELAY_MS, LOSS = 20, '2%'
REQUESTS = 200
BULK_BYTES = 32 << 20
OUT = '/out/delay.ndjson'
failures = []


def expect(what, is_so):
    print(f'{"as it should be" if is_so else "FAILED"}: {what}')
    if not is_so:
        failures.append(what)


def tcp_info(connection):
    """(smoothed RTT in us, segments sent again) by include/uapi/linux/tcp.h."""
    info = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 104)
    return struct.unpack_from('=I', info, 68)[0], struct.unpack_from('=I', info, 100)[0]


def serve(listener, enough):
    connection, _ = listener.accept()
    for _ in range(REQUESTS):
        connection.sendall(connection.recv(1))
    left = BULK_BYTES
    while left:
        left -= len(connection.recv(min(left, 1 << 16)))
    connection.sendall(b'.')
    enough.wait()
    connection.close()


def flows(port):
    with open(OUT, encoding='utf-8') as file:
        lines = [json.loads(line) for line in file]
    return [line for line in lines
            if line.get('type') == 'flow' and line['resp'].get('port') == port]


def main():
    subprocess.run(['tc', 'qdisc', 'add', 'dev', 'lo', 'root', 'netem', 'limit', '100000', 'delay',
                    f'{DELAY_MS}ms', 'loss', LOSS], check=True)
    listener = socket.create_server(('127.0.0.1', 0))
    port = listener.getsockname()[1]
    with open(OUT, 'w', encoding='utf-8') as file:
        watcher = subprocess.Popen([os.environ['NETWATCH'], 'live', '--json', '--no-probes'],
                                   stdout=file)
    while '"event":"existing"' not in open(OUT, encoding='utf-8').read():
        time.sleep(0.1)
    enough = threading.Event()
    server = threading.Thread(target=serve, args=(listener, enough))
    server.start()
    client = socket.create_connection(('127.0.0.1', port))
    client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for _ in range(REQUESTS):
        client.sendall(b'?')
        client.recv(1)
    client.sendall(bytes(BULK_BYTES))
    client.recv(1)
    rtt_us, retransmitted = tcp_info(client)
    said = subprocess.run([os.environ['NETWATCH'], 'sockets', '--json'], check=True,
                          stdout=subprocess.PIPE, text=True).stdout
    enough.set()
    server.join()
    client.close()
    time.sleep(3)  # an ended flow is told a second later
    watcher.send_signal(signal.SIGTERM)
    watcher.wait()

    own, = [line for line in map(json.loads, said.splitlines())
            if line.get('remote', {}).get('port') == port]
    expect(f'tcp_info: RTT {own["rtt_us"]} us (the kernel: {rtt_us}), '
           f'{own["retransmitted"]} sent again (the kernel: {retransmitted})',
           own['rtt_us'] == rtt_us >= 2000 * DELAY_MS and
           own['retransmitted'] == retransmitted > 0)
    found = flows(port)
    expect(f'{len(found)} flow', len(found) == 1)
    flow = found[-1]
    parts = [flow[side]['rtt_min_us'] for side in ('orig', 'resp')]
    expect(f'captured: handshake {flow["rtt_us"]} us, smallest RTT {parts[0]} + {parts[1]} us',
           all(2000 * DELAY_MS <= value < 4000 * DELAY_MS
               for value in (flow['rtt_us'], sum(parts))))
    # A segment that is lost twice is captured once.
    expect(f'captured: {flow["orig"]["retransmitted"]} sent again',
           0 < flow['orig']['retransmitted'] <= retransmitted)
    expect(f'{flow["orig"]["payload_bytes"]} bytes of payload captured, {BULK_BYTES + REQUESTS} '
           f'sent', flow['orig']['payload_bytes'] >= BULK_BYTES + REQUESTS)
    sys.exit(1 if failures else 0)


if __name__ == '__main__':
    main()
