"""What is wrong with a configuration, or worth a warning, and where."""

from __future__ import annotations

from runwisp.frozen import frozen


@frozen
class Problem:
    """One thing wrong in a configuration file, at a line and column counted from 1."""

    line: int
    column: int
    key: str
    message: str

    def spelled(self, path: str, label: str = "") -> str:
        """``label`` comes before key and message, such as "warning: "."""
        where = f"{self.key}: " if self.key else ""
        return f"{path}:{self.line}:{self.column}: {label}{where}{self.message}"
