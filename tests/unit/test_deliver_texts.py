"""Texts on their way to a channel: cut, escaped, and without secrets, whatever they are."""

from __future__ import annotations

import json
from base64 import b64encode
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runwisp.deliver.channels import discord, slack, telegram
from runwisp.deliver.cut import BYTES, CHARACTERS, UTF16, Unit
from runwisp.deliver.redaction import REDACTED, Redactor, login_of, words
from runwisp.message import MARK
from tests.integration import services

marks = st.text(alphabet="*_~`<>@!#[]()\\|&.- \nabZ\u200d\U0001f600:/1", max_size=60)
texts = st.text(max_size=300)
units = st.sampled_from([BYTES, UTF16, CHARACTERS])


@given(texts, st.integers(5, 300), units)
def test_a_cut_text_fits_and_says_that_it_was_cut(text: str, limit: int, unit: Unit) -> None:
    cut = unit.cut(text, limit)
    assert unit.size(cut) <= limit
    if unit.size(text) <= limit:
        assert cut == text
    else:
        assert cut.endswith(MARK)
        assert text.startswith(cut.removesuffix(MARK))


@given(marks)
def test_slack_shows_any_text_as_it_is(text: str) -> None:
    text = text.replace("\u200b", "")
    assert services.slack_text_shown(slack.escaped(text)) == text


@given(marks)
def test_discord_shows_any_text_as_it_is(text: str) -> None:
    assert services.discord_shown(discord.escaped(text)) == text


@given(marks, st.sampled_from(["HTML", "MarkdownV2"]))
def test_telegram_shows_any_text_as_it_is(text: str, mode: str) -> None:
    markup = telegram.MARKUPS[mode]
    written = f"{markup.title.format('t')}\n{markup.escaped(text or 'x')}"
    assert services.telegram_shown({"text": written, "parse_mode": mode}) == f"t\n{text or 'x'}"


@given(marks, st.sampled_from(["HTML", "MarkdownV2"]))
def test_telegram_shows_any_output_as_it_is(text: str, mode: str) -> None:
    markup = telegram.MARKUPS[mode]
    written = f"{markup.title.format('t')}\nd\n{markup.block.format(markup.in_block(text or 'x'))}"
    assert services.telegram_shown({"text": written, "parse_mode": mode}) == f"t\nd\n{text or 'x'}"


SECRET = 'p&ss "w0rd"/+?='


@pytest.mark.parametrize(
    "form",
    [
        SECRET,
        quote(SECRET),
        quote(SECRET, safe=""),
        json.dumps(SECRET),
        b64encode(SECRET.encode()).decode(),
        b64encode(f"me:{SECRET}".encode()).decode(),
        b64encode(f"\0me\0{SECRET}".encode()).decode(),
    ],
)
def test_a_secret_is_taken_out_in_every_form(form: str) -> None:
    found = Redactor([SECRET], [("me", SECRET)]).redacted(f"before {form} after")
    assert found.replace('"', "") == f"before {REDACTED} after"


@pytest.mark.parametrize(
    "form",
    [
        "https://hooks.example.com/services/T0/B0/s3cr3tH00k?key=t0k3nt0k3n",
        "/services/T0/B0/s3cr3tH00k?key=t0k3nt0k3n",
        "s3cr3tH00k",
        "t0k3nt0k3n",
        "hooks.example.com",
    ],
)
def test_of_a_secret_url_every_part_is_taken_out(form: str) -> None:
    url = "https://hooks.example.com/services/T0/B0/s3cr3tH00k?key=t0k3nt0k3n"
    assert Redactor([url]).redacted(f"before {form} after") == f"before {REDACTED} after"


@pytest.mark.parametrize("form", ["t0k3nt0k3n", b64encode(b"t0k3nt0k3n:").decode()])
def test_a_token_that_is_the_user_of_a_url_is_taken_out(form: str) -> None:
    url = "https://t0k3nt0k3n@hooks.example.com/api"
    for redactor in (Redactor([url]), Redactor([], [login_of(url)])):
        assert redactor.redacted(f"before {form} after") == f"before {REDACTED} after"


@pytest.mark.parametrize(
    ("header", "told", "left"),
    [
        ("Bearer s3cr3tT0k3n", "no such Bearer token: s3cr3tT0k3n", f"no such Bearer token: {REDACTED}"),
        ("Token token=s3cr3tT0k3n==", "s3cr3tT0k3n is over", f"{REDACTED} is over"),
        ('Digest user="me", response="6629fae49393"', "6629fae49393?", f"{REDACTED}?"),
        ("a=b; session=s3cr3tT0k3n", "b s3cr3tT0k3n", f"b {REDACTED}"),
    ],
)
def test_of_a_header_every_word_is_secret_that_is_not_short(header: str, told: str, left: str) -> None:
    assert Redactor([header, *words(header)]).redacted(told) == left


@given(texts)
def test_no_secret_means_nothing_to_take_out(text: str) -> None:
    assert Redactor(["", ""], [("me", "")]).redacted(text) == text
