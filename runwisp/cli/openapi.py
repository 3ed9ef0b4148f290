"""``runwisp openapi``: the OpenAPI document of this very version. Needs no daemon and asks none."""

from __future__ import annotations

import argparse
import sys

from runwisp.web import openapi

HELP = "Print the OpenAPI document of this version, the same that a daemon serves as /openapi.json."


def configure(_parser: argparse.ArgumentParser) -> None:
    """It has no flags of its own."""


def run(_flags: argparse.Namespace) -> int:
    sys.stdout.write(openapi.spelled().decode())
    return 0
