"""The OpenAPI document is valid, and the same wherever it is found: served, printed, kept with the docs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from openapi_spec_validator import validate

from runwisp.web import openapi
from runwisp.web.routing import Access
from runwisp.web.table import ROUTES
from tests.integration.running import ROOT, House
from tests.integration.webhouse import ask, web_on

KEPT = ROOT / "docs/openapi.json"


def operations() -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in openapi.document()["paths"].items():
        for method, operation in methods.items():
            yield method, path, operation


def test_the_document_is_valid_openapi() -> None:
    validate(json.loads(openapi.spelled()))


def test_what_is_kept_with_the_docs_is_of_this_version() -> None:
    """`make docs/openapi.json` writes it anew."""
    assert KEPT.read_bytes() == openapi.spelled()


def test_what_is_printed_is_what_is_kept(tmp_path: Path) -> None:
    printed = House(tmp_path).run("openapi")
    assert (printed.returncode, printed.stderr) == (0, "")
    assert printed.stdout.encode() == openapi.spelled()


def test_what_is_served_without_a_login_is_what_is_kept(tmp_path: Path) -> None:
    with web_on(tmp_path) as web:
        served = ask(web, "GET", "/openapi.json")
    assert served.status == 200
    assert served.headers["content-type"].startswith("application/json")
    assert served.body == openapi.spelled()


def test_every_route_is_described_once() -> None:
    described = [(method.upper(), path) for method, path, _ in operations()]
    assert sorted(described) == sorted((route.method, route.path) for route in ROUTES)
    names = [operation["operationId"] for _, _, operation in operations()]
    assert len(set(names)) == len(names)


def test_every_route_says_whether_it_needs_a_login_and_how_it_refuses() -> None:
    needing = {(route.method.lower(), route.path) for route in ROUTES if route.access is Access.LOGIN}
    for method, path, operation in operations():
        assert bool(operation["security"]) == ((method, path) in needing)
        assert ("401" in operation["responses"]) >= ((method, path) in needing)
        assert "default" in operation["responses"]


def test_every_answer_with_content_has_a_schema() -> None:
    for method, path, operation in operations():
        for status, response in operation["responses"].items():
            if status not in ("204", "303") and "$ref" not in response:
                [media] = response["content"].values()
                assert media["schema"], (method, path, status)


def test_the_text_of_a_log_may_be_given_in_part() -> None:
    [responses] = [found["responses"] for _, path, found in operations() if path.endswith("/log/raw")]
    assert {"200", "206", "416"} <= responses.keys()
