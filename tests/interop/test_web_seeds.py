"""Web seeds (BEP 19) served by nginx: no peer, no tracker, only HTTP."""

import urllib.parse

import pytest

from clients import Libtorrent
from torrents import Content, make_torrent, odd_folder, random_bytes, single_file
from waiting import wait_for

HARD_NAMES = Content(
    "50% off? [v1.0] & more",
    {
        "100%25.iso": random_bytes(300_001, 11),
        "a b+c#d.bin": random_bytes(200_003, 12),
        "semi;colon,comma='quote'.bin": random_bytes(100_007, 13),
        "tief/größe €.txt": random_bytes(65_537, 14),
        "empty": b"",
    },
)


def seeded(place, content, url_list, location="", tls=None):
    """A torrent of `content` whose only source is nginx; `url_list` makes the url-list out of the server."""
    root = place.folder("www")
    content.lay_out(root)
    nginx = place.nginx(root, location, tls)
    torrent = make_torrent(place.folder("torrent"), content, **{"url-list": url_list(nginx)})
    return nginx, torrent


@pytest.mark.parametrize("content", [odd_folder(), HARD_NAMES], ids=["odd", "names"])
@pytest.mark.parametrize("as_list", [True, False], ids=["list", "string"])
def test_folder(content, as_list, place):
    nginx, torrent = seeded(place, content, lambda n: [n.url()] if as_list else n.url())
    get = place.starling(torrent, "--no-peers").complete()
    torrent.check(get.folder)
    assert {status for status, *_ in nginx.requests()} <= {200, 206}, nginx.requests()


def test_folder_url_without_slash(place):
    location = 'location /mirror/ { rewrite ^/mirror/(.*)$ /$1 last; }'
    _, torrent = seeded(place, odd_folder(), lambda n: [n.url("mirror")], location)
    torrent.check(place.starling(torrent, "--no-peers").complete().folder)


@pytest.mark.parametrize("whole", [True, False], ids=["file-url", "folder-url"])
def test_single_file(whole, place):
    content = single_file()
    tail = urllib.parse.quote(content.name) if whole else ""
    nginx, torrent = seeded(place, content, lambda n: [n.url(tail)])
    torrent.check(place.starling(torrent, "--no-peers").complete().folder)
    # Ranges of several MiB, nothing fetched twice.
    sent = sum(size for *_, size in nginx.requests())
    assert sent < content.total() * 1.05, nginx.requests()


def test_server_without_ranges(place):
    """A 200 instead of a 206 is read once, in order."""
    content = single_file()
    location = "location / { max_ranges 0; }"
    nginx, torrent = seeded(place, content, lambda n: [n.url(urllib.parse.quote(content.name))], location)
    torrent.check(place.starling(torrent, "--no-peers").complete().folder)
    sent = sum(size for *_, size in nginx.requests())
    assert sent < content.total() * 2, nginx.requests()


def test_redirect_is_remembered(place):
    """A mirror redirector: the file is asked for where it lies, not anew at the redirector for each range."""
    content = single_file(size=40_000_003)
    name = urllib.parse.quote(content.name)
    location = "location /go/ { rewrite ^/go/(.*)$ $scheme://$http_host/$1 redirect; }"
    nginx, torrent = seeded(place, content, lambda n: [n.url("go/" + name)], location)
    torrent.check(place.starling(torrent, "--no-peers").complete().folder)
    redirects = [r for r in nginx.requests() if r[0] == 302]
    assert 1 <= len(redirects) <= 2, nginx.requests()


def test_one_file_missing_is_filled_by_a_peer(place):
    """A 404 rules that file out on that server, not the server nor the torrent."""
    content = odd_folder()
    _, torrent = seeded(place, content, lambda n: [n.url()], "location ~ amsel { return 404; }")
    peer = place.client(Libtorrent).seed(torrent)
    get = place.starling(torrent, "--peer", peer.address).complete()
    torrent.check(get.folder)


def test_named_on_the_command_line(place):
    content = single_file()
    root = place.folder("www")
    content.lay_out(root)
    nginx = place.nginx(root)
    torrent = make_torrent(place.folder("torrent"), content)
    url = nginx.url(urllib.parse.quote(content.name))
    torrent.check(place.starling(torrent, "--no-peers", "--web-seed", url).complete().folder)


def test_https_and_http2(place, monkeypatch):
    """The certificate is verified, against the system's roots as SSL_CERT_FILE names them."""
    tls = place.certificate()
    monkeypatch.setenv("SSL_CERT_FILE", tls.certificate)
    nginx, torrent = seeded(place, single_file(), lambda n: [n.url("starling%20test.iso")], tls=tls)
    torrent.check(place.starling(torrent, "--no-peers").complete().folder)
    assert {protocol for _, protocol, *_ in nginx.requests()} == {"HTTP/2.0"}


def test_untrusted_certificate_is_refused(place):
    tls = place.certificate()
    nginx, torrent = seeded(place, single_file(), lambda n: [n.url("starling%20test.iso")], tls=tls)
    get = place.starling(torrent, "--no-peers", "--timeout", "3s")
    wait_for(lambda: not get.process.running(), 30, lambda: f"starling to give up: {get.tail()}")
    assert get.process.code() not in (0, 101)
    assert not nginx.requests()


def test_peers_and_web_seed_share(place):
    """Both are slow and both give: the work is divided, not done twice."""
    content = single_file(size=24_000_001)
    location = "limit_rate 6m;"
    _, torrent = seeded(place, content, lambda n: [n.url(urllib.parse.quote(content.name))], location)
    peer = place.client(Libtorrent).seed(torrent)
    peer.limit_upload(6_000_000)
    get = place.starling(torrent, "--peer", peer.address).complete()
    torrent.check(get.folder)
    total = content.total()
    end = get.events("complete")[0]
    assert end["bytes_from_peers"] > total // 10 and end["bytes_from_web_seeds"] > total // 10, end
    assert end["bytes_from_peers"] + end["bytes_from_web_seeds"] < total * 1.1, end
    assert peer.uploaded() + end["bytes_from_web_seeds"] < total * 1.15, (peer.uploaded(), end)
