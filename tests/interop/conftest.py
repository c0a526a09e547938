"""Fixtures of the interop suite, and its loud count of what could not be run."""

import os
import shutil

import pytest

import starling as subject
from servers import Certificate, Nginx, Opentracker, Tracker
from table import Table


class Workplace:
    """Makes folders, clients and servers for one test, and ends them after it."""

    def __init__(self, root):
        self.root, self.count, self.running = root, 0, []

    def folder(self, name):
        self.count += 1
        path = os.path.join(self.root, f"{self.count}-{name}")
        os.makedirs(path)
        return path

    def _keep(self, thing):
        self.running.append(thing)
        return thing

    def client(self, kind, **settings):
        if reason := kind.absent():
            pytest.skip(reason)
        return self._keep(kind(self.folder(kind.name), **settings))

    def starling(self, torrent, *options, folder=None, bind="127.0.0.1"):
        if not subject.PROGRAM:
            pytest.fail("there is no starling: `cargo build --release`, or set STARLING")
        # Tests run side by side, some with the same torrent: on loopback all of them would be neighbours.
        apart = ["--bind", bind, "--no-lsd", *options]
        return self._keep(subject.Get(self.folder("starling"), torrent, apart, folder))

    def tracker(self):
        return self._keep(Tracker())

    def opentracker(self, info_hash):
        needs(Opentracker.program)
        return self._keep(Opentracker(self.folder("opentracker"), info_hash))

    def nginx(self, root, location="", tls=None):
        needs(Nginx.program)
        return self._keep(Nginx(self.folder("nginx"), root, location, tls))

    def certificate(self):
        needs("openssl")
        return Certificate(self.folder("certificate"))

    def close(self):
        for thing in reversed(self.running):
            thing.stop()


def needs(program):
    if not shutil.which(program):
        pytest.skip(f"{program} is not installed")


@pytest.fixture
def place(tmp_path):
    workplace = Workplace(str(tmp_path))
    yield workplace
    workplace.close()
    if not os.environ.get("INTEROP_KEEP"):
        shutil.rmtree(tmp_path, ignore_errors=True)


def pytest_addoption(parser):
    group = parser.getgroup("starling")
    group.addoption("--kill-rounds", type=int, default=5, help="rounds of SIGKILL in test_kill.py")
    group.addoption("--kill-size-mib", type=int, default=256, help="size of its download in MiB")
    group.addoption("--seed", type=int, default=1, help="seed of the moments of the kills")
    group.addoption("--table", help="file to write the table of who with whom to")


def pytest_configure(config):
    config.addinivalue_line("markers", "row(name): a row of the table of who with whom")
    if path := config.getoption("--table"):
        TABLES.append(Table(os.path.abspath(path)))


def pytest_collection_modifyitems(items):
    for table in TABLES:
        table.expect(items)


def pytest_runtest_logreport(report):
    for table in TABLES:
        table.take_in(report)


def pytest_sessionfinish():
    for table in TABLES:
        table.write()


def pytest_report_header():
    return f"starling: {subject.PROGRAM or 'MISSING'}"


def pytest_terminal_summary(terminalreporter):
    for line in REMARKS:
        terminalreporter.write_line(line)
    skipped = terminalreporter.stats.get("skipped", [])
    if skipped:
        reasons = sorted({str(r.longrepr[2]).removeprefix("Skipped: ") for r in skipped})
        terminalreporter.write_line("")
        terminalreporter.write_line(f"!!!!!! {len(skipped)} INTEROP TESTS WERE NOT RUN !!!!!!", red=True, bold=True)
        for reason in reasons:
            terminalreporter.write_line(f"!!!!!! {reason}", red=True)


# Measurements that tests want to see printed at the end.
REMARKS = []

# What --table asks for.
TABLES = []


@pytest.fixture
def remark():
    return REMARKS.append
