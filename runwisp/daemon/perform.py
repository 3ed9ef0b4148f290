"""Carries out what the supervisor wants, in one fixed order a turn: save, start, signal, finish logs, set
timers, tell.

Owns no decision but two that only the outside can answer: whether the disk has room for another run, and
whether the history can be written. What comes of an act at once (a pid, a refusal) is given back as input.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from signal import Signals

from runwisp.daemon.children import Children
from runwisp.daemon.effects import (
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
    SignalRun,
    Spawn,
    newest_runs,
)
from runwisp.daemon.inputs import Input, Spawned, SpawnFailed
from runwisp.daemon.outputs import Outputs
from runwisp.errors import LaunchError
from runwisp.event import Event
from runwisp.frozen import frozen
from runwisp.history import Tiding
from runwisp.recorder import Recorder
from runwisp.run import NEVER_STARTED, Run
from runwisp.task import Service
from runwisp.timers import Timers


@frozen
class Outside:
    """Where effects go."""

    recorder: Recorder
    children: Children
    outputs: Outputs
    timers: Timers
    saved: Callable[[Run], None]
    tidings: Callable[[Event, Run | None], Sequence[Tiding]]
    publish: Callable[[Event], None]
    reply: Callable[[Reply], None]


@dataclass(slots=True)
class Performer:
    """``quit`` is set once the supervisor has said so."""

    outside: Outside
    data_dir: str
    min_free_space: int
    quit: Quit | None = None
    _followups: list[Input] = field(default_factory=list)

    def perform(self, effects: Iterable[Effect]) -> list[Input]:
        effects = list(effects)
        self._save(effects)
        for effect in effects:
            self._begin(effect)
        self._signal(effects)
        self._name_leftovers(effects)
        for effect in effects:
            self._finish(effect)
        for effect in effects:
            self._set_timer(effect)
        for effect in effects:
            self._tell(effect)
        followups, self._followups = self._followups, []
        return followups

    def _save(self, effects: list[Effect]) -> None:
        recorder = self.outside.recorder
        runs, amended = newest_runs(effects)
        marks = {effect.mark.task_name: effect.mark for effect in effects if isinstance(effect, SaveMark)}
        tidings = self._tidings(effects, runs)
        if runs or marks or tidings:
            recorder.save(list(runs.values()), list(marks.values()), tidings)
        for run in runs.values():
            self.outside.saved(run)
        for run in amended.values():
            if recorder.amend(run):
                self.outside.saved(run)

    def _tidings(self, effects: list[Effect], runs: Mapping[str, Run]) -> list[Tiding]:
        """Whom this turn is told to, and how: saved with it, so that no failure goes untold."""
        events = (effect.event for effect in effects if isinstance(effect, Publish))
        told = (self.outside.tidings(event, runs.get(event.run_id or "")) for event in events)
        return [tiding for tidings in told for tiding in tidings]

    def _begin(self, effect: Effect) -> None:
        match effect:
            case Spawn():
                self._followups.append(self._spawn(effect))
            case ReopenLog(run, definition):
                self.outside.outputs.open(run, definition, (), is_resumed=True)
            case _:
                pass

    def _signal(self, effects: list[Effect]) -> None:
        """One pass over all processes for each signal, however many runs it goes to."""
        runs: dict[Signals, list[str]] = {}
        for effect in effects:
            if isinstance(effect, SignalRun):
                runs.setdefault(effect.signal, []).append(effect.run_id)
        for signum, run_ids in runs.items():
            for run_id, line in self.outside.children.signal(run_ids, signum):
                self.outside.outputs.say(run_id, line)

    def _name_leftovers(self, effects: list[Effect]) -> None:
        """One pass over all processes, before the logs are ended that name them."""
        run_ids = {effect.run_id for effect in effects if isinstance(effect, NameLeftovers)}
        for run_id, line in self.outside.children.leftovers(run_ids):
            self.outside.outputs.say(run_id, line)

    def _finish(self, effect: Effect) -> None:
        match effect:
            case EndLog(run):
                self.outside.outputs.end(run)
            case Quit():
                self.quit = effect
            case _:
                pass

    def _set_timer(self, effect: Effect) -> None:
        match effect:
            case Arm(timer, at):
                self.outside.timers.arm(timer, at)
            case Disarm(timer):
                self.outside.timers.disarm(timer)
            case _:
                pass

    def _tell(self, effect: Effect) -> None:
        match effect:
            case Publish(event):
                self.outside.publish(event)
            case Reply():
                self.outside.reply(effect)
            case _:
                pass

    def _spawn(self, spawn: Spawn) -> Spawned | SpawnFailed:
        run = spawn.run
        try:
            if not isinstance(spawn.definition, Service):
                self._refuse_if_unrecorded()
                self._refuse_if_disk_is_full()
            launched = self.outside.children.launch(spawn.definition, run)
        except LaunchError as error:
            self.outside.outputs.open(run, spawn.definition, ())
            if error.log_line:
                self.outside.outputs.say(run.id, error.log_line)
            return SpawnFailed(run.id, error.exit_code, error.message)
        self.outside.outputs.open(run, spawn.definition, (launched.stdout_fd, launched.stderr_fd))
        return Spawned(run.id, launched.pid, launched.pid_started)

    def _refuse_if_unrecorded(self) -> None:
        recorder = self.outside.recorder
        if recorder.is_degraded:
            raise LaunchError(f"not started, since the history cannot be written: {recorder.reason}")

    def _refuse_if_disk_is_full(self) -> None:
        if not self.min_free_space:
            return
        try:
            disk = os.statvfs(self.data_dir)
        except OSError as error:
            raise LaunchError(
                f"not started, since the disk of {self.data_dir} does not say what is free: {error.strerror}"
            ) from error
        free = disk.f_bavail * disk.f_frsize
        if free < self.min_free_space:
            wanted = f"{sized(free)} free, minimum {sized(self.min_free_space)} required"
            raise LaunchError(f"insufficient disk space: {wanted}", NEVER_STARTED)


def sized(count: int) -> str:
    """Bytes as a person reads them: ``1.5 GB``, with 1 KB = 1024 bytes as in runwisp.toml."""
    size = float(count)
    for unit in ("B", "KB", "MB", "GB"):
        if size < 1024:
            return f"{size:.4g} {unit}"
        size /= 1024
    return f"{size:.4g} TB"
