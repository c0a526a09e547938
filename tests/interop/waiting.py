"""Waiting for conditions, free ports, and processes that never outlive a test."""

import ctypes
import os
import signal
import socket
import subprocess
import time


def wait_for(condition, seconds, what, every=0.05):
    """Polls `condition` until it is true and returns its value; fails loudly after `seconds`.

    `what` names the condition in the failure; a callable is asked for it then.
    """
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"after {seconds} s still waiting for {what() if callable(what) else what}")
        time.sleep(every)


def free_port():
    """A TCP port of loopback that nobody uses now, on which UDP is free too."""
    while True:
        with socket.socket() as tcp, socket.socket(type=socket.SOCK_DGRAM) as udp:
            tcp.bind(("127.0.0.1", 0))
            port = tcp.getsockname()[1]
            try:
                udp.bind(("127.0.0.1", port))
                return port
            except OSError:
                continue


def listens(port):
    """Does somebody accept connections on this port of loopback?"""
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
        return True
    except OSError:
        return False


def _die_with_parent():
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG: an interrupted run leaves nothing behind


class Process:
    """A child with its output in a file. It dies with the test run, whatever happens to that."""

    def __init__(self, argv, log, cwd=None, **environment):
        self.argv, self.log = [str(a) for a in argv], log
        with open(log, "ab") as out:
            self.child = subprocess.Popen(
                self.argv,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                cwd=cwd,
                env={**os.environ, **{k: str(v) for k, v in environment.items()}},
                preexec_fn=_die_with_parent,
            )

    def running(self):
        return self.child.poll() is None

    def code(self):
        """The exit status, negative for a signal; None while it runs."""
        return self.child.poll()

    def output(self, last=100_000_000):
        with open(self.log, "rb") as f:
            return f.read()[-last:].decode(errors="replace")

    def signal(self, number):
        if self.running():
            self.child.send_signal(number)

    def stop(self, seconds=10):
        """SIGTERM, and SIGKILL when that is not heeded in time. Returns whether it was heeded."""
        self.signal(signal.SIGTERM)
        try:
            self.child.wait(seconds)
            return True
        except subprocess.TimeoutExpired:
            self.kill()
            return False

    def kill(self):
        self.signal(signal.SIGKILL)
        self.child.wait()
