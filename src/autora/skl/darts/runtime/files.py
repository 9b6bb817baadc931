"""Files that are written whole or not at all, and folders that do not grow without end."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import IO

#: How the name of a file ends that is still being written.
UNFINISHED = ".part"
#: Age in seconds at which an unfinished file has been left behind by a dead process.
_ABANDONED = 3600
#: Permissions, of which the process's umask may take more away.
_PRIVATE, _USUAL = 0o600, 0o666


@contextlib.contextmanager
def replaced(
    path: str | os.PathLike[str], permissions: int = _PRIVATE
) -> Iterator[IO[bytes]]:
    """A file to write to, which takes the place of ``path`` once the block has ended.

    Whatever fails, an earlier file stays as it was. A link is followed.

    Parameters
    ----------
    path : str or path
    permissions : int
        Of a file that is new; one that replaces another has those of the other.

    Raises
    ------
    OSError
        If the folder does not exist, is full or may not be written, or if ``path`` names
        something that is no regular file.
    """
    where = Path(os.path.realpath(path))
    if where.exists() and not where.is_file():
        raise OSError(f"{str(path)!r} is no regular file")
    unfinished = where.with_name(f".{where.name[:40]}.{secrets.token_hex(8)}{UNFINISHED}")
    try:
        with open(unfinished, "xb", opener=partial(os.open, mode=permissions)) as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        if where.exists():
            shutil.copymode(where, unfinished)
        os.replace(unfinished, where)
    finally:
        unfinished.unlink(missing_ok=True)


def write(path: str | os.PathLike[str], content: str | bytes) -> None:
    """Write a user's file, text as UTF-8, whole or not at all; raises as `replaced`."""
    with replaced(path, _USUAL) as file:
        file.write(content.encode() if isinstance(content, str) else content)


def prune(folder: Path, pattern: str, most: int) -> None:
    """Delete all but the files or folders that were used last.

    What dead processes left unfinished goes, too. Nobody is told of what cannot be deleted.
    """
    ages = _ages(folder, pattern)
    old = sorted(ages, key=ages.__getitem__)[most:]
    unfinished = _ages(folder, f"*{UNFINISHED}")
    for path in [*old, *(p for p, age in unfinished.items() if age > _ABANDONED)]:
        with contextlib.suppress(OSError):
            shutil.rmtree(path) if path.is_dir() else path.unlink()


def _ages(folder: Path, pattern: str) -> dict[Path, float]:
    """Seconds since each was used."""
    now, found = time.time(), {}
    for path in folder.glob(pattern):
        with contextlib.suppress(OSError):  # another process deleted it
            found[path] = now - path.stat().st_mtime
    return found
