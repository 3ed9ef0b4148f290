"""A replayer of histories: feeds (time, input) to a real Supervisor and plays the rest of the world.

The imaginary world starts what is to be started, ends what is signalled, answers as the pump does, keeps the
rows as the database does, and jumps its clock from deadline to deadline. Runs are called by nicknames:
``backup#2`` is the second run that ``backup`` ever had. Every turn is held against ``promises``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from signal import Signals
from typing import assert_never

from runwisp.clock import SECOND, Millis, Mono, Now, Wall, spell
from runwisp.daemon.effects import (
    AmendRun,
    Arm,
    Disarm,
    Effect,
    EndLog,
    NameLeftovers,
    Publish,
    Quit,
    ReopenLog,
    Reply,
    SaveMark,
    SaveRun,
    SignalRun,
    Spawn,
)
from runwisp.daemon.inputs import (
    Asked,
    Due,
    Exited,
    Input,
    LeftoversGone,
    RestartService,
    Spawned,
    SpawnFailed,
    StopDaemon,
    StopRun,
    StopTask,
    TriggerTask,
    Wish,
)
from runwisp.daemon.supervisor import Limits, Supervisor
from runwisp.errors import RunWispError
from runwisp.event import Event
from runwisp.firing import Cause, Firing, Mark, Missed
from runwisp.ids import UlidMaker
from runwisp.run import Phase, Run, Trigger
from runwisp.task import AnyTask, Service, Task
from runwisp.timers import Timer, Timers
from runwisp.wire import Drained
from tests.unit.promises import Promises

NEW_YEAR = Wall(1_767_225_600_000)
"""2026-01-01T00:00:00Z, when every history begins."""

Answer = Run | str | RunWispError


def a_task(name: str = "backup", **keys: object) -> Task:
    return Task(**{"name": name, "run": "true", "working_dir": "/", **keys})  # type: ignore[arg-type]


def a_service(name: str = "web", **keys: object) -> Service:
    return Service(**{"name": name, "run": "true", "working_dir": "/", **keys})  # type: ignore[arg-type]


@dataclass(slots=True)
class Program:
    """How the command of a task behaves. It runs until it is told to end or is signalled.

    ``obeys``: its stop signal ends it. ``dies``: SIGKILL does. ``leaves``: members of its group outlive it
    until SIGKILL. ``refused``: why it cannot be started. ``drains``: its log is complete at once.
    """

    obeys: bool = True
    dies: bool = True
    leaves: bool = False
    refused: str = ""
    drains: bool = True


@dataclass(slots=True)
class World:
    """What there is besides the supervisor: the rows, the living processes, the clock, the timers."""

    now: Now
    rows: dict[str, Run] = field(default_factory=dict)
    living: dict[str, Run] = field(default_factory=dict)
    left_behind: set[str] = field(default_factory=set)
    timers: Timers = field(default_factory=Timers)
    armed: dict[Timer, Mono] = field(default_factory=dict)
    marks: dict[str, Mark] = field(default_factory=dict)
    events: list[Event] = field(default_factory=list)
    quit: Quit | None = None


class History:
    """``begin`` is called by the constructor; ``rows`` are what a former life left."""

    def __init__(
        self,
        *definitions: AnyTask,
        shutdown_timeout: Millis = 10 * SECOND,
        programs: Mapping[str, Program] | None = None,
        rows: Iterable[Run] = (),
    ) -> None:
        self.programs = {each.name: Program() for each in definitions} | dict(programs or {})
        self.world = World(Now(NEW_YEAR, Mono(5_000_000)))
        self.limits = Limits(shutdown_timeout)
        self._ids = UlidMaker(bytes)
        self._nicks: dict[str, str] = {}
        self._lines: list[str] = []
        self._replies: dict[int, Answer] = {}
        self._tickets = 0
        self._inbox: list[Input] = []
        for row in rows:
            self._keep(row)
        self._live(definitions)

    def _live(self, definitions: Sequence[AnyTask]) -> None:
        self.supervisor = Supervisor({each.name: each for each in definitions}, self.limits, self._ids)
        self.promises = Promises(self.supervisor, self.world)
        unfinished = [row for _, row in sorted(self.world.rows.items()) if row.phase is not Phase.ENDED]
        self._carry_out(self._decided(self.supervisor.begin(self.world.now, unfinished)))
        self._settle()

    # What happens

    def fire(self, name: str, cause: Cause = Cause.ON_TIME, at: Wall | None = None) -> None:
        self.give(self.firing(name, cause, at))

    def firing(self, name: str, cause: Cause = Cause.ON_TIME, at: Wall | None = None) -> Firing:
        """For ``give``, together with something else."""
        at = self.world.now.wall if at is None else at
        return Firing(at, cause, Mark(name, "* * * * *", NEW_YEAR, at))

    def missed(self, name: str, count: int, first: Wall, last: Wall) -> None:
        self.give(Missed(count, first, last, Mark(name, "* * * * *", NEW_YEAR, last)))

    def ask(self, wish: Wish) -> Answer:
        self._tickets += 1
        self.give(Asked(wish, self._tickets))
        return self._replies.pop(self._tickets)

    def trigger(self, name: str) -> Answer:
        return self.ask(TriggerTask(name, Trigger.API))

    def stop(self, name: str) -> Answer:
        """A task or a service by its name, a run by its nickname."""
        return self.ask(StopRun(self.id_of(name)) if "#" in name else StopTask(name))

    def restart(self, name: str) -> Answer:
        return self.ask(RestartService(name))

    def exit(self, nick: str, exit_code: int = 0, message: str = "", leaves: bool = False) -> None:
        self.give(self.ended(nick, exit_code, message, leaves))

    def ended(self, nick: str, exit_code: int = 0, message: str = "", leaves: bool = False) -> Exited:
        """A process ends; for ``give``, together with something else."""
        run_id = self.id_of(nick)
        self._bury(run_id, leaves)
        return Exited(run_id, exit_code, message, None, leaves)

    def drain(self, nick: str, is_held: bool = False) -> None:
        self.give(Drained(self.id_of(nick), 3, 30, 1, 20, is_held))

    def stop_daemon(self) -> None:
        self.give(StopDaemon("SIGTERM"))

    def wait(self, length: Millis) -> None:
        """Lets time pass, from deadline to deadline."""
        until = Mono(self.world.now.mono + length)
        while (at := self.world.timers.next_at()) is not None and at <= until:
            self._jump(max(at, self.world.now.mono))
            self.due()
        self._jump(until)

    def late(self, length: Millis) -> list[Timer]:
        """Lets time pass while the loop is busy; gives the timers that it then finds due together."""
        self._jump(Mono(self.world.now.mono + length))
        due = self.world.timers.due(self.world.now.mono)
        for timer in due:
            del self.world.armed[timer]
        return due

    def due(self) -> None:
        self.give(*map(Due, self.late(0)))

    def set_clock(self, step: Millis) -> None:
        """The wall clock alone."""
        self.world.now = Now(Wall(self.world.now.wall + step), self.world.now.mono)

    def die_and_come_back(self, *definitions: AnyTask) -> None:
        """SIGKILL to the daemon; what it left running is ended; the next life begins."""
        self.world.living.clear()
        self.world.left_behind.clear()
        self._come_back(definitions)

    def come_back(self, *definitions: AnyTask) -> None:
        """The next life after a clean stop."""
        assert self.world.quit, "the daemon still runs"
        self._come_back(definitions)

    def _come_back(self, definitions: Sequence[AnyTask]) -> None:
        self.world.timers = Timers()
        self.world.armed.clear()
        self.world.quit = None
        self._inbox.clear()
        self._live(definitions or list(self.supervisor.definitions.values()))

    def give(self, *happened: Input) -> None:
        """What happened together is decided one by one and carried out together, as in the daemon."""
        self._inbox.extend(happened)
        self._settle()

    def _settle(self) -> None:
        while self._inbox:
            batch, self._inbox = self._inbox, []
            effects = []
            for happened in batch:
                effects += self._decided(self.supervisor.handle(happened, self.world.now))
            self._carry_out(effects)

    # What is seen

    def happened(self) -> list[str]:
        """All that was done since the last call, in order."""
        lines, self._lines = self._lines, []
        return lines

    def did(self, *verbs: str) -> list[str]:
        """As ``happened``, but only lines that begin with one of these words."""
        return [line for line in self.happened() if line.split()[0] in verbs]

    def table(self) -> list[str]:
        """The rows as a person would list them, the oldest first."""
        return [spelled(self._nicks[row_id], row) for row_id, row in sorted(self.world.rows.items())]

    def row(self, nick: str) -> Run:
        return self.world.rows[self.id_of(nick)]

    def alive(self) -> list[str]:
        return [self._nicks[run_id] for run_id in self.world.living]

    def told(self, nick: str) -> list[str]:
        """The kinds of all events of a run."""
        return [event.kind for event in self.world.events if event.run_id == self.id_of(nick)]

    def undrained(self) -> list[str]:
        """Ids of runs whose end waits for their log alone."""
        active = self.supervisor.processes.active
        return sorted(run_id for run_id, each in active.items() if each.run.phase is Phase.ENDED)

    def id_of(self, nick: str) -> str:
        return next(run_id for run_id, known in self._nicks.items() if known == nick)

    def nick(self, run_id: str) -> str:
        return self._nicks[run_id]

    # The world

    def _jump(self, mono: Mono) -> None:
        passed = mono - self.world.now.mono
        self.world.now = Now(Wall(self.world.now.wall + passed), mono)

    def _keep(self, run: Run) -> None:
        if run.id not in self._nicks:
            nth = 1 + sum(row.task_name == run.task_name for row in self.world.rows.values())
            self._nicks[run.id] = f"{run.task_name}#{nth}"
        self.world.rows[run.id] = run

    def _decided(self, effects: list[Effect]) -> list[Effect]:
        self.promises.before(effects)
        for effect in effects:
            if isinstance(effect, SaveRun) or (
                isinstance(effect, AmendRun) and effect.run.id in self.world.rows
            ):
                self._keep(effect.run)
            self._lines.append(self._line(effect))
        return effects

    def _carry_out(self, effects: list[Effect]) -> None:
        """In the order of ``perform``: rows were kept already."""
        for effect in effects:
            self._begin(effect)
        for effect in effects:
            if isinstance(effect, SignalRun):
                self._signal(effect.run_id, effect.signal)
        for effect in effects:
            self._finish(effect)
        self.promises.after()

    def _begin(self, effect: Effect) -> None:
        match effect:
            case SaveMark(mark):
                self.world.marks[mark.task_name] = mark
            case Spawn(run):
                self._inbox.append(self._spawn(run))
            case _:
                pass

    def _finish(self, effect: Effect) -> None:
        match effect:
            case EndLog(run):
                self._end_log(run)
            case Quit():
                self.world.quit = effect
            case Arm(timer, at):
                self.world.timers.arm(timer, at)
                self.world.armed[timer] = at
            case Disarm(timer):
                self.world.timers.disarm(timer)
                self.world.armed.pop(timer, None)
            case Publish(event):
                self.world.events.append(event)
            case Reply(ticket, answer):
                assert ticket not in self._replies
                self._replies[ticket] = answer
            case _:
                pass

    def _spawn(self, run: Run) -> Spawned | SpawnFailed:
        program = self._program(run.id)
        if program.refused:
            return SpawnFailed(run.id, 127, program.refused)
        self.world.living[run.id] = run
        return Spawned(run.id, 100 + len(self.world.rows), 1)

    def _signal(self, run_id: str, signum: Signals) -> None:
        program = self._program(run_id)
        is_kill = signum is Signals.SIGKILL
        if run_id in self.world.living and (program.dies if is_kill else program.obeys):
            leaves = program.leaves and not is_kill
            self._bury(run_id, leaves)
            self._inbox.append(Exited(run_id, 128 + signum, f"killed by {signum.name}", None, leaves))
        elif run_id in self.world.left_behind and is_kill and program.dies:
            self.world.left_behind.discard(run_id)
            self._inbox.append(LeftoversGone(run_id))

    def _bury(self, run_id: str, leaves: bool) -> None:
        del self.world.living[run_id]
        if leaves:
            self.world.left_behind.add(run_id)

    def _end_log(self, run: Run) -> None:
        if self._program(run.id).drains:
            self._inbox.append(Drained(run.id, 3, 30, 1, 20, False))

    def _program(self, run_id: str) -> Program:
        return self.programs.get(self.world.rows[run_id].task_name, Program())

    def _line(self, effect: Effect) -> str:
        match effect:
            case SaveRun(run) | AmendRun(run):
                return f"save {spelled(self._nicks[run.id], run)}"
            case SaveMark(mark):
                return f"mark {mark.task_name}"
            case Spawn(run):
                return f"spawn {self._nicks[run.id]}"
            case SignalRun(run_id, signum):
                return f"signal {self._nicks[run_id]} {signum.name}"
            case EndLog(run) | ReopenLog(run):
                return f"{'end' if isinstance(effect, EndLog) else 'reopen'} log of {self._nicks[run.id]}"
            case NameLeftovers(run_id):
                return f"name leftovers of {self._nicks[run_id]}"
            case Arm(timer, at):
                return f"arm {self._timer(timer)} in {spell(at - self.world.now.mono)}"
            case Disarm(timer):
                return f"disarm {self._timer(timer)}"
            case Publish(event):
                return f"tell {event.kind} {self._nicks.get(event.run_id or '', '')}".rstrip()
            case Reply(_, answer):
                return (
                    f"reply {spelled(self._nicks[answer.id], answer) if isinstance(answer, Run) else answer}"
                )
            case Quit(abandoned):
                return " ".join(("quit", *(self._nicks[run_id] for run_id in abandoned)))
        assert_never(effect)

    def _timer(self, timer: Timer) -> str:
        return f"{timer.kind} {self._nicks.get(timer.key, '')}".rstrip()


def spelled(nick: str, run: Run) -> str:
    """``backup#1 running``, ``backup#1 pending queue``, ``backup#1 ended failed 3``."""
    match run.phase:
        case Phase.PENDING:
            return f"{nick} pending {run.waits_for}"
        case Phase.RUNNING:
            return f"{nick} running"
        case Phase.ENDED:
            return f"{nick} ended {run.end_reason} {run.exit_code}"
    assert_never(run.phase)
