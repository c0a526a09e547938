"""The table of docs/interop.md: who with whom, by what, as one run of the suite found it.

Tests that belong to a row say so: `@pytest.mark.row("fetches from it")`; the client is their parameter `kind`.
"""

import datetime
import re
import subprocess

import starling as subject
from clients import CLIENTS, Libtorrent, libtorrent

HEAD = """# Who with whom

Made by `tests/interop` (`pytest --table docs/interop.md`), every file compared byte for byte. A number counts the ways of a
row that were tried (such as `--encryption required` and `allowed`), each of which has to work; `-` was not tried.
"""


class Table:
    """Outcomes by row and client."""

    def __init__(self, path):
        self.path, self.cells, self.outcomes = path, {}, {}

    def expect(self, items):
        for item in items:
            row = item.get_closest_marker("row")
            if row and "kind" in item.callspec.params:
                self.cells[item.nodeid] = (row.args[0], item.callspec.params["kind"].name)

    def take_in(self, report):
        if report.nodeid in self.cells and (report.when == "call" or report.outcome != "passed"):
            self.outcomes.setdefault(self.cells[report.nodeid], []).append(report.outcome)

    def write(self):
        rows = list(dict.fromkeys(row for row, _ in self.cells.values()))
        names = [client.name for client in CLIENTS]
        lines = [f"| starling | {' | '.join(map(version, CLIENTS))} |", "| --- |" + " :---: |" * len(names)]
        for row in rows:
            cells = (self.cell(self.outcomes.get((row, name), [])) for name in names)
            lines.append(f"| {row} | {' | '.join(cells)} |")
        foot = f"{subject_version()}, {datetime.date.today().isoformat()}."
        with open(self.path, "w") as f:
            f.write("\n".join([HEAD, *lines, "", foot, ""]))

    @staticmethod
    def cell(outcomes):
        done = [outcome for outcome in outcomes if outcome != "skipped"]
        if not done:
            return "-"
        good = done.count("passed")
        word = "yes" if good == len(done) else "**no**"
        return word if len(done) == 1 else f"{word}, {good} of {len(done)}"


def version(client):
    if client is Libtorrent:
        return f"libtorrent {libtorrent.__version__}" if libtorrent else client.name
    option = "-h" if client.name == "rtorrent" else "--version"
    try:
        done = subprocess.run([client.program, option], capture_output=True, text=True, timeout=20)
    except OSError:
        return client.name
    number = re.search(r"\d+\.\d+(\.\d+)*", done.stdout + done.stderr)
    return f"{client.name} {number.group()}" if number else client.name


def subject_version():
    return subprocess.run([subject.PROGRAM, "--version"], capture_output=True, text=True, timeout=20).stdout.strip()
