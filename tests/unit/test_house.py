"""The rules of the house, read from the source: layers, homes, sizes, names, and the code map."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "runwisp"
PROCESSES = {"daemon", "pump", "web", "console", "deliver", "cli"}
LONGEST_MODULE = 450
LONGEST_FUNCTION = 40
FORBIDDEN_NAMES = {"util", "utils", "helpers", "common", "base", "manager", "misc"}

DOORS = {
    "cli.daemon": {"runwisp.daemon.main"},
    "cli.exec": {"runwisp.daemon.exec"},
}
"""The module of another process that a command may import: the one that it starts."""

PURE = {
    "__future__",
    "bisect",
    "codecs",
    "collections",
    "dataclasses",
    "datetime",
    "difflib",
    "enum",
    "fractions",
    "functools",
    "heapq",
    "itertools",
    "json",
    "math",
    "re",
    "shlex",
    "signal",
    "string",
    "struct",
    "types",
    "typing",
    "unicodedata",
    "zoneinfo",
}
"""What a concept may import of the standard library: nothing that reads a clock or reaches outside."""

HOMES = {
    "tomli": {"config"},
    "croniter": {"cron"},
    "jwt": {"auth"},
    "bottle": {"web"},
    "waitress": {"web"},
    "blessed": {"console"},
    "sqlite3": {"store"},
    "selectors": {"loop"},
    "random": {"host"},
    "secrets": {"host"},
}
"""The module, or the process folder, that alone imports a package."""

CALL_HOMES = {
    "os.posix_spawn": {"helper", "launch"},
    "os.posix_spawnp": {"launch"},
    "os.fork": set(),
    "os.forkpty": set(),
    "os.system": set(),
    "os.popen": set(),
    "os.urandom": {"host"},
    "signal.pthread_sigmask": {"loop"},
    "signal.set_wakeup_fd": {"loop"},
    "signal.signal": {"loop"},
    "time.monotonic": {"host"},
    "time.monotonic_ns": {"host"},
    "time.sleep": set(),
    "time.time": {"host"},
    "time.time_ns": {"host"},
    "datetime.now": {"host"},
    "datetime.today": {"host"},
    "datetime.utcnow": {"host"},
    "uuid.uuid4": {"host"},
}
"""The module that alone calls a function; nobody at all where there is none."""

NEVER_IMPORTED = {"asyncio", "logging", "multiprocessing", "subprocess", "threading"}
"""Of the core: what starts processes or threads behind our back, or costs every process its import."""


@dataclass(frozen=True)
class Module:
    """One source file; ``name`` is its dotted name below ``runwisp``."""

    name: str
    path: Path

    @property
    def home(self) -> str:
        """The process folder or, of a concept or resource, the module itself."""
        return self.name.split(".")[0]

    @property
    def tree(self) -> ast.Module:
        return parsed(self.path)


@cache
def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


def modules() -> list[Module]:
    paths = sorted(path for path in PACKAGE.rglob("*.py") if "static" not in path.parts)
    return [Module(".".join(path.relative_to(PACKAGE).with_suffix("").parts), path) for path in paths]


def layer(name: str) -> set[str]:
    """The modules under a heading of the code map in ARCHITECTURE.rst."""
    text = (ROOT / "ARCHITECTURE.rst").read_text()
    section = re.search(rf"^{name}\n-+\n(.*?)(?=^[^\n]+\n[-=]{{3,}}\n|\Z)", text, re.MULTILINE | re.DOTALL)
    assert section, f"ARCHITECTURE.rst has no section {name}"
    return set(re.findall(r"^``([\w./]+)``$", section[1], re.MULTILINE))


def imports(module: Module) -> Iterator[str]:
    """Every module imported anywhere in the file, also inside functions and for typing only."""
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{module.name}:{node.lineno}: a relative import"
            source = node.module or ""
            if source == "runwisp" or (PACKAGE.parent / source.replace(".", "/")).is_dir():
                yield from (f"{source}.{alias.name}" for alias in node.names)
            else:
                yield source


def calls(module: Module) -> Iterator[tuple[str, int]]:
    """Every function of a module that is used, as ``module.function``, however it was imported."""
    names: dict[str, str] = {}
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Import):
            names.update({alias.asname or alias.name: alias.name for alias in node.names})
        elif isinstance(node, ast.ImportFrom):
            source = "" if node.module == "datetime" else f"{node.module}."
            names.update({alias.asname or alias.name: source + alias.name for alias in node.names})
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in names:
            yield f"{names[node.value.id]}.{node.attr}", node.lineno
        elif isinstance(node, ast.Name) and node.id in names:
            yield names[node.id], node.lineno


def own(name: str) -> str | None:
    """The concept, resource or process folder that an imported name is of; None if it is not ours."""
    parts = name.split(".")
    return parts[1] if parts[0] == "runwisp" and len(parts) > 1 else None


def identity(module: Module) -> str:
    return module.name


everywhere = pytest.mark.parametrize("module", modules(), ids=identity)


def test_the_code_map_names_exactly_the_modules_there_are() -> None:
    mapped = layer("Concepts") | layer("Resources")
    there = {module.name for module in modules() if "." not in module.name} - {"__init__", "__main__"}
    assert mapped == there
    assert not layer("Concepts") & layer("Resources")


def test_the_code_map_names_exactly_the_modules_of_the_process_folders() -> None:
    there = {
        module.name.replace(".", "/")
        for module in modules()
        if module.home in PROCESSES and not module.name.endswith("__init__")
    }
    assert layer("Processes") == there


@everywhere
def test_facts_flow_one_way(module: Module) -> None:
    concepts, resources = layer("Concepts"), layer("Resources")
    if module.name in concepts:
        allowed = concepts
    elif module.name in resources:
        allowed = concepts | resources
    elif module.home in PROCESSES:
        allowed = concepts | resources | {module.home}
    else:
        return
    wrong = {name for name in imports(module) if own(name) and own(name) not in allowed}
    wrong -= DOORS.get(module.name, set())
    assert not wrong, f"{module.name} imports {sorted(wrong)}"


@everywhere
def test_a_concept_is_pure(module: Module) -> None:
    if module.name not in layer("Concepts"):
        return
    roots = {name.split(".")[0] for name in imports(module) if not own(name)}
    roots -= {package for package, homes in HOMES.items() if module.name in homes}
    assert roots - {"runwisp"} <= PURE
    opened = [
        node.lineno for node in ast.walk(module.tree) if isinstance(node, ast.Name) and node.id == "open"
    ]
    assert not opened, f"opens a file in line {opened}"


@everywhere
def test_a_package_is_imported_in_its_home_only(module: Module) -> None:
    away = {
        name for name in imports(module) if module.home not in HOMES.get(name.split(".")[0], {module.home})
    }
    assert not away


@everywhere
def test_a_function_that_reaches_outside_is_called_in_its_home_only(module: Module) -> None:
    away = [
        f"{call} in line {line}"
        for call, line in calls(module)
        if call in CALL_HOMES and module.home not in CALL_HOMES[call]
    ]
    assert not away


@everywhere
def test_nothing_imports_what_starts_threads_or_processes_behind_our_back(module: Module) -> None:
    if module.home in {"web", "console", "deliver"}:
        return
    assert not {name.split(".")[0] for name in imports(module)} & NEVER_IMPORTED


@everywhere
def test_a_module_is_short(module: Module) -> None:
    assert len(module.path.read_text().splitlines()) <= LONGEST_MODULE


@everywhere
def test_a_function_is_short(module: Module) -> None:
    long = {}
    for node in ast.walk(module.tree):
        if isinstance(node, ast.FunctionDef):
            doc = node.body[0] if ast.get_docstring(node) else None
            length = (node.end_lineno or 0) - node.lineno + 1
            length -= (doc.end_lineno or 0) - doc.lineno + 1 if doc else 0
            if length > LONGEST_FUNCTION:
                long[node.name] = length
    assert not long


@everywhere
def test_a_name_says_what_the_module_is_about(module: Module) -> None:
    assert not set(re.split(r"[._]", module.name)) & FORBIDDEN_NAMES


@everywhere
def test_a_module_says_what_it_owns_and_an_init_holds_no_code(module: Module) -> None:
    if module.name.endswith("__init__"):
        code = [node for node in module.tree.body if not isinstance(node, ast.Expr)]
        assert not code
    else:
        assert ast.get_docstring(module.tree)
