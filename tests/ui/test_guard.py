"""No page of a stranger reaches the app through the reader's browser, and every answer says what it may do."""

import http.client
import socket

import panel as pn
import pytest
from hypothesis import given
from hypothesis import strategies as st

from motrain_app.runs import RunError
from motrain_app.ui.guard import HostNames, content_policy, with_nonce
from tests.conftest import PATIENCE
from tests.ui.serving import get, running, token_of


@pytest.fixture(scope="module")
def server():
    """A server that an administrator lets be called twin.example.org too."""
    with running(lambda: pn.pane.Str("hello"), HostNames(["Twin.example.org"])) as server:
        yield server


def port(server):
    return server.url.rstrip("/").rpartition(":")[2]


OURS = ["127.0.0.1:{port}", "localhost:{port}", "LocalHost", "[::1]:{port}", "localhost:8888", "twin.example.org"]
FOREIGN = [
    "rebound.example.com:{port}",
    "rebound.example.com",
    "localhost.example.com",
    "127.0.0.1.example.com",
    "example.twin.example.org",
    "127.0.0.2",
    "0.0.0.0:{port}",
    "localhost:{port}@example.com",
    "localhost:x",
    "[::2]",
    "",
]


@pytest.mark.parametrize("host", [host for host in OURS if "[" not in host])
def test_a_name_of_ours_is_served(server, host):
    status, _, body = get(server.url, Host=host.format(port=port(server)))
    assert status == 200
    assert b"bokeh" in body


def test_the_address_of_the_newer_internet_leads_to_the_name_that_panel_understands(server):
    status, headers, _ = get(server.url, Host=f"[::1]:{port(server)}")
    assert (status, headers["Location"]) == (302, f"http://localhost:{port(server)}/")
    assert get(server.url, "/static/js/bokeh.min.js", Host="[::1]")[0] == 200


@pytest.mark.parametrize("path", ["/", "/static/js/bokeh.min.js", "/favicon.ico", "/no/such/thing", "/ws"])
@pytest.mark.parametrize("host", FOREIGN)
def test_another_name_is_refused_whatever_it_asks_for(server, host, path):
    status, _, body = get(server.url, path, Host=host.format(port=port(server)))
    assert status in (400, 403)  # 400 where tornado cannot even read it
    assert b"script" not in body
    assert status == 400 or "--host-name" in body.decode()


def open_websocket(server, **headers):
    """Ask for a websocket as the app's page does; return status, headers, and how the server's first message begins."""
    host = f"127.0.0.1:{port(server)}"
    asked = {
        "Host": host,
        "Upgrade": "websocket",
        "Connection": "Upgrade",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==",
        "Sec-WebSocket-Protocol": f"bokeh, {token_of(get(server.url)[2])}",
        "Sec-WebSocket-Extensions": "permessage-deflate",
        **{name.replace("_", "-"): value for name, value in headers.items()},
    }
    with socket.create_connection(("127.0.0.1", int(port(server))), timeout=PATIENCE) as connection:
        lines = ["GET /ws HTTP/1.1", *(f"{name}: {value}" for name, value in asked.items()), "", ""]
        connection.sendall("\r\n".join(lines).encode())
        with connection.makefile("rb") as answer:
            status = int(answer.readline().split()[1])
            told = http.client.parse_headers(answer)
            return status, told, answer.read(1) if status == 101 else b""


@pytest.mark.parametrize("host", OURS)
def test_a_websocket_of_ours_opens(server, host):
    host = host.format(port=port(server))
    status, _, first = open_websocket(server, Host=host, Origin=f"http://{host}")
    assert (status, first) == (101, b"\xc1"), "one compressed text message"


@pytest.mark.parametrize("fetch", [{}, {"Sec_Fetch_Site": "same-origin"}])
def test_a_websocket_by_a_rebound_name_is_refused_though_its_origin_is_its_host(server, fetch):
    host = f"rebound.example.com:{port(server)}"
    status, _, _ = open_websocket(server, Host=host, Origin=f"http://{host}", **fetch)
    assert status == 403


@pytest.mark.parametrize("origin", ["http://example.com", "http://localhost:3000", "null"])
def test_a_websocket_of_another_page_is_refused(server, origin):
    status, _, _ = open_websocket(server, Host=f"127.0.0.1:{port(server)}", Origin=origin)
    assert status == 403


