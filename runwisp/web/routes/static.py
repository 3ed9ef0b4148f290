"""The dashboard's files, from the package; any other path is a page of the application itself.

Serves only what a look into the folder has found: no path from the network ever reaches the file system.
Called by ``app`` for what no route takes.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from functools import cache
from hashlib import blake2b

from runwisp.errors import UnknownPath
from runwisp.frozen import frozen

FOLDER = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "static")
PAGE = "/index.html"
PAGES_OF_TASKS = "/tasks/"
"""Whatever stands below is a page: a task may be called ``build.js``."""

TYPES = {
    "css": "text/css; charset=utf-8",
    "html": "text/html; charset=utf-8",
    "ico": "image/x-icon",
    "js": "text/javascript; charset=utf-8",
    "json": "application/json",
    "png": "image/png",
    "svg": "image/svg+xml",
    "txt": "text/plain; charset=utf-8",
    "webmanifest": "application/manifest+json",
    "woff2": "font/woff2",
}


@frozen
class File:
    content: bytes
    headers: tuple[tuple[str, str], ...]
    status: int = 200


def found(path: str, known: str) -> File:
    """The file at this path of the site, else the page. ``known`` is the browser's If-None-Match.

    Raises: UnknownPath for what can only be meant as a file.
    """
    place, media = _places().get(path) or _newly_found(path)
    with open(place, "rb") as file:
        content = file.read()
    tag = f'"{blake2b(content, digest_size=8).hexdigest()}"'
    weak = f"W/{tag}"  # as it is sent compressed too, the same in other bytes (RFC 9110, 8.8.1)
    headers = (("Content-Type", media), ("ETag", weak), ("Cache-Control", "no-cache"))
    return File(b"", headers, 304) if tag in known else File(content, headers)


def _newly_found(path: str) -> tuple[str, str]:
    """An upgrade under a running daemon brings files that were not there before."""
    if _media(path) is None or path.startswith(PAGES_OF_TASKS):
        return _places()[PAGE]
    _places.cache_clear()
    if path not in _places():
        raise UnknownPath(f"The dashboard has no file at {path}.", "Reload the page.")
    return _places()[path]


def _media(name: str) -> str | None:
    _, dot, ending = name.rpartition(".")
    return TYPES.get(ending) if dot else None


@cache
def _places() -> Mapping[str, tuple[str, str]]:
    """The files and their types by their paths on the site. Without links, which might lead elsewhere."""
    places = {}
    for folder, _, names in os.walk(FOLDER):
        for name in names:
            place = os.path.join(folder, name)
            media = _media(name)
            if media and stat.S_ISREG(os.lstat(place).st_mode):
                places[place.removeprefix(FOLDER)] = place, media
    return places
