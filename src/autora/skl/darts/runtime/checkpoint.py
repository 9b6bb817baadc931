"""The state of a search on disk, so that another process can go on where one was killed.

A state is a handful of arrays in NumPy's own format without pickles: nothing in it is run.
It lies under a name made from all that decides what the search finds. A search therefore
only ever goes on from its own state, and one that had ended is not done again.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import time
import zipfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Protocol

import numpy as np

from .files import replaced
from .messages import warn

#: Seconds between two states of a search.
EVERY = 30.0
_SUFFIX = ".npz"


def prefixed(prefix: str, arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    return {f"{prefix}.{name}": array for name, array in arrays.items()}


def part(arrays: dict[str, np.ndarray], prefix: str) -> dict[str, np.ndarray]:
    """The arrays with a prefix, without it."""
    start = f"{prefix}."
    return {k.removeprefix(start): v for k, v in arrays.items() if k.startswith(start)}


def generator_state(rng: np.random.Generator) -> np.ndarray:
    """Where a generator is, as an array of bytes."""
    text = json.dumps(rng.bit_generator.state, sort_keys=True)
    return np.frombuffer(text.encode(), np.uint8)


def set_generator(rng: np.random.Generator, state: np.ndarray) -> None:
    rng.bit_generator.state = json.loads(state.tobytes())


@cache
def _code() -> str:
    """What this package computes; other code would not have come to the same state."""
    digest = hashlib.sha256(np.__version__.encode())
    for source in sorted(Path(__file__).parents[1].rglob("*.py")):
        digest.update(source.read_bytes())
    return digest.hexdigest()


def _name(settings: str, data: Iterable[np.ndarray]) -> str:
    digest = hashlib.sha256(f"{_code()} {settings}".encode())
    for array in data:
        digest.update(repr((array.shape, array.dtype.str)).encode())
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()[:32]


@dataclass(frozen=True)
class Checkpoints:
    """The folder of a fit; travels to other processes."""

    folder: Path

    def saved_state(self, settings: str, data: Iterable[np.ndarray]) -> SavedState:
        """Of one search; data and settings make the name."""
        return SavedState(self.folder / f"{_name(settings, data)}{_SUFFIX}")

    @classmethod
    def of(
        cls, folder: str | os.PathLike[str], fit: str, data: Iterable[np.ndarray]
    ) -> Checkpoints:
        """The keeper of a fit, below a folder that many fits may share."""
        home = Path(folder).expanduser() / f"fit-{_name(fit, data)}"
        try:
            home.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ValueError(
                f"checkpoint={str(folder)!r} cannot be used ({error}); name a folder that "
                "can be written to, or leave it at None"
            ) from error
        return cls(home)

    def clear(self) -> None:
        """The fit has ended: its states are no longer of use."""
        with contextlib.suppress(OSError):  # what cannot be deleted does no harm
            for path in self.folder.glob(f"*{_SUFFIX}*"):
                path.unlink(missing_ok=True)
            self.folder.rmdir()


class SavedState:
    """The file that keeps the state of one search."""

    def __init__(self, path: Path) -> None:
        self.path, self._last = path, time.monotonic()

    def is_due(self) -> bool:
        return time.monotonic() - self._last >= EVERY

    def load(self) -> dict[str, np.ndarray] | None:
        """The state that was saved last; None if there is none that can be read."""
        if not self.path.exists():
            return None
        try:
            with np.load(self.path, allow_pickle=False) as file:
                return dict(file)
        except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
            warn(
                f"the checkpoint {self.path} cannot be read ({error}); this search starts "
                "anew",
                RuntimeWarning,
            )
            return None

    def save(self, arrays: dict[str, np.ndarray]) -> None:
        """Replace the state, all or nothing."""
        self._last = time.monotonic()
        try:
            with replaced(self.path) as file:
                np.savez(file, allow_pickle=False, **arrays)
        except OSError as error:
            warn(
                f"the checkpoint {self.path} cannot be written ({error}); the fit goes on, "
                "but what is found from now on is lost if it is killed",
                RuntimeWarning,
            )


class Resumable(Protocol):
    """A search whose state can be taken out and put back."""

    @property
    def ended(self) -> bool: ...

    def arrays(self) -> dict[str, np.ndarray]:
        """All that decides how it goes on."""

    def resume(self, arrays: dict[str, np.ndarray]) -> None:
        """Be where another search was when it gave these `arrays`."""


def run_resumably(
    search: Resumable, step: Callable[[], object], saved: SavedState | None
) -> None:
    """Step after step to the end, from the start or from where an earlier process was."""
    before = None if saved is None else saved.load()
    if before is not None:
        search.resume(before)
    while not search.ended:
        step()
        if saved is not None and (search.ended or saved.is_due()):
            saved.save(search.arrays())
