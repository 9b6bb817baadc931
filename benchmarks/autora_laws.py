"""Laws of psychology and economics, ours beside the peer's, in one run.

    python benchmarks/autora_laws.py [--peer PYTHON] [--peer-long] [--seeds N]
        [--seconds S]

The seven experiments of PyPI autora-synthetic and the three models of Musslick (2021),
noise-free. Ours has its defaults for all of them, nothing is set. Every law
is kept as soon as it is done; a run that was interrupted goes on when it is started again
with the same options, source and versions.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import re
import statistics
import sys
import time
import warnings
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from helpers.common import (
    BENCHMARKS,
    NUMBERS,
    ROOT,
    provenance,
    r2,
    table,
    versions,
    write_numbers,
    write_results,
)
from helpers.peer import HOW_TO_GET_THE_PEER, find_peer, peer_fit

ROWS = 400
SYNTHETIC = "autora.experiment_runner.synthetic."
#: Modules of autora-synthetic; the factory function is named like its module.
EXPERIMENTS = (
    "psychophysics.weber_fechner_law",
    "psychophysics.stevens_power_law",
    "psychology.exp_learning",
    "psychology.luce_choice_ratio",
    "economics.expected_value_theory",
    "economics.prospect_theory",
    "neuroscience.task_switching",
)
HOW_TO_GET_THE_EXPERIMENTS = (
    "autora-synthetic is not installed here, so only the three models of Musslick (2021) "
    "ran. Get it by `pip install autora-synthetic==2.2`."
)
#: The peer with its defaults, and with the vocabulary and length its authors used.
PEER: dict[str, dict[str, Any]] = {
    "peer, defaults": {},
    "peer, 12 primitives, 300 epochs": {
        "max_epochs": 300,
        "primitives": (
            "none",
            "add",
            "subtract",
            "mult",
            "linear",
            "linear_relu",
            "linear_logistic",
            "linear_exp",
            "exp",
            "logistic",
            "relu",
            "reciprocal",
        ),
    },
}
PEER_TIMEOUT = 900.0
NAME, TITLE = "autora_laws", "Laws of AutoRA and of Musslick (2021)"
#: Law → who → one entry per seed.
Results = dict[str, dict[str, list[dict[str, Any]]]]


class Law(NamedTuple):
    name: str
    formula: Callable[[np.ndarray], np.ndarray]
    columns: tuple[tuple[float, ...], ...]  #: (low, high), or the values allowed
    discrete: tuple[bool, ...]


def _continuous(name: str, formula: Callable, *ranges: tuple[float, float]) -> Law:
    return Law(name, formula, ranges, (False,) * len(ranges))


def _lca(x: np.ndarray) -> np.ndarray:
    r = np.maximum(x, 0)
    return -0.4 * x[:, 0] + 0.2 * r[:, 0] - 0.2 * (r[:, 1] + r[:, 2])


#: The models of github.com/musslick/DARTS-Cognitive-Modeling.
MUSSLICK = (
    _continuous(
        "weber (Musslick)",
        lambda x: 1 / (1 + np.exp(-(x[:, 1] - 2 * x[:, 0]))),
        (0, 5),
        (0, 5),
    ),
    _continuous(
        "exp_learning (Musslick)",
        lambda x: x[:, 2] - (x[:, 2] - x[:, 1]) * np.exp(-5 * x[:, 0]),
        (0, 1),
        (0, 0.4),
        (0.5, 1),
    ),
    _continuous("lca (Musslick)", _lca, (-1, 1), (-1, 1), (-1, 1)),
)


def _from_autora(path: str) -> Law:
    name = path.split(".")[-1]
    experiment = getattr(import_module(SYNTHETIC + path), name)()
    inputs = experiment.variables.independent_variables
    output = experiment.variables.dependent_variables[0].name

    def formula(x: np.ndarray) -> np.ndarray:
        return experiment.ground_truth(x)[output].to_numpy(float)

    # Few allowed values are a switch, many only a grid on the range.
    discrete = tuple(len(np.atleast_1d(v.allowed_values)) < 5 for v in inputs)
    columns = tuple(
        tuple(v.allowed_values if d else v.value_range)
        for v, d in zip(inputs, discrete, strict=True)
    )
    return Law(name, formula, columns, discrete)


def laws() -> list[Law]:
    try:
        return [*map(_from_autora, EXPERIMENTS), *MUSSLICK]
    except ImportError:
        return list(MUSSLICK)


def draw(law: Law, seed: int) -> tuple[np.ndarray, ...]:
    """Training and test rows: uniform over the ranges, half each."""
    rng = np.random.default_rng(seed)
    columns = [
        rng.choice(c, ROWS) if d else rng.uniform(*c, ROWS)
        for c, d in zip(law.columns, law.discrete, strict=True)
    ]
    X = np.stack(columns, axis=1)
    y, half = law.formula(X), ROWS // 2
    return X[:half], y[:half], X[half:], y[half:]


def fit_ours(
    data: tuple[np.ndarray, ...], seed: int, seconds: float | None
) -> dict[str, Any]:
    from autora.skl.darts import DARTSRegressor

    X, y, X_test, y_test = data
    begin = time.perf_counter()
    try:
        model = DARTSRegressor(max_time=seconds, random_state=seed).fit(X, y)
    except Exception as error:  # a crash is a result, too
        return {"error": f"{type(error).__name__}: {error}"}
    spent = time.perf_counter() - begin
    with warnings.catch_warnings():
        # Rows outside the equation's domain are predicted by the mean; R² pays for them.
        warnings.simplefilter("ignore", UserWarning)
        score = r2(y_test, model.predict(X_test))
    return {"r2": score, "seconds": spent, "equation": model.model_repr()}


def fit_peer(
    python: str, data: tuple[np.ndarray, ...], seed: int, settings: dict[str, Any]
) -> dict[str, Any]:
    X, y, X_test, y_test = data
    answer = peer_fit(python, X, y, settings, seed, X_test=X_test, timeout=PEER_TIMEOUT)
    if "error" in answer:
        return answer
    return {
        "r2": r2(y_test, answer["prediction"]),
        "seconds": answer["fit_seconds"],
        "equation": answer["equation"],
        "versions": answer["versions"],
    }


def measure(
    law: Law,
    python: str | None,
    peers: dict[str, dict[str, Any]],
    options: argparse.Namespace,
) -> dict[str, list[dict[str, Any]]]:
    """All fits of a law, as who → one entry per seed."""
    fits: dict[str, list[dict[str, Any]]] = {"ours": []}
    fits |= {who: [] for who in peers if python}
    for seed in range(options.seeds):
        data = draw(law, seed)
        fits["ours"].append(fit_ours(data, seed, options.seconds))
        for who, settings in peers.items() if python else ():
            fits[who].append(fit_peer(python, data, seed, settings))
    print(law.name, _summary(fits["ours"]), file=sys.stderr)
    return fits


# A run that may be interrupted


def _identity(options: argparse.Namespace, about: dict[str, str]) -> dict[str, Any]:
    """What has to be the same for a run to go on where another one stopped."""
    files = [Path(__file__), *sorted((BENCHMARKS / "helpers").glob("*.py"))]
    files += sorted((ROOT / "src").rglob("*.py"))
    source = hashlib.sha256(b"\0".join(f.read_bytes() for f in files)).hexdigest()
    same = {name: about[name] for name in ("Machine", "Ours", "Laws")}
    return {"options": vars(options), "source": source, **same}


def _unfinished(identity: dict[str, Any]) -> Results:
    """What an interrupted run with the same identity has done."""
    try:
        kept = json.loads((NUMBERS / f"{NAME}.json").read_text())
    except (OSError, ValueError):
        return {}
    if kept.pop("unfinished", None) != identity:
        return {}
    del kept["about"]
    print(f"going on after {', '.join(kept)}", file=sys.stderr)
    return kept


def _keep(
    results: Results,
    about: dict[str, str],
    peers: dict[str, dict[str, Any]],
    unfinished: dict[str, Any] | None,
) -> None:
    """Write numbers and page; ``unfinished`` is the identity of a run with laws to do."""
    about = dict(about)
    for fit in (f for entry in results.values() for f in entry.get("peer, defaults", ())):
        about["Peer"] = fit.get("versions", about.get("Peer", "unknown"))
    state = {"unfinished": unfinished} if unfinished else {}
    write_numbers(NAME, {"about": about, **state, **json.loads(json.dumps(results))})
    body = report(results, peers)
    if unfinished:
        body = f"**Unfinished: {len(results)} of {len(laws())} laws so far.**\n\n{body}"
    if len(laws()) == len(MUSSLICK):
        body = f"{HOW_TO_GET_THE_EXPERIMENTS}\n\n{body}"
    write_results(NAME, TITLE, about, body, show=not unfinished)


def _summary(fits: list[dict[str, Any]]) -> tuple[str, str]:
    """Median R² and seconds over the seeds, or what went wrong."""
    done = [fit for fit in fits if "error" not in fit]
    if not done:
        return fits[0]["error"], ""
    score = statistics.median(fit["r2"] for fit in done)
    seconds = statistics.median(fit["seconds"] for fit in done)
    crashed = f" ({len(fits) - len(done)} crashed)" if len(done) < len(fits) else ""
    return f"{score:.4f}{crashed}", f"{seconds:.1f}"


def _one_line(equation: str) -> str:
    """The equation without line breaks, as code."""
    lines = equation.removeprefix("Model:").strip().splitlines()
    return "`" + "; ".join(re.sub(r"\s+", " ", line).strip() for line in lines) + "`"


def _medians(results: dict[str, Any], who: str) -> list[float]:
    """R² of every law; a crash counts as −inf."""
    return [
        statistics.median(fit.get("r2", float("-inf")) for fit in entry[who])
        for entry in results.values()
    ]


def report(results: dict[str, Any], peers: dict[str, dict[str, Any]]) -> str:
    names = list(next(iter(results.values())))
    headers = ["law", *(f"{who}: {what}" for who in names for what in ("R²", "s"))]
    rows = [
        [law, *(cell for who in names for cell in _summary(entry[who]))]
        for law, entry in results.items()
    ]
    medians = [statistics.median(_medians(results, who)) for who in names]
    rows.append(["**median**", *(c for m in medians for c in (f"**{m:.4f}**", ""))])
    equations = [
        f"- {law}\n"
        + "\n".join(
            f"  - {who}: {_one_line(entry[who][0].get('equation', 'none'))}"
            for who in names
        )
        for law, entry in results.items()
    ]
    parts = [_method(), table(headers, rows), _remarks(names)]
    return "\n\n".join([*parts, "## Equations of the first seed", "\n".join(equations)])


def _method() -> str:
    return (
        f"{ROWS} noise-free rows, uniform over the ranges of the inputs, half of them "
        "for training; R² on the other half, median over the seeds. Data, seeds and "
        "run are the same for all. Ours: `DARTSRegressor(random_state=seed)`, nothing "
        "else set unless the head of the page says so. Output type `real` throughout. "
        "What is compiled once per machine is compiled before."
    )


def _remarks(names: list[str]) -> str:
    texts = []
    if len(names) == 1:
        texts.append(HOW_TO_GET_THE_PEER)
    if any("12 primitives" in name for name in names):
        words = PEER["peer, 12 primitives, 300 epochs"]["primitives"]
        texts.append("The 12 primitives: " + ", ".join(f"`{w}`" for w in words) + ".")
    return "\n\n".join(texts)


def compile_first() -> None:
    """One small fit, so that no law pays for the compiler."""
    X = np.linspace(1, 2, 20)[:, None]
    fit_ours((X, X[:, 0], X, X[:, 0]), 0, 1.0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--peer", metavar="PYTHON", help="interpreter with the peer")
    parser.add_argument("--peer-long", action="store_true", help="its long setting, too")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument(
        "--seconds", type=float, help="max_time of ours; fewer for a quick look"
    )
    options = parser.parse_args()
    python, about = find_peer(options.peer), provenance()
    count = len(PEER) if options.peer_long else 1
    peers = dict(list(PEER.items())[:count])
    about["Laws"] = versions(["autora-synthetic"])
    about["Seeds"] = str(options.seeds)
    if options.seconds is not None:
        about["Ours, max_time"] = f"{options.seconds} s"
    compile_first()
    identity = _identity(options, about)
    results = _unfinished(identity)
    todo = [law for law in laws() if law.name not in results]
    for i, law in enumerate(todo, 1):
        results[law.name] = measure(law, python, peers, options)
        _keep(results, about, peers, identity if i < len(todo) else None)


if __name__ == "__main__":
    main()
