"""Why a value of ours is not in the ground truth, or one of the truth's not in ours: each cause is
proved, by the values alone or by a run of tshark with one setting changed that makes the values
agree. What cannot be proved so gets no cause."""
import json
import os
import subprocess

CUT_BYTES = 300  # truth.py keeps so much of a value
TSHARK = ['tshark', '-n', '-o', 'tcp.reassemble_out_of_order:TRUE', '-o', 'ip.defragment:TRUE']
BODY = ['-o', 'http.desegment_body:FALSE']
STREAM = ['-o', 'tcp.desegment_tcp_streams:FALSE']
PLAIN = ['-o', 'tcp.analyze_sequence_numbers:FALSE']
AGAIN = 'tcp.analysis.retransmission'
LOST = 'tcp.analysis.lost_segment'
PROTOCOL = {'http': 'http', 'dns': 'dns'}  # first word of a field -> its dissector


def place(rules, program, capture, field):
    """{value: (packet, ports of its flow)} of what netwatch reads, the first of each value."""
    run = subprocess.run(['timeout', '60', program, 'read', '--json', capture],
                         stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False)
    rows = []
    for line in run.stdout.splitlines():
        try:
            rows.append(json.loads(line))
        except ValueError:
            continue
    ports = {row['flow']: [row[side].get('port') for side in ('resp', 'orig')]
             for row in rows if row.get('type') == 'flow'}
    found = {}
    for row in rows:
        if row.get('type') != 'record':
            continue
        for path in rules['FIELDS'][field][0] if field in rules['FIELDS'] else [field]:
            for value in rules['dig'](row, path):
                found.setdefault(rules['canon'](value),
                                 (row.get('packet', ''), ports.get(row.get('flow'), [])))
    return found


class Tshark:
    """tshark's values of one field in one capture, under various settings."""

    def __init__(self, rules, capture, field):
        self.capture = capture
        self.canon = rules['canon']
        self.names = rules['FIELDS'][field][1]
        self.seen = {}

    def values(self, *options):
        """{value: first packet}"""
        if options not in self.seen:
            fields = [word for name in self.names for word in ('-e', name)]
            run = subprocess.run(['timeout', '120', *TSHARK, *options, '-r', self.capture,
                                  '-T', 'ek', '-e', 'frame.number', *fields],
                                 stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False)
            self.seen[options] = self.parse(run.stdout)
        return self.seen[options]

    def flagged(self, flag):
        """{packet: its TCP stream} of the packets that tshark marks so."""
        if flag not in self.seen:
            run = subprocess.run(['timeout', '120', *TSHARK, '-r', self.capture, '-Y', flag,
                                  '-T', 'fields', '-e', 'frame.number', '-e', 'tcp.stream'],
                                 stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False)
            rows = (line.split() for line in run.stdout.decode().splitlines())
            self.seen[flag] = {int(row[0]): row[1] for row in rows if len(row) == 2}
        return self.seen[flag]

    def lost_before(self, packet):
        """Whether tshark misses a segment in the stream of a packet, at or before it."""
        stream = self.flagged(f'frame.number == {packet}').get(packet)
        return any(number <= packet and stream == other
                   for number, other in self.flagged(LOST).items())

    def parse(self, lines):
        found = {}
        for line in lines.splitlines():
            try:
                layers = json.loads(line).get('layers', {})
            except ValueError:
                continue
            for name in self.names:
                for value in layers.get(name.replace('.', '_'), []):
                    found.setdefault(self.canon(str(value)[:CUT_BYTES]),
                                     layers['frame_number'][0])
        return found


def cause_of_extra(field, value, packet, ports, tshark):
    """Why tshark does not show a value that netwatch does; '' if no setting makes it do so."""
    short = tshark.canon(value[:CUT_BYTES])
    if short in tshark.values():
        return 'the truth is cut at 300 characters' if len(value) > CUT_BYTES else ''
    http = field.startswith('http')
    if http and short in tshark.values(*BODY):
        return 'tshark shows a response once its body is whole, and this one never is ' \
               '(shown with http.desegment_body off)'
    dissector = PROTOCOL[field.split('.')[0]]
    for port in ports:
        as_if = ['-d', f'tcp.port=={port},{dissector}']
        for options in (as_if, as_if + BODY if http else as_if):
            if short in tshark.values(*options):
                return f'tshark goes by the port, and {port} is not {dissector} to it ' \
                       '(shown when told so)'
    if packet in tshark.flagged(AGAIN) and short in (
            tshark.values(*PLAIN) | (tshark.values(*PLAIN, *BODY) if http else {})):
        return 'tshark takes the packet for a retransmission ' \
               '(shown with tcp.analyze_sequence_numbers off)'
    if http and short in tshark.values(*STREAM):
        if tshark.lost_before(packet):
            return 'a segment before it is not in the capture, and tshark waits for it ' \
                   '(shown with tcp.desegment_tcp_streams off)'
        return 'tshark keeps the bytes for reassembly and never shows them ' \
               '(shown with tcp.desegment_tcp_streams off)'
    return ''


def cause_of_missing(value, cut_values):
    """Why netwatch does not show a value of the truth, as far as the values tell."""
    if value in cut_values:
        return 'the truth is cut at 300 characters'
    return ''


def explain(rules, program, corpus, rows):
    """Rows (capture, field, value, side) with their packet and cause added."""
    mine, others, explained = {}, {}, []
    for capture, field, value, side in rows:
        path = os.path.join(corpus, capture)
        if (capture, field) not in mine:
            mine[capture, field] = place(rules, program, path, field)
            others[capture, field] = Tshark(rules, path, field)
        ours, tshark = mine[capture, field], others[capture, field]
        if side == 'extra':
            packet, ports = ours.get(value, ('', []))
            cause = cause_of_extra(field, value, packet, ports, tshark)
        else:
            packet = tshark.values().get(value, '')
            cut_values = {tshark.canon(v[:CUT_BYTES]) for v in ours if len(v) > CUT_BYTES}
            cause = cause_of_missing(value, cut_values)
        explained.append((capture, field, value, side, str(packet), cause))
    return explained
