"""A copy of a run's output to where ``exec`` shows it: as it comes or, to a terminal, made safe for it.

Never ends the run: a reader of the copy that goes away only ends the copying. Called by ``pump.stream``.
"""

from __future__ import annotations

import os
from contextlib import suppress

from runwisp.escapes import Plain
from runwisp.logfile import write_all


class Copy:
    """Owns ``fd``. It may be slow: then the run, the only one of an ``exec``, waits as without us.

    ``is_raw``: a terminal gets everything, too.
    """

    def __init__(self, fd: int, *, is_raw: bool) -> None:
        self._fd = fd
        self._plain = Plain() if os.isatty(fd) and not is_raw else None
        os.set_blocking(fd, True)

    def write(self, data: memoryview) -> None:
        if self._fd < 0:
            return
        try:
            write_all(self._fd, self._plain.feed(bytes(data)) if self._plain else data)
        except OSError:  # whoever showed it is gone
            self.close()

    def close(self) -> None:
        if self._fd < 0:
            return
        fd, self._fd = self._fd, -1
        with suppress(OSError):
            write_all(fd, self._plain.end() if self._plain else b"")
        os.close(fd)
