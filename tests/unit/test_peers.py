"""Who is on this very machine."""

from __future__ import annotations

import pytest

from runwisp.web.peers import is_local


@pytest.mark.parametrize("address", ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"])
def test_this_machine_is_local(address: str) -> None:
    assert is_local({"REMOTE_ADDR": address, "HTTP_HOST": "localhost", "HTTP_ACCEPT": "*/*"})


@pytest.mark.parametrize("address", ["10.0.0.1", "::2", "fe80::1%eth0", "nobody"])
def test_another_machine_is_not(address: str) -> None:
    assert not is_local({"REMOTE_ADDR": address})


@pytest.mark.parametrize(
    "header",
    [
        "FORWARDED",
        "VIA",
        "X_FORWARDED_FOR",
        "X_FORWARDED_SSL",
        "X_REAL_IP",
        "CF_CONNECTING_IP",
        "X_CLIENT_IP",
    ],
)
def test_a_proxy_on_this_machine_is_not_the_one_it_speaks_for(header: str) -> None:
    assert not is_local({"REMOTE_ADDR": "127.0.0.1", f"HTTP_{header}": ""})
