"""What the outside world sees of a fit while it runs: progress bar and monitor."""

from __future__ import annotations

import inspect
import math
import shutil
import sys
import time
from html import escape
from typing import Any, Protocol, Self

import numpy as np

from ..equations.printing import distinct
from ..equations.symbolic import one_line
from ..graph.model import Model
from ..graph.search_space import SearchSpace
from ..plotting.style import shortened
from ..relaxation.bilevel import History
from ..relaxation.history import Observer
from ..runtime.budget import Budget
from ..search.parallel import SearchStatus
from ..selection.candidates import Candidate
from .validation import plain

#: Seconds between two lines in a log, and characters of its lines.
_PAUSE, _LOG_WIDTH = 30.0, 1_000
#: A bar that counts seconds: tqdm's own would say how many there are in a second.
_SECONDS = "{l_bar}{bar}| {n:.0f}/{total:.0f} s{postfix}"


class _Bar(Protocol):
    def move(self, done: float, note: str = "") -> None: ...

    def say(self, line: str) -> None: ...

    def close(self, complete: bool) -> None: ...


class _Tqdm:
    """A bar of tqdm; what is said stands on the line below it."""

    def __init__(self, total: float | None, unit: str, timed: bool) -> None:
        from tqdm.auto import tqdm

        look: dict[str, Any] = {"bar_format": _SECONDS} if timed and total else {}
        self._make = tqdm
        self._bar: Any = tqdm(desc="DARTS", total=total, unit=unit, **look)

    def move(self, done: float, note: str = "") -> None:
        if note:
            self._bar.set_postfix_str(note, refresh=False)
        self._bar.update(done - self._bar.n)

    def close(self, complete: bool) -> None:
        """Close the bar: full where the search is complete, else as it is."""
        bar = self._bar
        if complete:  # a bar that is not full becomes red in a notebook
            done, start = max(bar.n, 1), bar.start_t
            bar.reset(total=done)
            bar.start_t = start
            bar.update(done)
        self._colour(complete)
        bar.close()

    def _colour(self, complete: bool) -> None:
        """tqdm colours the bars of notebooks when it closes them."""


class _Terminal(_Tqdm):
    _line: Any = None

    def say(self, line: str) -> None:
        if self._line is None:
            self._line = self._make(total=0, bar_format="{desc}", position=1, leave=True)
        width = shutil.get_terminal_size().columns - 1
        self._line.set_description_str(shortened(line, width))

    def close(self, complete: bool) -> None:
        super().close(complete)
        if self._line is not None:
            self._line.close()

    def _colour(self, complete: bool) -> None:
        if complete:
            self._bar.colour = "green"
            self._bar.refresh()


class _Notebook(_Tqdm):
    """A widget, or a line of text where there are none, which nothing may interrupt."""

    _line: Any = None
    _last = ""

    def say(self, line: str) -> None:
        self._last = line
        if hasattr(self._bar, "container"):
            self._display()

    def close(self, complete: bool) -> None:
        super().close(complete)
        if self._last and self._line is None:
            self._display()

    def _display(self) -> None:
        from IPython.display import HTML, display  # a notebook has it

        shown = HTML(f"<code>{escape(self._last)}</code>")
        if self._line is None:
            self._line = display(shown, display_id=True)
        else:
            self._line.update(shown)


class _Log:
    """Lines from time to time, where nothing that was written can be written over."""

    def __init__(self, total: float | None, unit: str, timed: bool) -> None:
        self._of = "" if total is None else f" of {total:.0f}"
        self._unit, self._said, self._shown = unit, "", (0.0, "")
        self._next = -math.inf

    def move(self, done: float, note: str = "") -> None:
        self._shown = done, note
        if time.monotonic() >= self._next:
            self._write(self._of)
            self._next = time.monotonic() + _PAUSE

    def say(self, line: str) -> None:
        self._said = line

    def close(self, complete: bool) -> None:
        self._write(", complete" if complete else f"{self._of}, stopped")

    def _write(self, end: str) -> None:
        done, note = self._shown
        head = f"DARTS: {done:.0f} {self._unit.strip()}{end}"
        parts = [part for part in (head, note, self._said) if part]
        print(shortened(", ".join(parts), _LOG_WIDTH), file=sys.stderr, flush=True)


