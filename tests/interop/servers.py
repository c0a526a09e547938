"""Trackers and web servers of the tests, all on loopback."""

import http.server
import os
import socket
import struct
import subprocess
import threading
import urllib.parse

from torrents import bencode
from waiting import Process, free_port, listens, wait_for


class QuietServer(http.server.ThreadingHTTPServer):
    """A client that hangs up early is no event."""

    daemon_threads = True

    def handle_error(self, *_):
        pass


class Tracker:
    """An HTTP tracker in this process. It records every announce, so that tests can judge them."""

    def __init__(self):
        self.swarms, self.announces = {}, []
        tracker = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                parts = urllib.parse.urlsplit(self.path)
                if parts.path != "/announce":
                    return self.send_error(404)
                body = bencode(tracker.answer(parts.query))
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self.server = QuietServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, args=(0.1,), daemon=True).start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server.server_port}/announce"

    def answer(self, query):
        fields = {}
        for pair in query.split("&"):
            key, _, value = pair.partition("=")
            fields[key] = urllib.parse.unquote_to_bytes(value.replace("+", " "))
        self.announces.append(fields)
        port = int(fields["port"])
        swarm = self.swarms.setdefault(fields["info_hash"], {})
        if fields.get("event") == b"stopped":
            swarm.pop(port, None)
        else:
            swarm[port] = fields.get("left") == b"0"
        others = b"".join(socket.inet_aton("127.0.0.1") + struct.pack(">H", p) for p in swarm if p != port)
        seeds = sum(swarm.values())
        # A short interval lets clients that came too early find the other one soon.
        return {"interval": 5, "min interval": 1, "complete": seeds, "incomplete": len(swarm) - seeds, "peers": others}

    def wait_for(self, port, seconds=40):
        """Until somebody who listens on this port has announced: clients that come after find them at once."""
        wait_for(lambda: self.events(port), seconds, f"an announce of port {port}")

    def events(self, port):
        """The events announced from this port, in order; an ordinary announce is the empty string."""
        return [a.get("event", b"").decode() for a in self.announces if int(a["port"]) == port]

    def stop(self):
        self.server.shutdown()
        self.server.server_close()


class Opentracker:
    """Debian's opentracker, HTTP and UDP on one port; its build serves only listed info-hashes."""

    program = "opentracker"

    def __init__(self, work, info_hash):
        self.port = free_port()
        with open(os.path.join(work, "whitelist"), "w") as f:
            f.write(info_hash + "\n")
        opened_up(work)
        flags = ["-i", "127.0.0.1", "-p", self.port, "-P", self.port, "-d", work, "-w", "whitelist", "-u", "nobody"]
        self.process = Process([self.program, *flags], os.path.join(work, "opentracker.log"))
        wait_for(lambda: listens(self.port), 10, lambda: "opentracker: " + self.process.output(500))

    def url(self, scheme):
        return f"{scheme}://127.0.0.1:{self.port}/announce"

    def stop(self):
        self.process.stop()


class Nginx:
    """nginx that serves `root`. `location` is put into the server block as it is; `tls` speaks HTTP/2 too."""

    program = "nginx"

    def __init__(self, work, root, location="", tls=None):
        self.port, self.access = free_port(), os.path.join(work, "access.log")
        self.scheme = "https" if tls else "http"
        opened_up(work)
        secure = f"ssl_certificate {tls.certificate}; ssl_certificate_key {tls.key};" if tls else ""
        temporary = "".join(
            f"{kind}_temp_path {work}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        )
        with open(os.path.join(work, "nginx.conf"), "w") as f:
            f.write(f"""
daemon off; pid {work}/nginx.pid; error_log {work}/error.log; worker_processes 1;
user {"root" if os.getuid() == 0 else "nobody"};
events {{ worker_connections 256; }}
http {{
  {temporary}
  log_format short '$status $server_protocol "$request_uri" "$http_range" $body_bytes_sent';
  access_log {self.access} short;
  default_type application/octet-stream;
  server {{
    listen 127.0.0.1:{self.port} {"ssl http2" if tls else ""};
    {secure}
    root "{root}";
    {location}
  }}
}}
""")
        self.process = Process([self.program, "-p", work, "-c", f"{work}/nginx.conf"], os.path.join(work, "nginx.log"))
        wait_for(lambda: listens(self.port), 10, lambda: "nginx: " + self.process.output(500))

    def url(self, path=""):
        return f"{self.scheme}://127.0.0.1:{self.port}/{path}"

    def requests(self):
        """(status, protocol, URI, Range, bytes sent) of each request so far."""
        with open(self.access) as f:
            lines = [line.split(" ", 2) for line in f]
        out = []
        for status, protocol, rest in lines:
            _, uri, _, span, size = rest.split('"')
            out.append((int(status), protocol, uri, span, int(size)))
        return out

    def stop(self):
        self.process.stop()


class Certificate:
    """A self-signed certificate for 127.0.0.1; a client trusts it through SSL_CERT_FILE."""

    def __init__(self, work):
        self.certificate, self.key = os.path.join(work, "cert.pem"), os.path.join(work, "key.pem")
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
             "-subj", "/CN=starling-test", "-addext", "subjectAltName=IP:127.0.0.1",
             "-addext", "basicConstraints=critical,CA:FALSE", "-keyout", self.key, "-out", self.certificate],
            check=True, capture_output=True,
        )  # fmt: skip


def opened_up(folder):
    """Lets a server that gave up root reach `folder`."""
    while folder != "/":
        os.chmod(folder, os.stat(folder).st_mode | 0o055)
        folder = os.path.dirname(folder)
        if os.stat(folder).st_uid != os.getuid() or os.stat(folder).st_mode & 0o005 == 0o005:
            break
