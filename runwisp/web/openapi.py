"""The OpenAPI document, made of the route table and the types that serve the requests.

Imported only when it is asked for, as it is seldom. Called by ``routes.daemon`` and, by name, by the command
that prints it. Source: OpenAPI 3.1.0.
"""

from __future__ import annotations

import dataclasses
import json
import re
from functools import cache
from http import HTTPStatus
from typing import Any

from runwisp.version import VERSION
from runwisp.web import problems
from runwisp.web.feeds.events import MEDIA as EVENTS
from runwisp.web.inputs import wire_name
from runwisp.web.problems import ProblemRecord
from runwisp.web.routing import CHANGING, Access, Route
from runwisp.web.schema import (
    Components,
    Schema,
    component_name,
    described,
    description,
    field_types,
    is_optional,
)
from runwisp.web.table import ROUTES

ABOUT = (
    "Watch, trigger, stop and restart the tasks and services of one RunWisp daemon. Times are RFC 3339 in "
    "UTC with milliseconds, durations integer nanoseconds, sizes bytes; what is absent is left out. Every "
    "error is a problem (RFC 9457) whose `detail` says what to do. Log in by `GET /api/auth/challenge` and "
    "`POST /api/auth`."
)

JSON = "application/json"
PARAMETER = re.compile(r"{(\w+)}")

IN_PATH: dict[str, Schema] = {
    "name": {"type": "string", "pattern": "^[a-zA-Z0-9._-]{1,100}$"},
    "id": {"type": "string", "pattern": "^[0-9A-HJKMNP-TV-Z]{26}$"},
}
"""The names of tasks, and the ids of runs and notifications."""

SECURITY: Schema = {
    "token": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"},
    "cookie": {
        "type": "apiKey",
        "in": "cookie",
        "name": "runwisp_jwt",
        "description": "The cookie of a login; its name goes on with `_` and the daemon's fingerprint. With "
        "it, what changes something needs a same-origin `Origin` or `Sec-Fetch-Site` as well.",
    },
}


@cache
def spelled() -> bytes:
    """As it is served, printed and kept beside the documentation."""
    return (json.dumps(document(), indent=2, ensure_ascii=False) + "\n").encode()


def document() -> Schema:
    components: Components = {}
    paths: dict[str, Schema] = {}
    for route in ROUTES:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route, components)
    problem = _problem(components)
    schemas = {component_name(kind): schema for kind, schema in components.items()}
    assert len(schemas) == len(components), "two types of one name"
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "RunWisp",
            "version": VERSION,
            "description": ABOUT,
            "license": {"name": "Apache 2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "paths": paths,
        "components": {
            "schemas": dict(sorted(schemas.items())),
            "responses": {"Problem": problem},
            "securitySchemes": SECURITY,
        },
    }


def _operation(route: Route, components: Components) -> Schema:
    operation: Schema = {
        "operationId": _identity(route),
        "tags": [route.handler.__module__.rpartition(".")[2]],
        "summary": route.summary,
        "responses": _responses(route, components),
        "security": [{"token": []}, {"cookie": []}] if route.access is Access.LOGIN else [],
    }
    if route.query and (text := description(route.query)):
        operation["description"] = text
    if parameters := [*_in_path(route), *_in_query(route, components)]:
        operation["parameters"] = parameters
    if route.body:
        content = {JSON: {"schema": described(route.body, components)}}
        operation["requestBody"] = {"required": True, "content": content}
    return operation


def _identity(route: Route) -> str:
    """From method and path, as one handler may serve several."""
    words = re.findall(r"\w+", route.path.removeprefix("/api"))
    return "_".join([route.method.lower(), *words])


def _in_path(route: Route) -> list[Schema]:
    return [
        {"name": name, "in": "path", "required": True, "schema": IN_PATH[name]}
        for name in PARAMETER.findall(route.path)
    ]


def _in_query(route: Route, components: Components) -> list[Schema]:
    if route.query is None:
        return []
    kind: Any = route.query
    types = field_types(kind)
    return [_parameter(field, types[field.name], components) for field in dataclasses.fields(kind)]


def _parameter(field: dataclasses.Field[Any], hint: Any, components: Components) -> Schema:
    """A list is one text with commas."""
    schema = described(hint, components)
    is_required = field.default is dataclasses.MISSING
    if not is_required and not is_optional(hint) and field.default not in ((), ""):
        schema = schema | {"default": field.default}
    list_style = {"style": "form", "explode": False} if schema.get("type") == "array" else {}
    return {"name": wire_name(field), "in": "query", "required": is_required, **list_style, "schema": schema}


def _responses(route: Route, components: Components) -> Schema:
    successes = (route.status, *route.other_statuses)
    responses = {str(status): _success(route, status, components) for status in successes}
    problem = {"$ref": "#/components/responses/Problem"}
    for status in sorted(_refusals(route)):
        responses[str(status)] = problem
    return responses | {"default": problem}


def _refusals(route: Route) -> set[int]:
    found = set(route.refusals) | {400}
    if route.access is Access.LOGIN:
        found.add(401)
    if route.method in CHANGING or route.is_counted:
        found.add(403)
    return found


def _success(route: Route, status: int, components: Components) -> Schema:
    response: Schema = {"description": HTTPStatus(status).phrase}
    if status == HTTPStatus.SEE_OTHER:
        response["headers"] = {"Location": {"schema": {"type": "string"}}}
    if route.media == JSON and route.result is not None:
        response["content"] = {JSON: {"schema": described(route.result, components)}}
    elif route.media != JSON:
        response["content"] = {route.media: _text(route, components)}
    return response


def _text(route: Route, components: Components) -> Schema:
    """Of a stream also what the data of an event is, for which OpenAPI has no word before 3.2."""
    media: Schema = {"schema": {"type": "string"}}
    if route.media == EVENTS and route.result is not None:
        media["x-event-data"] = described(route.result, components)
    return media


def _problem(components: Components) -> Schema:
    content = {problems.MEDIA: {"schema": described(ProblemRecord, components)}}
    return {"description": "What is wrong, and what to do.", "content": content}
