"""What tells whether a configuration file is still the one that was loaded.

Pure, and apart from ``config``, as web compares without loading. Called by both.
"""

from __future__ import annotations

from binascii import crc32


def digest(content: bytes) -> str:
    """Of the file as it stands on disk. Against changes, not against forgery: the file is trusted."""
    return f"{crc32(content):08x}-{len(content):x}"
