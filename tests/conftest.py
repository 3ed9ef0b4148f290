"""How hard properties are tried: daily the same few examples, many new ones by ``make thorough``."""

from __future__ import annotations

import signal

from hypothesis import HealthCheck, settings

pytest_plugins = ["tests.faults.recording"]

# Who starts us in the background may have it ignored, and so would all that tests start and send it to.
signal.signal(signal.SIGINT, signal.default_int_handler)

settings.register_profile(
    "everyday",
    max_examples=25,
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.register_profile("thorough", settings.get_profile("everyday"), max_examples=2000, derandomize=False)
settings.load_profile("everyday")
