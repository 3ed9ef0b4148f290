"""Any service that the apprise library knows. The home of apprise, which need not be installed.

Source: https://appriseit.com/library/
"""

from __future__ import annotations

from runwisp.deliver.dispatch import Dispatch
from runwisp.errors import NotDelivered
from runwisp.event import Severity
from runwisp.notifier import Apprise

KINDS = {Severity.INFO: "info", Severity.WARN: "warning", Severity.ERROR: "failure"}


def send(dispatch: Dispatch, _notifier: Apprise) -> None:
    """Raises: NotDelivered."""
    try:
        import apprise  # noqa: PLC0415
    except ImportError as error:
        raise NotDelivered(
            "the apprise library is not installed: install python3-apprise, or `pip install apprise` where "
            "RunWisp is",
            is_final=True,
        ) from error
    messenger = apprise.Apprise()
    with apprise.LogCapture() as said:  # type: ignore[no-untyped-call,unused-ignore]
        if not messenger.add(dispatch.secrets["url"]):
            raise NotDelivered("apprise knows no service of that URL", is_final=True)
        is_sent = messenger.notify(
            title=dispatch.message.title,
            body=dispatch.body(),
            notify_type=KINDS[dispatch.message.severity],
            body_format="text",
        )
        if not is_sent:
            told = " ".join(said.getvalue().split())
            raise NotDelivered(f"apprise could not send it: {told or 'it does not say why'}", is_final=False)
