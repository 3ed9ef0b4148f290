"""The person's browser, opened on the dashboard without a login.

Must never put the ticket into a command line, where every user of the machine could read it: the browser is
given a page that only this user may read. Called by ``remote``.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from html import escape

PROGRAMS = ("xdg-open", "x-www-browser", "sensible-browser", "wslview")
DISPLAYS = ("DISPLAY", "WAYLAND_DISPLAY", "WSL_DISTRO_NAME")
FAILS_WITHIN = 3.0
"""Seconds in which an opener tells that it finds no browser; one that is still there is showing it."""

PAGE = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><meta name="referrer" content="no-referrer">
<meta http-equiv="refresh" content="0; url={url}"><title>RunWisp</title></head>
<body><a href="{url}">RunWisp</a></body></html>
"""


class Browser:
    """``close`` removes the pages that were made; their tickets hold for a minute."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self._folder = ""

    def open(self, url: str) -> bool:
        """Whether there is a browser that shows it."""
        program = self._program()
        if not program:
            return False
        try:
            return _started([program, self._page(url)])
        except OSError:  # the person is given the address instead
            return False

    def close(self) -> None:
        if self._folder:
            shutil.rmtree(self._folder, ignore_errors=True)

    def _program(self) -> str | None:
        """None where nothing could be shown, as over ssh."""
        if not any(self._environ.get(name) for name in DISPLAYS):
            return None
        return next(filter(None, map(shutil.which, PROGRAMS)), None)

    def _page(self, url: str) -> str:
        """Raises: OSError."""
        runtime = self._environ.get("XDG_RUNTIME_DIR", "")
        parent = runtime if os.path.isdir(runtime) else None
        self._folder = self._folder or tempfile.mkdtemp(prefix="runwisp-", dir=parent)
        path = f"{self._folder}/dashboard.html"
        with open(path, "w") as file:  # in a folder that is this user's alone
            file.write(PAGE.format(url=escape(url)))
        return path


def _started(argv: Sequence[str]) -> bool:
    """Raises: OSError."""
    process = subprocess.Popen(
        argv,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        return process.wait(FAILS_WITHIN) == 0
    except subprocess.TimeoutExpired:
        return True
