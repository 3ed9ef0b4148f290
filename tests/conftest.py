"""How hard properties are tried: daily the same few examples, many new ones by ``make thorough``."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

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
