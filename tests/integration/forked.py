"""Runs a piece of a test in a fork, which may change who it is and what it may, and ends with it."""

from __future__ import annotations

import json
import os
import pwd
import traceback
from collections.abc import Callable

NOBODY = pwd.getpwnam("nobody")


def forked(action: Callable[[], object]) -> object:
    """What ``action`` returns, through JSON; an exception in it is an error here."""
    out, into = os.pipe()
    pid = os.fork()
    if not pid:
        os.close(out)
        try:
            answer = {"returned": action()}
        except BaseException:
            answer = {"raised": traceback.format_exc()}
        with open(into, "w") as file:
            json.dump(answer, file)
        os._exit(0)
    os.close(into)
    with open(out) as file:
        text = file.read()
    os.waitpid(pid, 0)
    answer = json.loads(text)
    assert "raised" not in answer, answer["raised"]
    return answer["returned"]


def as_nobody(action: Callable[[], object]) -> object:
    """The same without any rights. Needs root, which alone may give them up."""

    def humbled() -> object:
        os.setgroups([])
        os.setresgid(NOBODY.pw_gid, NOBODY.pw_gid, NOBODY.pw_gid)
        os.setresuid(NOBODY.pw_uid, NOBODY.pw_uid, NOBODY.pw_uid)
        return action()

    return forked(humbled)
