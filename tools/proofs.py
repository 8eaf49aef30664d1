"""With which rows of the kept list does the truth itself agree, once one thing in how it was made is
changed? For check_kept.py.

A cause that claims so ends in what has to be changed; here the claim is put to the test: by the
values, for the truth's cut at 300 characters; by a run of tshark with that one setting; by the
truth's other reader of hellos (clienthello-expected.jsonl). Nothing is believed because it is
written."""
import collections
import concurrent.futures
import os
import re

import causes
import corpus
from tshark import CUT_BYTES, Tshark, run_tshark

HMAC = causes.OPENVPN_HMAC
BEGINS = re.compile(r'\(shown when the capture begins at packet (\d+)\)$')
TOLD = re.compile(r'and (\d+) is not ([\w-]+) to it \(shown when told so(?:, with ' +
                  re.escape(HMAC) + r' (\d+))?\)$')
NOT_TOLD = re.compile(r'\(not shown when told that (\w+) (\d+) is ([\w-]+)\)$')
SIZE = re.compile(r'\(shown with ' + re.escape(HMAC) + r' (\d+)\)$')
OFF = {'http.desegment_body': causes.BODY, 'tcp.desegment_tcp_streams': causes.STREAM,
       'tcp.analyze_sequence_numbers': causes.PLAIN}
OFF_CLAIM = re.compile(r'\(shown with (' + '|'.join(map(re.escape, OFF)) + r') off\)$')

Row = collections.namedtuple('Row', 'capture field value side packet cause')


def claim_of(cause):
    """What would have to be changed, in words; '' if a cause claims nothing of the kind."""
    if cause == causes.CUT:
        return 'the cut at 300 characters'
    if cause.endswith(causes.SECOND):
        return "the truth's other reader of hellos asked"
    off = OFF_CLAIM.search(cause)
    if off:
        return f'{off[1]} off'
    told = TOLD.search(cause)
    if told:
        return f'a port told, and {HMAC}' if told[3] else 'a port told'
    if NOT_TOLD.search(cause):
        return 'a port told'
    if SIZE.search(cause):
        return HMAC
    return 'a capture that begins later' if BEGINS.search(cause) else ''


def settings_of(row):
    """The options of tshark that show the value of a row by its claim, each with what they change."""
    http, changed = row.field.startswith('http'), claim_of(row.cause)
    off, told, size = (claim.search(row.cause) for claim in (OFF_CLAIM, TOLD, SIZE))
    tries = []
    if off:
        tries.append((changed, OFF[off[1]]))
    if size:
        tries.append((changed, ['-o', f'{HMAC}:{size[1]}']))
    for transport in ('tcp', 'udp') if told else ():
        options = ['-d', f'{transport}.port=={told[1]},{told[2]}']
        tries.append((changed, options + (['-o', f'{HMAC}:{told[3]}'] if told[3] else [])))
    if http:  # two settings have to be changed for a body that never comes whole
        tries += [(f'{changed}, and http.desegment_body off', options + causes.BODY)
                  for changed, options in tries]
    return tries


class Prover:
    """Puts claims to the test, with the corpus at hand."""

    def __init__(self, rows, folder=None, make_tshark=Tshark):
        self.rows = [Row(*key, *why) for key, why in rows.items()]
        self.folder, self.make_tshark = folder, make_tshark
        self.rules = corpus.load_rules(folder) if folder else None
        self.hellos = self.rules['truths'](os.path.join(folder, 'truth'))[1] if folder else {}
        self.values = collections.defaultdict(set)
        for row in self.rows:
            self.values[row.capture, row.field, row.side].add(row.value)

    def proved(self):
        """{(capture, field, value, side): what was changed} of the rows whose claim holds."""
        groups = collections.defaultdict(list)
        for row in self.rows:
            if claim_of(row.cause):
                groups[row.capture, row.field].append(row)
        with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
            return {row[:4]: changed for rows in pool.map(self.look_at, groups.values())
                    for row, changed in rows if changed}

    def look_at(self, rows):
        """(row, what was changed) of the rows of one capture and field; '' if a claim does not
        hold."""
        tshark = None
        if self.folder:
            path = os.path.join(self.folder, rows[0].capture)
            tshark = self.make_tshark(self.rules, path, rows[0].field)
        return [(row, self.changed(row, tshark)) for row in rows]

    def changed(self, row, tshark):
        claim = claim_of(row.cause)
        if row.cause == causes.CUT:
            return claim if self.is_cut(row) else ''
        if tshark is None:
            return ''
        if row.cause.endswith(causes.SECOND):
            return claim if self.second_agrees(row) else ''
        if NOT_TOLD.search(row.cause):
            return claim if is_gone(row, tshark) else ''
        if row.side != 'extra':
            return ''
        short = tshark.canon(plain(row.value)[:CUT_BYTES])
        begins = BEGINS.search(row.cause)
        if begins:
            return claim if short in tshark.values_from(int(begins[1])) else ''
        return next((changed for changed, options in settings_of(row)
                     if short in tshark.values(*options)), '')

    def is_cut(self, row):
        """Whether two values differ by the cut alone: one is the first 300 characters of the
        other."""
        others = self.values[row.capture, row.field, 'extra' if row.side == 'missing' else 'missing']
        if row.side == 'missing':
            return any(len(other) > CUT_BYTES and cut(other) == row.value for other in others)
        return len(row.value) > CUT_BYTES and cut(row.value) in others

    def second_agrees(self, row):
        """Whether the other reader says what netwatch does: the value itself, or, of a value that
        netwatch lacks, another one of the same packet that netwatch does not lack."""
        key = causes.SECOND_KEYS.get(row.field)
        hellos = self.hellos.get(row.capture, []) if key else []
        if row.side == 'extra':
            return any(canon(hello.get(key)) == row.value for hello in hellos)
        here = {canon(hello.get(key)) for hello in hellos if str(hello['frame']) == row.packet}
        return bool(here) and not here & self.values[row.capture, row.field, 'missing']


def canon(value):
    return str(value or '').strip().rstrip('.').lower()


def plain(value):
    """A value as it was before it became one column of the list."""
    return value.replace('\\t', '\t').replace('\\n', '\n').replace('\\r', '\r')


def cut(value):
    return corpus.one_line(canon(plain(value)[:CUT_BYTES]))


def is_gone(row, tshark):
    """Whether tshark does not show a value any more once told what the port is, and reads the
    packet as that."""
    transport, port, dissector = NOT_TOLD.search(row.cause).groups()
    options = ['-d', f'{transport}.port=={port},{dissector}']
    if tshark.canon(plain(row.value)) in tshark.values(*options):
        return False
    read = run_tshark('-r', tshark.capture, *options, '-T', 'fields', '-e', 'frame.number', '-Y',
                      f'frame.number == {row.packet} && {dissector} && !_ws.malformed')
    return bool(read.strip())
