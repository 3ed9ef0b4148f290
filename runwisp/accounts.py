"""The accounts of this machine, for runs that have a ``user``.

Reads the user and group databases through the C library, anew at every start since they may change. A name
service that hangs (LDAP without a cache) hangs its caller; that is documented. Called by ``launch``.
"""

from __future__ import annotations

import grp
import pwd

from runwisp.errors import LaunchError
from runwisp.frozen import frozen


@frozen
class Account:
    name: str
    uid: int
    gid: int
    home: str
    shell: str


def find(user: str) -> Account:
    """The account of ``name`` or ``name:group``.

    Raises: LaunchError when the machine knows no such user or group.
    """
    name, _, group = user.partition(":")
    try:
        entry = pwd.getpwnam(name)
    except KeyError:
        raise _unknown("user", name) from None
    gid = entry.pw_gid
    if group:
        try:
            gid = grp.getgrnam(group).gr_gid
        except KeyError:
            raise _unknown("group", group) from None
    return Account(name, entry.pw_uid, gid, entry.pw_dir, entry.pw_shell)


def variables(account: Account) -> dict[str, str]:
    return {
        "HOME": account.home,
        "USER": account.name,
        "LOGNAME": account.name,
        "SHELL": account.shell or "/bin/sh",
    }


def _unknown(kind: str, name: str) -> LaunchError:
    line = f"user: this machine knows no {kind} {name!r}"
    return LaunchError(f"{line}; create it or correct `user`", log_line=line)
