"""Any run there can be, for properties that hold of all."""

from __future__ import annotations

from hypothesis import strategies as st

from runwisp.clock import Wall
from runwisp.ids import spelled
from runwisp.run import EndReason, Phase, Run, Trigger, WaitsFor
from runwisp.task import Kind

instants = st.integers(0, 2**42).map(Wall)
numbers = st.integers(0, 2**47)
counts = st.integers(0, 2**53)
texts = st.text(max_size=40)
messages = st.text(alphabet=st.characters(exclude_categories=()), max_size=40)
"""Lone surrogates among them, which stand for bytes of a path that are no text."""


@st.composite
def runs(draw: st.DrawFn) -> Run:
    phase = draw(st.sampled_from(Phase))
    return Run(
        id=spelled(draw(st.integers(0, 2**128 - 1))),
        task_name=draw(texts),
        kind=draw(st.sampled_from(Kind)),
        phase=phase,
        triggered_by=draw(st.sampled_from(Trigger)),
        created_at=draw(instants),
        log_stem=draw(texts),
        message=draw(messages),
        waits_for=draw(st.none() | st.sampled_from(WaitsFor)),
        due_at=draw(st.none() | instants),
        scheduled_for=draw(st.none() | instants),
        start_at=draw(st.none() | instants),
        end_at=draw(st.none() | instants),
        end_reason=draw(st.sampled_from(EndReason)) if phase is Phase.ENDED else None,
        exit_code=draw(st.integers(-2, 255)),
        replica_index=draw(st.integers(0, 63)),
        retry_attempt=draw(st.integers(0, 100)),
        retry_of_run_id=draw(st.none() | texts),
        cpu_seconds=draw(st.none() | st.floats(0, 1e9)),
        max_rss_bytes=draw(st.none() | numbers),
        log_lines=draw(counts),
        log_bytes=draw(counts),
        log_dropped_lines=draw(counts),
        log_disk_bytes=draw(counts),
        pid=draw(st.none() | st.integers(1, 2**22)),
        pid_started=draw(st.none() | numbers),
    )
