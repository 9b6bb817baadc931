"""Bytes that outlive the process, in a private folder of the user's cache directory.

Everything here is optional: whatever goes wrong with a disk, a caller gets None or nothing
is kept, and no one is told.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import stat
import zlib
from pathlib import Path

import platformdirs

from .files import prune, replaced

#: "0" switches the cache off; a path keeps it below that directory.
VARIABLE = "DARTS_COMPILATION_CACHE"
_OFF = {"0", "off", "false", "no"}
_DEFAULT = {"", "1", "on", "true", "yes"}
_FOLDER = "autora-skl-darts"
#: Entries kept; the least recently used are deleted first.
MAX_ENTRIES = 64
_ENTRY = ".xla"
_DIGEST_SIZE = hashlib.sha256().digest_size


def _base() -> Path | None:
    """The directory below which the cache lives; None if it is switched off."""
    chosen = os.environ.get(VARIABLE, "").strip()
    if chosen.lower() in _OFF:
        return None
    if chosen.lower() not in _DEFAULT:
        return Path(chosen).expanduser()
    # Windows would put it into a folder of the author's name.
    path = platformdirs.user_cache_path(_FOLDER, appauthor=False)
    return path.parent if path.is_absolute() else None  # relative: no home


def _is_private(folder: Path) -> bool:
    """Nobody else can have put a file there: an entry is code that will be run."""
    info = os.lstat(folder)
    if not stat.S_ISDIR(info.st_mode):
        return False
    if not hasattr(os, "geteuid"):  # Windows: the profile is private by itself
        return True
    return info.st_uid == os.geteuid() and not info.st_mode & 0o022


def folder() -> Path | None:
    """The private folder, created if need be; None if there is none to be had."""
    with contextlib.suppress(OSError, RuntimeError):  # RuntimeError: no home
        base = _base()
        if base is not None:
            path = base / _FOLDER
            path.mkdir(mode=0o700, parents=True, exist_ok=True)
            return path if _is_private(path) else None
    return None


def load(key: str) -> bytes | None:
    """What was stored under a key; None if nothing was or it is damaged."""
    home = folder()
    if home is None:
        return None
    path = home / f"{key}{_ENTRY}"
    try:
        content = path.read_bytes()
        digest, packed = content[:_DIGEST_SIZE], content[_DIGEST_SIZE:]
        # Damaged machine code would not raise, it would crash.
        if hashlib.sha256(packed).digest() != digest:
            return None
        data = zlib.decompress(packed)
    except (OSError, zlib.error):
        return None
    with contextlib.suppress(OSError):
        os.utime(path)  # used last
    return data


def store(key: str, data: bytes) -> None:
    """Keep bytes under a key, all or nothing."""
    home = folder()
    if home is None:
        return
    packed = zlib.compress(data, 1)
    with contextlib.suppress(OSError):
        with replaced(home / f"{key}{_ENTRY}") as file:
            file.write(hashlib.sha256(packed).digest() + packed)
        prune(home, f"*{_ENTRY}", MAX_ENTRIES)
