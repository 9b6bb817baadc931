"""What the outside world sees of a fit while it runs: progress bar and monitor."""

from __future__ import annotations

import inspect
import time
from typing import Any, Self

import numpy as np

from ..equations.symbolic import one_line
from ..graph.search_space import SearchSpace
from ..relaxation.bilevel import History
from ..relaxation.history import Observer
from ..runtime.budget import Budget
from ..search.parallel import SearchStatus
from ..selection.candidates import Candidate
from .validation import plain


class _Shown:
    """Moves a progress bar, whose package is imported if it is seen, and closes it."""

    _bar: Any = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: Any) -> None:
        if self._bar is not None:
            self._bar.close()

    def _show(self, **settings: Any) -> None:
        from tqdm.auto import tqdm

        self._bar = tqdm(desc="DARTS", **settings)


class Progress(_Shown):
    """Feeds a tqdm bar and the execution monitor from a running fit."""

    def __init__(self, estimator: Any, space: SearchSpace) -> None:
        self._monitor = estimator.execution_monitor
        self._more: dict[str, Any] = {}
        if self._monitor is not None and _takes(self._monitor, "input_labels"):
            self._more["input_labels"] = estimator._names()[0]
        self._space = space
        self._darts_type = plain(estimator.darts_type)
        if estimator.verbose:
            self._show(total=int(estimator.max_epochs), unit="epoch")

    def observer(self) -> Observer:
        return Observer(epochs=self._epochs, candidate=self._candidate)

    def _epochs(self, first: int, history: History) -> None:
        if self._bar is not None:
            self._bar.update(len(history.valid_loss))
            self._bar.set_postfix(loss=f"{history.valid_loss[-1]:.4g}")
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
            self._bar.set_postfix(best=f"{best.fit.loss:.4g}", bic=f"{best.criterion:.1f}")


def _takes(function: Any, keyword: str) -> bool:
    """Whether a function may be called with a keyword that users' own need not know."""
    try:
        known = inspect.signature(function).parameters
    except (TypeError, ValueError):  # compiled code without a signature
        return False
    return keyword in known or any(p.kind is p.VAR_KEYWORD for p in known.values())


class OpenProgress(_Shown):
    """A tqdm bar over a search whose graphs are not counted beforehand."""

    def __init__(self, verbose: int, budget: Budget, input_names: list[str]) -> None:
        self._names, self._verbose = input_names, bool(verbose)
        self._timed = np.isfinite(budget.seconds)
        self._best, self._start = np.inf, 0.0
        self._total = budget.seconds if self._timed else budget.candidates

    def __call__(self, seen: SearchStatus) -> None:
        if not self._verbose:
            return
        if self._bar is None:  # what was compiled before the first report is no progress
            self._start = time.perf_counter()
            total = round(self._total, 1) if np.isfinite(self._total) else None
            self._show(total=total, unit="s" if self._timed else " equations")
        done = time.perf_counter() - self._start if self._timed else seen.fitted
        self._bar.update(round(done - self._bar.n, 1))
        if seen.criterion < self._best:
            self._best = seen.criterion
            equation = one_line(seen.model(), self._names)
            self._bar.set_postfix_str(f"error {seen.error:.1e}, y = {equation}")
