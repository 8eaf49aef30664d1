"""Flows that netwatch calls otherwise than tshark and nDPI, and rightly so: for flow_protocols.py.

Both truths go by ports now and then, and then agree on what the bytes are not. A row of the list
(capture, transport, both ends, what the two agree on, what netwatch says, how tshark has to read it,
why) excepts one such flow, if tshark, told by its `-d` to read that port so, finds the protocol in
the flow's packets and nothing malformed in them. A row that is not proved, or whose flow is not
called so any more, is an error."""
import collections
import os
import subprocess

# What tshark calls a protocol of netwatch.
LABELS = {'utp': 'bt-utp'}

Row = collections.namedtuple('Row', 'capture transport one other agreed ours read_as reason')


def read(path):
    """The rows of a list; lines that begin with # say what the columns are."""
    if not os.path.exists(path):
        return []
    with open(path, encoding='utf-8') as file:
        return [Row(*line.rstrip('\n').split('\t')) for line in file
                if line.strip() and not line.startswith('#')]


def flow_filter(row):
    """A display filter for the packets of a row's flow that carry something."""
    words = [f'{row.transport}.payload']
    for end in (row.one, row.other):
        address, port = end.rsplit(':', 1)
        version = 'ipv6' if ':' in address else 'ip'
        words += [f'{version}.addr == {address}', f'{row.transport}.port == {port}']
    return ' && '.join(words)


def shown(capture, row):
    """(source port, protocols) of each packet of a row's flow, as tshark reads it when told how."""
    run = subprocess.run(['timeout', '60', 'tshark', '-n', '-r', capture, '-d', row.read_as,
                          '-Y', flow_filter(row), '-T', 'fields',
                          '-e', f'{row.transport}.srcport', '-e', 'frame.protocols'],
                         stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False)
    rows = (line.split('\t') for line in run.stdout.decode().splitlines())
    return [(port, protocols.split(':')) for port, protocols in rows]


def is_proof(packets, protocol):
    """Whether what tshark shows is the protocol: in all packets of the side that speaks first (the
    other may not understand it), or in all but those that hold the middle of a message or, of
    datagrams, what shares the port; these are one in four at most."""
    label = LABELS.get(protocol, protocol)
    if not packets or any('_ws.malformed' in protocols for _, protocols in packets):
        return False
    found = [label in protocols for _, protocols in packets]
    asked = [label in protocols for port, protocols in packets if port == packets[0][0]]
    return all(asked) or 4 * sum(found) >= 3 * len(found)


class Exceptions:
    """The rows of a list, and which of them were needed."""

    def __init__(self, path, corpus, prove=shown):
        self.corpus, self.prove = corpus, prove
        self.rows = {(row.capture, row.transport, *sorted((row.one, row.other))): row
                     for row in read(path)}
        self.used = []

    def take(self, capture, key, names, got):
        """Whether there is a row for a flow with these names."""
        ends = sorted(':'.join(end) for end in key[1:])
        row = self.rows.get((capture, key[0], *ends))
        if row is None or row.agreed not in names or row.ours not in got:
            return False
        self.used.append(row)
        return True

    def report(self):
        """Prints the rows by reason; False if one is not needed or not proved."""
        reasons = collections.Counter((row.agreed, row.ours, row.reason) for row in self.used)
        for (agreed, ours, reason), count in reasons.most_common():
            print(f'excepted: {count} flows called {ours}, not {agreed}: {reason}')
        stale = [row for row in self.rows.values() if row not in self.used]
        bad = [row for row in self.used
               if not is_proof(self.prove(os.path.join(self.corpus, row.capture), row), row.ours)]
        for title, rows in (('exception that is not needed', stale),
                            ('exception that tshark does not prove', bad)):
            for row in rows:
                print(f'{title}: {row.capture} {row.transport} {row.one} {row.other}')
        return not stale and not bad
