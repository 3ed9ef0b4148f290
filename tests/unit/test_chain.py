"""The links between us and a run's program."""

from __future__ import annotations

from runwisp.chain import Command, Identity, guarded

PROGRAM = Command("/bin/job", ("job", "a b"))
WHO = Identity("/usr/bin/setpriv", 1000, 50)
BECOMING = ("/usr/bin/setpriv", "--reuid=1000", "--regid=50", "--init-groups", "--")


def test_a_far_directory_costs_one_shell_that_enters_it() -> None:
    command, env = guarded(PROGRAM, {"LD_PRELOAD": "x"}, "/net/dir", None)
    assert command.path == "/bin/sh"
    assert command.argv[:2] == ("/bin/sh", "-c")
    assert command.argv[3:] == ("sh", "/net/dir", "/bin/job", "a b")
    assert env == {"LD_PRELOAD": "x"}


def test_a_user_is_become_before_anything_of_its_own_is_touched() -> None:
    command, _ = guarded(PROGRAM, {}, "/net/dir", WHO)
    assert command.path == "/usr/bin/setpriv"
    assert command.argv[:5] == BECOMING
    assert command.argv[5:7] == ("/bin/sh", "-c")


def test_what_steers_a_program_comes_back_only_behind_setpriv() -> None:
    command, env = guarded(PROGRAM, {"LD_PRELOAD": "evil.so", "A": "1"}, None, WHO)
    assert env == {"RUNWISP_LATER_LD_PRELOAD": "evil.so", "A": "1"}
    assert 'export LD_PRELOAD="$RUNWISP_LATER_LD_PRELOAD"' in command.argv[7]
