"""The daemon of the system, as a package installs it: where its files are, and what its variables say.

Must never win over what a person said by flag or variable. Called by ``cli/main`` for root, whose commands so
speak with that daemon without being told where it is.
"""

from __future__ import annotations

import os
from collections.abc import MutableMapping

from runwisp import environmentfile
from runwisp.errors import ConfigUnreadable
from runwisp.password import CREDENTIALS

CONFIG = "/etc/runwisp/runwisp.toml"
DATA = "/var/lib/runwisp"
VARIABLES = "/etc/default/runwisp"
CREDENTIAL_FOLDER = "/run/credentials/runwisp.service"


def adopt(environ: MutableMapping[str, str]) -> None:
    """Add what the unit gives the daemon; what is there already stays.

    Raises: ConfigUnreadable.
    """
    given = {"RUNWISP_CONFIG": CONFIG, "RUNWISP_DATA": DATA, **_variables()}
    if os.path.isdir(CREDENTIAL_FOLDER):
        given[CREDENTIALS] = CREDENTIAL_FOLDER
    for name, value in given.items():
        environ[name] = environ.get(name) or value


def _variables() -> dict[str, str]:
    try:
        with open(VARIABLES, encoding="utf-8", newline="") as file:
            return environmentfile.parse(file.read())
    except FileNotFoundError:
        return {}
    except UnicodeDecodeError as error:
        raise _unusable("it is not UTF-8") from error
    except OSError as error:
        raise _unusable((error.strerror or str(error)).lower()) from error


def _unusable(why: str) -> ConfigUnreadable:
    return ConfigUnreadable(
        f"cannot use the variables of the service: {VARIABLES}: {why}",
        "Mend that file, or say with --config and --data which daemon is meant.",
    )
