"""What the outside world sees of a fit while it runs: progress bar and monitor."""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from ..equations.symbolic import one_line
from ..graph.search_space import SearchSpace
from ..relaxation.bilevel import History
from ..relaxation.history import Observer
from ..runtime.budget import Budget
from ..search.parallel import Progress as Searched
from ..selection.candidates import Candidate
from .validation import plain


class _NoBar:
    """What a silent fit moves instead of a bar."""

    disable, n = True, 0

    def update(self, *_: Any, **__: Any) -> None:
        """Nothing to see."""

    set_postfix = set_postfix_str = close = update


def tqdm(*, disable: bool, **settings: Any) -> Any:
    """A progress bar; its package, which imports widgets in notebooks, if it is seen."""
    if disable:
        return _NoBar()
    from tqdm.auto import tqdm

    return tqdm(**settings)


class Progress:
    """Feeds a tqdm bar and the execution monitor from a running fit."""

    def __init__(self, estimator: Any, space: SearchSpace) -> None:
        self._monitor = estimator.execution_monitor
        self._space = space
        self._darts_type = plain(estimator.darts_type)
        self._bar = tqdm(
            total=int(estimator.max_epochs),
            desc="DARTS",
            unit="epoch",
            disable=not estimator.verbose,
        )

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, *_: Any) -> None:
        self._bar.close()

    def observer(self) -> Observer:
        return Observer(epochs=self._epochs, candidate=self._candidate)

    def _epochs(self, first: int, history: History) -> None:
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
            )

    def _candidate(self, best: Candidate) -> None:
        self._bar.set_postfix(best=f"{best.fit.loss:.4g}", bic=f"{best.criterion:.1f}")


class OpenProgress:
    """A tqdm bar over a search whose graphs are not counted beforehand."""

    def __init__(self, verbose: int, budget: Budget, input_names: list[str]) -> None:
        self._names, self._shown = input_names, bool(verbose)
        self._timed = np.isfinite(budget.seconds)
        self._best, self._start = np.inf, 0.0
        self._total = budget.seconds if self._timed else budget.candidates
        self._bar: Any = None

    def __enter__(self) -> OpenProgress:
        return self

    def __exit__(self, *_: Any) -> None:
        if self._bar is not None:
            self._bar.close()

    def _begun(self) -> Any:
        """The bar, from the first report on: what was compiled before is no progress."""
        if self._bar is None:
            self._start = time.perf_counter()
            self._bar = tqdm(
                total=round(self._total, 1) if np.isfinite(self._total) else None,
                desc="DARTS",
                unit="s" if self._timed else " equations",
                disable=False,
            )
        return self._bar

    def __call__(self, seen: Searched) -> None:
        if not self._shown:
            return
        bar = self._begun()
        done = time.perf_counter() - self._start if self._timed else seen.fitted
        bar.update(round(done - bar.n, 1))
        if seen.criterion < self._best:
            self._best = seen.criterion
            equation = one_line(seen.model(), self._names)
            bar.set_postfix_str(f"error {seen.error:.1e}, y = {equation}")
