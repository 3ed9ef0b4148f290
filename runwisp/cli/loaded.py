"""The configuration as commands load and tell it.

Called by the commands that only look at the configuration.
"""

from __future__ import annotations

import argparse
import sys
from contextlib import suppress

from runwisp import config
from runwisp.config import Config
from runwisp.errors import DataDirError
from runwisp.paths import DataDir
from runwisp.printable import printable
from runwisp.task import Kind


def loaded(flags: argparse.Namespace) -> Config:
    """The configuration, judged as the daemon of this data directory would judge it: as its owner.

    Nothing is written, so a directory that no daemon could use does not matter.

    Raises: ConfigError, ConfigUnreadable.
    """
    with suppress(DataDirError):
        DataDir(flags.data).become_owner()
    return config.load(flags.config)


def warn(loaded: Config) -> None:
    for warning in loaded.warnings:
        print(printable(warning.spelled(loaded.path, "warning: ")), file=sys.stderr)


def counts(loaded: Config) -> dict[str, int]:
    kinds = [definition.kind for definition in loaded.tasks.values()]
    return {
        "task": kinds.count(Kind.TASK),
        "service": kinds.count(Kind.SERVICE),
        "notifier": len(loaded.notifiers),
        "route": len(loaded.routes),
    }


def zone(loaded: Config) -> str:
    return f"Time zone: {loaded.timezone} ({loaded.timezone_source})"
