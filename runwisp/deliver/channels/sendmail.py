"""Mail by the program sendmail, which every mail system has under that name.

Its recipients are read from the mail itself, so that nothing of it is among its arguments.
Source: sendmail(8), sysexits.h(3head).
"""

from __future__ import annotations

import os

from runwisp.deliver import program
from runwisp.deliver.dispatch import Dispatch
from runwisp.deliver.mail import mail
from runwisp.errors import NotDelivered
from runwisp.notifier import Sendmail

PASSING = frozenset({os.EX_UNAVAILABLE, os.EX_OSERR, os.EX_CANTCREAT, os.EX_IOERR, os.EX_TEMPFAIL})
"""Exit codes that may be others the next time."""


def send(dispatch: Dispatch, notifier: Sendmail) -> None:
    """Raises: NotDelivered."""
    to = (dispatch.order.target,) if dispatch.order.target else notifier.to
    letter = mail(dispatch, to, from_=notifier.from_)
    # Lines end here as they do on this machine: sendmail makes of them what mail has.
    content = letter.as_bytes(policy=letter.policy.clone(linesep="\n"))
    ended = program.run(notifier.path, (notifier.path, "-t", "-i"), content)
    if ended.code:
        is_final = ended.code > 0 and ended.code not in PASSING
        raise NotDelivered(f"{notifier.path} {ended.told}", is_final=is_final)
