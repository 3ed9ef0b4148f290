"""What web is told of the configuration: every task with every key resolved, and nothing that is secret.

Pure. Called when a web process starts.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import fields
from typing import Any

from runwisp.task import AnyTask
from runwisp.webwire import Briefing

REDACTED = "[redacted]"

SPELLINGS: Mapping[str, Any] = {
    "env": lambda env: dict.fromkeys(env, REDACTED),
    "exit_codes": sorted,
    "stop_signal": lambda signum: signum.name,
    "umask": lambda umask: None if umask is None else f"{umask:03o}",
    "notify_on_failure": list,
    "notify_on_success": list,
}
"""The values that JSON does not have, or is not to have. Of an ``env_file`` only the path is known here."""


def definition_of(task: AnyTask) -> dict[str, Any]:
    """With the keys of ``runwisp.toml``, and ``name`` and ``kind``."""
    values = {each.name: getattr(task, each.name) for each in fields(task)}
    spelled = {name: SPELLINGS[name](value) if name in SPELLINGS else value for name, value in values.items()}
    return {"kind": task.kind, **spelled}


def pieces(briefing: Briefing, tasks: Mapping[str, AnyTask]) -> Iterator[bytes]:
    """The briefing as JSON with these definitions, piece by piece: whole it would be larger than the
    daemon."""
    values = {each.name: getattr(briefing, each.name) for each in fields(briefing)}
    del values["definitions"]
    yield json.dumps(values)[:-1].encode() + b', "definitions": ['
    for index, task in enumerate(tasks.values()):
        yield (b"," if index else b"") + json.dumps(definition_of(task)).encode()
    yield b"]}"
