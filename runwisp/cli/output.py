"""The output of a run on its way to this terminal, file or pipe.

Never lets a task's escape sequences through to a terminal, but for colours, unless that is asked for. Called
by the commands that show output.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from typing import Any

from runwisp.client import Client, path
from runwisp.errors import RunWispError
from runwisp.escapes import Plain
from runwisp.logfile import write_all
from runwisp.logline import LINE_MAX, PREFIXES, Stream
from runwisp.printable import counted

STDOUT, STDERR = 1, 2
STREAMS = {stream.word: stream for stream in Stream}
"""By their names in the API."""


class Output:
    """``is_split``: what the run printed on stderr goes to stderr; else all goes to stdout, marked as in the
    file. ``is_raw``: everything goes to a terminal as well.
    """

    def __init__(self, *, is_split: bool = False, is_raw: bool = False) -> None:
        self._is_split = is_split
        self._plain = {fd: Plain() for fd in (STDOUT, STDERR) if os.isatty(fd) and not is_raw}
        self._cut = -1
        """The descriptor on which a line stands whose end has not come."""
        for fd in (STDOUT, STDERR):
            os.set_blocking(fd, True)

    def __enter__(self) -> Output:
        return self

    def __exit__(self, *_: object) -> None:
        """However it ends, so that neither an error nor the prompt is in the task's colours, or hidden."""
        self.end()

    def write(self, data: bytes, fd: int = STDOUT) -> None:
        """Raises: RunWispError, BrokenPipeError."""
        try:
            write_all(fd, self._plain[fd].feed(data) if fd in self._plain else data)
        except BrokenPipeError:
            raise
        except OSError as error:
            raise RunWispError(f"cannot write the output: {error.strerror}") from error

    def line(self, line: Mapping[str, Any]) -> None:
        """A line of the API."""
        stream, text = STREAMS[line["stream"]], line["text"].encode()
        fd = STDERR if self._is_split and stream is not Stream.STDOUT else STDOUT
        goes_on = bool(line.get("continued")) and self._cut == fd
        if self._cut >= 0 and not goes_on:
            self.write(b"\n", self._cut)
        is_marked = not goes_on and not (self._is_split and stream is Stream.STDERR)
        # As long as a line can be: it was cut there, and only what follows tells whether it ended there too.
        self._cut = fd if len(text) >= LINE_MAX else -1
        end = b"" if self._cut >= 0 else b"\n"
        self.write((PREFIXES[stream] if is_marked else b"") + text + end, fd)

    def note(self, text: str) -> None:
        """What we ourselves have to say."""
        self.end()
        print(text, file=sys.stderr, flush=True)

    def end(self) -> None:
        """Leaves the terminal as it was."""
        if self._cut >= 0:
            self.write(b"\n", self._cut)
            self._cut = -1
        for fd, plain in self._plain.items():
            write_all(fd, plain.end())
            self._plain[fd] = Plain()


def follow(client: Client, run: Mapping[str, Any], output: Output, first: int = 1) -> Mapping[str, Any]:
    """Shows what a run prints until it has ended; the run as it is then. ``first``: from this line on, or,
    negative, from so many before the end.

    Raises: Unreachable where the daemon is gone for longer than a restart takes.
    """
    where = path("tasks", run["task_name"], "runs", run["id"])
    for event in client.events(f"{where}/log/stream", from_=first):
        match event.kind:
            case "line":
                output.line(json.loads(event.data))
            case "dropped":
                lost = json.loads(event.data)["count"]
                output.note(f"{counted(lost, 'line')} left out: they came faster than they could be shown")
            case "done":
                output.end()
                return json.loads(event.data)  # type: ignore[no-any-return]
    raise AssertionError("a stream ends with its reader only")
