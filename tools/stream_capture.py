#!/usr/bin/env python3
"""A capture again and again on standard output, with time stamps that go on: an endless link.

usage: stream_capture.py CAPTURE.pcap GIGABYTES | netwatch read -q -
The file (pcap, little-endian, in microseconds or nanoseconds) is held in memory; each round moves
every packet by the capture's length, rounded up to a second."""
import array
import struct
import sys

FILE_HEADER = 24
RECORD_HEADER = 16
MAGICS = (0xa1b2c3d4, 0xa1b23c4d)
CHUNK = 1 << 20


def places(data):
    """Where the records begin."""
    found, at, end = array.array('Q'), FILE_HEADER, len(data)
    length = struct.Struct('<I')
    while at + RECORD_HEADER <= end:
        found.append(at)
        at += RECORD_HEADER + length.unpack_from(data, at + 8)[0]
    if at != end:
        sys.exit('stream_capture: the capture ends inside a record')
    return found


def advance(data, records, by):
    seconds = struct.Struct('<I')
    for at in records:
        seconds.pack_into(data, at, seconds.unpack_from(data, at)[0] + by)


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    with open(sys.argv[1], 'rb') as file:
        data = bytearray(file.read())
    if len(data) < FILE_HEADER or struct.unpack_from('<I', data)[0] not in MAGICS:
        sys.exit('stream_capture: not a little-endian pcap file')
    records, wanted = places(data), int(float(sys.argv[2]) * 1e9)
    stamps = [struct.unpack_from('<I', data, at)[0] for at in (records[0], records[-1])]
    out, sent, view = sys.stdout.buffer, 0, memoryview(data)
    try:
        while sent < wanted:
            for at in range(FILE_HEADER if sent else 0, len(data), CHUNK):
                sent += out.write(view[at:at + CHUNK])
            advance(data, records, stamps[1] - stamps[0] + 1)
        out.flush()
    except BrokenPipeError:
        sys.exit('stream_capture: the reader is gone')


if __name__ == '__main__':
    main()
