"""Headers of every response, which ``server`` adds, and those of what nobody may keep."""

from __future__ import annotations

Headers = tuple[tuple[str, str], ...]

SECURITY: Headers = (
    (
        "Content-Security-Policy",
        "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; form-action 'self'; "
        "frame-ancestors 'none'",
    ),
    ("X-Content-Type-Options", "nosniff"),
    ("X-Frame-Options", "DENY"),
    ("Referrer-Policy", "no-referrer"),
    ("Cross-Origin-Opener-Policy", "same-origin"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
)

UNCACHED: Headers = (("Cache-Control", "no-store"),)
