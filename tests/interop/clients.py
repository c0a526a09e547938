"""The clients that nobody here wrote, behind one small interface.

    client = Aria2(work)        work: an empty folder that is the client's home
    client.seed(torrent)        complete data is laid out; returns once it serves
    client.leech(torrent)       starts with nothing
    client.done()               everything is there and verified
    client.stop()

DHT, LSD, port mapping and the like are off: nothing leaves loopback. What a client is known to do differently
is an attribute here, not a surprise in a test.
"""

import base64
import json
import os
import shutil
import urllib.error
import urllib.parse
import urllib.request

from torrents import bencode
from waiting import Process, free_port, listens, wait_for

try:
    import libtorrent
except ImportError:
    libtorrent = None


class Client:
    name, program = "?", None
    creates_empty_files = True
    # Whether it dials a loopback address that a tracker told it.
    dials_loopback = True
    # Whether it tells trackers the port that it was given.
    announces_port = True
    # Whether it speaks message stream encryption.
    knows_encryption = True

    # Every connection encrypted, with RC4 where the client can demand that; set by encrypted().
    encrypts = False

    def __init__(self, work):
        self.work, self.port, self.process = work, free_port(), None
        self.folder = os.path.join(work, "data")
        os.makedirs(self.folder, exist_ok=True)

    @classmethod
    def absent(cls):
        """Why it cannot be used here; empty when it can."""
        return "" if shutil.which(cls.program) else f"{cls.program} is not installed"

    @property
    def address(self):
        return f"127.0.0.1:{self.port}"

    def encrypted(self):
        self.encrypts = True
        return self

    def seed(self, torrent):
        torrent.content.lay_out(self.folder)
        self.begin(torrent, complete=True)
        wait_for(self.done, 40, lambda: f"{self.name} to seed: {self.tail()}")
        return self

    def leech(self, torrent):
        self.begin(torrent, complete=False)
        return self

    def begin(self, torrent, complete):
        """Starts the client with this torrent; it shall check the files first when they are `complete`."""
        raise NotImplementedError

    def done(self):
        raise NotImplementedError

    def spawn(self, argv, **environment):
        self.process = Process(argv, os.path.join(self.work, "log"), cwd=self.work, HOME=self.work, **environment)

    def tail(self):
        return self.process.output(600) if self.process else ""

    def stop(self):
        if self.process:
            self.process.stop(5) or self.process.kill()


def http(port, path, body=None, headers=None):
    """(status, headers, body) of a request to a client's own interface; (0, {}, b"") while nobody answers."""
    body = body.encode() if isinstance(body, str) else body
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", body, headers or {})
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, answer.headers, answer.read()
    except urllib.error.HTTPError as refusal:
        return refusal.code, refusal.headers, refusal.read()
    except OSError:
        return 0, {}, b""


class Libtorrent(Client):
    name = "libtorrent"

    def __init__(self, work, address="127.0.0.1", **settings):
        super().__init__(work)
        self.session = self.handle = None
        host = f"[{address}]" if ":" in address else address
        self.settings = {
            "listen_interfaces": f"{host}:{self.port}",
            "enable_dht": False,
            "enable_lsd": False,
            "enable_upnp": False,
            "enable_natpmp": False,
            "enable_incoming_utp": False,
            "enable_outgoing_utp": False,
            "allow_multiple_connections_per_ip": True,
            "min_reconnect_time": 1,
            "unchoke_interval": 2,
            "stop_tracker_timeout": 1,
            **settings,
        }

    @classmethod
    def absent(cls):
        return "" if libtorrent else "PyPI's libtorrent is not installed"

    def begin(self, torrent, complete):
        if self.encrypts:
            forced, rc4 = int(libtorrent.enc_policy.forced), int(libtorrent.enc_level.rc4)
            self.settings |= {"in_enc_policy": forced, "out_enc_policy": forced, "allowed_enc_level": rc4}
        self.session = libtorrent.session(self.settings)
        if torrent.path.startswith("magnet:"):
            what = libtorrent.parse_magnet_uri(torrent.path)
        else:
            what = libtorrent.add_torrent_params()
            what.ti = libtorrent.torrent_info(torrent.path)
        what.save_path = self.folder
        what.flags &= ~(libtorrent.torrent_flags.auto_managed | libtorrent.torrent_flags.paused)
        self.handle = self.session.add_torrent(what)

    def dial(self, port, address="127.0.0.1"):
        self.handle.connect_peer((address, port))

    def limit_upload(self, bytes_per_second):
        self.handle.set_upload_limit(bytes_per_second)

    def uploaded(self):
        """Payload bytes given since it was started."""
        return self.handle.status().total_payload_upload

    def done(self):
        return self.handle.status().is_seeding

    def tail(self):
        status = self.handle.status()
        return f"{status.state} {status.progress:.3f}, {status.num_peers} peers, {status.errc}"

    def stop(self):
        self.handle = self.session = None


