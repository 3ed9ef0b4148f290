"""What the real services check of a message, as far as their documentation says so, and what they show of it.

Each takes a request and answers as the service does; ``shown`` gives the text that a person sees, so that a
test can tell whether what was sent is what is read.
"""

from __future__ import annotations

import html
import json
import re
from html.parser import HTMLParser
from typing import Any

from tests.integration.receiver import Answer, Request

SLACK_PATH = "/services/T024BE7LD/B024BE7LE/s3cr3tH00kT0k3n"
DISCORD_PATH = "/api/webhooks/112233445566/s3cr3tD1sc0rdT0k3n"
TELEGRAM_TOKEN = "987654:s3cr3tB0tT0k3n"
NTFY_TOKEN = "tk_s3cr3tNtfyT0k3n"
GOTIFY_TOKEN = "As3cr3tG0t1fy"


def is_json(request: Request) -> bool:
    return request.headers["Content-Type"].startswith("application/json")


# Slack: https://docs.slack.dev/reference/block-kit/blocks


def slack(request: Request) -> Answer:
    if request.path != SLACK_PATH:
        return Answer(404, "no_service")
    if not is_json(request):
        return Answer(400, "invalid_payload")
    found = request.json
    if not found.get("text") and not found.get("blocks"):
        return Answer(400, "no_text")
    if len(found.get("text", "")) > 40_000:
        return Answer(400, "msg_too_long")
    if not all(_is_block(block) for block in found.get("blocks", ())):
        return Answer(400, "invalid_blocks")
    return Answer(200, "ok")


def _is_block(block: dict[str, Any]) -> bool:
    match block:
        case {"type": "header", "text": {"type": "plain_text", "text": str(text)}}:
            return 1 <= len(text) <= 150
        case {"type": "section", "text": {"type": "plain_text" | "mrkdwn", "text": str(text)}}:
            return 1 <= len(text) <= 3_000
        case {"type": "context", "elements": [*elements]}:
            return 1 <= len(elements) <= 10 and all(
                each["type"] in ("plain_text", "mrkdwn") and 1 <= len(each["text"]) <= 2_000
                for each in elements
            )
        case {"type": "rich_text", "elements": [*elements]}:
            return all(_is_rich(each) for each in elements)
    return False


def _is_rich(element: dict[str, Any]) -> bool:
    is_known = element["type"] in ("rich_text_section", "rich_text_preformatted")
    inner = element["elements"]
    return is_known and all(
        (each["type"] == "text" and each["text"]) or (each["type"] == "link" and each["url"])
        for each in inner
    )


def slack_shown(found: dict[str, Any]) -> str:
    """Of blocks the texts; mrkdwn is not looked at, as there is none."""
    texts = []
    for block in found["blocks"]:
        if "text" in block:
            assert block["text"]["type"] == "plain_text"
            texts.append(block["text"]["text"])
        for element in block.get("elements", ()):
            inner = element.get("elements", [element])
            texts += [each.get("text") or each["url"] for each in inner]
    return "\n".join(texts)


def slack_text_shown(text: str) -> str:
    """Of a text with mrkdwn: it may hold nothing that embraces, calls or links."""
    assert not re.search(r"<[@!#]|<http", text), f"Slack would act on {text!r}"
    for mark in "*_~`":
        pair = (
            rf"(?<![\w{re.escape(mark)}\u200b]){re.escape(mark)}[^\s\u200b].*?{re.escape(mark)}(?![\w\u200b])"
        )
        assert not re.search(pair, text), f"Slack would take {mark} in {text!r} for markup"
    return html.unescape(text).replace("\u200b", "")


# Discord: https://docs.discord.com/developers/resources/webhook#execute-webhook


def discord(request: Request) -> Answer:
    path, _, query = request.path.partition("?")
    if path != DISCORD_PATH:
        return Answer(404, '{"message": "Unknown Webhook", "code": 10015}')
    found = request.json
    embeds = found.get("embeds", [])
    is_right = is_json(request) and (found.get("content") or embeds) and len(embeds) <= 10
    is_right = is_right and _units(found.get("content", "")) <= 2_000
    for embed in embeds:
        sizes = [_units(embed.get("title", "")), _units(embed.get("description", ""))]
        sizes.append(_units(embed.get("footer", {}).get("text", "")))
        limits = (256, 4_096, 2_048)
        is_right = is_right and all(size <= limit for size, limit in zip(sizes, limits, strict=True))
        is_right = is_right and sum(sizes) <= 6_000
        is_right = is_right and re.fullmatch(
            r"\d{4}-\d\d-\d\dT[\d:.]+Z", embed.get("timestamp", "1970-01-01T0Z")
        )
    if not is_right:
        return Answer(400, '{"message": "Invalid Form Body", "code": 50035}')
    return Answer(200, '{"id": "1"}') if query == "wait=true" else Answer(204, "")


def discord_shown(text: str) -> str:
    """What the reader sees; fails where anything would be markup, but for our own code block and link."""
    block = re.fullmatch(r"(?s)(.*?)(?:\n```\n(.*)\n```)?(?:\n<(https://cron\.example/[\w./-]*)>)?", text)
    assert block
    before, output, link = block[1], block[2] or "", block[3] or ""
    assert "```" not in output, f"the block ends early: {output!r}"
    plain = re.sub(r"\\([^0-9A-Za-z\s])", "x", before)
    assert not re.search(r"[*_~`|<\[\]@]", plain), f"Discord would act on {before!r}"
    assert not re.search(r"(?m)^\s*(?:[>#-]|\d+\.)\s", plain), f"Discord would act on {before!r}"
    shown = [re.sub(r"\\([^0-9A-Za-z\s])", r"\1", before), output.replace("\u200b", ""), link]
    return "\n".join(each for each in shown if each)


