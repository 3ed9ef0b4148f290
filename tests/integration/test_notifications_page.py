"""What ``docs/notifications.rst`` shows: every example loads, and what is declared in it delivers."""

from __future__ import annotations

import re
from datetime import UTC
from pathlib import Path

import pytest

from runwisp import config
from runwisp.deliver.attempt import attempted
from runwisp.deliver.channels import telegram
from runwisp.deliver.dispatch import Dispatch
from runwisp.deliver.record import document
from runwisp.delivery import CHANNELS, Outcome, Verdict
from runwisp.message import composed, fields
from runwisp.notifier import Apprise, Command
from tests.integration import services
from tests.integration.postoffice import PASSWORD, post_office
from tests.integration.receiver import Receiver
from tests.integration.sending import an_order
from tests.integration.test_documents import ROOT, written

PAGE = ROOT / "docs/notifications.rst"
EXAMPLES = written(PAGE, "toml")
"""Each a whole file."""
ANY = Command(id="it", run="true")


def rows(heading: str) -> set[str]:
    """The names in the first column of the table that follows."""
    table = PAGE.read_text().partition(heading)[2].partition("Field  ")[2]
    return {*re.findall(r"^``(\w+)``  ", table.split("\n\n")[0], re.MULTILINE)}


def declared(text: str) -> set[str]:
    return {*re.findall(r'^type = "(\w+)"', text, re.MULTILINE)}


def test_every_channel_has_an_example() -> None:
    assert set().union(*map(declared, EXAMPLES)) == {*CHANNELS}


@pytest.mark.parametrize("text", EXAMPLES, ids=lambda text: "+".join(sorted(declared(text))))
def test_an_example_delivers(text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With our own servers in the place of those it names."""
    with Receiver() as receiver, post_office() as office:
        monkeypatch.setattr(telegram, "API", receiver.url(""))
        secrets = {
            "slack-webhook": receiver.url(services.SLACK_PATH),
            "telegram-token": services.TELEGRAM_TOKEN,
            "hook-secret": "key",
            "smtp-password": PASSWORD,
            "ntfy-token": services.NTFY_TOKEN,
            "gotify-token": services.GOTIFY_TOKEN,
            "apprise-url": receiver.url("/x").replace("http:", "json:"),
        }
        for name, secret in secrets.items():
            (tmp_path / name).write_text(f"{secret}\n")
        text = re.sub(r"https://\w+\.example\.com", receiver.url(""), text)
        text = text.replace("smtp.example.com", "127.0.0.1").replace("= 587", f"= {office.port}")
        text = text.replace('"starttls"', '"none"').replace('username = "runwisp"\n', "")
        text = text.replace('type = "sendmail"', 'type = "sendmail"\npath = "/bin/true"')
        text = text.replace("logger -t runwisp -p daemon.err", "cat")
        (tmp_path / "runwisp.toml").write_text(text)
        loaded = config.load(str(tmp_path / "runwisp.toml"))
        environ = {"DISCORD_WEBHOOK": receiver.url(services.DISCORD_PATH)}
        assert loaded.notifiers
        for notifier in loaded.notifiers.values():
            if not isinstance(notifier, Apprise):  # which does not clean up behind itself
                assert attempted(an_order(notifier, tmp_path), environ) == Outcome(Verdict.SENT)


def test_every_field_of_a_template_is_listed() -> None:
    order = an_order(ANY, Path("/"))
    assert rows("\nTemplates\n") == {*fields(order, composed(order, (), UTC))}


def test_every_field_of_the_document_is_listed() -> None:
    order = an_order(ANY, Path("/"))
    made = Dispatch(order=order, message=composed(order, (), UTC), secrets={})
    assert rows("\nWebhook\n") == {*document(made)}
