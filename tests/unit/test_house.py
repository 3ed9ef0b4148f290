"""The rules of the house, read from the source: layers, homes, sizes, names, and the code map."""

from __future__ import annotations

import ast
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "runwisp"
PROCESSES = {"daemon", "pump", "web", "search", "console", "deliver", "cli"}
LONGEST_MODULE = 450
LONGEST_FUNCTION = 40
FORBIDDEN_NAMES = {"util", "utils", "helpers", "common", "base", "manager", "misc"}

DOORS = {
    "cli.alone": {"runwisp.console.tty"},
    "cli.attached": {"runwisp.console.main", "runwisp.console.tty"},
    "cli.daemon": {"runwisp.daemon.main"},
    "cli.exec": {"runwisp.daemon.exec"},
    "cli.notify_test": {"runwisp.deliver.attempt", "runwisp.deliver.credentials"},
    "cli.openapi": {"runwisp.web.openapi"},
    "cli.tui": {"runwisp.console.tty"},
}
"""The module of another process that a command may import: the one that it starts or lets speak."""

PURE = {
    "__future__",
    "base64",
    "binascii",
    "bisect",
    "codecs",
    "collections",
    "dataclasses",
    "datetime",
    "difflib",
    "enum",
    "fnmatch",
    "fractions",
    "functools",
    "hashlib",
    "heapq",
    "hmac",
    "ipaddress",
    "itertools",
    "json",
    "math",
    "operator",
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
    "apprise": {"deliver"},
    "smtplib": {"deliver"},
    "ssl": {"deliver"},
    "random": {"host"},
    "secrets": {"host"},
}
"""The module, or the process folder, that alone imports a package."""

