#!/usr/bin/env python3
"""What record.sh asks about a capture: record_check.py FILE exact|inferred WHAT ARGUMENTS..."""

import struct
import sys

from collections import defaultdict


def options(data):
    out = defaultdict(list)
    while len(data) >= 4:
        code, length = struct.unpack_from("<HH", data)
        if code == 0:
            break
        assert length <= len(data) - 4, "an option overruns its block"
        out[code].append(data[4 : 4 + length])
        data = data[4 + length + -length % 4 :]
    return out


class Capture:
    """The blocks of a little-endian pcapng file, each checked on its way."""

    def __init__(self, path):
        self.interfaces, self.packets, self.statistics, self.processes = [], [], {}, {}
        with open(path, "rb") as file:
            data = file.read()
        while data:
            kind, length = struct.unpack_from("<II", data)
            assert 12 <= length <= len(data), "a block overruns the file"
            assert data[length - 4 : length] == data[4:8], "a block's second length"
            self.block(kind, data[8 : length - 4])
            data = data[length:]

    def block(self, kind, body):
        if kind == 0x0A0D0D0A:
            said = options(body[16:])
            assert said[4][0].startswith(b"netwatch ") and said[3][0].startswith(b"Linux "), said
        elif kind == 1:
            said = options(body[8:])
            assert said[9] == [b"\x09"] and said[2], said
            assert struct.unpack_from("<I", body, 4)[0] == 262144, "snaplen"
            self.interfaces.append(said[2][0].decode())
        elif kind == 5:
            said = options(body[12:])
            count = lambda code: struct.unpack("<Q", said[code][0])[0]
            time = lambda code: struct.unpack("<II", said[code][0])
            assert time(2) <= time(3), "it ends before it began"
            self.statistics[struct.unpack_from("<I", body)[0]] = (count(4), count(5), count(8))
        elif kind == 0xBAD:
            enterprise, entry, length, pid = struct.unpack_from("<IIII", body)
            assert (enterprise, entry) == (32622, 3) and length == len(body) - 12, body
            assert pid not in self.processes, "a process is described twice"
            self.processes[pid] = options(body[16:])
        elif kind == 6:
            interface, high, low, captured = struct.unpack_from("<IIII", body)
            said = options(body[20 + captured + -captured % 4 :])
            self.packets.append((interface, high << 32 | low, body[20 : 20 + captured], said))
        else:
            raise AssertionError(f"an unknown block {kind:#x}")

    def ports(self, packet):
        """Source and destination of TCP or UDP over IPv4 on SLL2 or Ethernet; else None."""
        interface, _, data, _ = packet
        sll2 = self.interfaces[0] == "any"
        if data[0:2] != b"\x08\x00" if sll2 else data[12:14] != b"\x08\x00":
            return None
        ip = data[20:] if sll2 else data[14:]
        if ip[9] not in (6, 17):
            return None
        at = 4 * (ip[0] & 15)
        source, destination = struct.unpack_from(">HH", ip, at)
        end = lambda address, port: (".".join(map(str, address)), port)
        return end(ip[12:16], source), end(ip[16:20], destination)


def comment(packet):
    found = packet[3].get(1)
    return found[0].decode() if found else ""


def adds_up(capture, packets=None):
    """Every interface has its statistics, and received = written + dropped (+ left out)."""
    assert sorted(capture.statistics) == list(range(len(capture.interfaces))), capture.statistics
    written = [sum(p[0] == i for p in capture.packets) for i in range(len(capture.interfaces))]
    for interface, (received, dropped, delivered) in capture.statistics.items():
        assert delivered == written[interface], (interface, delivered, written)
        assert received >= delivered + dropped, capture.statistics
        if packets is None:
            assert received == delivered + dropped, capture.statistics


