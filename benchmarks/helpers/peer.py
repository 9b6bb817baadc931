"""The peer in its own process.

The peer is PyPI ``autora-theorist-darts``, DARTS in PyTorch. It runs in a process of its
own, so that it may live in another environment and its threads do not meet ours. That
process is this very module, run as a program: one job as JSON on stdin, one answer as JSON
on stdout.
"""

from __future__ import annotations

import contextlib
import importlib.util
import json
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import numpy as np

from helpers.common import BENCHMARKS, Clock, environment, versions

PEER_PACKAGES = ("autora-theorist-darts", "torch", "numpy")
HOW_TO_GET_THE_PEER = (
    "The peer is not installed here: no peer columns. Get it, best in an environment of "
    "its own, by `pip install torch==2.13.0 autora-theorist-darts` and name that "
    "environment's interpreter: `--peer PYTHON`."
)


def find_peer(python: str | None) -> str | None:
    """The interpreter that runs the peer: the named one, or this one if it has it."""
    if python is not None:
        return python
    with contextlib.suppress(ModuleNotFoundError):
        if importlib.util.find_spec("autora.theorist.darts") is not None:
            return sys.executable
    return None


def peer_fit(
    python: str,
    X: np.ndarray,
    y: np.ndarray,
    settings: dict[str, Any],
    seed: int = 0,
    X_test: np.ndarray | None = None,
    min_steps: int = 0,
    threads: int | None = 1,
    decimals: int = 2,
    seconds: float | None = None,
    timeout: float | None = None,
) -> dict[str, Any]:
    """Fit the peer in a fresh process.

    The peer does no coefficient step in an epoch in which the strongest primitives have
    no coefficients. Fits with fewer than ``min_steps`` steps are therefore repeated with
    the next seed. ``threads=None`` leaves PyTorch its default; one thread is faster, as
    the tensors are tiny, and much faster on a busy machine. With ``seconds`` there are as
    many epochs as take about that much processor time.

    Returns
    -------
    dict
        ``import_seconds``, ``fit_seconds`` and ``fit_cpu_seconds``, ``steps`` (SGD steps
        really done), ``prediction`` of ``X_test``, ``equation`` and ``versions``; or
        ``error``.
    """
    job = {
        "X": X.tolist(),
        "y": y.tolist(),
        "X_test": (X if X_test is None else X_test).tolist(),
        "settings": settings,
        "seed": seed,
        "min_steps": min_steps,
        "threads": threads,
        "decimals": decimals,
        "seconds": seconds,
    }
    # By its path and not by the folder: the interpreter's name may be a relative one.
    variables = {**environment(ours=False), "PYTHONPATH": str(BENCHMARKS)}
    try:
        done = subprocess.run(
            [python, "-m", "helpers.peer"],
            input=json.dumps(job),
            capture_output=True,
            text=True,
            env=variables,
            timeout=timeout,
        )
    except subprocess.TimeoutExpired:
        return {"error": f"stopped after {timeout:.0f} s"}
    if done.returncode:
        return {"error": (done.stderr.strip().splitlines() or ["no output"])[-1]}
    return json.loads(done.stdout.splitlines()[-1])


def _count_steps(torch: Any) -> list[int]:
    """Let ``torch.optim.SGD`` count its steps in the returned list's only item."""
    count, step = [0], torch.optim.SGD.step

    def counted(self: Any, *args: Any, **kwargs: Any) -> Any:
        count[0] += 1
        return step(self, *args, **kwargs)

    torch.optim.SGD.step = counted
    return count


def _warm_up(regressor: Any) -> None:
    """PyTorch imports a second's worth of modules in the first step of a process."""
    X = np.linspace(0, 1, 8).reshape(-1, 1)
    settings = {"max_epochs": 1, "param_updates_per_epoch": 2, "primitives": ["linear"]}
    regressor(num_graph_nodes=1, **settings).fit(X, X)


def _epochs_within(seconds: float, fit: Callable[..., Any]) -> int:
    """As many as take about these processor seconds; a short fit and a longer one tell."""
    spent = []
    for epochs in (1, 11):
        clock = Clock()
        fit(max_epochs=epochs)
        spent.append(clock.read()[1])
    each = max((spent[1] - spent[0]) / 10, 1e-4)
    return max(1, int((seconds - spent[0]) / each))


def _serve(job: dict[str, Any]) -> dict[str, Any]:
    clock = Clock()
    import torch
    from autora.theorist.darts import DARTSRegressor, regressor

    wall, cpu = clock.read()
    answer: dict[str, Any] = {"import_seconds": wall, "import_cpu_seconds": cpu}
    answer["versions"] = versions(PEER_PACKAGES)
    regressor._progress_indicator = lambda epochs: epochs
    if job["threads"]:
        torch.set_num_threads(job["threads"])
    count = _count_steps(torch)
    _warm_up(DARTSRegressor)
    X, y = np.array(job["X"]), np.array(job["y"])
    if job["seconds"]:

        def brief(**settings: Any) -> None:
            DARTSRegressor(**{**job["settings"], **settings}).fit(X, y)

        job["settings"]["max_epochs"] = _epochs_within(job["seconds"], brief)
    for seed in range(job["seed"], job["seed"] + 100):
        torch.manual_seed(seed)
        np.random.seed(seed)
        count[0], clock = 0, Clock()
        try:
            fitted = DARTSRegressor(**job["settings"]).fit(X, y)
            answer["fit_seconds"], answer["fit_cpu_seconds"] = clock.read()
            answer["prediction"] = fitted.predict(np.array(job["X_test"])).tolist()
            answer["equation"] = fitted.model_repr(decimals_to_display=job["decimals"])
        except Exception as error:
            return {**answer, "error": f"{type(error).__name__}: {error}"}
        answer["steps"] = count[0]
        if count[0] >= job["min_steps"]:
            return answer
    return {**answer, "error": f"never reached {job['min_steps']} coefficient steps"}


if __name__ == "__main__":
    # Whatever the peer prints must not mix with the answer.
    with contextlib.redirect_stdout(sys.stderr):
        result = _serve(json.load(sys.stdin))
    print(json.dumps(result))
