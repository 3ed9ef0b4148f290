"""Behind the reverse proxy that ``packaging/proxy`` configures: a real nginx with TLS, a real daemon."""

from __future__ import annotations

import json
import signal
import socket
import ssl
import subprocess
from collections.abc import Generator
from contextlib import closing
from http.client import HTTPResponse, HTTPSConnection
from pathlib import Path
from typing import Any

import pytest

from runwisp.login import answer
from tests.integration.asking import Door, password_of
from tests.integration.running import House
from tests.integration.waiting import PATIENCE, wait_for
from tests.package.conftest import ROOT

CONFIG = '[tasks.hello]\nrun = "echo hello"\n'
NGINX = """
daemon off;
pid {folder}/nginx.pid;
error_log stderr;
events {{}}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
{site}
}}
"""


class Front:
    """What the proxy serves at ``port``, asked from ``source``."""

    def __init__(self, port: int, source: str = "127.0.0.1") -> None:
        self.port = port
        self.source = source
        self.token = ""

    def open(self, method: str, path: str, body: object = None) -> tuple[HTTPSConnection, HTTPResponse]:
        trusting = ssl.create_default_context()
        trusting.check_hostname, trusting.verify_mode = False, ssl.CERT_NONE
        connection = HTTPSConnection(
            "127.0.0.1", self.port, context=trusting, timeout=PATIENCE, source_address=(self.source, 0)
        )
        headers = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        if body is not None:
            headers["Content-Type"] = "application/json"
        connection.request(method, path, None if body is None else json.dumps(body), headers)
        return connection, connection.getresponse()

    def ask(self, method: str, path: str, body: object = None) -> tuple[int, Any]:
        connection, response = self.open(method, path, body)
        with closing(connection):
            return response.status, json.loads(response.read())

    def log_in(self, password: str) -> tuple[int, Any]:
        nonce = self.ask("GET", "/api/auth/challenge")[1]["nonce"]
        return self.ask("POST", "/api/auth", {"nonce": nonce, "response": answer(password, nonce)})


@pytest.fixture
def house(tmp_path: Path) -> Generator[House, None, None]:
    with House(tmp_path) as house:
        house.start(CONFIG, env={"RUNWISP_TRUST_PROXY": "127.0.0.1/32"})
        yield house


@pytest.fixture
def front(house: House, tmp_path: Path) -> Generator[Front, None, None]:
    """The site as it is in the file, but for its addresses and its certificate."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    key, certificate = tmp_path / "site.key", tmp_path / "site.pem"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1"),
            *("-subj", "/CN=localhost", "-keyout", str(key), "-out", str(certificate)),
        ],
        check=True,
        capture_output=True,
    )
    site = (ROOT / "packaging/proxy/nginx.conf").read_text()
    for theirs, ours in (
        ("listen 443 ssl", f"listen 127.0.0.1:{port} ssl"),
        ("/etc/ssl/certs/runwisp.pem", str(certificate)),
        ("/etc/ssl/private/runwisp.key", str(key)),
        ("http://127.0.0.1:9477", f"http://127.0.0.1:{house.daemons[0].port}"),
    ):
        assert theirs in site
        site = site.replace(theirs, ours)
    configuration = tmp_path / "nginx.conf"
    configuration.write_text(NGINX.format(folder=tmp_path, site=site))
    with (tmp_path / "nginx.log").open("wb") as log:
        nginx = subprocess.Popen(["nginx", "-p", str(tmp_path), "-c", str(configuration)], stderr=log)
    try:
        front = Front(port)
        wait_for(lambda: is_listening(port), (tmp_path / "nginx.log").read_text)
        yield front
    finally:
        nginx.send_signal(signal.SIGTERM)
        nginx.wait(PATIENCE)


def is_listening(port: int) -> bool:
    with closing(socket.socket()) as sock:
        return sock.connect_ex(("127.0.0.1", port)) == 0


def test_a_login_and_the_dashboard_pass(house: House, front: Front) -> None:
    status, told = front.log_in(password_of(house))
    assert status == 200
    front.token = told["token"]
    assert front.ask("GET", "/api/tasks")[1][0]["name"] == "hello"
    connection, page = front.open("GET", "/")
    with closing(connection):
        assert b"<title>RunWisp" in page.read()


def test_events_pass_as_they_come_while_the_stream_goes_on(house: House, front: Front) -> None:
    front.token = front.log_in(password_of(house))[1]["token"]
    connection, stream = front.open("GET", "/api/runs/stream")
    with closing(connection):
        assert stream.headers["Content-Type"].startswith("text/event-stream")
        assert front.ask("POST", "/api/tasks/hello/trigger")[0] < 300
        while b"hello" not in (line := stream.readline()):
            assert line, "the stream ended"


def test_who_guesses_passwords_through_the_proxy_shuts_out_nobody_else(house: House, front: Front) -> None:
    guesser = Front(front.port, source="127.0.0.2")
    assert [guesser.log_in("wrong")[0] for _ in range(6)] == [401] * 5 + [429]
    assert front.log_in(password_of(house))[0] == 200
    assert Door(house.daemons[0]).log_in(password_of(house)).token
