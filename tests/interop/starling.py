"""The client under test, driven by its command line alone."""

import json
import os
import shutil
import signal

from waiting import Process, free_port, wait_for

_BUILT = os.path.join(os.path.dirname(__file__), "../../target/release/starling")
PROGRAM = os.environ.get("STARLING") or (
    os.path.abspath(_BUILT) if os.access(_BUILT, os.X_OK) else shutil.which("starling")
)


class Get:
    """One `starling get TORRENT --json`. `folder` is where it downloads to: hand in one that holds data to seed."""

    name = "starling"

    def __init__(self, work, torrent, options=(), folder=None, port=None, prefix=()):
        self.work, self.source, self.options = work, torrent.path, [str(o) for o in options]
        self.folder = folder or os.path.join(work, "data")
        self.wanted_port, self.prefix, self.runs = port, prefix, 0
        self.start()

    def start(self):
        """Starts it, again after a stop: same folder and state, a new port."""
        self.port, self.runs = self.wanted_port or free_port(), self.runs + 1
        home = os.path.join(self.work, "home")
        argv = [*self.prefix, PROGRAM, "get", self.source, "-o", self.folder, "--port", self.port, "--json"]
        folders = {f"XDG_{kind}_HOME": f"{home}/{kind.lower()}" for kind in ("CONFIG", "STATE", "DATA", "CACHE")}
        self.process = Process(argv + self.options, os.path.join(self.work, f"log{self.runs}"), HOME=home, **folders)

    def events(self, kind=None):
        """The JSON lines of this run so far."""
        lines = [line for line in self.process.output().splitlines() if line.startswith("{")]
        if lines and not self.process.output().endswith("\n"):
            lines.pop()
        events = [json.loads(line) for line in lines]
        return [e for e in events if kind in (None, e["event"])]

    def seeding(self):
        assert self.process.running(), f"starling ended with {self.process.code()}: {self.tail()}"
        return bool(self.events("seeding"))

    def wait_seeding(self, seconds=60):
        wait_for(self.seeding, seconds, lambda: f"starling to seed: {self.tail()}")
        return self

    def complete(self, seconds=90):
        """Waits for its end, which has to be a success."""
        wait_for(lambda: not self.process.running(), seconds, lambda: f"starling to complete: {self.tail()}")
        assert self.process.code() == 0, f"starling ended with {self.process.code()}: {self.tail()}"
        return self

    def interrupt(self):
        """SIGTERM, as a person's Ctrl-C: it has 2 s. Returns the exit status."""
        self.process.signal(signal.SIGTERM)
        wait_for(lambda: not self.process.running(), 2.5, "starling to stop within 2 s of SIGTERM")
        return self.process.code()

    def kill(self):
        self.process.kill()

    def tail(self):
        return self.process.output(1500)

    def stop(self):
        self.process.stop(5)