class Transmission(Client):
    name, program = "transmission", "transmission-daemon"
    creates_empty_files = False  # 3.00 never makes a file of 0 bytes
    dials_loopback = False  # 3.00 takes 127.0.0.0/8 for martian

    def begin(self, torrent, complete):
        self.rpc_port, self.token, self.checking = free_port(), "", complete
        settings = {
            "rpc-bind-address": "127.0.0.1",
            "rpc-port": self.rpc_port,
            "rpc-whitelist-enabled": False,
            "rpc-authentication-required": False,
            "peer-port": self.port,
            "bind-address-ipv4": "127.0.0.1",
            "dht-enabled": False,
            "lpd-enabled": False,
            "utp-enabled": False,
            "port-forwarding-enabled": False,
            "encryption": 2 if self.encrypts else 1,
            "download-dir": self.folder,
        }
        with open(os.path.join(self.work, "settings.json"), "w") as f:
            json.dump(settings, f)
        self.spawn([self.program, "-f", "-g", self.work])
        wait_for(lambda: self.rpc("session-get"), 20, lambda: f"{self.name}'s RPC: {self.tail()}")
        if torrent.path.startswith("magnet:"):
            what = {"filename": torrent.path}
        else:
            with open(torrent.path, "rb") as f:
                what = {"metainfo": base64.b64encode(f.read()).decode()}
        self.rpc("torrent-add", **what, **{"download-dir": self.folder, "paused": complete})
        if complete:
            self.rpc("torrent-verify")

    def rpc(self, method, **arguments):
        body = json.dumps({"method": method, "arguments": arguments})
        for _ in range(2):
            status, headers, answer = http(
                self.rpc_port, "/transmission/rpc", body, {"X-Transmission-Session-Id": self.token}
            )
            if status == 200:
                return json.loads(answer)["arguments"] or {"ok": True}
            self.token = headers.get("X-Transmission-Session-Id", "")
        return None

    def done(self):
        fields = ["status", "leftUntilDone", "haveValid", "sizeWhenDone"]
        torrent = self.rpc("torrent-get", fields=fields)["torrents"][0]
        full = torrent["leftUntilDone"] == 0 and torrent["haveValid"] == torrent["sizeWhenDone"] > 0
        if self.checking and full and torrent["status"] == 0:
            self.rpc("torrent-start")
            return False
        return full and torrent["status"] in (5, 6)

    def tail(self):
        return str(self.rpc("torrent-get", fields=["errorString", "percentDone", "status"])) + super().tail()


class Transmission4(Transmission):
    """Debian 12 has 3.00 alone; TRANSMISSION4 names a daemon of the 4th generation."""

    name, program = "transmission4", os.environ.get("TRANSMISSION4", "transmission-daemon-4")
    creates_empty_files = True


class Aria2(Client):
    name, program = "aria2", "aria2c"

    def begin(self, torrent, complete):
        self.rpc_port = free_port()
        self.spawn([
            self.program, "--no-conf", "--enable-rpc", "--rpc-listen-port", self.rpc_port, "--dir", self.folder,
            "--listen-port", self.port, "--seed-ratio=0", "--file-allocation=none", "--enable-peer-exchange=false",
            "--bt-enable-lpd=false", "--enable-dht=false", "--enable-dht6=false", "--disable-ipv6=true",
            "--async-dns=false", "--allow-overwrite=true", "--check-integrity=true", "--show-console-readout=false",
            "--bt-request-peer-speed-limit=50M", "--follow-torrent=mem",
            f"--bt-require-crypto={str(self.encrypts).lower()}",
            f"--bt-min-crypto-level={'arc4' if self.encrypts else 'plain'}",
        ])  # fmt: skip
        wait_for(lambda: self.rpc("getVersion"), 15, lambda: f"{self.name}'s RPC: {self.tail()}")
        with open(torrent.path, "rb") as f:
            self.gid = self.rpc("addTorrent", base64.b64encode(f.read()).decode())

    def rpc(self, method, *params):
        body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "aria2." + method, "params": params})
        _, _, answer = http(self.rpc_port, "/jsonrpc", body)
        return json.loads(answer).get("result") if answer else None

    def done(self):
        status = self.rpc("tellStatus", self.gid)
        assert status["status"] != "error", f"aria2 gave up: {status.get('errorMessage')}"
        full = status["completedLength"] == status["totalLength"] != "0"
        return full and status.get("seeder") == "true" and listens(self.port)


