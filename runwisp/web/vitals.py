"""How busy the machine and our own processes have been: a sample every ten seconds, for an hour.

Has a thread of its own, which sleeps between samples. Usages are in percent since the sample before the last,
so they are of ten to twenty seconds. Started by ``main``; called by ``routes.daemon``.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable
from contextlib import suppress

from runwisp import host, machine
from runwisp.clock import HOUR, SECOND, Mono
from runwisp.frozen import frozen
from runwisp.machine import TICKS_PER_SECOND, Cpu, Process
from runwisp.web.records import ProcessRecord, Sample

EVERY = 10 * SECOND


@frozen
class _Look:
    at: Mono
    cpu: Cpu
    processes: dict[int, Process]


class Vitals:
    """``processes`` tells role and pid of those to be watched."""

    def __init__(self, processes: Callable[[], Iterable[tuple[str, int]]]) -> None:
        self._processes = processes
        look = self._look()
        self._looks = deque([look, look], maxlen=2)
        self._samples: deque[Sample] = deque(maxlen=HOUR // EVERY)

    def run(self) -> None:
        pause = threading.Event()
        while not pause.wait(EVERY / SECOND):
            with suppress(OSError):  # where no more files may be opened the hour has a gap
                self.take()

    def take(self) -> None:
        """A sample of the time since the one before."""
        look, memory = self._look(), machine.memory()
        self._samples.append(
            Sample(
                ts=host.wall(),
                cpu=_busy(self._looks[-1], look),
                mem=percent(memory.used, memory.total),
                mem_used=memory.used,
                mem_total=memory.total,
            )
        )
        self._looks.append(look)

    def samples(self) -> tuple[Sample, ...]:
        """The oldest first."""
        return tuple(self._samples.copy())

    def now(self) -> tuple[float, tuple[ProcessRecord, ...]]:
        """The machine's CPU, and our processes, those that are gone left out."""
        before, look = self._looks[0], self._look()
        found = (
            ProcessRecord(
                pid=pid, role=role, rss=look.processes[pid].rss_bytes, cpu=_cpu_of(pid, before, look)
            )
            for role, pid in self._processes()
            if pid in look.processes
        )
        return _busy(before, look), tuple(found)

    def _look(self) -> _Look:
        looks = ((pid, machine.process(pid)) for _, pid in self._processes())
        return _Look(host.now().mono, machine.cpu(), {pid: each for pid, each in looks if each})


def percent(part: float, whole: float) -> float:
    return round(100 * part / whole, 2) if whole > 0 else 0.0


def _busy(before: _Look, look: _Look) -> float:
    return percent(look.cpu.busy - before.cpu.busy, look.cpu.total - before.cpu.total)


def _cpu_of(pid: int, before: _Look, look: _Look) -> float:
    """In percent of one core; since its start for one that is younger than the look before."""
    former = before.processes.get(pid)
    ticks = look.processes[pid].cpu_ticks - (former.cpu_ticks if former else 0)
    return max(0.0, percent(ticks * SECOND, (look.at - before.at) * TICKS_PER_SECOND))