CALL_HOMES = {
    "os.posix_spawn": {"background", "deliver", "helper", "launch"},
    "os.posix_spawnp": {"launch"},
    "os.fork": set(),
    "os.forkpty": set(),
    "os.system": set(),
    "os.popen": set(),
    "os.urandom": {"host"},
    "signal.pthread_sigmask": {"deliver", "loop"},
    "signal.set_wakeup_fd": {"loop"},
    "signal.signal": {"loop"},
    "time.monotonic": {"host"},
    "time.monotonic_ns": {"host"},
    "time.sleep": {"client"},
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

    @property
    def nodes(self) -> tuple[ast.AST, ...]:
        return walked(self.path)


@cache
def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


@cache
def walked(path: Path) -> tuple[ast.AST, ...]:
    return tuple(ast.walk(parsed(path)))


@cache
def modules() -> list[Module]:
    paths = sorted(path for path in PACKAGE.rglob("*.py") if "static" not in path.parts)
    return [Module(".".join(path.relative_to(PACKAGE).with_suffix("").parts), path) for path in paths]


@cache
def layer(name: str) -> set[str]:
    """The modules under a heading of the code map in ARCHITECTURE.rst."""
    text = (ROOT / "ARCHITECTURE.rst").read_text()
    section = re.search(rf"^{name}\n-+\n(.*?)(?=^[^\n]+\n[-=]{{3,}}\n|\Z)", text, re.MULTILINE | re.DOTALL)
    assert section, f"ARCHITECTURE.rst has no section {name}"
    return set(re.findall(r"^``([\w./]+)``$", section[1], re.MULTILINE))


def imports(module: Module) -> Iterator[str]:
    """Every module imported anywhere in the file, also inside functions and for typing only."""
    for node in module.nodes:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{module.name}:{node.lineno}: a relative import"
            source = node.module or ""
            if source == "runwisp" or (PACKAGE.parent / source.replace(".", "/")).is_dir():
                yield from (f"{source}.{alias.name}" for alias in node.names)
            else:
                yield source


def names(module: Module) -> Iterator[tuple[str, int]]:
    """Every function of another module that is used, as ``module.function`` however it was imported, with its
    line; what was not imported as it is written."""
    imported: dict[str, str] = {}
    for node in module.nodes:
        if isinstance(node, ast.Import):
            imported.update({alias.asname or alias.name: alias.name for alias in node.names})
        elif isinstance(node, ast.ImportFrom):
            source = "" if node.module == "datetime" else f"{node.module}."
            imported.update({alias.asname or alias.name: source + alias.name for alias in node.names})
    for node in module.nodes:
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in imported:
            yield f"{imported[node.value.id]}.{node.attr}", node.lineno
        elif isinstance(node, ast.Name):
            yield imported.get(node.id, node.id), node.lineno


def length(function: ast.FunctionDef) -> int:
    """Its lines without the docstring."""
    lines = (function.end_lineno or 0) - function.lineno + 1
    if ast.get_docstring(function):
        lines -= (function.body[0].end_lineno or 0) - function.body[0].lineno + 1
    return lines


def violations(found: Mapping[str, Collection[str]]) -> dict[str, list[str]]:
    return {name: sorted(wrong) for name, wrong in found.items() if wrong}


def own(name: str) -> str | None:
    """The concept, resource or process folder that an imported name is of; None if it is not ours."""
    parts = name.split(".")
    return parts[1] if parts[0] == "runwisp" and len(parts) > 1 else None


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


def test_facts_flow_one_way() -> None:
    concepts, resources = layer("Concepts"), layer("Resources")
    wrong = {}
    for module in modules():
        if module.name in concepts:
            allowed = concepts
        elif module.name in resources:
            allowed = concepts | resources
        elif module.home in PROCESSES:
            allowed = concepts | resources | {module.home}
        else:
            continue
        found = {name for name in imports(module) if own(name) and own(name) not in allowed}
        wrong[module.name] = found - DOORS.get(module.name, set())
    assert not violations(wrong)


def test_a_concept_is_pure() -> None:
    wrong = {}
    for module in modules():
        if module.name in layer("Concepts"):
            roots = {name.split(".")[0] for name in imports(module) if not own(name)}
            roots -= {package for package, homes in HOMES.items() if module.name in homes}
            opening = {call for call, _ in names(module) if call == "open"}
            wrong[module.name] = (roots - PURE - {"runwisp"}) | opening
    assert not violations(wrong)


def test_a_frozen_dataclass_is_made_by_our_own_decorator() -> None:
    """The standard one costs every start of a process; see ``frozen``."""
    assert not [module.name for module in modules() if "\n@dataclass(frozen" in module.path.read_text()]


def test_a_package_is_imported_in_its_home_only() -> None:
    assert not violations(
        {
            module.name: {
                name
                for name in imports(module)
                if module.home not in HOMES.get(name.split(".")[0], {module.home})
            }
            for module in modules()
        }
    )


def test_a_function_that_reaches_outside_is_called_in_its_home_only() -> None:
    assert not violations(
        {
            module.name: {
                f"{call} in line {line}"
                for call, line in names(module)
                if call in CALL_HOMES and module.home not in CALL_HOMES[call]
            }
            for module in modules()
        }
    )


def test_nothing_imports_what_starts_threads_or_processes_behind_our_back() -> None:
    assert not violations(
        {
            module.name: {name.split(".")[0] for name in imports(module)} & NEVER_IMPORTED
            for module in modules()
            if module.home not in {"web", "console", "deliver", "historyreader"}  # the last is web's alone
        }
    )


def test_a_module_is_short() -> None:
    lengths = {module.name: len(module.path.read_text().splitlines()) for module in modules()}
    assert not {name: length for name, length in lengths.items() if length > LONGEST_MODULE}


def test_a_function_is_short() -> None:
    lengths = {
        f"{module.name}.{node.name}": length(node)
        for module in modules()
        for node in module.nodes
        if isinstance(node, ast.FunctionDef)
    }
    assert not {name: lines for name, lines in lengths.items() if lines > LONGEST_FUNCTION}


def test_a_name_says_what_the_module_is_about() -> None:
    assert not violations(
        {module.name: set(re.split(r"[._]", module.name)) & FORBIDDEN_NAMES for module in modules()}
    )


def test_a_module_says_what_it_owns_and_an_init_holds_no_code() -> None:
    inits = {module.name: module.tree.body for module in modules() if module.name.endswith("__init__")}
    assert not [name for name, body in inits.items() if any(not isinstance(node, ast.Expr) for node in body)]
    rest = [module for module in modules() if module.name not in inits]
    assert not [module.name for module in rest if not ast.get_docstring(module.tree)]
