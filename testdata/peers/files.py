#!/usr/bin/env python3
"""Peers for captures of what no packaged program does: NetBIOS sessions that are refused or sent
elsewhere; and a client of libnfs that does what its tools do not.

Also Modbus by pymodbus, and DNP3's frames by hand.

usage: files.py nbss-server PORT | nbss-client HOST PORT | nfs-client URL | modbus-server |
       modbus-client HOST | dnp3-server PORT | dnp3-client HOST PORT"""
import ctypes
import socket
import struct
import sys


def listen(port):
    server = socket.socket()
    server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    server.bind(('10.77.0.2', port))
    server.listen()
    return server


def netbios_name(name, suffix):
    plain = name.ljust(15).encode() + bytes([suffix])
    return b'\x20' + bytes(0x41 + nibble for byte in plain for nibble in (byte >> 4, byte & 15)) + b'\0'


def nbss_client(host, port):
    for called in ('NOBODY', 'MOVED'):
        peer = socket.create_connection((host, port))
        names = netbios_name(called, 0x20) + netbios_name('LAPTOP', 0)
        peer.sendall(struct.pack('>BBH', 0x81, 0, len(names)) + names)
        peer.recv(100)
        peer.close()


def nbss_server(port):
    server = listen(port)
    answers = [b'\x83\0\0\x01\x82', b'\x84\0\0\x06' + socket.inet_aton('10.77.0.9') + b'\0\x8b']
    for answer in answers:
        peer, _ = server.accept()
        peer.recv(100)
        peer.sendall(answer)
        peer.close()


def nfs_client(url):
    class Url(ctypes.Structure):
        _fields_ = [('server', ctypes.c_char_p), ('path', ctypes.c_char_p),
                    ('file', ctypes.c_char_p)]

    nfs = ctypes.CDLL('libnfs.so.13')
    nfs.nfs_init_context.restype = ctypes.c_void_p
    nfs.nfs_parse_url_dir.restype = ctypes.POINTER(Url)
    context = ctypes.c_void_p(nfs.nfs_init_context())
    at = nfs.nfs_parse_url_dir(context, url.encode()).contents
    nfs.nfs_mount(context, at.server, at.path)
    nfs.nfs_mkdir(context, b'/old')
    nfs.nfs_symlink(context, b'nowhere', b'/old/link')
    nfs.nfs_rename(context, b'/old', b'/new')
    nfs.nfs_rmdir(context, b'/new')  # it is not empty
    nfs.nfs_unlink(context, b'/new/link')
    nfs.nfs_rmdir(context, b'/new')


def modbus_server():
    from pymodbus.datastore import (ModbusSequentialDataBlock, ModbusServerContext,
                                    ModbusSlaveContext)
    from pymodbus.device import ModbusDeviceIdentification
    from pymodbus.server import StartTcpServer
    block = ModbusSequentialDataBlock(0, [17] * 100)
    store = ModbusSlaveContext(di=block, co=block, hr=block, ir=block)
    identity = ModbusDeviceIdentification()
    identity.VendorName, identity.ProductCode, identity.MajorMinorRevision = 'Acme', 'PLC-1', '2.0'
    StartTcpServer(context=ModbusServerContext(slaves=store, single=True), identity=identity,
                   address=('10.77.0.2', 502))


def modbus_client(host):
    from pymodbus.client import ModbusTcpClient
    from pymodbus.diag_message import ReturnQueryDataRequest
    from pymodbus.mei_message import ReadDeviceInformationRequest
    client = ModbusTcpClient(host)
    client.write_coil(3, True, unit=7)
    client.write_coils(3, [True] * 9, unit=7)
    client.readwrite_registers(read_address=1, read_count=2, write_address=5,
                               write_registers=[6, 7], unit=7)
    client.mask_write_register(address=1, and_mask=1, or_mask=2, unit=7)
    client.execute(ReturnQueryDataRequest(42, unit=7))
    client.execute(ReadDeviceInformationRequest(1, unit=7))
    client.close()


