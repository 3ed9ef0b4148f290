"""Machines: a whole Debian with systemd or another first process, booted in namespaces of its own.

Each is a stack of layers, of which only the topmost is its own, so that a fresh one costs seconds. Needs
root, as mounting and namespaces do.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from tests.integration.waiting import wait_for

BOOT = Path(__file__).with_name("boot")
PATH = "/usr/sbin:/usr/bin:/sbin:/bin"
PATIENCE = 120


@dataclass
class Machine:
    """``layers``: folders, the lowest first. In ``folder`` is what it writes itself.

    ``command`` is the first process in place of systemd, and then nobody waits until it is up.
    """

    folder: Path
    layers: Sequence[Path]
    command: Sequence[str] = ()
    _process: subprocess.Popen[bytes] | None = None
    pid: int = 0

    def __enter__(self) -> Machine:
        self.folder.mkdir(parents=True)
        layers = ":".join(str(layer) for layer in reversed(self.layers))
        with self._console.open("wb") as console:
            self._process = subprocess.Popen(
                ["unshare", "--mount", str(BOOT), str(self.folder), layers, *self.command],
                stdin=subprocess.DEVNULL,
                stdout=console,
                stderr=console,
            )
        try:
            self.pid = wait_for(self._init, self.said)
            if not self.command:
                wait_for(lambda: "running" in self.run("systemctl", "is-system-running").stdout, self._state)
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end()

    def ends(self) -> int:
        """Waits for the end of the first process; its exit code."""
        assert self._process
        return self._process.wait(PATIENCE)

    def _end(self) -> None:
        assert self._process
        with suppress(ProcessLookupError):
            os.kill(self.pid or self._process.pid, signal.SIGKILL)
        self._process.wait(PATIENCE)
        remove_group(self.folder.name)

    @property
    def _console(self) -> Path:
        return self.folder / "console"

    @property
    def upper(self) -> Path:
        """What it wrote, as a layer of another machine."""
        return self.folder / "upper"

    def run(self, *words: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """As root in the machine."""
        environ = {"PATH": PATH, "LANG": "C.UTF-8", "DEBIAN_FRONTEND": "noninteractive", **variables}
        assignments = [f"{name}={value}" for name, value in environ.items()]
        inside = ["nsenter", "-t", str(self.pid), "-m", "-u", "-i", "-n", "-p", "-C", "-r", "-w"]
        return subprocess.run(
            [*inside, "env", "-i", *assignments, *words],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=PATIENCE,
        )

    def does(self, *words: str, **variables: str) -> str:
        """As root in the machine, where it has to succeed; what was printed."""
        done = self.run(*words, **variables)
        said = f"{' '.join(words)}: {done.returncode}\n{done.stdout}{done.stderr}"
        assert done.returncode == 0, f"{said}\n{self.journal()}"
        return done.stdout

    def journal(self) -> str:
        return self.run("journalctl", "-u", "runwisp", "--no-pager", "-n", "40").stdout

    def path(self, name: str) -> Path:
        """A file of the machine as we see it."""
        return Path(f"/proc/{self.pid}/root{name}")

    def write(self, name: str, text: str) -> None:
        path = self.path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def install(self, package: Path) -> str:
        """As a person does, but without the network: what it depends on is there."""
        shutil.copy(package, self.path("/var/tmp"))
        return self.does(
            "apt-get",
            "install",
            "-y",
            "--no-install-recommends",
            f"/var/tmp/{package.name}",
            LC_ALL="C.UTF-8",
        )

    def property(self, name: str) -> str:
        """Of the service, as systemd has it."""
        return self.does("systemctl", "show", "--value", "-p", name, "runwisp").strip()

    def _init(self) -> int:
        """Our child's child, once it is at home in the machine."""
        assert self._process
        assert self._process.poll() is None, self.said()
        task = f"/proc/{self._process.pid}/task/{self._process.pid}"
        with suppress(OSError):
            for child in Path(f"{task}/children").read_text().split():
                if os.readlink(f"/proc/{child}/root") != "/":
                    return int(child)
        return 0

    def said(self) -> str:
        """By the first process."""
        return self._console.read_text()

    def _state(self) -> str:
        return self.said() + self.run("systemctl", "list-units", "--failed", "--no-pager").stdout


def remove_group(name: str) -> None:
    """Take away the control groups that a machine left empty."""
    script = (
        'mount -t cgroup2 cgroup2 /mnt; [ ! -d "/mnt/$1" ] || find "/mnt/$1" -depth -type d -exec rmdir {} +'
    )
    wait_for(
        lambda: (
            subprocess.run(["unshare", "--mount", "sh", "-ec", script, "sh", name], check=False).returncode
            == 0
        )
    )