class Qbittorrent(Client):
    name, program = "qbittorrent", "qbittorrent-nox"

    def begin(self, torrent, complete):
        self.api_port = free_port()
        config = os.path.join(self.work, "qBittorrent/config")
        os.makedirs(config, exist_ok=True)
        with open(f"{config}/qBittorrent.conf", "w") as f:
            f.write(f"""[LegalNotice]
Accepted=true
[BitTorrent]
Session\\DHTEnabled=false
Session\\LSDEnabled=false
Session\\PeXEnabled=false
Session\\BTProtocol=TCP
Session\\Port={self.port}
Session\\InterfaceAddress=127.0.0.1
Session\\QueueingSystemEnabled=false
Session\\Preallocation=false
Session\\Encryption={int(self.encrypts)}
Session\\MultiConnectionsPerIp=true
[Network]
PortForwardingEnabled=false
[Preferences]
WebUI\\LocalHostAuth=false
WebUI\\Port={self.api_port}
WebUI\\Address=127.0.0.1
WebUI\\HostHeaderValidation=false
WebUI\\CSRFProtection=false
""")
        self.spawn([self.program, f"--profile={self.work}"])
        wait_for(lambda: self.api("app/version"), 30, lambda: f"{self.name}'s API: {self.tail()}")
        self.add(torrent)

    def add(self, torrent):
        boundary, body = "xxPARTxx", b""
        with open(torrent.path, "rb") as f:
            parts = {"torrents": f.read()}
        parts |= {"savepath": self.folder.encode(), "autoTMM": b"false", "contentLayout": b"Original"}
        for name, value in parts.items():
            extra = '; filename="t.torrent"\r\nContent-Type: application/x-bittorrent' if name == "torrents" else ""
            body += f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"{extra}\r\n\r\n'.encode()
            body += value + b"\r\n"
        kind = {"Content-Type": f"multipart/form-data; boundary={boundary}"}
        assert self.api("torrents/add", body + f"--{boundary}--\r\n".encode(), kind), self.tail()

    def api(self, path, body=None, headers=None):
        status, _, answer = http(self.api_port, f"/api/v2/{path}", body, headers)
        return answer if status == 200 else None

    def done(self):
        torrents = json.loads(self.api("torrents/info") or "[]")
        return (
            bool(torrents)
            and torrents[0]["amount_left"] == 0
            and torrents[0]["state"] in ("uploading", "stalledUP", "forcedUP")
        )

    def tail(self):
        return str(self.api("torrents/info")) + super().tail()


class Rtorrent(Client):
    name, program = "rtorrent", "rtorrent"

    def begin(self, torrent, complete):
        self.mark = os.path.join(self.work, "done")
        encryption = "allow_incoming," + ("require,require_RC4" if self.encrypts else "enable_retry")
        os.makedirs(os.path.join(self.work, "session"), exist_ok=True)
        with open(os.path.join(self.work, "rc"), "w") as f:
            f.write(f"""
session.path.set = {self.work}/session
directory.default.set = {self.folder}
network.port_range.set = {self.port}-{self.port}
network.port_random.set = no
network.bind_address.set = 127.0.0.1
network.local_address.set = 127.0.0.1
dht.mode.set = disable
protocol.pex.set = no
protocol.encryption.set = {encryption}
system.daemon.set = true
method.set_key = event.download.finished, mark, "execute=touch,{self.mark}"
method.set_key = event.download.hash_done, mark2, "branch=d.complete=,\\"execute=touch,{self.mark}\\""
schedule2 = add, 0, 0, ((load.start, "{torrent.path}"))
""")
        self.spawn([self.program, "-n", "-o", f"import={self.work}/rc"], TERM="dumb")
        wait_for(lambda: listens(self.port), 20, lambda: f"{self.name} to listen: {self.tail()}")

    def done(self):
        assert self.process.running(), "rtorrent ended: " + self.tail()
        return os.path.exists(self.mark)


class Rqbit(Client):
    """From crates.io: `cargo install rqbit`."""

    name, program = "rqbit", "rqbit"
    announces_port = False  # 9.1 tells every tracker 4240
    knows_encryption = False

    def begin(self, torrent, complete):
        self.api_port = free_port()
        self.spawn([
            self.program, "--http-api-listen-addr", f"127.0.0.1:{self.api_port}", "--disable-dht", "--disable-lsd",
            "--disable-upnp-port-forward", "--listen-ip", "127.0.0.1", "--listen-port", self.port,
            "server", "start", self.folder, "--disable-persistence",
        ], XDG_CACHE_HOME=self.work)  # fmt: skip
        wait_for(lambda: self.api("/torrents"), 20, lambda: f"{self.name}'s API: {self.tail()}")
        if torrent.path.startswith("magnet:"):
            what = torrent.path.encode()
        else:
            with open(torrent.path, "rb") as f:
                what = f.read()
        # The folder it is told takes the place of the torrent's own.
        content = torrent.content
        root = self.folder if "" in content.files else os.path.join(self.folder, content.name)
        wishes = {"overwrite": "true", "output_folder": root}
        assert self.api(f"/torrents?{urllib.parse.urlencode(wishes)}", what), self.tail()

    def api(self, path, body=None):
        status, _, answer = http(self.api_port, path, body)
        return json.loads(answer) if status == 200 else None

    def done(self):
        stats = self.api("/torrents/0/stats/v1") or {}
        assert stats.get("state") != "error", f"rqbit: {stats.get('error')}"
        return bool(stats.get("finished")) and stats["state"] == "live"


# Those of the second list are not to be had from Debian: they take part where somebody put them on the path.
CLIENTS = [Libtorrent, Transmission, Aria2, Qbittorrent, Rtorrent]
CLIENTS += [client for client in (Transmission4, Rqbit) if not client.absent()]
ENCRYPTING = [client for client in CLIENTS if client.knows_encryption]
