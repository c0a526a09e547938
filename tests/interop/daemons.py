"""`starling daemon` under test, driven by its command line, its RPC, and any remote."""

import json
import os
import signal
import subprocess

import starling as subject
from clients import http
from waiting import Process, free_port, wait_for

DAEMON_SETTINGS = {
    "rpc-bind-address": "127.0.0.1",
    "bind-address-ipv4": "127.0.0.1",
    "bind-address-ipv6": "::1",
    "dht-enabled": False,
    "lpd-enabled": False,
    "port-forwarding-enabled": False,
}


class Daemon:
    """One config directory, and the daemon that serves it."""

    name = "starling-daemon"

    def __init__(self, work, config=None, **settings):
        self.work, self.folder = work, os.path.join(work, "downloads")
        self.config = config or os.path.join(work, "config")
        self.rpc_port, self.port, self.token, self.process = free_port(), free_port(), "", None
        os.makedirs(self.folder, exist_ok=True)
        os.makedirs(self.config, exist_ok=True)
        path = os.path.join(self.config, "settings.json")
        known = {}
        if os.path.exists(path):
            with open(path) as f:
                known = json.load(f)
        ports = {"rpc-port": self.rpc_port, "peer-port": self.port, "download-dir": self.folder}
        with open(path, "w") as f:
            json.dump({**known, **DAEMON_SETTINGS, **ports, **settings}, f)

    def argv(self, *options):
        return [subject.PROGRAM, "daemon", "-g", self.config, *map(str, options)]

    def environment(self):
        return {"HOME": self.work, "LC_ALL": "C.UTF-8"}

    def start(self, *options, wait=True):
        """Starts it in the foreground."""
        log = os.path.join(self.work, "daemon.log")
        self.process = Process(self.argv("-f", *options), log, **self.environment())
        if wait:
            wait_for(self.answers, 60, lambda: f"the daemon's RPC: {self.process.output(2000)}")
        return self

    def start_in_background(self):
        environment = {**os.environ, **self.environment()}
        done = subprocess.run(self.argv(), capture_output=True, text=True, timeout=60, env=environment)
        assert (done.returncode, done.stdout, done.stderr) == (0, "", ""), done
        wait_for(self.answers, 60, "the daemon's RPC")
        return self

    def answers(self):
        try:
            return self.rpc("session-get", fields=["version"])
        except OSError:
            return None

    def rpc(self, method, **arguments):
        body = json.dumps({"method": method, "arguments": arguments})
        for _ in range(2):
            status, headers, answer = http(
                self.rpc_port, "/transmission/rpc", body, {"X-Transmission-Session-Id": self.token}
            )
            if status == 200:
                reply = json.loads(answer)
                assert reply["result"] == "success", f"{method}: {reply}"
                return reply["arguments"] or {"ok": True}
            self.token = headers.get("X-Transmission-Session-Id", "")
        return None

    def torrents(self, *fields):
        return self.rpc("torrent-get", fields=["hashString", *fields])["torrents"]

    def remote(self, *options, program=None):
        """(exit code, output) of a remote: ours, or the one named."""
        argv = [*([program] if program else [subject.PROGRAM, "remote"]), f"127.0.0.1:{self.rpc_port}"]
        environment = {**os.environ, **self.environment()}
        done = subprocess.run(
            argv + list(map(str, options)), capture_output=True, text=True, timeout=60, env=environment
        )
        return done.returncode, done.stdout + done.stderr

    def kill(self):
        self.process.signal(signal.SIGKILL)
        self.process.child.wait()

    def stop(self):
        if self.process:
            self.process.stop()
