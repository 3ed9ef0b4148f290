"""The environment of a run: what it inherits, what it is given, what it is told about itself.

Pure. Called by ``launch``; the names of the variables are part of the user guide.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from runwisp.clock import rfc3339
from runwisp.run import Run
from runwisp.task import AnyTask, Kind

RUN_ID = "RUNWISP_RUN_ID"
DATA = "RUNWISP_DATA"

_OURS = ("RUNWISP_", "WATCHDOG_", "LISTEN_")
_OURS_WHOLE = frozenset({"NOTIFY_SOCKET", "CREDENTIALS_DIRECTORY"})

_UNSECURE = """
    GCONV_PATH GETCONF_DIR GLIBC_TUNABLES HOSTALIASES LOCALDOMAIN LOCPATH NIS_PATH NLSPATH RESOLV_HOST_CONF
    RES_OPTIONS TMPDIR TZDIR
"""
STEERS_PRIVILEGED = frozenset(_UNSECURE.split())
"""What a C library takes no notice of in a program with more rights than its caller, beside LD_* and
MALLOC_*. Source: glibc, sysdeps/generic/unsecvars.h."""


def inherited(env: Mapping[str, str], hidden: Collection[str]) -> dict[str, str]:
    """The daemon's own environment without what is the daemon's alone; ``hidden`` are names of secrets."""
    return {
        name: value
        for name, value in env.items()
        if not (name.startswith(_OURS) or name in _OURS_WHOLE or name in hidden)
    }


def told(definition: AnyTask, run: Run, data_dir: str) -> dict[str, str]:
    """What a run may know about itself. Run id and data directory also tell us later whose process it is."""
    facts = {
        "RUNWISP_TASK": definition.name,
        RUN_ID: run.id,
        "RUNWISP_ATTEMPT": str(run.retry_attempt),
        "RUNWISP_TRIGGER": str(run.triggered_by),
        DATA: data_dir,
    }
    if definition.kind is Kind.SERVICE:
        facts["RUNWISP_REPLICA"] = str(run.replica_index)
    if run.scheduled_for is not None:
        facts["RUNWISP_SCHEDULED_FOR"] = rfc3339(run.scheduled_for)
    return facts


def steers_privileged(name: str) -> bool:
    """Whether a variable must not reach a program that still has the daemon's rights."""
    return name in STEERS_PRIVILEGED or name.startswith(("LD_", "MALLOC_"))