def _bar(total: float | None, unit: str, timed: bool = False) -> _Bar:
    """What shows progress where the output goes: a notebook, a terminal or a log."""
    if "IPython" in sys.modules:
        from IPython import get_ipython

        if getattr(get_ipython(), "kernel", None) is not None:
            return _Notebook(total, unit, timed)
    if sys.stderr is not None and sys.stderr.isatty():
        return _Terminal(total, unit, timed)
    return _Log(total, unit, timed)


class _Shown:
    """Moves a progress bar, whose package is imported if it is seen, and closes it."""

    _bar: _Bar | None = None
    _complete = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: Any) -> None:
        if self._bar is not None:
            self._bar.close(self._complete)

    def finish(self, complete: bool) -> None:
        """Say whether all was done; without it the bar stays where it is."""
        self._complete = complete


class Progress(_Shown):
    """Feeds a bar and the execution monitor from a running fit."""

    def __init__(self, estimator: Any, space: SearchSpace) -> None:
        self._monitor = estimator.execution_monitor
        self._more: dict[str, Any] = {}
        if self._monitor is not None and _takes(self._monitor, "input_labels"):
            self._more["input_labels"] = estimator._names()[0]
        self._space = space
        self._darts_type = plain(estimator.darts_type)
        self._done = 0
        if estimator.verbose:
            self._total = int(estimator.max_epochs)
            self._bar = _bar(self._total, " epochs")
            self._bar.move(0)

    def observer(self) -> Observer:
        return Observer(epochs=self._epochs, candidate=self._candidate)

    def finish(self, complete: bool) -> None:
        super().finish(complete)
        if complete and self._bar is not None and self._done == 0:
            self._bar.move(self._total)  # other processes have trained unseen

    def _epochs(self, first: int, history: History) -> None:
        if self._bar is not None:
            self._done += len(history.valid_loss)
            self._bar.move(self._done, f"loss={history.valid_loss[-1]:.4g}")
        if self._monitor is None:
            return
        rows = zip(*history, strict=True)
        for i, (train_loss, valid_loss, alphas) in enumerate(rows):
            self._monitor(
                epoch=first + i,
                train_loss=float(train_loss),
                valid_loss=float(valid_loss),
                alphas=np.array(alphas),
                space=self._space,
                darts_type=self._darts_type,
                **self._more,
            )

    def _candidate(self, best: Candidate) -> None:
        if self._bar is not None:
            self._bar.move(
                self._done, f"best={best.fit.loss:.4g}, bic={best.criterion:.1f}"
            )


def _takes(function: Any, keyword: str) -> bool:
    """Whether a function may be called with a keyword that users' own need not know."""
    try:
        known = inspect.signature(function).parameters
    except (TypeError, ValueError):  # compiled code without a signature
        return False
    return keyword in known or any(p.kind is p.VAR_KEYWORD for p in known.values())


class OpenProgress(_Shown):
    """A bar over a search whose graphs are not counted beforehand."""

    def __init__(
        self, verbose: int, budget: Budget, input_names: list[str], output_name: str = "y"
    ) -> None:
        self._names, self._verbose = input_names, bool(verbose)
        (self._output,) = distinct([output_name], input_names, "y")
        self._timed = bool(np.isfinite(budget.seconds))
        self._best, self._start = np.inf, 0.0
        total = budget.seconds if self._timed else budget.candidates
        self._total = math.ceil(total) if np.isfinite(total) else None

    def __call__(self, seen: SearchStatus) -> None:
        if not self._verbose:
            return
        if self._bar is None:  # what was compiled before the first report is no progress
            self._start = time.perf_counter()
            unit = " s" if self._timed else " equations"
            self._bar = _bar(self._total, unit, self._timed)
        if self._timed:
            done = math.floor(time.perf_counter() - self._start)
            self._bar.move(done, f"{seen.fitted} equations")
        else:
            self._bar.move(seen.fitted)
        if seen.criterion < self._best:
            self._best = seen.criterion
            self._bar.say(f"error {seen.error:.1e}, {self._line(seen.model())}")

    def finish(self, complete: bool, model: Model | None = None) -> None:
        """The equation that was chosen takes the place of the last one that was best."""
        super().finish(complete)
        if self._bar is not None and model is not None:
            self._bar.say(self._line(model))

    def _line(self, model: Model) -> str:
        equation = one_line(model, self._names)
        return equation if len(model.bias) > 1 else f"{self._output} = {equation}"
