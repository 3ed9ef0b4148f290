"""What web asks of the daemon: each question is answered, at once or when the supervisor has decided.

Decides nothing about tasks. Web is trusted with who asks and nothing else: it knows neither the password nor
how often somebody failed. Called with what web says and with what the supervisor replies.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, assert_never

from runwisp import host
from runwisp.clock import Wall
from runwisp.daemon.effects import Reply
from runwisp.daemon.inputs import Asked, RestartService, StopRun, StopTask, TriggerTask, Wish
from runwisp.errors import HistoryMalformed, HistoryUnwritable, RunWispError
from runwisp.frozen import frozen
from runwisp.login import Logins
from runwisp.recorder import Recorder
from runwisp.run import Run
from runwisp.run import Trigger as TriggeredBy
from runwisp.runmeta import row_of
from runwisp.task import AnyTask, Task
from runwisp.webwire import (
    Answer,
    Challenge,
    DeleteRun,
    EndRun,
    Login,
    MarkNotices,
    OpenLaunch,
    Question,
    Refusal,
    Restart,
    Revoke,
    Stop,
    Trigger,
    UseLaunch,
)

Value = Mapping[str, Any]
Immediate = DeleteRun | Challenge | Login | OpenLaunch | UseLaunch | Revoke | MarkNotices


@frozen
class Powers:
    """What a question can bring about. ``ask`` puts one to the supervisor; the others take effect at once,
    and raise a RunWispError where they cannot."""

    ask: Callable[[Asked], None]
    answer: Callable[[Answer | Refusal], None]
    delete_run: Callable[[str], None]
    revoke_token: Callable[[str, Wall, Wall], None]
    mark_notices: Callable[[tuple[str, ...] | None, bool], None]


@dataclass(slots=True)
class Control:
    """``touched``: the tasks that somebody asked something about, for who tells what became of them."""

    tasks: Mapping[str, AnyTask]
    recorder: Recorder
    logins: Logins
    powers: Powers
    touched: set[str] = field(default_factory=set)

    def asked(self, question: Question) -> None:
        match question:
            case Trigger(ticket, name):
                if self.recorder.is_degraded and isinstance(self.tasks.get(name), Task):
                    self._refuse_unrecorded(ticket)
                else:
                    self._wish(ticket, TriggerTask(name, TriggeredBy.API))
            case Stop(ticket, name):
                self._wish(ticket, StopTask(name))
            case Restart(ticket, name):
                self._wish(ticket, RestartService(name))
            case EndRun(ticket, run_id):
                self._wish(ticket, StopRun(run_id))
            case _:
                self._do(question)

    def replied(self, reply: Reply) -> None:
        """The supervisor has decided."""
        match reply.answer:
            case Run() as run:
                self._answer(reply.ticket, {"run": row_of(run)})
            case str(message):
                self._answer(reply.ticket, {"message": message})
            case RunWispError() as error:
                self._refuse(reply.ticket, error)

    def _wish(self, ticket: int, wish: Wish) -> None:
        if not isinstance(wish, StopRun):
            self.touched.add(wish.name)
        self.powers.ask(Asked(wish, ticket))

    def _do(self, question: Immediate) -> None:
        try:
            value = self._value(question)
        except RunWispError as error:
            if isinstance(error, HistoryMalformed):
                self.recorder.found_malformed(error)
            self._refuse(question.ticket, error)
        else:
            self._answer(question.ticket, value)

    def _value(self, question: Immediate) -> Value:
        """Raises: RunWispError."""
        now = host.now()
        match question:
            case Challenge(_, address):
                return {"nonce": self.logins.challenge(address, now.mono)}
            case Login(_, address, nonce, response):
                self.logins.check(address, nonce, response, now.mono)
            case OpenLaunch():
                return {"secret": self.logins.open_ticket(now.mono)}
            case UseLaunch(_, secret):
                self.logins.use_ticket(secret, now.mono)
            case Revoke(_, token_id, expires_at):
                self.powers.revoke_token(token_id, Wall(expires_at), now.wall)
            case DeleteRun(_, run_id):
                self.powers.delete_run(run_id)
            case MarkNotices(_, ids, is_read):
                self.powers.mark_notices(ids, is_read)
            case _:
                assert_never(question)
        return {}

    def _answer(self, ticket: int, value: Value) -> None:
        self.powers.answer(Answer(ticket, value))

    def _refuse(self, ticket: int, error: RunWispError) -> None:
        self.powers.answer(Refusal(ticket, error.code, error.message, error.hint, error.retry_after))

    def _refuse_unrecorded(self, ticket: int) -> None:
        why = f"not started, since the history cannot be written: {self.recorder.reason}"
        self.powers.answer(Refusal(ticket, HistoryUnwritable.code, why, self.recorder.hint))
