"""What a brain needs around it to run anything: loop, children, pump, performer. Daemon and `exec` have one.

Gathers what happened since the last turn and has the brain's wishes performed; decides nothing itself.
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from runwisp import host
from runwisp.clock import SECOND, Millis, Mono, Now, after
from runwisp.daemon.birth import Born
from runwisp.daemon.children import Children, SidecarExited
from runwisp.daemon.effects import Effect, Reply
from runwisp.daemon.inputs import Due, Input, StopDaemon
from runwisp.daemon.outputs import Copy, Outputs
from runwisp.daemon.perform import Outside, Performer
from runwisp.daemon.sidecars import Sidecar
from runwisp.daemonlog import Log
from runwisp.errors import LinkClosed
from runwisp.event import Event
from runwisp.link import Link
from runwisp.loop import READ, WRITE, Loop
from runwisp.recorder import Recorder
from runwisp.run import Run
from runwisp.timers import Timer, TimerKind
from runwisp.wire import Exited, Hello, Open, Remove, Removed, SystemLine

PUMP = "runwisp.pump.main"
RECORD_TIMER = Timer(TimerKind.RECORD)
RECORD_AGAIN_AFTER: Millis = SECOND
PUMP_ENDS_WITHIN: Millis = 5 * SECOND
TOGETHER = 50
"""Inputs of one transaction: the first of a crowd is not to wait for the rows of all."""
STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT)
IDLE_SIGNALS = (signal.SIGUSR1, signal.SIGUSR2)
"""Caught, as by default they kill, and somebody may take us for a daemon to which they mean something."""
OF_THE_BRAIN = frozenset({TimerKind.START, TimerKind.TIMEOUT, TimerKind.KILL, TimerKind.SHUTDOWN})


class Brain(Protocol):
    @property
    def lingering(self) -> Collection[str]:
        """Runs that have ended but whose leftovers are still to be ended."""

    def handle(self, happened: Input, now: Now) -> list[Effect]: ...


@dataclass(frozen=True, slots=True)
class Hooks:
    """What the owner of an engine wants to hear beside the brain."""

    saved: Callable[[Run], None]
    publish: Callable[[Event], None]
    reply: Callable[[Reply], None]
    due: Callable[[Timer, Now], None]
    removed: Callable[[Removed], None]
    malformed: Callable[[Now], None]
    hang_up: Callable[[], None]


@dataclass(slots=True)
class Engine:
    brain: Brain
    born: Born
    recorder: Recorder
    log: Log
    hooks: Hooks
    copy: Copy | None = None
    loop: Loop = field(init=False)
    outputs: Outputs = field(init=False)
    children: Children = field(init=False)
    pump: Sidecar = field(init=False)
    performer: Performer = field(init=False)
    _inbox: list[Input] = field(init=False, default_factory=list)

    def __post_init__(self) -> None:
        self.loop = Loop()
        self.loop.catch((signal.SIGCHLD, signal.SIGHUP, *STOP_SIGNALS, *IDLE_SIGNALS))
        self.outputs = Outputs(Hello(self.born.data.logs, self.born.config.min_free_space), self.copy)
        self.children = Children(self.born.launcher, self.born.data.absolute, self.outputs.fds_of)
        self.pump = Sidecar(PUMP, self.loop.timers, self.log, self._attach, self._detach)
        outside = Outside(
            self.recorder,
            self.children,
            self.outputs,
            self.loop.timers,
            self.hooks.saved,
            self.hooks.publish,
            self.hooks.reply,
        )
        self.performer = Performer(outside, self.born.data.absolute, self.born.config.min_free_space)

    def wait(self, until: Mono | None = None) -> Now:
        """Sleeps until something happens, unless something did; gives the time it is then."""
        link = self.pump.link
        if link:
            events = READ | WRITE if link.wants_write else READ
            self.loop.watch(link.fileno(), events, self._hear_pump)
        now = host.now()
        self.loop.wait(now, now.mono if self._inbox else until)
        return host.now()

    def turn(self, now: Now, more: Sequence[Input] = ()) -> None:
        """Everything that happened, and ``more``, through the brain and out into the world."""
        self._take_signals(now)
        self._take_timers(now)
        inputs = [*self._inbox, *more]
        self._inbox = []
        while inputs:
            part, inputs = inputs[:TOGETHER], inputs[TOGETHER:]
            effects = [effect for happened in part for effect in self.brain.handle(happened, now)]
            inputs += self.perform(effects, now)

    def perform(self, effects: Sequence[Effect], now: Now) -> list[Input]:
        was_degraded = self.recorder.is_degraded
        followups = self.performer.perform(effects)
        if self.recorder.is_degraded and not was_degraded:
            self.log.error(
                "the history cannot be written; no task is started",
                why=self.recorder.reason,
                next=self.recorder.hint,
            )
            self.loop.timers.arm(RECORD_TIMER, after(now.mono, RECORD_AGAIN_AFTER))
        return followups

    def feed(self, inputs: Sequence[Input]) -> None:
        """For the next turn."""
        self._inbox.extend(inputs)

    def close(self) -> None:
        """After Quit: ends the pump, which first finishes its files, and lets go of everything."""
        assert self.performer.quit
        for run_id in self.performer.quit.abandoned:
            self.log.error("a process does not end; its run is left open", run=run_id)
        self.pump.stop()
        by = after(host.now().mono, PUMP_ENDS_WITHIN)
        while self.pump.pid:
            now = self.wait(by)
            self.loop.timers.due(now.mono)  # nothing of all that is done any more, nor keeps us awake
            if now.mono >= by:
                self.log.error("the log pump does not end; leaving it behind", pid=self.pump.pid)
                break
            self._take_signals(now)
        self.outputs.close()
        self.born.launcher.close()
        self.loop.close()

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
            elif end.pid == self.pump.pid:
                while self._hear_pump():
                    pass  # its last words, however many
                self.pump.exited(now, end.how)
        self._inbox.extend(self.children.gone(self.brain.lingering))

    def _take_timers(self, now: Now) -> None:
        for timer in self.loop.timers.due(now.mono):
            if timer.kind in OF_THE_BRAIN:
                self._inbox.append(Due(timer))
            elif timer.kind is TimerKind.SIDECAR:
                self.pump.start(now)
            elif timer == RECORD_TIMER:
                self._record_again(now)
            else:
                self.hooks.due(timer, now)

    def _record_again(self, now: Now) -> None:
        if self.recorder.is_malformed:
            self.hooks.malformed(now)
        if self.recorder.retry():
            self.log.info("the history is written again", dropped=self.recorder.dropped)
        else:
            self.loop.timers.arm(RECORD_TIMER, after(now.mono, RECORD_AGAIN_AFTER))

    def _attach(self, link: Link) -> None:
        self.loop.watch(link.fileno(), READ, self._hear_pump)
        self.outputs.attach(link)

    def _detach(self, link: Link) -> None:
        self.loop.unwatch(link.fileno())
        self.outputs.detach()

    def _hear_pump(self) -> bool:
        """False when there was nothing to hear."""
        link = self.pump.link
        if link is None:
            return False
        try:
            link.flush()
            messages = link.receive()
        except LinkClosed:
            # The pump is dying; its end is told by SIGCHLD.
            self.pump.disconnect()
            return False
        for message, _ in messages:
            match message:
                case Hello() | Open() | SystemLine() | Exited() | Remove():
                    raise AssertionError(f"not for the daemon: {message}")
                case Removed():
                    self.outputs.heard(message)
                    self.hooks.removed(message)
                case _ if self.outputs.heard(message):
                    self._inbox.append(message)
                case _:
                    pass
        return bool(messages)
