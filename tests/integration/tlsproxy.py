"""A TLS end in front of a daemon, as a reverse proxy is, with a certificate that nobody knows."""

from __future__ import annotations

import selectors
import socket
import ssl
import subprocess
import threading
from contextlib import suppress
from pathlib import Path
from types import TracebackType


class TlsProxy:
    """Passes bytes on to ``port`` of this machine. Listens on another one, as ``localhost``."""

    def __init__(self, port: int, folder: Path) -> None:
        self.certificate = folder / "certificate.pem"
        key = folder / "key.pem"
        made = (
            "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=localhost "
            f"-addext subjectAltName=DNS:localhost -keyout {key} -out {self.certificate}"
        )
        subprocess.run(["openssl", *made.split()], check=True, capture_output=True)
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(self.certificate, key)
        self._target = port
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._socket.getsockname()[1]
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._open: list[socket.socket] = []

    def __enter__(self) -> TlsProxy:
        self._threads[0].start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for sock in (self._socket, *self._open):
            with suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(10)
        self._socket.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._socket.accept()
                self._open.append(client)
                self._threads.append(threading.Thread(target=self._serve, args=(client,), daemon=True))
                self._threads[-1].start()

    def _serve(self, plain: socket.socket) -> None:
        """Takes turns: a request goes, an answer comes until it ends, which is how the client asks."""
        with suppress(OSError), plain, socket.create_connection(("127.0.0.1", self._target)) as daemon:
            self._open.append(daemon)
            with self._context.wrap_socket(plain, server_side=True) as client:
                daemon.sendall(client.recv(65536))
                with selectors.DefaultSelector() as selector:
                    selector.register(client, selectors.EVENT_READ)
                    selector.register(daemon, selectors.EVENT_READ)
                    while not self._pass_on(selector, client, daemon):
                        pass

    def _pass_on(
        self, selector: selectors.BaseSelector, client: ssl.SSLSocket, daemon: socket.socket
    ) -> bool:
        """Whether one of them is gone."""
        for key, _ in selector.select():
            source, target = (client, daemon) if key.fileobj is client else (daemon, client)
            data = source.recv(65536)
            if not data:
                return True
            target.sendall(data)
        return False
