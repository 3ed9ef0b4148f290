"""``runwisp restart TASK``: stops and starts a service, or starts one that is stopped."""

from __future__ import annotations

import argparse

from runwisp.cli.reached import reached, task_name
from runwisp.client import path

HELP = "Stop and start the replicas of a service, or start them if it is stopped."


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "task", type=task_name, metavar="TASK", help="the service's name in the configuration"
    )


def run(flags: argparse.Namespace) -> int:
    print(reached(flags).post(path("tasks", flags.task, "restart"))["message"])
    return 0
