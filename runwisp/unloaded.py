"""What the standard library brings with what we use and we never use, kept out of the memory of each process.

Acts when it is imported, before anything else: by the command line and by each helper. Must never change what
a module does: one that somebody comes to need is loaded then.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib import import_module
from types import ModuleType
from typing import Any


class StandIn(ModuleType):
    """In the place of a module, until something of it is used."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return getattr(_loaded(self.__name__), name)


def put_off(name: str, *functions: str, **given: object) -> None:
    """Loads a module only when something else of it is used than what is ``given``; ``functions`` may be
    imported of it, and load it when they are called."""
    module = sys.modules.setdefault(name, StandIn(name))
    if not isinstance(module, StandIn):
        return
    module.__dict__.update(given, **{function: _later(name, function) for function in functions})
    package, _, last = name.rpartition(".")
    if package:
        setattr(import_module(package), last, module)


def _later(module: str, function: str) -> Callable[..., Any]:
    def call(*args: Any, **kwargs: Any) -> Any:
        return getattr(_loaded(module), function)(*args, **kwargs)

    return call


def _loaded(name: str) -> ModuleType:
    if isinstance(sys.modules.get(name), StandIn):
        del sys.modules[name]
    return import_module(name)


def _is_there(name: str) -> bool:
    return any(finder.find_spec(name, None) for finder in sys.meta_path)


# A megabyte, with which dataclasses write the docstrings of classes that have none, and from Python 3.12 on
# read what a class declares itself. Who else uses it gets the real one.
put_off("inspect")
_inspect = StandIn("inspect")
_inspect.__dict__.update(
    signature=lambda _: "()", get_annotations=lambda kind: dict(vars(kind).get("__annotations__", {}))
)
import_module("dataclasses").__dict__.update(inspect=_inspect)

# Only for what was mistyped.
put_off("difflib", "get_close_matches")

# The interpreter's own SHA-2 (_sha256 before Python 3.12) does for hashlib and hmac what OpenSSL's does,
# which takes two megabytes.
if _is_there("_sha2") or _is_there("_sha256"):
    sys.modules.setdefault("_hashlib", None)  # type: ignore[arg-type]
