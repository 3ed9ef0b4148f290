"""Orders as a daemon gives them, carried out by real deliver processes."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from runwisp.clock import Wall
from runwisp.delivery import Order, Outcome, order_json, outcome_from
from runwisp.event import Event, EventKind
from runwisp.logcap import LogOnFull
from runwisp.logfile import LogFiles
from runwisp.logline import Stream
from runwisp.logwriter import LogWriter
from runwisp.notifier import Notifier, Secret, SecretSource
from runwisp.run import EndReason, Run, Trigger, drafted, ended, started
from runwisp.task import Task
from tests.integration.waiting import PATIENCE

ROOT = Path(__file__).parents[2]
AT = Wall(1_700_000_000_000)
RUN_ID = "01HF7YAT00ABCDEFGHJKMNPQRS"

HOSTILE = (
    "*b* _i_ ~s~ `c` ```f``` <@U1> <!channel> @everyone [x](http://evil.example) <b>&amp;</b> \\* | # > ||x||"
)
"""What is markup, or calls people, somewhere."""


def inline(text: str) -> Secret:
    return Secret(SecretSource.INLINE, text)


def a_run(task: str = "backup", message: str = "exited with code 3") -> Run:
    definition = Task(name=task, run="true", working_dir="/")
    run = started(drafted(RUN_ID, definition, Trigger.CRON, AT, AT), Wall(AT + 100))
    return ended(run, EndReason.FAILED, 3, message, Wall(AT + 65_100))


def a_failure(run: Run) -> Event:
    return Event(EventKind.RUN_FAILED, Wall(AT + 65_100), f"{run.task_name} failed", run.task_name, run.id)


def an_order(notifier: Notifier, data: Path, run: Run | None = None, **rest: Any) -> Order:
    run = run or a_run()
    values: dict[str, Any] = {
        "delivery_id": "01HF7YAT00DE11VERY00000001",
        "notifier": notifier,
        "target": None,
        "data_dir": str(data),
        "external_url": "https://cron.example",
        "host": "web1.example",
        "fingerprint": "0123456789ab",
        "event": a_failure(run),
        "run": run,
    }
    return Order(**values | rest)


@dataclass
class Deliver:
    """Starts deliver processes; ``patches`` are assignments that each makes before it begins."""

    environ: dict[str, str] = field(default_factory=dict)
    patches: list[str] = field(default_factory=list)

    def __call__(self, order: Order) -> Outcome:
        done = self.process(order_json(order))
        assert done.returncode == 0, done.stderr.decode()
        assert not done.stderr, done.stderr.decode()
        return outcome_from(done.stdout)

    def process(self, order: bytes) -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(
            self.argv(),
            input=order,
            capture_output=True,
            env={**os.environ, "PYTHONPATH": str(ROOT), **self.environ},
            timeout=2 * PATIENCE,
            check=False,
        )

    def argv(self) -> list[str]:
        if not self.patches:
            return [sys.executable, "-m", "runwisp.deliver.main"]
        modules = sorted({patch.partition(" = ")[0].rpartition(".")[0] for patch in self.patches})
        lines = [f"import {module}" for module in modules] + self.patches
        return [sys.executable, "-c", "\n".join([*lines, "from runwisp.deliver.main import main", "main()"])]


def write_log(data: Path, run: Run, *lines: str, stream: Stream = Stream.STDOUT) -> None:
    """What the run printed."""
    files = LogFiles(str(data / "logs"), run.task_name, run.log_stem)
    writer = LogWriter(files, run_id=run.id, cap=0, on_full=LogOnFull.DROP_OLD, meta="{}")
    content = "".join(f"{line}\n" for line in lines).encode()
    writer.write(stream, content, 0, len(content), AT)
    writer.finish("{}", AT)
