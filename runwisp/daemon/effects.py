"""What the supervisor wants done, and the turn that collects it.

``perform`` carries a turn out in one fixed order: saves in one transaction, then starts, signals and the ends
of logs, then timers, then publishes and replies. So "row before process" and "row before event" hold by
construction.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from signal import Signals

from runwisp.clock import Millis, Mono, Now, after
from runwisp.errors import RunWispError
from runwisp.event import Event, EventKind
from runwisp.firing import Mark
from runwisp.frozen import frozen
from runwisp.run import Run
from runwisp.task import AnyTask
from runwisp.timers import Timer


@frozen
class SaveRun:
    run: Run


@frozen
class AmendRun:
    """Save a run that has ended once more, unless it was deleted meanwhile."""

    run: Run


@frozen
class SaveMark:
    mark: Mark


@frozen
class Spawn:
    run: Run
    definition: AnyTask


@frozen
class SignalRun:
    """To the process group of a run and to whatever else carries its id."""

    run_id: str
    signal: Signals


@frozen
class ReopenLog:
    """Take up the log of a run of a former life, to complete it."""

    run: Run
    definition: AnyTask | None


@frozen
class EndLog:
    """The process is gone: drain and finalise. ``run`` tells how it will end."""

    run: Run


@frozen
class NameLeftovers:
    """Say in the log what the run left behind, which is left alone."""

    run_id: str


@frozen
class Arm:
    timer: Timer
    at: Mono


@frozen
class Disarm:
    timer: Timer


@frozen
class Publish:
    event: Event


@frozen
class Reply:
    """``answer``: the run that came of it, a sentence, or why it was refused."""

    ticket: int
    answer: Run | str | RunWispError


@frozen
class Quit:
    """Nothing runs any more, or what does cannot be ended (``abandoned`` runs)."""

    abandoned: tuple[str, ...] = ()


Save = SaveRun | AmendRun | SaveMark
Act = Spawn | SignalRun | ReopenLog | EndLog | NameLeftovers
Tell = Publish | Reply
Effect = Save | Act | Arm | Disarm | Tell | Quit


def newest_runs(effects: Iterable[Effect]) -> tuple[dict[str, Run], dict[str, Run]]:
    """How each run is to be saved and, of the others, how each is to be amended; by their ids.

    An amendment of what the same effects save takes its place.
    """
    saved: dict[str, Run] = {}
    amended: dict[str, Run] = {}
    for effect in effects:
        match effect:
            case SaveRun(run):
                saved[run.id] = run
            case AmendRun(run):
                (saved if run.id in saved else amended)[run.id] = run
            case _:
                pass
    return saved, amended


@dataclass(slots=True)
class Turn:
    """The effects of one input, in the making."""

    now: Now
    effects: list[Effect] = field(default_factory=list)

    def do(self, effect: Effect) -> None:
        self.effects.append(effect)

    def save(self, run: Run) -> None:
        self.do(SaveRun(run))

    def arm(self, timer: Timer, wait: Millis) -> None:
        self.do(Arm(timer, after(self.now.mono, wait)))

    def disarm(self, timer: Timer) -> None:
        self.do(Disarm(timer))

    def publish(self, kind: EventKind, run: Run, message: str, **fields: str | int) -> None:
        self.do(Publish(Event(kind, self.now.wall, message, run.task_name, run.id, fields)))