def test_a_websocket_is_compressed(server):
    _, headers, _ = open_websocket(server)
    assert headers["Sec-WebSocket-Extensions"].startswith("permessage-deflate")


@pytest.mark.parametrize("path", ["/", "/static/js/bokeh.min.js", "/favicon.ico", "/no/such/thing"])
def test_every_answer_carries_the_headers(server, path):
    _, headers, _ = get(server.url, path)
    _check_headers(headers, port(server))
    assert headers["Cache-Control"] == ("no-cache" if path.startswith("/static/") else "no-store")


def test_refusals_and_websockets_carry_the_headers(server):
    _check_headers(get(server.url, Host="rebound.example.com")[1], port=None)
    status, headers, _ = open_websocket(server)
    assert status == 101
    _check_headers(headers, port(server))


def _check_headers(headers, port):
    policy = dict(rule.split(" ", 1) for rule in headers["Content-Security-Policy"].split("; "))
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert policy["frame-ancestors"] == policy["default-src"] == policy["base-uri"] == "'none'"
    assert "unsafe-inline" not in policy["script-src"]
    sources = " ".join(policy.values()).split()
    outside = [s for s in sources if not s.startswith("'") and s not in ("data:", "blob:")]
    assert set(outside) <= {f"ws://127.0.0.1:{port}", f"wss://127.0.0.1:{port}"} or port is None


def test_a_file_with_a_version_in_its_address_stays_in_the_browser(server):
    page = get(server.url)[2].decode()
    path = next(part for part in page.split('"') if part.startswith("static/js/bokeh.min.js?v="))
    assert "max-age" in get(server.url, f"/{path}")[1]["Cache-Control"]


def test_scripts_of_a_page_carry_its_nonce_and_no_other_page_has_it(server):
    pages = [get(server.url) for _ in range(2)]
    nonces = [headers["Content-Security-Policy"].partition("'nonce-")[2].partition("'")[0] for _, headers, _ in pages]
    assert nonces[0] != nonces[1]
    for nonce, (_, headers, body) in zip(nonces, pages, strict=True):
        assert len(nonce) == 32
        assert body.count(b"<script") == body.count(f'<script nonce="{nonce}"'.encode()) > 3
        assert int(headers["Content-Length"]) == len(body)


@pytest.mark.parametrize("path", ["/autoload.js?bokeh-autoload-element=x", "/metadata"])
def test_nothing_can_be_embedded_elsewhere(server, path):
    status, headers, _ = get(server.url, path, Origin="http://example.com")
    assert status == 403
    assert "Access-Control-Allow-Origin" not in headers


def test_an_address_imports_no_module(server):
    assert get(server.url, "/components/turtledemo.clock/A/_bundle_path/x.js")[0] == 403
    assert get(server.url, "/components/panel.no_such/A/_bundle_path/x.js")[0] == 403
    assert get(server.url, "/components/panel.layout.base/Row/_bundle_path/x.js")[0] in (403, 404)


def test_a_session_begins_with_a_page_of_ours(server):
    status, _, _ = get(server.url, "/?bokeh-session-id=made-up")
    assert status == 403


def test_two_hosts_are_none_of_ours(server):
    with socket.create_connection(("127.0.0.1", int(port(server)))) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\nHost: example.com\r\nConnection: close\r\n\r\n")
        answer = connection.recv(4096)
    assert answer.split()[1] in (b"400", b"403")


@pytest.mark.parametrize("name", ["*", "*.example.org", "http://example.org", "example.org:80", "a b", "", "-x"])
def test_what_is_no_host_name_is_refused_with_a_sentence(name):
    with pytest.raises(RunError, match="is no host name"):
        HostNames([name])


@given(st.text(max_size=30))
def test_no_text_but_a_name_of_ours_is_allowed(text):
    if HostNames().allow(text):
        assert text.lower().rpartition(":")[0] in ("localhost", "127.0.0.1", "[::1]") or ":" not in text.strip("[]")


@given(st.text(max_size=40))
def test_a_host_adds_nothing_to_the_policy_but_itself(host):
    policy = content_policy(host)
    assert policy.count(";") == content_policy("localhost").count(";")
    assert "*" not in policy


def test_text_about_scripts_within_a_script_stays_as_it_is():
    page = b'<html><SCRIPT>x = "<script>";</SCRIPT><scripture></scripture></html>'
    assert with_nonce(page, "n") == page.replace(b"<SCRIPT>", b'<script nonce="n">')
