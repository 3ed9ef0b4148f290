"""The deliver process: one message, one attempt, and then it ends.

Reads the order as JSON from its stdin and prints the outcome as one line on its stdout, which nothing else
gets: what libraries print goes to stderr. Started by the daemon for each attempt; what speaks to a network to
deliver a message is loaded here and nowhere else.
"""

from __future__ import annotations

import os
import resource
import sys

from runwisp import host
from runwisp.deliver.attempt import attempted
from runwisp.delivery import order_from, outcome_json


def main() -> None:
    host.take_command_name()
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # secrets are in memory
    answers = os.dup(1)
    os.dup2(2, 1)
    order = order_from(sys.stdin.buffer.read())
    os.write(answers, outcome_json(attempted(order, os.environ)))
    sys.stderr.flush()
    os._exit(0)  # without waiting for threads that still wait for the network


if __name__ == "__main__":
    main()
