"""How a process that runs tasks comes to be: its name, user, configuration, data directory and identity.

Shared by the daemon and `exec`, which is one for a single run. The order matters and is explained below.
"""

from __future__ import annotations

import os

from runwisp import config, host, procfs, reaper
from runwisp.config import Config
from runwisp.daemonlog import Log
from runwisp.frozen import frozen
from runwisp.history import History, Opened, open_history
from runwisp.launch import Launcher
from runwisp.life import Life, LifeKind
from runwisp.paths import DataDir


@frozen
class Plan:
    config: Config
    data: DataDir


@frozen
class Born:
    config: Config
    data: DataDir
    launcher: Launcher
    life: Life


def conceive(data_path: str, config_path: str) -> Plan:
    """Becomes who it is to be and reads what it is to do; nothing is made yet, so a mistake leaves no trace.

    The name comes before the change of user, after which the kernel does not let us write it. The user comes
    before anything is read, so that nothing of it belongs to root.

    Raises: ConfigError, ConfigUnreadable, DataDirError.
    """
    host.take_command_name()
    data = DataDir(data_path)
    data.become_owner()
    return Plan(config.load(config_path), data)


def give(plan: Plan, kind: LifeKind) -> Born:
    """Makes this process ready to start tasks.

    The working directory comes last, after every path was made absolute: it is where most commands run, and
    so need no wrapper to change it.

    Raises: DataDirError.
    """
    data, folder = plan.data, plan.config.folder
    data.prepare()
    reaper.seal_descriptors()
    reaper.set_subreaper()
    open_files = reaper.raise_open_files_limit()
    os.chdir(folder)
    launcher = Launcher(os.environ, plan.config.secret_variables, data.absolute, open_files, folder)
    return Born(plan.config, data, launcher, _life(kind))


def history_of(born: Born, log: Log) -> History:
    """Raises: HistoryTooNew, HistoryUnwritable, HistoryError, SymlinkRefused, DataDirError."""
    opened = open_history(born.data, born.life, host.wall())
    tell_of_history(opened, log)
    return opened.history


def tell_of_history(opened: Opened, log: Log) -> None:
    if opened.set_aside:
        log.error(
            "the database was malformed and is set aside; the history was rebuilt from the logs",
            kept_as=opened.set_aside.path,
            why=opened.set_aside.why,
            rebuilt=opened.rebuilt_count,
            unreadable=opened.unreadable_count,
        )


def _life(kind: LifeKind) -> Life:
    pid = os.getpid()
    started = procfs.start_ticks(pid)
    assert started is not None
    return Life(kind, procfs.boot_id(), pid, started, host.wall())
