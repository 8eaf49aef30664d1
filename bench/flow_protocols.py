#!/usr/bin/env python3
"""What netwatch calls the flows on whose protocol tshark and nDPI agree.

usage: flow_protocols.py NETWATCH CORPUS LIST [--show PROTOCOL|wrong|unknown|excepted]
                         [--same N] [--wrong N] [--exceptions TSV]

The truth is the corpus's own: `streams` of truth/*.jsonl (tshark) and the flows of
truth/*.ndpi42.jsonl (ndpiReader). A flow is taken where the two agree: tshark's labels are largely
port-driven and nDPI's are partly guesses by host name, but rarely both at once. Flows are told by
capture, transport and end points; those that share all three count as one.
Of each, netwatch's `app` says the same, another protocol (wrong), or nothing (unknown); a flow that
is called otherwise, and rightly so, is excepted by a row of --exceptions (flow_exceptions.py), which
tshark has to prove in the same run. Excepted flows are printed and count as flows, not as the same.
Two shares are printed: over all agreed flows, where protocols that netwatch does not decode are
unknown, and over the flows of protocols that it decodes (--decoded names the table of protocols).
Exit 0 when, over all of them, same >= --same % (98) and wrong <= --wrong % (0.3), and each exception
is proved and still needed."""
import argparse
import collections
import glob
import ipaddress
import json
import os
import re
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '../tools'))
import corpus  # noqa: E402  pylint: disable=wrong-import-position
import flow_exceptions  # noqa: E402  pylint: disable=wrong-import-position

# Name of netwatch (or the one that it would have) -> labels of tshark, masters of nDPI.
NAMES = {
    'tls': ('tls', 'TLS SMTPS IMAPS POPS FTPS'),
    'quic': ('quic gquic', 'QUIC'),
    'dtls': ('dtls', 'DTLS'),
    'http': ('http', 'HTTP HTTP_Proxy HTTP_Connect SOAP WebSocket'),
    'http2': ('http2', 'HTTP HTTP_Proxy TLS gRPC'),
    'grpc': ('grpc', 'gRPC'),
    'websocket': ('websocket', 'WebSocket'),
    'dns': ('dns', 'DNS'),
    'mdns': ('mdns', 'MDNS'),
    'llmnr': ('llmnr', 'LLMNR'),
    'ssdp': ('ssdp', 'SSDP'),
    'nbns': ('nbns', 'NetBIOS'),
    'nbdgm': ('nbdgm', 'NetBIOS'),
    'nbss': ('nbss', 'NetBIOS'),
    'smb': ('smb smb2', 'SMBv1 SMBv23'),
    'ssh': ('ssh', 'SSH'),
    'ftp': ('ftp', 'FTP_CONTROL'),
    'ftp_data': ('ftp-data', 'FTP_DATA'),
    'smtp': ('smtp', 'SMTP SMTPS'),
    'imap': ('imap', 'IMAP IMAPS'),
    'pop3': ('pop', 'POP3 POPS'),
    'telnet': ('telnet', 'Telnet'),
    'irc': ('irc', 'IRC'),
    'xmpp': ('xmpp', 'Jabber'),
    'sip': ('sip', 'SIP'),
    'rtsp': ('rtsp', 'RTSP'),
    'rtp': ('rtp', 'RTP'),
    'rtcp': ('rtcp', 'RTCP RTP'),
    'stun': ('stun classicstun', 'STUN'),
    'dhcp': ('dhcp', 'DHCP'),
    'dhcpv6': ('dhcpv6', 'DHCPV6'),
    'ntp': ('ntp', 'NTP'),
    'snmp': ('snmp', 'SNMP'),
    'syslog': ('syslog', 'Syslog'),
    'radius': ('radius', 'Radius'),
    'tftp': ('tftp', 'TFTP'),
    'kerberos': ('kerberos', 'Kerberos'),
    'ldap': ('ldap cldap', 'LDAP'),
    'rdp': ('rdp', 'RDP'),
    'rdpudp': ('rdpudp', 'RDP'),
    'vnc': ('vnc', 'VNC'),
    'socks': ('socks', 'SOCKS'),
    'openvpn': ('openvpn', 'OpenVPN'),
    'wireguard': ('wg', 'WireGuard'),
    'ike': ('isakmp', 'IPsec CiscoVPN'),
    'mysql': ('mysql', 'MySQL'),
    'pgsql': ('pgsql', 'PostgreSQL'),
    'redis': ('resp', 'Redis'),
    'memcached': ('memcache', 'Memcached'),
    'mongodb': ('mongo', 'MongoDB'),
    'mqtt': ('mqtt', 'MQTT'),
    'amqp': ('amqp', 'AMQP'),
    'kafka': ('kafka', 'Kafka'),
    'coap': ('coap', 'COAP'),
    'bittorrent': ('bittorrent', 'BitTorrent'),
    'bt_dht': ('bt-dht', 'BitTorrent'),
    'utp': ('bt-utp', 'BitTorrent'),
    'sunrpc': ('rpc portmap mount', 'RPC NFS'),
    # Of a NULL call to NFS tshark lists `rpc` alone; that it is NFS its column and nDPI say.
    'nfs': ('nfs rpc', 'NFS'),
    'modbus': ('mbtcp modbus', 'Modbus'),
    'dnp3': ('dnp3', 'DNP3'),
    'nntp': ('nntp', 'Usenet'),
    'mgcp': ('mgcp', 'MGCP'),
    'pptp': ('pptp', 'PPTP'),
    'tns': ('tns', 'Oracle'),
    'git': ('git', 'Git'),
    'lisp': ('lisp', 'LISP'),
    'rx': ('rx', 'RX'),
    'gtp': ('gtp gtpv2 gtpprime', 'GTP'),
    'netflow': ('cflow', 'NetFlow'),
    'collectd': ('collectd', 'Collectd'),
    'sflow': ('sflow', 'sFlow'),
    'dropbox': ('db-lsp-disc db-lsp', 'Dropbox'),
    'bjnp': ('bjnp', 'BJNP'),
    'dcerpc': ('dcerpc', 'DCE_RPC'),
    'iec104': ('iec60870_104', 'IEC60870'),
    's7comm': ('s7comm', 's7comm'),
    'enip': ('enip', 'EthernetIP'),
    'fix': ('fix', 'FIX'),
    'tds': ('tds', 'MsSQL-TDS'),
    'bacnet': ('bacnet', 'BACnet'),
    'opcua': ('opcua', 'OPC-UA'),
    'bgp': ('bgp', 'BGP'),
    'diameter': ('diameter', 'Diameter'),
    'cql': ('cql', 'Cassandra'),
    'nats': ('nats', 'Nats'),
    # What netwatch does not decode.
    'h323': ('h225 q931 h245', 'H323'),
    'ajp': ('ajp13', 'AJP'),
    'whois': ('whois', 'Whois-DAS'),
    'afp': ('dsi afp', 'AFP'),
    'rtmp': ('rtmpt', 'RTMP'),
    'skinny': ('skinny', 'CiscoSkinny'),
    'rsync': ('rsync', 'RSYNC'),
    'gnutella': ('gnutella', 'Gnutella'),
    'capwap': ('capwap', 'CAPWAP'),
    'z3950': ('z3950', 'Z39'),
    'megaco': ('megaco', 'Megaco'),
    'giop': ('giop', 'Corba'),
    'drda': ('drda', 'DRDA'),
    'iax2': ('iax2', 'IAX'),
    'mp2t': ('mp2t', 'MPEG_TS'),
    'xdmcp': ('xdmcp', 'XDMCP'),
    'ayiya': ('ayiya', 'Ayiya'),
    'steam': ('steam_ihs_discovery', 'Steam'),
}
# Framing that says nothing of its own: netwatch names a flow by what is inside, where tshark sees it.
CARRIED = {'nbss': 'smb', 'sunrpc': 'nfs'}
BY_TSHARK, BY_NDPI = collections.defaultdict(set), collections.defaultdict(set)
for _name, (_tshark, _ndpi) in NAMES.items():
    for _label in _tshark.split():
        BY_TSHARK[_label].add(_name)
    for _label in _ndpi.split():
        BY_NDPI[_label].add(_name)


