"""Where a daemon is reached from its own machine."""

from __future__ import annotations

from runwisp.localurl import connectable, local_url


def test_who_listens_everywhere_is_reached_by_loopback() -> None:
    assert local_url("0.0.0.0", 9477) == "http://127.0.0.1:9477"  # noqa: S104
    assert local_url("::", 80) == "http://[::1]:80"
    assert connectable("::") == "::1"


def test_every_other_address_stands_as_it_is_with_brackets_where_it_has_colons() -> None:
    assert local_url("fe80::1", 80) == "http://[fe80::1]:80"
    assert local_url("192.0.2.7", 80) == "http://192.0.2.7:80"
    assert local_url("example.com", 80) == "http://example.com:80"
