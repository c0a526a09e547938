"""A SOCKS5 proxy (RFC 1928, 1929) with UDP associate, as a program of its own so that it can run in a network namespace.

    python socks.py LISTEN PORT UDP_PORT OUT NAMED [USER PASSWORD]

It serves at LISTEN:PORT, relays datagrams at LISTEN:UDP_PORT, and speaks to the world from OUT. Every name is that of NAMED.
It prints a line for everything it is asked for: `connect HOST:PORT`, `associate`, `udp HOST:PORT`.
"""

import select
import socket
import struct
import sys
import threading

NAMES, TOLD = {1: 4, 4: 16}, set()


def say(words):
    if words not in TOLD or not words.startswith("udp"):
        TOLD.add(words)
        print(words, flush=True)


def exactly(stream, count):
    data = b""
    while len(data) < count:
        part = stream.recv(count - len(data))
        if not part:
            raise ConnectionError
        data += part
    return data


class Proxy:
    def __init__(self, listen, port, udp_port, out, named, login):
        self.listen, self.udp_port, self.out, self.named, self.login = listen, udp_port, out, named, login
        self.server = socket.create_server((listen, port))

    def serve(self):
        while True:
            stream, _ = self.server.accept()
            threading.Thread(target=self.talk, args=(stream,), daemon=True).start()

    def talk(self, stream):
        try:
            with stream:
                self.obey(stream)
        except (ConnectionError, OSError) as error:
            say(f"ended {error!r}")

    def obey(self, stream):
        version, count = exactly(stream, 2)
        methods = exactly(stream, count)
        wanted = 2 if self.login else 0
        if version != 5 or wanted not in methods:
            return stream.sendall(b"\x05\xff")
        stream.sendall(bytes([5, wanted]))
        if self.login:
            user = exactly(stream, exactly(stream, 2)[1])
            password = exactly(stream, exactly(stream, 1)[0])
            right = (user.decode(), password.decode()) == self.login
            stream.sendall(bytes([1, not right]))
            if not right:
                return
        _, command, _, kind = exactly(stream, 4)
        length = NAMES.get(kind) or exactly(stream, 1)[0]
        host, port = self.host(kind, exactly(stream, length)), struct.unpack(">H", exactly(stream, 2))[0]
        if command == 1:
            say(f"connect {host}:{port}")
            self.connect(stream, host, port)
        else:
            say("associate")
            self.associate(stream)

    @staticmethod
    def host(kind, data):
        if kind == 3:
            return data.decode()
        return socket.inet_ntop(socket.AF_INET if kind == 1 else socket.AF_INET6, data)

    def resolved(self, host):
        return host if host.replace(".", "").isdigit() else self.named

    def connect(self, stream, host, port):
        try:
            far = socket.create_connection((self.resolved(host), port), 10, (self.out, 0))
        except OSError:
            return stream.sendall(b"\x05\x05\0\x01\0\0\0\0\0\0")
        stream.sendall(b"\x05\0\0\x01\0\0\0\0\0\0")
        pair = {stream: far, far: stream}
        far.settimeout(None)
        with far:
            while pair:
                for ready in select.select(list(pair), [], [])[0]:
                    data = ready.recv(65536)
                    if not data:
                        return
                    pair[ready].sendall(data)

    def associate(self, stream):
        inside = socket.socket(type=socket.SOCK_DGRAM)
        inside.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        inside.bind((self.listen, self.udp_port))
        outside = socket.socket(type=socket.SOCK_DGRAM)
        outside.bind((self.out, 0))
        stream.sendall(b"\x05\0\0\x01\0\0\0\0" + struct.pack(">H", self.udp_port))
        client = None
        while True:
            for ready in select.select([stream, inside, outside], [], [])[0]:
                if ready is stream:
                    if not stream.recv(1):
                        return
                elif ready is inside:
                    data, client = inside.recvfrom(65536)
                    kind, rest = data[3], data[4:]
                    length = NAMES.get(kind)
                    if not length:
                        length, rest = rest[0], rest[1:]
                    host, port = self.host(kind, rest[:length]), struct.unpack(">H", rest[length : length + 2])[0]
                    say(f"udp {host}:{port}")
                    try:
                        outside.sendto(rest[length + 2 :], (self.resolved(host), port))
                    except OSError:
                        pass
                elif client:
                    data, (host, port) = outside.recvfrom(65536)
                    inside.sendto(b"\0\0\0\x01" + socket.inet_aton(host) + struct.pack(">H", port) + data, client)


if __name__ == "__main__":
    listen, port, udp_port, out, named, *login = sys.argv[1:]
    Proxy(listen, int(port), int(udp_port), out, named, tuple(login)).serve()
