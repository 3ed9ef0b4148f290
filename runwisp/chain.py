"""The programs that stand between us and a run's own, each executing the next: setpriv, then a line of shell.

Pure: it builds the argv and the environment, only of the links that are needed. Called by ``launch``.
"""

from __future__ import annotations

from collections.abc import Mapping

from runwisp.environment import steers_privileged
from runwisp.frozen import frozen

SHELL = "/bin/sh"
LATER = "RUNWISP_LATER_"

_ENTER = 'cd -- "$1" || exit 126\nshift\n'
_CHECK = """[ -x "$1" ] || { printf 'exec: %s: permission denied\\n' "$1" >&2; exit 126; }\n"""
_RUN = 'exec "$@"'


@frozen
class Command:
    """A file to execute and its argv, whose first word may be another name.

    ``may_hang``: it is not on a local file system, so that only a process of its own may touch it.
    """

    path: str
    argv: tuple[str, ...]
    may_hang: bool = False


@frozen
class Identity:
    """Whom to become, and the program that does it."""

    setpriv: str
    uid: int
    gid: int


def guarded(
    command: Command, env: Mapping[str, str], directory: str | None, identity: Identity | None
) -> tuple[Command, dict[str, str]]:
    """The command behind a shell that enters a directory which may hang, and behind setpriv.

    Variables that steer a program more than its caller may (LD_PRELOAD of an ``env_file`` that the user can
    write) reach setpriv, which still has all rights, under another name; the shell gives them back.
    """
    late = [name for name in env if steers_privileged(name)] if identity else []
    script = "".join(f'export {name}="${LATER}{name}"\nunset {LATER}{name}\n' for name in late)
    words = (command.path, *command.argv[1:])
    if directory:
        script += _ENTER
        words = (directory, *words)
    if identity:
        script += _CHECK
    shell = (SHELL, "-c", script + _RUN, "sh", *words)
    renamed = {f"{LATER}{name}" if name in late else name: value for name, value in env.items()}
    if not identity:
        return Command(SHELL, shell), renamed
    return Command(identity.setpriv, (*_becoming(identity), *shell)), renamed


def _becoming(identity: Identity) -> tuple[str, ...]:
    """setpriv(1). ``--init-groups`` gives the user's supplementary groups."""
    ids = (f"--reuid={identity.uid}", f"--regid={identity.gid}")
    return (identity.setpriv, *ids, "--init-groups", "--")