def names(capture, exact, server, *curls):
    adds_up(capture)
    server, curls = int(server), list(map(int, curls))
    assert capture.interfaces[0] == "any" and {"lo", "nwn"} <= set(capture.interfaces)
    times = [packet[1] for packet in capture.packets]
    # Two CPUs may stamp packets in another order than that in which they reach the ring.
    late = max(a - b for a, b in zip(times, times[1:]))
    assert late < 1_000_000, f"not in the order of capture: {late} ns"
    seen = []
    for packet in capture.packets:
        ends = capture.ports(packet)
        if not ends or 8080 not in (ends[0][1], ends[1][1]):
            continue
        name = capture.interfaces[packet[0]]
        assert name == ("lo" if ends[0][0] == "127.0.0.1" else "nwn"), (name, ends)
        if exact != "exact":
            continue
        client = next(end for end in ends if end[1] != 8080)
        if client not in seen:
            seen.append(client)
        pid = curls[seen.index(client)]
        to_server = ends[1][1] == 8080
        curl = f"curl[{pid}] exact via ebpf"
        text = comment(packet)
        linked = struct.unpack("<II", packet[3][8][0])
        if name == "lo":
            assert text.startswith("from curl" if to_server else "from python3"), text
            assert curl in text and f"[{server}] exact via ebpf" in text and " to " in text, text
            assert linked == (pid if to_server else server, 0), (linked, text)
        else:  # the other namespace's server is not ours to name
            assert text == ("from " if to_server else "to ") + curl, (text, curl)
            assert linked == (pid, 0), linked
        assert linked[0] in capture.processes, "no process for a link"
    if exact == "exact":
        assert len(seen) == len(curls), (seen, curls)
        assert set(curls) | {server} <= set(capture.processes), capture.processes
        for pid in curls:
            assert capture.processes[pid][2] == [b"curl"], capture.processes[pid]
        udp = [p for p in capture.packets if (capture.ports(p) or ((0, 0), (0, 0)))[1][1] == 9]
        assert len(udp) == 1 and comment(udp[0]).startswith("from python3["), udp


def only(capture, exact, program):
    adds_up(capture, "some")
    assert capture.interfaces == ["nwn"] and not capture.processes
    assert len(capture.packets) >= 9, "the beginning of a flow is missing"
    assert all(f" {program}[" in comment(p) and 8 not in p[3] for p in capture.packets)
    received, dropped, delivered = capture.statistics[0]
    assert received > delivered + dropped, "what was left out is received, too"


def lossy(capture, exact, passed):
    adds_up(capture)
    received, dropped, delivered = capture.statistics[0]
    assert received == int(passed), (capture.statistics, passed)
    assert dropped > 0 and delivered == len(capture.packets), capture.statistics


def curl(capture, exact):
    adds_up(capture)
    # Looks name who moved payload from one of them to the next, and nobody before.
    told = [comment(p) for p in capture.packets if "inferred via" in comment(p)]
    assert len(told) > 10 and all("curl[" in text for text in told), (len(told), told[:3])


def again(capture, exact):
    adds_up(capture)
    assert capture.interfaces == ["nwn"], capture.interfaces
    clients = {end for p in capture.packets for end in capture.ports(p) if end[1] != 8080}
    assert len(clients) >= 2, "nothing from after the loss, or from before"
    assert exact != "exact" or all("curl[" in comment(p) for p in capture.packets)


def whole(capture, exact, packets=None):
    adds_up(capture)
    assert capture.interfaces == ["lo"], capture.interfaces
    assert packets is None or len(capture.packets) == int(packets), len(capture.packets)
    for packet in capture.packets:
        assert exact != "exact" or packet[3].get(8), "a packet without a process"
        for link in packet[3].get(8, []):
            assert struct.unpack("<II", link)[0] in capture.processes, "described in another file"


def main():
    capture = Capture(sys.argv[1])
    if sys.argv[3] == "count":
        print(len(capture.packets))
        return
    what = {"names": names, "only": only, "lossy": lossy, "curl": curl, "again": again, "whole": whole}
    what[sys.argv[3]](capture, sys.argv[2], *sys.argv[4:])


main()
