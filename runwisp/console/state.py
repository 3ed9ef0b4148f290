"""What a run or a task is: one word, one sign and one tone for each, as in the web dashboard.

Pure. The words are those of the API. Called by the views.
"""

from __future__ import annotations

from enum import StrEnum

from runwisp.console.records import Glance, Task
from runwisp.console.style import Tone
from runwisp.frozen import frozen
from runwisp.run import MEANINGS

FAILED = frozenset(str(reason) for reason, meaning in MEANINGS.items() if meaning.is_failed)
WAITS = {"queue": "queued", "retry": "waiting to retry", "restart": "waiting to restart"}


@frozen
class Signs:
    """What is drawn, where a terminal has these letters and where it has ASCII alone; each one cell."""

    running: str
    failed: str
    stopped: str
    success: str
    waiting: str
    idle: str
    unread: str
    warning: str
    more: str
    line: str
    corners: str
    across: str
    dot: str
    bars: str
    none: str


UNICODE = Signs("●", "✗", "■", "✓", "◌", "○", "•", "!", "…", "│", "┌┐└┘", "─", "·", "▁▂▃▄▅▆▇█", "–")
ASCII = Signs("*", "x", "#", "+", "~", "o", "*", "!", "~", "|", "++++", "-", "-", "_.-=+*#@", "-")


class Kind(StrEnum):
    """Named as the sign of each."""

    RUNNING = "running"
    WAITING = "waiting"
    SUCCESS = "success"
    FAILED = "failed"
    STOPPED = "stopped"
    IDLE = "idle"


TONES = {
    Kind.RUNNING: Tone.RUN,
    Kind.WAITING: Tone.WARN,
    Kind.SUCCESS: Tone.OK,
    Kind.FAILED: Tone.BAD,
    Kind.STOPPED: Tone.DIM,
    Kind.IDLE: Tone.DIM,
}


@frozen
class State:
    """``reason`` tells failures apart."""

    kind: Kind
    word: str
    reason: str = ""

    @property
    def tone(self) -> Tone:
        return TONES[self.kind]

    @property
    def text(self) -> str:
        return f"{self.word}, {self.reason}" if self.reason else self.word

    def sign(self, signs: Signs) -> str:
        return str(getattr(signs, self.kind))


def of_run(run: Glance) -> State:
    if run.status == "running":
        return State(Kind.RUNNING, "running")
    if run.status == "pending":
        return State(Kind.WAITING, WAITS.get(run.waits_for, "pending"))
    reason = run.end_reason
    if reason == "success":
        return State(Kind.SUCCESS, "success")
    if reason in FAILED:
        return State(Kind.FAILED, "failed", "" if reason == "failed" else reason)
    return State(Kind.STOPPED, "stopped", "" if reason == "stopped" else reason)


def of_task(task: Task) -> State:
    """What it is doing; how it last fared is told by its last run."""
    if task.is_service:
        return _of_service(task)
    if task.running:
        return State(Kind.RUNNING, _counted(task.running, "running"))
    if task.queued:
        return State(Kind.WAITING, _counted(task.queued, "queued"))
    return State(Kind.IDLE, "idle" if task.last_run else "never run")


def _of_service(task: Task) -> State:
    if task.stopped and not task.running:
        return State(Kind.STOPPED, "stopped")
    if task.running:
        several = f"{task.running}/{task.instances} running"
        return State(Kind.RUNNING, several if task.instances > 1 else "running")
    if not task.last_run:
        return State(Kind.IDLE, "not started")
    return State(Kind.WAITING, "restarting")


def _counted(number: int, word: str) -> str:
    return f"{number} {word}" if number > 1 else word


def wants_attention(task: Task) -> bool:
    """Whether a person should look at it: its last run failed, or a service is not all there."""
    if task.is_service:
        return not task.stopped and task.last_run is not None and task.running < task.instances
    last = task.last_run
    return last is not None and last.has_ended and last.end_reason in FAILED


def beside(task: Task) -> State:
    """For the sidebar: what it does and, where that is nothing, whether it wants attention."""
    state = of_task(task)
    is_quiet = state.kind in (Kind.IDLE, Kind.WAITING)
    return State(Kind.FAILED, state.word) if is_quiet and wants_attention(task) else state
