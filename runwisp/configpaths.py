"""How a path in ``runwisp.toml`` is meant: from the folder of the file, ``~`` being a home.

Looks at the user database for homes and at no file. Called by the readers of the tables.
"""

from __future__ import annotations

import os
import pwd


def resolved(path: str, folder: str, user: str | None = None) -> str:
    """An absolute path; steps up stay as they are, since what they lead to depends on symlinks."""
    if user is not None and (path == "~" or path.startswith("~/")):
        path = _home(user.partition(":")[0]) + path[1:]
    joined = os.path.join(folder, os.path.expanduser(path))
    return joined if ".." in joined.split("/") else os.path.normpath(joined)


def _home(user: str) -> str:
    try:
        return pwd.getpwnam(user).pw_dir
    except KeyError:
        return f"~{user}"  # a warning tells that there is no such user
