"""``runwisp validate``: every problem of the configuration, or what is in it.

Asks nobody: the same loader as the daemon's says the same.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import asdict

from runwisp.cli.loaded import counts, loaded, warn, zone
from runwisp.config import Config
from runwisp.configproblem import Problem
from runwisp.errors import ConfigError
from runwisp.printable import counted, printable

HELP = (
    "Check the configuration exactly as the daemon does and show all its problems, each with line and "
    "column, or a summary. Exits with 1 when there is a problem."
)


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--strict", action="store_true", help="exit with 1 for warnings, too")
    parser.add_argument("--json", action="store_true", help="one object with problems, warnings and counts")


def run(flags: argparse.Namespace) -> int:
    """Raises: ConfigUnreadable and, unless the answer is JSON, ConfigError."""
    try:
        found = loaded(flags)
    except ConfigError as error:
        if not flags.json:
            raise
        print(
            json.dumps(
                {"path": flags.config, "is_valid": False, "problems": _records(error.problems)}, indent=2
            )
        )
        return 1
    if flags.json:
        print(json.dumps(_summary(found), indent=2))
    else:
        warn(found)
        contents = ", ".join(counted(number, word) for word, number in counts(found).items())
        print(f"{printable(found.path)}: {contents}")
        print(zone(found))
        print(f"Valid, with {counted(len(found.warnings), 'warning')}" if found.warnings else "Valid")
    return 1 if flags.strict and found.warnings else 0


def _summary(found: Config) -> dict[str, object]:
    return {
        "path": found.path,
        "is_valid": True,
        "problems": [],
        "warnings": _records(found.warnings),
        **{f"{word}_count": number for word, number in counts(found).items()},
        "timezone": found.timezone,
        "timezone_source": found.timezone_source,
    }


def _records(problems: Sequence[Problem]) -> list[dict[str, object]]:
    return [asdict(problem) for problem in problems]
