"""The least that serves JSON: ``bare_bottle.py FILE`` gives a file's bytes, by Bottle under waitress.

Says on which port it listens.
"""

from __future__ import annotations

import socket
import sys

import bottle
import waitress


def main(path: str) -> None:
    with open(path, "rb") as file:
        content = file.read()
    app = bottle.Bottle()

    @app.get("/api/tasks")  # type: ignore[untyped-decorator]
    def tasks() -> bytes:
        bottle.response.content_type = "application/json"
        return content

    listening = socket.create_server(("127.0.0.1", 0))
    print(f"port {listening.getsockname()[1]}", flush=True)
    waitress.serve(app, sockets=[listening], threads=4)


if __name__ == "__main__":
    main(*sys.argv[1:])
