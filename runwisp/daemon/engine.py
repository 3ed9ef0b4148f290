"""What a brain needs around it to run anything: loop, children, pump, performer. Daemon and `exec` have one.

Gathers what happened since the last turn and has the brain's wishes performed; decides nothing itself.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Protocol

from runwisp import environment, host
from runwisp.clock import SECOND, Millis, Mono, Now, after
from runwisp.daemon.birth import Born
from runwisp.daemon.children import Children, SidecarExited
from runwisp.daemon.effects import Effect, Reply
from runwisp.daemon.inputs import Due, Input, StopDaemon
from runwisp.daemon.outputs import Copy, Outputs
from runwisp.daemon.perform import Outside, Performer
from runwisp.daemon.precedence import in_order
from runwisp.daemon.processes import Processes
from runwisp.daemon.sidecars import CHECK_EVERY, Sidecar, User
from runwisp.daemonlog import Log
from runwisp.event import Event
from runwisp.firing import Ticked
from runwisp.frozen import frozen
from runwisp.history import Tiding
from runwisp.link import Link
from runwisp.loop import READ, WRITE, Loop
from runwisp.packet import Kinds, M
from runwisp.recorder import Recorder
from runwisp.run import Run
from runwisp.timers import Timer, TimerKind
from runwisp.wire import FROM_PUMP, FromPump, Hello, Removed

PUMP = "runwisp.pump.main"
RECORD_TIMER = Timer(TimerKind.RECORD)
CHECK_TIMER = Timer(TimerKind.CHECK)
RECORD_AGAIN_AFTER: Millis = SECOND
PUMP_ENDS_WITHIN: Millis = 5 * SECOND
OTHERS_END_WITHIN: Millis = SECOND // 4
"""What nothing is lost with."""
TOGETHER = 25
"""Inputs of one transaction: neither the first of a crowd nor a schedule is to wait for the rows of all."""
STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT)
IDLE_SIGNALS = (signal.SIGUSR1, signal.SIGUSR2)
"""Caught, as by default they kill, and somebody may take us for a daemon to which they mean something."""
OF_THE_BRAIN = frozenset({TimerKind.START, TimerKind.TIMEOUT, TimerKind.KILL, TimerKind.SHUTDOWN})


class Brain(Protocol):
    @property
    def processes(self) -> Processes: ...

    def handle(self, happened: Input, now: Now) -> list[Effect]: ...


@frozen
class Hooks:
    """What the owner of an engine wants to hear beside the brain."""

    saved: Callable[[Run], None]
    tidings: Callable[[Event, Run | None], Sequence[Tiding]]
    publish: Callable[[Event], None]
    reply: Callable[[Reply], None]
    due: Callable[[Timer, Now], None]
    removed: Callable[[Removed], None]
    malformed: Callable[[Now], None]
    hang_up: Callable[[], None]


def catching_loop() -> Loop:
    """What is signalled from now on waits for the first turn of the engine that gets this loop."""
    loop = Loop()
    loop.catch((signal.SIGCHLD, signal.SIGHUP, *STOP_SIGNALS, *IDLE_SIGNALS))
    return loop


@dataclass(slots=True)
class Engine:
    loop: Loop
    brain: Brain
    born: Born
    recorder: Recorder
    log: Log
    hooks: Hooks
    copy: Copy | None = None
    outputs: Outputs = field(init=False)
    children: Children = field(init=False)
    pump: Sidecar[FromPump] = field(init=False)
    performer: Performer = field(init=False)
    _sidecars: list[Sidecar[Any]] = field(init=False, default_factory=list)
    _awaited: dict[int, Callable[[str], None]] = field(init=False, default_factory=dict)
    _inbox: list[Input] = field(init=False, default_factory=list)
    _is_trouble_known: bool = field(init=False, default=False)

    def __post_init__(self) -> None:
        is_raw = self.copy is not None and self.copy.is_raw
        hello = Hello(self.born.data.logs, self.born.config.min_free_space, is_raw)
        self.outputs = Outputs(hello, self.copy)
        self.children = Children(self.born.launcher, self.born.data.absolute, self.outputs.fds_of)
        user = User(self.outputs.attach, self.outputs.detach, self._pump_said)
        self.pump = self.sidecar(PUMP, FROM_PUMP, user, needs_packages=False)
        outside = Outside(
            self.recorder,
            self.children,
            self.outputs,
            self.loop.timers,
            self.hooks.saved,
            self.hooks.tidings,
            self.hooks.publish,
            self.hooks.reply,
        )
        self.performer = Performer(outside, self.born.data.absolute, self.born.config.min_free_space)
        self._check_sidecars(host.now())

    def sidecar(self, module: str, kinds: Kinds[M], user: User[M], *, needs_packages: bool) -> Sidecar[M]:
        """One that this engine watches, reaps and starts again; the caller starts it first."""
        watched = User(user.attach, partial(self._detach, user), user.hear)
        env = environment.inherited(os.environ, self.born.config.secret_variables)
        sidecar = Sidecar(module, kinds, needs_packages, env, self.loop.timers, self.log, watched)
        self._sidecars.append(sidecar)
        return sidecar

    def await_end(self, pid: int, ended: Callable[[str], None]) -> None:
        """Of a child that is neither a run's nor a sidecar; ``ended`` is told how, in words."""
        self._awaited[pid] = ended

    def wait(self, until: Mono | None = None) -> Now:
        """Sleeps until something happens, unless something did; gives the time it is then."""
        for sidecar in self._sidecars:
            if sidecar.link:
                events = READ | WRITE if sidecar.link.wants_write else READ
                self.loop.watch(sidecar.link.fileno(), events, sidecar.hear)
        now = host.now()
        if self.recorder.is_degraded and not self._is_trouble_known:
            self._tell_trouble(now)
        self.loop.wait(now, now.mono if self._inbox else until)
        return host.now()

    def turn(self, now: Now, ticked: Sequence[Ticked] = (), until: Mono | None = None) -> None:
        """What happened, through the brain and out into the world: all of it or, when much happened, what can
        be done until then."""
        self._take_signals(now)
        self._take_timers(now)
        inputs, self._inbox = in_order(self._inbox, ticked, self._task_of), []
        while inputs:
            part, inputs = inputs[:TOGETHER], inputs[TOGETHER:]
            effects = [effect for happened in part for effect in self.brain.handle(happened, now)]
            inputs += self.performer.perform(effects)
            now = host.now()
            if until is not None and until <= now.mono and not self.performer.quit:
                break
        self._inbox[:0] = inputs

    def _task_of(self, run_id: str) -> str:
        active = self.brain.processes.active.get(run_id)
        return active.run.task_name if active else ""

    def feed(self, inputs: Sequence[Input]) -> None:
        """For the next turn."""
        self._inbox.extend(inputs)

    def finish_awaited(self, within: Millis) -> None:
        """Waits for the ends of those children, but not long."""
        by = after(host.now().mono, within)
        while self._awaited:
            now = self.wait(by)
            self.loop.timers.due(now.mono)  # as in ``close``
            self._take_signals(now)
            if now.mono >= by:
                return

    def close(self) -> None:
        """After Quit: ends the helpers, of which the pump first finishes its files, and lets go of
        everything."""
        assert self.performer.quit
        for run_id in self.performer.quit.abandoned:
            self.log.error("a process does not end; its run is left open", run=run_id)
        for sidecar in self._sidecars:
            sidecar.stop()
        others = [sidecar for sidecar in self._sidecars if sidecar is not self.pump]
        if not self._end_together(others, OTHERS_END_WITHIN):
            for sidecar in others:
                sidecar.kill()
        if not self._end_together(self._sidecars, PUMP_ENDS_WITHIN):
            self.log.error("the log pump does not end; leaving it behind", pid=self.pump.pid)
        self.outputs.close()
        self.born.launcher.close()
        self.loop.close()

    def _end_together(self, sidecars: Sequence[Sidecar[Any]], within: Millis) -> bool:
        """Whether they have all ended by then."""
        by = after(host.now().mono, within)
        while any(sidecar.pid for sidecar in sidecars):
            now = self.wait(by)
            self.loop.timers.due(now.mono)  # nothing of all that is done any more, nor keeps us awake
            self._take_signals(now)
            if now.mono >= by:
                return not any(sidecar.pid for sidecar in sidecars)
        return True

    def _take_signals(self, now: Now) -> None:
        signals, self.loop.signals = self.loop.signals, []
        if signal.SIGCHLD in signals:
            self._reap(now)
        for signum in signals:
            if signum in STOP_SIGNALS:
                self._inbox.append(StopDaemon(signal.Signals(signum).name))
            elif signum == signal.SIGHUP:
                self.hooks.hang_up()
            elif signum in IDLE_SIGNALS:
                self.log.info(f"{signal.Signals(signum).name} changes nothing")

    def _reap(self, now: Now) -> None:
        for end in self.children.reap():
            if not isinstance(end, SidecarExited):
                self._inbox.append(end)
            elif ended := self._awaited.pop(end.pid, None):
                ended(end.how)
            elif sidecar := next((each for each in self._sidecars if each.pid == end.pid), None):
                while sidecar.hear():
                    pass  # its last words, however many
                sidecar.exited(now, end.how)

    def _take_timers(self, now: Now) -> None:
        due = self.loop.timers.due(now.mono)
        if any(timer.kind in OF_THE_BRAIN for timer in due):
            self._reap(now)  # what ended in time is not late because both are seen together
        for timer in due:
            if timer.kind in OF_THE_BRAIN:
                self._inbox.append(Due(timer))
            elif timer.kind is TimerKind.SIDECAR:
                next(each for each in self._sidecars if each.module == timer.key).start(now)
            elif timer == CHECK_TIMER:
                self._check_sidecars(now)
            elif timer == RECORD_TIMER:
                self._record_again(now)
            else:
                self.hooks.due(timer, now)

    def _check_sidecars(self, now: Now) -> None:
        """All at once, as each time wakes us."""
        for sidecar in self._sidecars:
            sidecar.check()
        self.loop.timers.arm(CHECK_TIMER, after(now.mono, CHECK_EVERY))

    def _tell_trouble(self, now: Now) -> None:
        """Before the next sleep, whoever it was that wanted something recorded."""
        self._is_trouble_known = True
        self.log.error(
            "the history cannot be written; no task is started",
            why=self.recorder.reason,
            next=self.recorder.hint,
        )
        wait = 0 if self.recorder.is_malformed else RECORD_AGAIN_AFTER
        self.loop.timers.arm(RECORD_TIMER, after(now.mono, wait))

    def _record_again(self, now: Now) -> None:
        if self.recorder.is_malformed:
            self.hooks.malformed(now)
        if self.recorder.retry():
            self._is_trouble_known = False
            self.log.info("the history is written again", dropped=self.recorder.dropped)
        else:
            self.loop.timers.arm(RECORD_TIMER, after(now.mono, RECORD_AGAIN_AFTER))

    def _detach(self, user: User[M], link: Link[M]) -> None:
        self.loop.unwatch(link.fileno())
        user.detach(link)

    def _pump_said(self, message: FromPump) -> None:
        is_news = self.outputs.heard(message)
        if isinstance(message, Removed):
            self.hooks.removed(message)
        elif is_news:
            self._inbox.append(message)
