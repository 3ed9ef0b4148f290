"""All routes, in one tuple: what is served, described in the OpenAPI document, and nothing else.

Called by ``app`` and ``openapi``.
"""

from __future__ import annotations

from runwisp.web.routes import auth, daemon, logs, notices, runs, streams, tasks
from runwisp.web.routing import Route

ROUTES: tuple[Route, ...] = (
    *daemon.ROUTES,
    *auth.ROUTES,
    *tasks.ROUTES,
    *runs.ROUTES,
    *logs.ROUTES,
    *streams.ROUTES,
    *notices.ROUTES,
)
