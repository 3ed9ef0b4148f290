"""Where a daemon is reached from its own machine, of the address that it listens on.

Pure; no port is asked and no name looked up. Called by the daemon for its log, by web for tickets, and by
clients.
"""

from __future__ import annotations

EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104
"""Addresses to listen on that nobody can connect to, and what can be connected to then."""


def connectable(address: str) -> str:
    return EVERYWHERE.get(address, address)


def local_url(address: str, port: int) -> str:
    """``address`` may be a name."""
    name = connectable(address)
    return f"http://[{name}]:{port}" if ":" in name else f"http://{name}:{port}"
