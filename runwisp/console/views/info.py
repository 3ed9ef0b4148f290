"""Info: how busy the machine has been, what the daemon is, and its own processes.

Pure. Called by ``view``.
"""

from __future__ import annotations

from collections.abc import Sequence

from runwisp.console.graph import plotted
from runwisp.console.model import Model
from runwisp.console.records import Sample, System
from runwisp.console.style import Tone
from runwisp.console.views.sheet import BLANK, Cell, Row, Sheet, aligned, fact, facts, heading, note, notes
from runwisp.console.words import clock_length, clock_time, count, exact, plural, size
from runwisp.version import VERSION

SCALE = 7
"""Cells before a plot."""

MOST_COLUMNS = 120


def rows(model: Model, on: Sheet) -> list[Row]:
    if model.system is None or model.info is None:
        return [BLANK, *notes(model.trouble or "Asking the daemon.", on)]
    system = model.system
    cpu = f"{system.cpu_usage:.0f} % of {plural(system.cpu_cores, 'core')}"
    memory = f"{system.mem_usage:.0f} %, {size(system.mem_used)} of {size(system.mem_total)}"
    return [
        *_plot("CPU", cpu, [sample.cpu for sample in model.samples], model.samples, on),
        BLANK,
        *_plot("Memory", memory, [sample.mem for sample in model.samples], model.samples, on),
        BLANK,
        *_daemon(model, on),
        BLANK,
        *_machine(system, on),
        BLANK,
        *_processes(system, on),
    ]


def _plot(title: str, now: str, values: Sequence[float], samples: Sequence[Sample], on: Sheet) -> list[Row]:
    found = [heading(title, f"{now} now")]
    if len(samples) < 2:
        return [*found, note("The first minutes are being measured.")]
    columns = min(MOST_COLUMNS, on.columns - SCALE - 2)
    high = max(3, min(8, (on.rows - 8) // 2))
    labels = {0: "100 %", high - 1: "0 %"}
    for number, line in enumerate(plotted(values, columns, high, 100, on.signs.bars)):
        found.append(Row(((f"{labels.get(number, ''):>{SCALE}} ", Tone.DIM), (line, Tone.RUN))))
    start, end = (clock_time(sample.at, on.zone) for sample in (samples[0], samples[-1]))
    axis = start.ljust(max(0, min(columns, max(len(values), 20)) - len(end))) + end
    return [*found, Row(((" " * (SCALE + 1) + axis.rjust(columns), Tone.DIM),))]


def _daemon(model: Model, on: Sheet) -> list[Row]:
    info = model.info
    if info is None:
        return []
    differs = f"  (this console is {VERSION})" if info.version != VERSION else ""
    deliveries = info.deliveries
    lost = f", {count(deliveries.dropped)} dropped, as the queue was full" if deliveries.dropped else ""
    found = [
        heading("The daemon"),
        fact("Version", f"RunWisp {info.version}", (differs, Tone.WARN)),
        fact("Up for", f"{clock_length(on.now - info.started_at)}, since {exact(info.started_at, on.zone)}"),
        fact("Address", model.url),
        fact("Fingerprint", info.fingerprint),
        fact("Zone", info.zone, (f"  from {info.zone_source}" if info.zone_source else "", Tone.DIM)),
        *facts("Health", info.health + (f": {info.health_reason}" if info.health_reason else ""), on),
        fact("Notifications", f"{count(deliveries.waiting)} on their way", (lost, Tone.WARN)),
        *facts("Configuration", info.config_path, on),
        fact("Loaded", exact(info.config_loaded_at, on.zone)),
    ]
    if info.external_url:
        found += facts("Seen as", info.external_url, on)
    if info.is_config_stale:
        found.append(note(f"{on.signs.warning} The file has changed since it was loaded.", Tone.WARN))
    return found


def _machine(system: System, on: Sheet) -> list[Row]:
    return [
        heading("Its machine"),
        fact("Host", system.host),
        fact("System", f"{system.os}, {system.arch}, {plural(system.cpu_cores, 'core')}"),
        *facts("Data directory", system.work_dir, on),
    ]


def _processes(system: System, on: Sheet) -> list[Row]:
    head = [Cell(text, columns, Tone.DIM) for text, columns in (("PID", 9), ("ROLE", 12), ("MEMORY", 10))]
    found = [heading("Its processes"), aligned([*head, Cell("CPU", 8, Tone.DIM)], on)]
    for own in system.processes:
        cells = [Cell(str(own.pid), 9), Cell(own.role, 12), Cell(size(own.rss), 10)]
        found.append(aligned([*cells, Cell(f"{own.cpu:.1f} %", 8)], on))
    return found
