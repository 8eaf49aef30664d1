#!/usr/bin/python3
"""Peers of BitTorrent, by libtorrent: give FOLDER ADDRESS PORT, take FOLDER ADDRESS PORT tcp|utp.
No tracker, no DHT: the taker is told where the giver is."""
import os
import sys
import time

import libtorrent


def session(address, port, how):
    utp = how == "utp"
    return libtorrent.session({
        "listen_interfaces": f"{address}:{port}",
        "enable_dht": False, "enable_lsd": False, "enable_upnp": False, "enable_natpmp": False,
        "enable_outgoing_utp": utp, "enable_incoming_utp": utp or how == "both",
        "enable_outgoing_tcp": not utp, "enable_incoming_tcp": True,
        "in_enc_policy": int(libtorrent.enc_policy.disabled),
        "out_enc_policy": int(libtorrent.enc_policy.disabled)})


def make(folder):
    files = libtorrent.file_storage()
    libtorrent.add_files(files, os.path.join(folder, "whole/numbers.txt"))
    torrent = libtorrent.create_torrent(files, 16384, libtorrent.create_torrent.v1_only)
    libtorrent.set_piece_hashes(torrent, os.path.join(folder, "whole"))
    return libtorrent.torrent_info(torrent.generate())


role, folder, address, port = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])
info = make(folder)
if role == "give":
    one = session(address, port, "both")
    one.add_torrent({"ti": info, "save_path": os.path.join(folder, "whole")})
    time.sleep(60)
else:
    one = session(address, port, sys.argv[5])
    handle = one.add_torrent({"ti": info, "save_path": os.path.join(folder, "part")})
    handle.connect_peer(("10.77.0.2", 6881))
    for _ in range(60):
        time.sleep(0.2)
        if handle.status().progress >= 1:
            break
    one.remove_torrent(handle)
    time.sleep(1)
