"""What the libraries of web import and web never uses, kept out of its memory: a third of what it would be.

Acts when it is imported, before any of them: the first import of ``main``. A module that is None here cannot
be imported, for which each that tries to is prepared; one that is put off is loaded when it is used.
"""

from __future__ import annotations

import sys
from http import HTTPStatus
from os import uname
from types import ModuleType

from runwisp.unloaded import put_off

UNLOADED = (
    "cryptography",  # PyJWT needs it for the algorithms that we refuse
    "ssl",  # web speaks plain HTTP
)
for _name in UNLOADED:
    sys.modules.setdefault(_name, None)  # type: ignore[arg-type]

# Bottle's forms, signed cookies, settings, dates, large bodies in files, routes made of functions, and
# reloading.
put_off("cgi")
put_off("configparser", "ConfigParser")
put_off("email.utils")
put_off("inspect", "getfullargspec")
put_off("pickle")
put_off("subprocess")
put_off("tempfile", "NamedTemporaryFile", "TemporaryFile")

# Of tokens with dates that are no numbers, of waitress's own command line, and of bugs.
put_off("calendar", "timegm")
put_off("getopt")
put_off("traceback", "format_exc", "print_exc")

# The texts of statuses, and whether this is Windows: little of much.
put_off("http.client", responses={int(status): status.phrase for status in HTTPStatus})
put_off("platform", system=lambda: uname().sysname)

_key_client = ModuleType("jwt.jwks_client")
_key_client.PyJWKClient = None  # type: ignore[attr-defined]
sys.modules.setdefault(_key_client.__name__, _key_client)
"""PyJWT's client that fetches keys over https; not prepared for a Python without ssl."""
