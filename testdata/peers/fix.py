#!/usr/bin/env python3
"""A firm and its broker that speak FIX 4.4 and FIXT 1.1, from the specification.

usage: fix.py server PORT | client HOST PORT"""
import socket
import sys
import time


def message(begin, kind, sender, target, number, *fields):
    body = ''.join(f'{field}\x01' for field in (
        f'35={kind}', f'49={sender}', f'56={target}', f'34={number}',
        '52=20260603-10:15:30.500', *fields))
    head = f'8={begin}\x019={len(body)}\x01{body}'.encode()
    return head + b'10=%03d\x01' % (sum(head) % 256)


def firm(kind, number, *fields, begin='FIX.4.4'):
    return message(begin, kind, 'FIRM', 'BROKER', number, *fields)


def broker(kind, number, *fields, begin='FIX.4.4'):
    return message(begin, kind, 'BROKER', 'FIRM', number, *fields)


ORDER = ('11=order-1', '55=NWCH', '54=1', '38=100', '40=2', '44=12.5')
TALK = [
    (firm('A', 1, '98=0', '108=30', '553=alice', '554=secret', '95=5', '96=\x01554='),
     broker('A', 1, '98=0', '108=30')),
    (firm('D', 2, *ORDER),
     broker('8', 2, '37=77', '17=1', '150=0', '39=0', *ORDER[:3]) +
     broker('8', 3, '37=77', '17=2', '150=F', '39=2', *ORDER[:3])),
    (firm('V', 3, '262=7', '263=1', '264=1', '146=2', '55=NWCH', '55=OTHR'),
     b''.join(broker('X', 4 + i, '268=1', '279=0', '55=NWCH', '270=12.5') for i in range(4))),
    (firm('0', 4), broker('0', 8)),
    (firm('F', 5, '41=order-1', '11=order-2', '55=NWCH', '54=1'),
     broker('9', 9, '37=77', '11=order-2', '41=order-1', '39=2', '58=Too late to cancel')),
    (firm('5', 6), broker('5', 10, '58=Goodbye')),
]


def client(host, port):
    for talk in (TALK, [(firm('A', 1, '98=0', '108=10', '1137=9', begin='FIXT.1.1'), b'')]):
        peer = socket.create_connection((host, port), timeout=1)
        for asked, _ in talk:
            peer.sendall(asked)
            peer.recv(4096)
            time.sleep(0.05)
        peer.close()


def server(port):
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(('10.77.0.2', port))
    listener.listen()
    for answers in ([answer for _, answer in TALK],
                    [broker('5', 1, '58=Unknown version', begin='FIXT.1.1')]):
        peer, _ = listener.accept()
        for answer in answers:
            peer.recv(4096)
            peer.sendall(answer)
        peer.recv(4096)
        peer.close()


if __name__ == '__main__':
    {'server': lambda: server(int(sys.argv[2])),
     'client': lambda: client(sys.argv[2], int(sys.argv[3]))}[sys.argv[1]]()
