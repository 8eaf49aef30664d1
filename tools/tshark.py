"""What tshark shows of one field in one capture, under various settings: for causes.py."""
import json
import os
import re
import subprocess
import tempfile

import hello

CUT_BYTES = 300  # truth.py keeps so much of a value
COMMAND = ['tshark', '-n', '-o', 'tcp.reassemble_out_of_order:TRUE', '-o', 'ip.defragment:TRUE']
LOST = 'tcp.analysis.lost_segment'
# Where JA4 is computed from, which is no field of tshark 4.0.
CLIENT_HELLO = 'tls.handshake.type == 1 || dtls.handshake.type == 1'


def run_tshark(*arguments):
    run = subprocess.run(['timeout', '120', *COMMAND, *arguments], stdout=subprocess.PIPE,
                         stderr=subprocess.DEVNULL, check=False)
    return run.stdout


def ek_layers(lines):
    """The fields of each packet in the output of -T ek: {name with underscores: [value]}"""
    for line in lines.splitlines():
        try:
            layers = json.loads(line).get('layers')
        except ValueError:
            continue
        if layers:
            yield layers


def ja4_values(output):
    """{JA4: first packet} out of the output of -T json -x, which repeats its keys."""
    found = {}
    for packet in re.split(r'"_index":', output.decode('utf-8', 'replace'))[1:]:
        number = re.search(r'"frame\.number": "(\d+)"', packet)
        for dtls, text in re.findall(r'"(d?)tls\.handshake_raw": \[\s*"(01[0-9a-f]+)"', packet):
            transport = dtls or ('q' if '"quic' in packet else 't')
            message = hello.of_message(bytes.fromhex(text), transport)
            for value in message['ja4'] if message else []:
                found.setdefault(value, number.group(1))
    return found


class Tshark:
    """tshark's values of one field in one capture."""

    def __init__(self, rules, capture, field):
        self.capture = capture
        self.canon = rules['canon']
        self.names = rules['FIELDS'][field][1] if field in rules['FIELDS'] else []
        self.seen = {}

    def values(self, *options):
        """{value: first packet}"""
        if options not in self.seen:
            self.seen[options] = self.read(self.capture, options)
        return self.seen[options]

    def earliest(self, value, packet):
        """The first of a packet and of those that showed a value under any setting so far: where
        its bytes lie, while netwatch may have had to give up waiting for a lost segment first."""
        shown = [found[value] for key, found in self.seen.items()
                 if isinstance(key, tuple) and value in found]
        return min(map(int, [packet, *shown])) if packet else packet

    def values_from(self, packet):
        """The same, but of a capture that begins at that packet."""
        if ('from', packet) not in self.seen:
            with tempfile.TemporaryDirectory() as folder:
                rest = os.path.join(folder, 'rest')
                run_tshark('-r', self.capture, '-Y', f'frame.number >= {packet}', '-w', rest)
                found = self.read(rest, ())
            self.seen['from', packet] = {value: str(int(number) + packet - 1)
                                         for value, number in found.items()}
        return self.seen['from', packet]

    def read(self, capture, options):
        if not self.names:
            return ja4_values(run_tshark(*options, '-r', capture, '-Y', CLIENT_HELLO, '-T', 'json',
                                         '-x'))
        fields = [word for name in self.names for word in ('-e', name)]
        found = {}
        for layers in ek_layers(run_tshark(*options, '-r', capture, '-T', 'ek',
                                           '-e', 'frame.number', *fields)):
            for name in self.names:
                for value in layers.get(name.replace('.', '_'), []):
                    found.setdefault(self.canon(str(value)[:CUT_BYTES]),
                                     layers['frame_number'][0])
        return found

    def text_of(self, value):
        """What tshark hashed into a JA3 or JA3S; '' if it is neither."""
        if 'full' not in self.seen:
            full = {}
            for name in ('ja3', 'ja3s'):
                field = f'tls.handshake.{name}'
                for layers in ek_layers(run_tshark('-r', self.capture, '-T', 'ek', '-Y', field,
                                                   '-e', field, '-e', field + '_full')):
                    key = field.replace('.', '_')
                    full.update(zip(layers.get(key, []), layers.get(key + '_full', [])))
            self.seen['full'] = full
        return self.seen['full'].get(value, '')

    def flagged(self, flag):
        """{packet: its TCP stream} of the packets that a display filter takes."""
        if flag not in self.seen:
            output = run_tshark('-r', self.capture, '-Y', flag, '-T', 'fields',
                                '-e', 'frame.number', '-e', 'tcp.stream').decode()
            rows = (line.split('\t') for line in output.splitlines())
            self.seen[flag] = {int(row[0]): row[1] for row in rows if len(row) == 2}
        return self.seen[flag]

    def lost_before(self, packet):
        """Whether tshark misses a segment in the stream of a packet, at or before it."""
        stream = self.flagged(f'frame.number == {packet}').get(packet)
        return any(number <= packet and stream == other
                   for number, other in self.flagged(LOST).items())

    def payload(self, packet):
        """The TCP payload of a packet, without what came before it."""
        output = run_tshark('-r', self.capture, '-Y', f'frame.number == {packet}', '-T', 'fields',
                            '-e', 'tcp.payload').decode()
        return bytes.fromhex(output.strip().split(',')[0])

    def hellos(self):
        """{packet: what its first bytes say} of the TCP segments that begin with a TLS hello."""
        if 'hellos' not in self.seen:
            output = run_tshark('-r', self.capture, '-Y', 'tcp.payload[0:2] == 16:03',
                                '-T', 'fields', '-e', 'frame.number', '-e', 'tcp.payload')
            found = {}
            for line in output.decode().splitlines():
                number, payload = line.split('\t')[:2]
                message = hello.of_payload(bytes.fromhex(payload.split(',')[0]))
                if message is not None:
                    found[int(number)] = message
            self.seen['hellos'] = found
        return self.seen['hellos']