def plain(address):
    """An address as netwatch writes it: ::ffff:1.2.3.4 is 1.2.3.4."""
    if not address.startswith('::ffff:'):
        return address
    mapped = ipaddress.IPv6Address(address).ipv4_mapped
    return str(mapped or address)


def ends(transport, *sides):
    """A flow's key, the same for both directions; a side is (address, port)."""
    return (transport, *sorted((plain(address), port) for address, port in sides))


def of_tshark(truth):
    """{key: names} of one capture."""
    flows = collections.defaultdict(set)
    for stream in truth['streams']:
        transport = stream['s'].split(':')[0]
        key = ends(transport, *(tuple(stream[side].rsplit('|', 1)) for side in 'ab'))
        for label in stream['protos']:
            flows[key] |= BY_TSHARK[label] if label in BY_TSHARK else set()
    return flows


def of_ndpi(truth):
    """{key: [names of one flow]} of one capture; what comes before the dot is the master."""
    flows = collections.defaultdict(list)
    for flow in truth['flows']:
        transport = {'6': 'tcp', '17': 'udp'}.get(flow.get('protocol'))
        if not transport or 'ndpi_proto' not in flow:
            continue
        key = ends(transport, (flow['src_ip'], flow['src_port']),
                   (flow['dst_ip'], flow['dst_port']))
        flows[key].append(BY_NDPI.get(flow['ndpi_proto'].split('.')[0], set()))
    return flows


def of_netwatch(program, capture):
    """{key: names} of one capture, and None for a key that has a flow but no name."""
    flows = collections.defaultdict(set)
    for row in corpus.lines(program, capture):
        if row.get('type') != 'flow':
            continue
        key = ends(row['l4'], *((row[side]['ip'], str(row[side].get('port')))
                                for side in ('orig', 'resp')))
        flows[key] |= set(row.get('app', []))
    return flows


def load(pattern, wanted):
    rows = {}
    for path in glob.glob(pattern):
        with open(path, encoding='utf-8') as file:
            for line in file:
                row = json.loads(line)
                if wanted(path, row):
                    rows[row['file']] = row
    return rows


