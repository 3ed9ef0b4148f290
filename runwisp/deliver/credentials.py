"""The secrets of a notifier, read when a message is sent: from the configuration, the environment, or a file.

Reads files below the data directory only through real directories, never a symlink. What it gives must never
be told to anybody but the channel.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator, Mapping
from dataclasses import fields

from runwisp.errors import DataDirError, NotDelivered, SymlinkRefused
from runwisp.notifier import Notifier, Secret, SecretSource
from runwisp.paths import open_private
from runwisp.values import BadValue, web_url

LONGEST = 16_384
FOLDER = os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
OPTIONAL = frozenset({("smtp", "password"), ("ntfy", "token")})
"""Those that may be empty, for a server that asks for none."""


def resolved(notifier: Notifier, data_dir: str, environ: Mapping[str, str]) -> dict[str, str]:
    """All secrets of a notifier, by key. Raises: NotDelivered when there is none, or it cannot be one."""
    return {
        key: _checked(notifier, key, _read(secret, key, data_dir, environ))
        for key, secret in secrets_of(notifier)
    }


def secrets_of(notifier: Notifier) -> Iterator[tuple[str, Secret]]:
    """By key."""
    for field in fields(notifier):
        value = getattr(notifier, field.name)
        if isinstance(value, Secret):
            yield field.name, value


def exposed_files(notifier: Notifier, data_dir: str) -> list[str]:
    """Files with secrets that other users of this machine may read."""
    paths = [
        os.path.join(data_dir, secret.text)
        for _, secret in secrets_of(notifier)
        if secret.source is SecretSource.FILE
    ]
    return [path for path in paths if os.path.exists(path) and os.stat(path).st_mode & stat.S_IROTH]


def _read(secret: Secret, key: str, data_dir: str, environ: Mapping[str, str]) -> str:
    match secret.source:
        case SecretSource.INLINE:
            return secret.text
        case SecretSource.ENV:
            if secret.text not in environ:
                raise _unusable(
                    f"{key}_env", f"the variable {secret.text} is not set; set it where the daemon is started"
                )
            return environ[secret.text].strip()
        case SecretSource.FILE:
            return _file(secret.text, key, data_dir)


def _file(name: str, key: str, data_dir: str) -> str:
    path = os.path.join(data_dir, name)
    try:
        with os.fdopen(_opened(path, data_dir, name), "rb") as file:
            content = file.read(LONGEST + 1)
        text = content.decode().strip()
    except OSError as error:
        raise _unusable(f"{key}_file", f"{path}: {(error.strerror or '').lower()}") from error
    except UnicodeDecodeError as error:
        raise _unusable(f"{key}_file", f"{path} is not UTF-8") from error
    if len(content) > LONGEST:
        raise _unusable(f"{key}_file", f"{path} is longer than {LONGEST} bytes")
    return text


def _opened(path: str, data_dir: str, name: str) -> int:
    """Below the data directory every step is a real directory; elsewhere the file itself is a real file.

    Raises: OSError.
    """
    if os.path.isabs(name):
        return _regular(path, None)
    *folders, last = os.path.normpath(name).split("/")
    place = os.open(data_dir, FOLDER)
    try:
        for folder in folders:
            inner = os.open(folder, FOLDER, dir_fd=place)
            os.close(place)
            place = inner
        return _regular(last, place)
    finally:
        os.close(place)


def _regular(name: str, place: int | None) -> int:
    try:
        return open_private(name, os.O_RDONLY, shown=name, dir_fd=place)
    except SymlinkRefused as error:
        raise OSError(errno.ELOOP, "is a symlink; put a real file there") from error
    except DataDirError as error:
        raise OSError(errno.EINVAL, "is not a regular file") from error


def _checked(notifier: Notifier, key: str, value: str) -> str:
    if not value and (notifier.type, key) not in OPTIONAL:
        raise _unusable(key, "it is empty")
    if not value.isprintable():
        raise _unusable(key, "it is not one line of text")
    if key in ("webhook_url", "url") and notifier.type != "apprise":
        try:
            web_url(value)
        except BadValue:
            raise _unusable(key, "it is not an absolute http or https URL") from None  # which would be quoted
    return value


def _unusable(key: str, why: str) -> NotDelivered:
    return NotDelivered(f"cannot use {key}: {why}", is_final=True)
