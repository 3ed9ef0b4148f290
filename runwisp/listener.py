"""The listening socket: where the daemon is reached.

Owns how it is bound and what went wrong with that. Must never accept a connection: the socket goes to web.
Called by the daemon, which keeps it open so that connections wait while web starts again.
"""

from __future__ import annotations

import errno
import ipaddress
import select
import socket
from typing import Any

from runwisp import host as clocks
from runwisp.clock import Millis, Mono
from runwisp.errors import CannotListen, PortInUse, UsageError

TRUST_PROXY = "RUNWISP_TRUST_PROXY"

WAITING_CONNECTIONS = 4096
"""What the kernel may keep for us to accept; it cuts this to net.core.somaxconn (listen(2))."""


TRY_EVERY: Millis = 20


def listen(host: str, port: int, *, until: Mono) -> socket.socket:
    """A socket at the first address that the host has, IPv4 before IPv6. Port 0 is any free one. Until that
    moment one that is in use is tried again.

    Raises: CannotListen, PortInUse.
    """
    family, address = _resolved(host, port)
    while True:
        try:
            return _bound(family, address)
        except OSError as error:
            if error.errno != errno.EADDRINUSE or clocks.now().mono >= until:
                raise _explained(error, host, port) from error
        select.poll().poll(TRY_EVERY)


def _bound(family: socket.AddressFamily, address: Any) -> socket.socket:
    """Raises: OSError."""
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        # Else a restart would have to wait for the connections of the former life to be forgotten.
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            # "::" is all of the machine, whatever net.ipv6.bindv6only says.
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        sock.bind(address)
        sock.listen(WAITING_CONNECTIONS)
    except OSError:
        sock.close()
        raise
    return sock


def trusted_proxies(text: str) -> tuple[str, ...]:
    """The networks of a comma list. Raises: UsageError."""
    words = [word for word in (each.strip() for each in text.split(",")) if word]
    return tuple(str(_network(word)) for word in words)


def _network(word: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
    try:
        network = ipaddress.ip_network(word)
    except ValueError as error:
        raise UsageError(
            f"{TRUST_PROXY}: {error}", "Give it networks, such as 10.0.0.0/8, with commas between them."
        ) from error
    if network.prefixlen == 0:
        raise UsageError(
            f"{TRUST_PROXY}: {network} is everybody, who could then pretend to be anybody",
            "Name the addresses of the reverse proxy.",
        )
    return network


def address_of(sock: socket.socket) -> str:
    address: str = sock.getsockname()[0]
    return address


def port_of(sock: socket.socket) -> int:
    port: int = sock.getsockname()[1]
    return port


def is_loopback(sock: socket.socket) -> bool:
    """Whether only this machine can reach it."""
    return ipaddress.ip_address(address_of(sock).partition("%")[0]).is_loopback


def _resolved(host: str, port: int) -> tuple[socket.AddressFamily, Any]:
    # As bytes, lest the tables of RFC 3490 be loaded, which change nothing in ASCII.
    name = host.encode() if host.isascii() else host
    try:
        found = socket.getaddrinfo(name, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (OSError, UnicodeError) as error:
        raise CannotListen(
            f"cannot tell which address {host} is: {getattr(error, 'strerror', None) or error}",
            "Give --host an address of this machine, such as 127.0.0.1.",
        ) from error
    addresses = sorted((family == socket.AF_INET6, index) for index, (family, *_) in enumerate(found))
    family, _, _, _, address = found[addresses[0][1]]
    return family, address


def _explained(error: OSError, host: str, port: int) -> CannotListen:
    match error.errno:
        case errno.EADDRINUSE:
            return PortInUse(
                f"port {port} on {host} is already in use by another process",
                "To see which one:\n"
                f"  ss -ltnp 'sport = :{port}'\n"
                f"  lsof -iTCP:{port} -sTCP:LISTEN\n"
                "Stop it, or choose another port with --port.",
            )
        case errno.EACCES:
            return CannotListen(
                f"not allowed to listen on port {port} of {host}",
                "Ports below 1024 are for root, or for who has CAP_NET_BIND_SERVICE: choose another one with "
                "--port, and put a reverse proxy in front of it.",
            )
        case errno.EADDRNOTAVAIL:
            return CannotListen(
                f"cannot listen on {host}: it is not an address of this machine",
                "Give --host one of those that `ip address` shows, or 127.0.0.1.",
            )
        case _:
            return CannotListen(
                f"cannot listen on port {port} of {host}: {error.strerror}",
                "Choose another --host or --port.",
            )