def dnp3_crc(data):
    crc = 0
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0xA6BC if crc & 1 else 0)
    return data + struct.pack('<H', ~crc & 0xFFFF)


def dnp3_frame(control, destination, source, user=b''):
    head = struct.pack('<BBBBHH', 5, 0x64, 5 + len(user), control, destination, source)
    return dnp3_crc(head) + b''.join(dnp3_crc(user[i:i + 16]) for i in range(0, len(user), 16))


RELAY = b'\x0c\x01\x28\x01\x00\x03\x00\x41\x01' + struct.pack('<II', 100, 200)
FILE = struct.pack('<HH6sHIIHHH', 26, 8, bytes(6), 0, 0, 0, 1, 0, 1) + b'/log.txt'
# What the master asks, without the sequence; what the outstation answers to it.
DNP3 = [
    (b'\x01\x3c\x02\x06\x3c\x03\x06\x3c\x04\x06', b'\x81\x92\x00\x1e\x02\x00\x00\x01' + b'\x01\x2a\0' * 2),
    (b'\x01\x01\x00\x01\x00\x00\x63\x00', b'\x81\x00\x02'),
    (b'\x03' + RELAY + b'\0', b'\x81\0\0' + RELAY + b'\0'),
    (b'\x04' + RELAY + b'\0', b'\x81\0\0' + RELAY + b'\2'),
    (b'\x1b\x46\x03\x5b\x01' + struct.pack('<H', len(FILE)) + FILE, b'\x81\0\0'),
    (b'\x0d', b'\x81\x80\0\x34\x02\x07\x01\x10\x27'),
]
MASTER, OUTSTATION = 3, 1024


def dnp3_client(host, port):
    peer = socket.create_connection((host, port))
    peer.sendall(dnp3_frame(0xC9, OUTSTATION, MASTER))
    peer.recv(1000)
    for number, (ask, _) in enumerate(DNP3):
        user = bytes([0xC0 | number, 0xC0 | number]) + ask
        peer.sendall(dnp3_frame(0xC4, OUTSTATION, MASTER, user))
        peer.recv(1000)
    peer.recv(1000)  # unsolicited
    peer.sendall(dnp3_frame(0xC4, OUTSTATION, MASTER, b'\xc9\xd5\0'))
    peer.close()
    datagrams = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    datagrams.settimeout(1)
    datagrams.sendto(dnp3_frame(0xC4, OUTSTATION, MASTER, b'\xc0\xc0' + DNP3[0][0]), (host, port))
    datagrams.recv(1000)


def dnp3_server(port):
    server = listen(port)
    datagrams = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    datagrams.bind(('10.77.0.2', port))
    peer, _ = server.accept()
    peer.recv(1000)
    peer.sendall(dnp3_frame(0x0B, MASTER, OUTSTATION))
    for number, (_, answer) in enumerate(DNP3):
        peer.recv(1000)
        user = bytes([0xC0 | number, 0xC0 | number]) + answer
        peer.sendall(dnp3_frame(0x44, MASTER, OUTSTATION, user))
    peer.sendall(dnp3_frame(0x44, MASTER, OUTSTATION,
                            b'\xc8\xf5\x82\0\0\x02\x01\x28\x01\0\x07\0\x81'))
    _, master = datagrams.recvfrom(1000)
    datagrams.sendto(dnp3_frame(0x44, MASTER, OUTSTATION, b'\xc0\xc0' + DNP3[0][1]), master)
    peer.recv(1000)


if __name__ == '__main__':
    kind, *arguments = sys.argv[1:]
    {'nbss-client': lambda: nbss_client(arguments[0], int(arguments[1])),
     'modbus-server': modbus_server,
     'modbus-client': lambda: modbus_client(arguments[0]),
     'dnp3-server': lambda: dnp3_server(int(arguments[0])),
     'dnp3-client': lambda: dnp3_client(arguments[0], int(arguments[1])),
     'nfs-client': lambda: nfs_client(arguments[0]),
     'nbss-server': lambda: nbss_server(int(arguments[0]))}[kind]()
