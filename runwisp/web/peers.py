"""Whose request it is: the address and scheme that a person's program used, and whether its page may ask.

``X-Forwarded-For`` and ``X-Forwarded-Proto`` are believed only from a trusted proxy. Reads
environments of WSGI and touches nothing. Called by ``app``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Any

from runwisp.frozen import frozen

Environ = Mapping[str, Any]
Address = IPv4Address | IPv6Address

FORWARDING = (
    "HTTP_CF_",
    "HTTP_FORWARDED",
    "HTTP_TRUE_CLIENT_IP",
    "HTTP_VIA",
    "HTTP_X_CLIENT_IP",
    "HTTP_X_CLUSTER_CLIENT_IP",
    "HTTP_X_FORWARDED",
    "HTTP_X_ORIGINAL_",
    "HTTP_X_REAL_IP",
)
"""How the names begin that only a proxy adds."""


@frozen
class Peer:
    """``is_secure``: a person's browser spoke https, to a trusted proxy."""

    address: str
    is_secure: bool


class Peers:
    def __init__(self, trusted: Iterable[str]) -> None:
        self._trusted = tuple(ip_network(network) for network in trusted)

    def is_trusted(self, address: str) -> bool:
        parsed = _parsed(address)
        return parsed is not None and self._is_trusted(parsed)

    def of(self, environ: Environ) -> Peer:
        address = environ["REMOTE_ADDR"]
        if not self._trusted or not self.is_trusted(address):
            return Peer(address, False)
        scheme = environ.get("HTTP_X_FORWARDED_PROTO", "").rpartition(",")[2].strip().lower()
        return Peer(self._nearest(environ.get("HTTP_X_FORWARDED_FOR", ""), address), scheme == "https")

    def _nearest(self, forwarded: str, peer: str) -> str:
        """The nearest address that is not of a trusted proxy; where there is none, the farthest proxy."""
        nearest = peer
        for hop in reversed(forwarded.split(",")):
            address = _parsed(hop.strip())
            if address is None:
                break
            nearest = str(address)
            if not self._is_trusted(address):
                break
        return nearest

    def _is_trusted(self, address: Address) -> bool:
        return any(address in network for network in self._trusted)


def is_local(environ: Environ) -> bool:
    """It comes from this very machine, and not through a proxy that might speak for another."""
    return is_loopback(environ["REMOTE_ADDR"]) and not any(map(_is_forwarding, environ))


def is_loopback(text: str) -> bool:
    address = _parsed(text)
    return address is not None and address.is_loopback


def _is_forwarding(name: str) -> bool:
    return name.startswith(FORWARDING)


def is_by_page(environ: Environ) -> bool:
    """A page asks, ours or another's, and neither a program nor a person by the address bar."""
    return "HTTP_ORIGIN" in environ or environ.get("HTTP_SEC_FETCH_SITE", "none") != "none"


def is_same_origin(environ: Environ, is_secure: bool, external_url: str | None) -> bool:
    """A browser says so. Source: Fetch standard, `Origin` and `Sec-Fetch-Site`; pages cannot set either."""
    site = environ.get("HTTP_SEC_FETCH_SITE")
    if site is not None:
        return bool(site == "same-origin")
    origin = environ.get("HTTP_ORIGIN", "").lower()
    own = f"{'https' if is_secure else 'http'}://{environ.get('HTTP_HOST', '')}".lower()
    return origin == own or (external_url is not None and origin == _origin(external_url))


def _origin(url: str) -> str:
    return "/".join(url.lower().split("/", 3)[:3])


def _parsed(text: str) -> Address | None:
    """None for what is no address. A port or brackets, as some proxies write them, are taken away; IPv4 in
    IPv6 is IPv4."""
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address
