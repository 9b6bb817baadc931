"""A closed loop of AutoRA, ours beside the peer's.

    python benchmarks/autora_loop.py [--peer PYTHON] [--seeds N] [--cycles N]

The loop of examples/autora_loop.py, in which novelty and the disagreement with a cubic
polynomial choose the conditions, once for every theorist and seed. It needs the extra
'autora'; the peer's environment needs autora-synthetic and the two experimentalists.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import statistics
import subprocess
import sys
import warnings
from typing import Any

from helpers.common import (
    ROOT,
    environment,
    provenance,
    table,
    versions,
    write_numbers,
    write_results,
)
from helpers.peer import HOW_TO_GET_THE_PEER, PEER_PACKAGES, find_peer

NAME, TITLE = "autora_loop", "Closed loop of AutoRA"
EXTRAS = (
    "autora-core",
    "autora-synthetic",
    "autora-experimentalist-novelty",
    "autora-experimentalist-model-disagreement",
)
#: Cycles whose scores are shown.
SHOWN = (2, 4, 8, 12)
_COUNTED = ("none", "add", "mult", "linear_exp", "linear_ln")
#: Who → whether it is the peer, and its settings.
THEORISTS: dict[str, tuple[bool, dict[str, Any]]] = {
    "ours, defaults": (False, {}),
    "ours, 4 primitives": (
        False,
        {"primitives": ["add", "mult", "exp", "reciprocal"], "n_candidates": 10_000},
    ),
    "ours, two counted nodes": (
        False,
        {
            "num_graph_nodes": 2,
            "primitives": list(_COUNTED),
            "train_classifier_coefficients": True,
            "train_classifier_bias": True,
        },
    ),
    "peer, defaults": (True, {}),
    "peer, the same two nodes": (
        True,
        {
            "num_graph_nodes": 2,
            "primitives": list(_COUNTED),
            "train_classifier_coefficients": True,
            "train_classifier_bias": True,
            "max_epochs": 100,
            "param_updates_per_epoch": 100,
        },
    ),
}
_TIMEOUT = 3600.0


def _estimator(peer: bool, settings: dict[str, Any], seed: int) -> Any:
    if not peer:
        from autora.skl.darts import DARTSRegressor

        return DARTSRegressor(random_state=seed, **settings)
    import numpy as np
    import torch
    from autora.theorist.darts import DARTSRegressor, regressor

    regressor._progress_indicator = lambda epochs: epochs
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    np.random.seed(seed)
    return DARTSRegressor(**settings)


def run_loop(who: str, seed: int, cycles: int) -> dict[str, Any]:
    """One loop in this process."""
    sys.path.insert(0, str(ROOT / "examples"))
    from sklearn.linear_model import LinearRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import PolynomialFeatures, StandardScaler

    from autora_loop import closed_loop

    warnings.simplefilter("ignore")
    peer, settings = THEORISTS[who]
    estimator = _estimator(peer, settings, seed)
    steps = (StandardScaler(), PolynomialFeatures(3), LinearRegression())
    both = {who: estimator, "cubic polynomial": make_pipeline(*steps)}
    rows, _ = closed_loop(both, cycles, seed=seed)
    return {
        who: rows[rows["theorist"] == who].to_dict("records"),
        "cubic": rows[rows["theorist"] == "cubic polynomial"].to_dict("records"),
        "versions": versions([*PEER_PACKAGES, *EXTRAS]),
    }


def in_its_own_process(python: str, who: str, seed: int, cycles: int) -> dict[str, Any]:
    job = [python, __file__, "--run", who, "--cycles", str(cycles), "--seed", str(seed)]
    ours = not THEORISTS[who][0]
    try:
        done = subprocess.run(
            job, capture_output=True, text=True, env=environment(ours), timeout=_TIMEOUT
        )
    except subprocess.TimeoutExpired:
        return {"error": f"stopped after {_TIMEOUT:.0f} s"}
    if done.returncode:
        return {"error": (done.stderr.strip().splitlines() or ["no output"])[-1]}
    return json.loads(done.stdout.splitlines()[-1])


def report(results: dict[str, list[dict[str, Any]]], cycles: int) -> str:
    shown = [cycle for cycle in SHOWN if cycle <= cycles]
    headers = ["theorist", *(f"R² after cycle {c}" for c in shown)]
    rows, equations = [], []
    for who, runs in results.items():
        done = [run for run in runs if "error" not in run]
        if not done:
            rows.append([who, runs[0]["error"], *[""] * (len(shown) - 1)])
            continue
        scores = [
            statistics.median(run[who][cycle - 1]["r2"] for run in done) for cycle in shown
        ]
        failed = f" ({len(runs) - len(done)} crashed)" if len(done) < len(runs) else ""
        cells = [f"{score:.5f}" for score in scores]
        rows.append([who + failed, *cells])
        equations += [f"- {who}: `{run[who][-1]['equation']}`" for run in done]
    method = (
        "Thurstone's law of learning from autora-synthetic, noise of standard deviation "
        "0.01, ten new conditions a cycle: five by novelty, five by disagreement with a "
        "cubic polynomial (PyPI experimentalists). R² against the noise-free law on 500 "
        "conditions, median over the seeds. The same code runs in every environment."
    )
    after = f"## Equations after cycle {cycles}, every seed\n\n" + "\n".join(equations)
    return "\n\n".join([method, table(headers, rows), after])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--peer", metavar="PYTHON", help="interpreter with the peer")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--cycles", type=int, default=12)
    parser.add_argument("--run", choices=THEORISTS, help=argparse.SUPPRESS)
    parser.add_argument("--seed", type=int, default=0, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.run:
        # Whatever a fit prints must not mix with the answer.
        with contextlib.redirect_stdout(sys.stderr):
            answer = run_loop(options.run, options.seed, options.cycles)
        print(json.dumps(answer))
        return
    about, python = provenance(), find_peer(options.peer)
    about["Loop"] = versions(EXTRAS)
    results: dict[str, list[dict[str, Any]]] = {}
    for who, (peer, _) in THEORISTS.items():
        interpreter = python if peer else sys.executable
        if interpreter is None:
            continue
        seeds = range(options.seeds)
        results[who] = [
            in_its_own_process(interpreter, who, seed, options.cycles) for seed in seeds
        ]
        if peer:
            told = [run["versions"] for run in results[who] if "versions" in run]
            about["Peer"] = next(iter(told), about.get("Peer", "unknown"))
        print(who, "done", file=sys.stderr)
    write_numbers(NAME, {"about": about, **results})
    body = report(results, options.cycles)
    write_results(
        NAME, TITLE, about, body if python else f"{HOW_TO_GET_THE_PEER}\n\n{body}"
    )


if __name__ == "__main__":
    main()
