"""One bound on all that an attempt does: looking up names, connecting, TLS, an answer that comes in drops.

Nothing can interrupt the C library while it looks up a name. So the work is done by a thread, which is left
alone when its time is over: this process is about to end.
"""

from __future__ import annotations

from collections.abc import Callable
from threading import Thread
from typing import Generic, TypeVar

from runwisp.clock import SECOND, Millis

ATTEMPT: Millis = 15 * SECOND
"""What one attempt to deliver may take."""

T = TypeVar("T")


class TooLate(Exception):
    """The time is over, and the work is not done."""


class _Work(Generic[T]):
    """What came of it, once it is done."""

    result: T
    error: BaseException | None = None

    def __init__(self, do: Callable[[], T]) -> None:
        self._do = do

    def carry_out(self) -> None:
        try:
            self.result = self._do()
        except BaseException as error:
            self.error = error


def within(length: Millis, do: Callable[[], T]) -> T:
    """What ``do`` gives, or raises. Raises: TooLate."""
    work = _Work(do)
    thread = Thread(target=work.carry_out, daemon=True)
    thread.start()
    thread.join(length / SECOND)
    if thread.is_alive():
        raise TooLate
    if work.error:
        raise work.error
    return work.result
