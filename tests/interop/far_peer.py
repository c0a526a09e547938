"""A libtorrent seed with a UDP tracker that names it, as a program of its own so that it can run in a network namespace.

    python far_peer.py TORRENT FOLDER ADDRESS PORT TRACKER_PORT

It prints what it sees: `seeding`, `peer ADDRESS` for each connection, `announce ADDRESS PORT` for each announce.
"""

import socket
import struct
import sys
import threading
import time

import libtorrent


def track(address, port, peer_port):
    """Answers every announce with the one peer that there is."""
    server = socket.socket(type=socket.SOCK_DGRAM)
    server.bind((address, port))
    while True:
        data, whence = server.recvfrom(2048)
        action, transaction = struct.unpack(">II", data[8:16])
        if action == 0:
            server.sendto(struct.pack(">IIQ", 0, transaction, 7), whence)
        elif action == 1:
            print(f"announce {whence[0]} {struct.unpack('>H', data[96:98])[0]}", flush=True)
            peer = socket.inet_aton(address) + struct.pack(">H", peer_port)
            server.sendto(struct.pack(">IIIII", 1, transaction, 600, 0, 1) + peer, whence)


def main(torrent, folder, address, port, tracker_port):
    threading.Thread(target=track, args=(address, int(tracker_port), int(port)), daemon=True).start()
    session = libtorrent.session({
        "listen_interfaces": f"{address}:{port}",
        "enable_dht": True,
        "dht_bootstrap_nodes": "",
        "enable_lsd": False,
        "enable_upnp": False,
        "enable_natpmp": False,
        "allow_multiple_connections_per_ip": True,
    })
    what = libtorrent.add_torrent_params()
    what.ti = libtorrent.torrent_info(torrent)
    what.save_path = folder
    what.flags &= ~(libtorrent.torrent_flags.auto_managed | libtorrent.torrent_flags.paused)
    handle, told = session.add_torrent(what), set()
    while True:
        lines = ["seeding"] if handle.status().is_seeding else []
        for peer in handle.get_peer_info():
            lines.append(f"peer {peer.ip[0]}")
        for line in lines:
            if line not in told:
                told.add(line)
                print(line, flush=True)
        time.sleep(0.02)


if __name__ == "__main__":
    main(*sys.argv[1:])
