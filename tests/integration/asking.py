"""Asking a real daemon over HTTP, request by request: status, headers and JSON as they came."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from http.client import HTTPConnection
from typing import Any

from runwisp.login import answer
from tests.integration.running import Daemon, House

PATIENCE = 30.0


@dataclass(frozen=True)
class Response:
    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Door:
    """One daemon, asked by whoever holds ``token``. Connections come from ``source``, any of 127.0.0.0/8."""

    daemon: Daemon
    token: str = ""
    source: str = "127.0.0.1"

    def ask(self, method: str, path: str, body: object = None, host: str = "127.0.0.1") -> Response:
        headers = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        content = None
        if body is not None:
            headers["Content-Type"] = "application/json"
            content = json.dumps(body)
        connection = HTTPConnection(host, self.daemon.port, PATIENCE, (self.source, 0))
        with closing(connection):
            connection.request(method, path, content, headers)
            response = connection.getresponse()
            return Response(response.status, dict(response.headers), response.read())

    def get(self, path: str) -> Response:
        return self.ask("GET", path)

    def post(self, path: str, body: object = None) -> Response:
        return self.ask("POST", path, body)

    def answer_a_challenge(self, password: str) -> Response:
        challenged = self.get("/api/auth/challenge")
        assert challenged.status == 200, challenged
        nonce = challenged.json["nonce"]
        return self.post("/api/auth", {"nonce": nonce, "response": answer(password, nonce)})

    def log_in(self, password: str) -> Door:
        response = self.answer_a_challenge(password)
        assert response.status == 200, response.body
        self.token = response.json["token"]
        return self


def password_of(house: House) -> str:
    return (house.data / "password").read_text().removesuffix("\n")


def entered(house: House, daemon: Daemon) -> Door:
    """Logged in with the password in the data directory."""
    return Door(daemon).log_in(password_of(house))
