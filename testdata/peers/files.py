#!/usr/bin/env python3
"""Peers for captures of what no packaged program does: NetBIOS sessions that are refused or sent
elsewhere; and a client of libnfs that does what its tools do not.

usage: files.py nbss-server PORT | nbss-client HOST PORT | nfs-client URL"""
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


if __name__ == '__main__':
    kind, *arguments = sys.argv[1:]
    {'nbss-client': lambda: nbss_client(arguments[0], int(arguments[1])),
     'nfs-client': lambda: nfs_client(arguments[0]),
     'nbss-server': lambda: nbss_server(int(arguments[0]))}[kind]()