def agreed(tshark, ndpi):
    """{key: names that both could mean} of one capture."""
    both = {}
    for key, candidates in ndpi.items():
        seen = tshark.get(key, set())
        names = seen.intersection(*candidates)
        if names:
            both[key] = names | {CARRIED[n] for n in names if CARRIED.get(n) in seen}
    return both


def decoded_names(table):
    """The names in a folder of protocol files, which say `.name = "x"` below their ProtocolDef."""
    names = set()
    for path in glob.glob(os.path.join(table, '*.cpp')):
        with open(path, encoding='utf-8') as file:
            names |= set(re.findall(r'ProtocolDef k\w+\s*\{\s*\.name = "([^"]+)"', file.read()))
    return names


class Tally:
    """Agreed flows per protocol: same, wrong, unknown."""

    def __init__(self, decoded, exceptions):
        self.decoded = decoded
        self.exceptions = exceptions
        self.rows = collections.defaultdict(collections.Counter)
        self.listed = {'wrong': [], 'unknown': [], 'excepted': []}

    def add(self, capture, key, names, got):
        verdict = 'same' if names & got else 'wrong' if got else 'unknown'
        if verdict == 'wrong' and self.exceptions.take(capture, key, names, got):
            verdict = 'excepted'
        # Where the two leave several, what netwatch says or decodes names the row.
        best = sorted(names & got) or sorted(names & self.decoded) or sorted(names)
        self.rows[best[0]][verdict] += 1
        if verdict != 'same':
            self.listed[verdict].append((best[0], capture, key, sorted(got)))

    def sum(self, keep):
        total = collections.Counter()
        for name, row in self.rows.items():
            if keep(name):
                total += row
        return total

    def print(self):
        print(f'{"protocol":12s} {"flows":>6s} {"same":>6s} {"excepted":>9s} {"wrong":>6s} '
              f'{"unknown":>8s}')
        for name, row in sorted(self.rows.items(), key=lambda r: -r[1].total()):
            note = '' if name in self.decoded else '   not decoded'
            print(f'{name:12s} {row.total():6d} {row["same"]:6d} {row["excepted"]:9d} '
                  f'{row["wrong"]:6d} {row["unknown"]:8d}{note}')
        missing = {name: row for name, row in self.rows.items() if name not in self.decoded}
        if missing:
            print('not decoded, most flows first: ' + ', '.join(
                f'{name} {row.total()}' for name, row in
                sorted(missing.items(), key=lambda r: (-r[1].total(), r[0]))))


def share(title, total):
    count = max(total.total(), 1)
    parts = ', '.join(f'{verdict} {100 * total[verdict] / count:.2f} %'
                      for verdict in ('same', 'excepted', 'wrong', 'unknown'))
    print(f'{title}: {total.total()} flows: {parts}')
    return 100 * total['same'] / count, 100 * total['wrong'] / count


def compare(options):
    truth_dir = os.path.join(options.corpus, 'truth')
    ndpi = load(f'{truth_dir}/*.ndpi42.jsonl', lambda _path, row: 'flows' in row)
    tshark = load(f'{truth_dir}/*.jsonl', lambda path, row: 'streams' in row)
    exceptions = flow_exceptions.Exceptions(options.exceptions, options.corpus)
    tally = Tally(decoded_names(options.decoded), exceptions)
    with open(options.listing, encoding='utf-8') as file:
        captures = [name for name in map(str.strip, file) if name in ndpi and name in tshark]
    todo = {name: agreed(of_tshark(tshark[name]), of_ndpi(ndpi[name])) for name in captures}
    todo = {name: keys for name, keys in todo.items() if keys}

    def look_at(name):
        return name, of_netwatch(options.program, os.path.join(options.corpus, name))

    for name, got in corpus.in_parallel(look_at, todo):
        for key, names in todo[name].items():
            tally.add(name, key, names, got.get(key, set()))
    return tally


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('program')
    parser.add_argument('corpus')
    parser.add_argument('listing')
    parser.add_argument('--decoded', default='src/dpi/protocols')
    parser.add_argument('--exceptions', default='testdata/corpus/flow_exceptions.tsv')
    parser.add_argument('--show', help='list the flows: a protocol, or "wrong", "unknown", "excepted"')
    parser.add_argument('--same', type=float, default=98)
    parser.add_argument('--wrong', type=float, default=0.3)
    options = parser.parse_args()
    tally = compare(options)
    tally.print()
    sound = tally.exceptions.report()
    share('of protocols that are decoded', tally.sum(lambda name: name in tally.decoded))
    same, wrong = share('all agreed flows', tally.sum(lambda name: True))
    for verdict, rows in tally.listed.items():
        for name, capture, (transport, one, other), got in rows:
            if options.show in (name, verdict):
                print(f'{verdict}: {name} {capture} {transport} {":".join(one)} {":".join(other)} '
                      f'{",".join(got)}')
    return 0 if sound and same >= options.same and wrong <= options.wrong else 1


if __name__ == '__main__':
    sys.exit(main())