def _units(text: str) -> int:
    return len(text.encode("utf-16-le")) // 2


# Telegram: https://core.telegram.org/bots/api#formatting-options


def telegram(request: Request) -> Answer:
    if request.path != f"/bot{TELEGRAM_TOKEN}/sendMessage":
        return Answer(401, '{"ok": false, "error_code": 401, "description": "Unauthorized"}')
    found = request.json
    if not found.get("chat_id"):
        return _refused("chat_id is empty")
    try:
        shown = telegram_shown(found)
    except ValueError as error:
        return _refused(f"can't parse entities: {error}")
    if not 1 <= _units(shown) <= 4_096:
        return _refused("message is too long")
    for entity in found.get("entities", ()):
        if not 0 <= entity["offset"] < entity["offset"] + entity["length"] <= _units(shown):
            return _refused("entity beyond the text")
    return Answer(200, '{"ok": true, "result": {"message_id": 1}}')


def _refused(why: str) -> Answer:
    return Answer(400, json.dumps({"ok": False, "error_code": 400, "description": f"Bad Request: {why}"}))


def telegram_shown(found: dict[str, Any]) -> str:
    """Raises: ValueError as Telegram refuses a text."""
    match found.get("parse_mode"):
        case None:
            return str(found["text"])
        case "HTML":
            parser = _TelegramHtml()
            parser.feed(found["text"])
            parser.close()
            return parser.ended()
        case "MarkdownV2":
            return _markdown(found["text"], r"_*\[\]()~`>#+\-=|{}.!\\")
        case "Markdown":
            return _old_markdown(found["text"])
    raise ValueError("unsupported parse_mode")


class _TelegramHtml(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self._texts: list[str] = []
        self._open: list[str] = []

    def handle_starttag(self, tag: str, attrs: object) -> None:
        if tag not in ("b", "i", "u", "s", "pre", "code", "a"):
            raise ValueError(f"unsupported start tag {tag}")
        if attrs:
            raise ValueError("a link that is not ours")
        self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if not self._open or self._open.pop() != tag:
            raise ValueError(f"unexpected end tag {tag}")

    def handle_data(self, data: str) -> None:
        self._texts.append(data)

    def ended(self) -> str:
        if self._open:
            raise ValueError(f"no end of {self._open}")
        return "".join(self._texts)


def _markdown(text: str, reserved: str) -> str:
    """The title between asterisks and one block of code are ours; all else reserved must be escaped."""
    title = re.match(r"(?s)\*((?:[^*\\]|\\.)*)\*", text)
    if not title:
        raise ValueError("unbalanced markup")
    rest = text[title.end() :]
    block = re.search(r"(?s)\n```\n((?:[^`\\]|\\.)*)\n```", rest)
    outside = [title[1], rest[: block.start()], rest[block.end() :]] if block else [title[1], rest, ""]
    for part in outside:
        if found := re.search(f"[{reserved}]", re.sub(r"(?s)\\.", "", part)):
            raise ValueError(f"character {found[0]!r} is reserved and must be escaped")
    shown = f"{outside[0]}{outside[1]}" + (f"\n{block[1]}" if block else "") + outside[2]
    return re.sub(r"(?s)\\(.)", r"\1", shown)


def _old_markdown(text: str) -> str:
    plain = re.sub(r"(?s)```\n(.*?)\n```", lambda found: found[1].replace("_", "").replace("*", ""), text)
    left = re.sub(r"\\[_*`\[]", "", plain)
    for mark in "_*`":
        if left.count(mark) % 2:
            raise ValueError(f"can't find end of the entity that {mark} begins")
    return re.sub(r"\\([_*`\[])", r"\1", text.replace("```\n", "").replace("\n```", ""))


# ntfy: https://docs.ntfy.sh/publish/#publish-as-json


def ntfy(request: Request) -> Answer:
    if request.headers.get("Authorization") != f"Bearer {NTFY_TOKEN}":
        return Answer(401, '{"code":40101,"http":401,"error":"unauthorized"}')
    if request.path != "/" or len(request.body) > 8_192:
        return Answer(400, '{"code":40024,"http":400,"error":"invalid request: body too large"}')
    found = request.json
    if not re.fullmatch(r"[-_A-Za-z0-9]{1,64}", found.get("topic") or ""):
        return Answer(400, '{"code":40009,"http":400,"error":"invalid topic"}')
    if len(found["message"].encode()) > 4_096 or found.get("priority") not in (None, 1, 2, 3, 4, 5):
        return Answer(400, '{"code":40007,"http":400,"error":"invalid message or priority"}')
    return Answer(200, '{"id": "x"}')


# Gotify: https://gotify.net/docs/pushmsg


def gotify(request: Request) -> Answer:
    if request.headers.get("X-Gotify-Key") != GOTIFY_TOKEN:
        return Answer(
            401,
            '{"error":"Unauthorized","errorCode":401,"errorDescription":"you need to provide a valid token"}',
        )
    found = request.json
    if request.path != "/message" or not found.get("message") or type(found.get("priority")) is not int:
        return Answer(400, '{"error":"Bad Request","errorCode":400,"errorDescription":"message is required"}')
    return Answer(200, '{"id": 1}')
