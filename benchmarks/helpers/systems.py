"""The systems that the recovery benchmarks compare, behind one face.

A system is called with training data, a budget and a seed, and answers with a `Fit`.
Budgets are core-seconds on one core: on a busy machine the wall clock would cut short
whoever happens to run then. A control or ablation of ours is the same estimator with
private search options, so that everything but the one ingredient stays equal.
"""

from __future__ import annotations

import importlib.util
import os
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from joblib import effective_n_jobs

from helpers.fit import Fit, System
from helpers.peer import HOW_TO_GET_THE_PEER, find_peer
from helpers.rivals import Peer, gplearn, operon
from helpers.scores import STRICT_ERROR, timed

#: Search options of our controls; more come from the command line.
VARIANTS: dict[str, dict[str, Any]] = {
    "darts": {},
    "random": {"random_only": True},
    "no-gradient": {"gradient": False},
}
RIVALS: dict[str, System] = {"operon": operon, "gplearn": gplearn}
PEER = "peer"
#: Environment variable that names its interpreter, for the processes of the fits.
PEER_PYTHON = "PEER_PYTHON"
#: What to import for a rival.
PACKAGES = {"operon": "pyoperon", "gplearn": "gplearn"}


@contextmanager
def core_seconds() -> Iterator[None]:
    """Let the time limits of this process count processor seconds."""
    wall = time.perf_counter
    time.perf_counter = time.process_time
    try:
        yield
    finally:
        time.perf_counter = wall


@contextmanager
def exact_after() -> Iterator[list[float]]:
    """Processor seconds until the search first had an exact graph, once that is known.

    A fit goes on for a while in search of a simpler one, so its own time says less about
    who finds the law first.
    """
    from autora.skl.darts.search.fit import _Recorder

    start, found, told = time.process_time(), [], _Recorder.__call__

    def telling(recorder: _Recorder, seen: Any) -> None:
        if not found and seen.error <= STRICT_ERROR:
            found.append(time.process_time() - start)
        told(recorder, seen)

    _Recorder.__call__ = telling  # type: ignore[method-assign]
    try:
        yield found
    finally:
        _Recorder.__call__ = told  # type: ignore[method-assign]


@dataclass(frozen=True)
class Darts:
    """Our estimator with private search options and, where given, other parameters."""

    options: dict[str, Any] = field(default_factory=dict)
    parameters: dict[str, Any] = field(default_factory=dict)
    #: What `fit` is given beside X and y, such as units.
    known: dict[str, Any] = field(default_factory=dict)

    def __call__(
        self, X: np.ndarray, y: np.ndarray, seconds: float | None, seed: int
    ) -> Fit:
        return self.fitted(X, y, seconds, seed).fit()

    def fitted(
        self, X: np.ndarray, y: np.ndarray, seconds: float | None, seed: int
    ) -> Fitted:
        """The estimator itself, for more than its equation."""
        from autora.skl.darts import DARTSRegressor

        estimator = DARTSRegressor(max_time=seconds, random_state=seed, **self.parameters)
        estimator._search_options = self.options
        # Workers have clocks of their own: what several do is limited by the wall clock.
        alone = self.parameters.get("n_jobs", 1) == 1
        clock = core_seconds() if alone else nullcontext()
        with warnings.catch_warnings(), clock, exact_after() as exact:
            # A budget that ran out warns; here that is the normal case.
            warnings.simplefilter("ignore", UserWarning)
            _, wall, cpu = timed(lambda: estimator.fit(X, y, **self.known))
        if not alone:  # what is bound to this fit, whether its workers use it or not
            cpu = wall * effective_n_jobs(self.parameters["n_jobs"])
        return Fitted(estimator, wall, cpu, [*exact, cpu][0] if alone else None)


class Fitted(NamedTuple):
    """Our estimator after a fit, and how long that took."""

    estimator: Any
    wall: float
    cpu: float
    cpu_exact: float | None

    def fit(self) -> Fit:
        """What scoring needs."""
        estimator = self.estimator
        edges = count_edges(estimator.model_)

        def predict(X: np.ndarray) -> np.ndarray:
            return estimator.model_.predict(X)[:, 0]

        return Fit(
            predict,
            str(estimator.sympy(simplify=True)),
            estimator.model_repr(decimals_to_display=4),
            edges,
            self.wall,
            self.cpu,
            edges,
            self.cpu_exact,
        )

    def of_group(self, label: Any) -> Fitted:
        return self._replace(estimator=self.estimator.of_group(label))


def count_edges(model: Any) -> int:
    """Edges on the way to the output."""
    live = model.live_nodes()
    return sum(edge.target in live for edge in model.edges())


_warm: set[str] = set()


def warm_up(name: str, system: System) -> None:
    """One small fit per process: imports and compilers are not the search's time."""
    if name not in _warm:
        X = np.linspace(0, 1, 50).reshape(-1, 1)
        system(X, np.exp(X[:, 0]) + X[:, 0], 1.0, 0)
        _warm.add(name)


def _darts(options: dict[str, Any]) -> Darts:
    """Private search options and, under "parameters", the estimator's own."""
    rest = {name: value for name, value in options.items() if name != "parameters"}
    return Darts(rest, options.get("parameters", {}))


def need(name: str, package: str, extra: str) -> None:
    """Raise where the package that a system needs is missing, with the remedy."""
    if importlib.util.find_spec(package) is None:
        raise ValueError(
            f"system {name!r} needs {package}, which is not installed here: "
            f'`pip install -e ".[{extra}]"`'
        )


def systems(names: list[str], ablations: dict[str, dict[str, Any]]) -> dict[str, System]:
    """The systems of these names, in their order."""
    peer = find_peer(os.environ.get(PEER_PYTHON))
    known = {name: _darts(options) for name, options in {**VARIANTS, **ablations}.items()}
    table: dict[str, System] = {**known, **RIVALS, PEER: Peer(peer or "")}
    unknown = [name for name in names if name not in table]
    if unknown:
        raise ValueError(f"unknown system {unknown}; there are {list(table)}")
    for name in names:
        if name in PACKAGES:
            need(name, PACKAGES[name], "rivals")
    if PEER in names and peer is None:
        raise ValueError(HOW_TO_GET_THE_PEER)
    return {name: table[name] for name in names}
