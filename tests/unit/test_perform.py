"""In which order a turn is carried out, and how often the machine is asked for it."""

from __future__ import annotations

from collections.abc import Collection

from runwisp.clock import Wall
from runwisp.daemon.children import Children
from runwisp.daemon.effects import EndLog, NameLeftovers
from runwisp.daemon.outputs import Outputs
from runwisp.daemon.perform import Outside, Performer
from runwisp.ids import spelled
from runwisp.recorder import Recorder
from runwisp.run import Run, Trigger, drafted
from runwisp.timers import Timers
from tests.unit.history import a_task
from tests.unit.test_recorder import Ledger


class Left(Children):
    """Every run left one process behind."""

    def __init__(self) -> None:
        self.asked: list[Collection[str]] = []

    def leftovers(self, run_ids: Collection[str]) -> list[tuple[str, str]]:
        self.asked.append(run_ids)
        return [(run_id, "left") for run_id in sorted(run_ids)]


class Logs(Outputs):
    """Notes what it is told."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def say(self, run_id: str, text: str) -> None:
        self.told.append(f"say {text} {run_id}")

    def end(self, run: Run) -> None:
        self.told.append(f"end {run.id}")


def test_what_a_crowd_left_behind_is_looked_for_once_and_named_before_its_logs_end() -> None:
    """A look is a pass over all processes of the machine: hundreds held up a firing by seconds."""
    runs = [drafted(spelled(number), a_task(), Trigger.CRON, Wall(number)) for number in (1, 2)]
    left, logs = Left(), Logs()
    outside = Outside(
        Recorder(Ledger()),
        left,
        logs,
        Timers(),
        saved=lambda _: None,
        tidings=lambda *_: (),
        publish=lambda _: None,
        reply=lambda _: None,
    )
    performer = Performer(outside, "/data", min_free_space=0)
    performer.perform(effect for run in runs for effect in (NameLeftovers(run.id), EndLog(run)))
    first, second = (run.id for run in runs)
    assert left.asked == [{first, second}]
    assert logs.told == [f"say left {first}", f"say left {second}", f"end {first}", f"end {second}"]
