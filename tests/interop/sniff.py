"""Prints where IP packets go that leave by an interface, once each: `PROTOCOL ADDRESS PORT`.

    python sniff.py INTERFACE
"""

import socket
import struct
import sys

OUTGOING, ANYTHING = 4, 3


def main(interface):
    sniffer = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(ANYTHING))
    sniffer.bind((interface, ANYTHING))
    print("ready", flush=True)
    told = set()
    while True:
        data, (_, protocol, kind, *_) = sniffer.recvfrom(65536)
        if kind != OUTGOING or protocol == 0x0806:
            continue
        if protocol == 0x0800:
            header = (data[0] & 15) * 4
            name = {6: "tcp", 17: "udp"}.get(data[9], str(data[9]))
            port = struct.unpack(">H", data[header + 2 : header + 4])[0]
            line = f"{name} {socket.inet_ntoa(data[16:20])} {port}"
        else:
            line = f"protocol {protocol:#x}"
        if line not in told:
            told.add(line)
            print(line, flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
