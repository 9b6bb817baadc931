"""The tutorial's fit, ours beside the peer's, in one run.

    python benchmarks/speed.py [--peer PYTHON] [--repeats N] [--full]

(a) a later fit in the same process, (b) the first fit of a fresh process, imports included,
once on a machine that has never run it (everything is compiled) and once on one that has
(the compiled program is in the user's cache), (c) one coefficient step for K latent nodes.
The peer takes minutes for the tutorial's 150,000 coefficient steps; unless ``--full`` is
given it does a few epochs and its time is scaled by the number of steps.
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import subprocess
import sys
import tempfile
from typing import Any

import numpy as np

from helpers.common import (
    BENCHMARKS,
    Clock,
    environment,
    provenance,
    table,
    write_numbers,
    write_results,
)
from helpers.peer import HOW_TO_GET_THE_PEER, find_peer, peer_fit

#: The settings of the peer's tutorial; both implementations know all of them.
TUTORIAL: dict[str, Any] = {
    "num_graph_nodes": 1,
    "primitives": ["none", "add", "subtract", "mult", "logistic", "exp", "relu"],
    "arch_updates_per_epoch": 1,
    "arch_learning_rate_max": 0.001,
    "param_updates_per_epoch": 500,
    "param_momentum": 0.9,
    "max_epochs": 300,
}
STEPS = TUTORIAL["param_updates_per_epoch"] * TUTORIAL["max_epochs"]
NODES = (1, 2, 4)
#: Epochs of the peer's short fits: of the tutorial, and with K latent nodes.
PEER_EPOCHS, PEER_EPOCHS_PER_K = 5, 1
#: Wall-clock and processor seconds.
Cost = tuple[float, float]
WALL, CPU = 0, 1
TARGETS = {"later": 300, "first": 60}


def tutorial_data() -> tuple[np.ndarray, np.ndarray]:
    axis = np.linspace(0, 1, 10)
    X = np.stack(np.meshgrid(axis, axis), axis=-1).reshape(-1, 2)
    return X, 2 * X[:, 0] + np.exp(5 * X[:, 1])


def our_fit(seed: int, **changes: Any) -> Cost:
    from autora.skl.darts import DARTSRegressor

    X, y = tutorial_data()
    model = DARTSRegressor(**{**TUTORIAL, **changes}, random_state=seed)
    clock = Clock()
    model.fit(X, y)
    return clock.read()


def our_first_fit(seed: int, cache: str) -> Cost:
    """A whole new process: interpreter, import, compilation or a ``cache``, fit."""
    code = f"import speed; speed.our_fit({seed})"
    clock = Clock()
    subprocess.run(
        [sys.executable, "-c", code],
        cwd=BENCHMARKS,
        env=environment(ours=True) | {"DARTS_COMPILATION_CACHE": cache},
        check=True,
    )
    return clock.read()


def peer_fit_once(
    python: str, seed: int, epochs: int, threads: int | None = 1, **changes: Any
) -> dict[str, Any]:
    """One fit of the peer with the steps that it really did."""
    X, y = tutorial_data()
    settings = {**TUTORIAL, **changes, "max_epochs": epochs}
    # A short run counts if most of its epochs were not skipped; a full one as it is.
    wanted = round(0.6 * epochs * TUTORIAL["param_updates_per_epoch"])
    full = epochs == TUTORIAL["max_epochs"]
    answer = peer_fit(
        python, X, y, settings, seed, min_steps=0 if full else wanted, threads=threads
    )
    if "error" in answer:
        raise SystemExit(f"the peer failed: {answer['error']}")
    return {k: v for k, v in answer.items() if k not in ("prediction", "equation")}


def per_step(answer: dict[str, Any]) -> Cost:
    steps = max(answer["steps"], 1)
    return answer["fit_seconds"] / steps, answer["fit_cpu_seconds"] / steps


def scaled(answer: dict[str, Any], with_import: bool) -> Cost:
    """The peer's cost of the tutorial, had it done all steps."""
    wall, cpu = (second * STEPS for second in per_step(answer))
    if with_import:
        wall, cpu = wall + answer["import_seconds"], cpu + answer["import_cpu_seconds"]
    return wall, cpu


def measure(python: str | None, repeats: int) -> dict[str, Any]:
    """Alternate ours and the peer's, so that both meet the same state of the machine."""
    numbers: dict[str, Any] = {
        "later": [],
        "first": [],
        "again": [],
        "steps": {},
        "peer": [],
        "default": [],
    }
    our_fit(0)  # compiles
    cache = tempfile.mkdtemp(prefix="speed-")
    our_first_fit(0, cache)  # fills the cache
    for seed in range(repeats):
        print(f"repeat {seed + 1} of {repeats}", file=sys.stderr)
        numbers["later"].append(our_fit(seed))
        numbers["first"].append(our_first_fit(seed, "0"))
        numbers["again"].append(our_first_fit(seed, cache))
        if python:
            for name, threads in (("peer", 1), ("default", None)):
                answer = peer_fit_once(python, seed, PEER_EPOCHS, threads)
                numbers[name].append(answer)
    shutil.rmtree(cache, ignore_errors=True)
    for nodes in NODES:
        numbers["steps"][nodes] = measure_steps(python, nodes, repeats)
    return numbers


def measure_steps(python: str | None, nodes: int, repeats: int) -> dict[str, Any]:
    """Cost of a coefficient step, ours without the search over candidates."""
    ours, peer = [], []
    our_fit(0, num_graph_nodes=nodes, n_candidates=0)  # compiles
    for seed in range(repeats):
        wall, cpu = our_fit(seed, num_graph_nodes=nodes, n_candidates=0)
        ours.append((wall / STEPS, cpu / STEPS))
        if python:
            epochs, changes = PEER_EPOCHS_PER_K, {"num_graph_nodes": nodes}
            peer.append(per_step(peer_fit_once(python, seed, epochs, **changes)))
    return {"ours": ours, "peer": peer}


def median(costs: list[Cost], which: int) -> float:
    return statistics.median(cost[which] for cost in costs)


def spread(costs: list[Cost]) -> str:
    """Median and range of the wall-clock, in a readable unit."""
    middle = median(costs, WALL)
    unit, name = (1.0, "s") if middle > 0.01 else (1e-6, "µs")
    low, high = (f(cost[WALL] for cost in costs) / unit for f in (min, max))
    return f"{middle / unit:,.3g} {name} ({low:,.3g}–{high:,.3g})"


def ratio(peer: list[Cost], ours: list[Cost], which: int) -> float | None:
    return median(peer, which) / median(ours, which) if peer else None


def row(label: str, ours: list[Cost], peer: list[Cost], target: float | None) -> list:
    wall, cpu = (ratio(peer, ours, which) for which in (WALL, CPU))
    verdict = "" if target is None else f"≥ {target}×"
    if wall is not None and target is not None:
        verdict += " met" if wall >= target else " **missed**"
    return [
        label,
        spread(ours),
        spread(peer) if peer else "–",
        "–" if wall is None else f"**{wall:.0f}×**",
        "–" if cpu is None else f"{cpu:.0f}×",
        verdict,
    ]


def report(numbers: dict[str, Any]) -> str:
    peer, full = numbers["peer"], numbers.get("full")
    rows = []
    for name, who in (("peer", "1 thread"), ("default", "default threads")):
        if name == "default" and not peer:
            break
        fits, firsts = (
            [scaled(p, with_import=w) for p in numbers[name]] for w in (False, True)
        )
        end = f"; peer: {who}"
        later, first, again = (
            label + end
            for label in (
                "(a) later fit",
                "(b) first fit of a machine",
                "(b) first fit of a process",
            )
        )
        rows.append(row(later, numbers["later"], fits, TARGETS["later"]))
        rows.append(row(first, numbers["first"], firsts, TARGETS["first"]))
        rows.append(row(again, numbers["again"], firsts, TARGETS["first"]))
    if full:
        whole = [(full["fit_seconds"], full["fit_cpu_seconds"])]
        rows.append(row("whole fit, not scaled", numbers["later"], whole, None))
    for nodes, cost in numbers["steps"].items():
        label = f"(c) coefficient step, K = {nodes}"
        rows.append(row(label, cost["ours"], cost["peer"], None))
    headers = ["", "ours", "peer", "ratio", "ratio of CPU time", "target"]
    return "\n\n".join([table(headers, rows), *notes(peer, full)])


def notes(peer: list[dict[str, Any]], full: dict[str, Any] | None) -> list[str]:
    texts = [
        "Median (range) of the wall-clock over the repeats, ratio of the medians. On a "
        "shared machine the ratio of the CPU time is the more trustworthy."
        "\n\n"
        "The tutorial: y = 2·x1 + exp(5·x2) on a 10 × 10 grid, one latent node, "
        f"{STEPS:,} coefficient steps. "
        "Ours is the default estimator: its time in (a) and (b) includes the search over "
        "candidates and their exact refits. (c) leaves the search out and divides the "
        "whole relaxed stage by its steps."
    ]
    if not peer:
        return [*texts, HOW_TO_GET_THE_PEER]
    texts += [
        f"**The peer's times in (a) and (b) are scaled**, from fits of {PEER_EPOCHS} "
        f"epochs to {STEPS:,} steps by the number of steps: its time is proportional to "
        "them. The peer skips the coefficients of an epoch whose strongest primitives "
        "have none; the steps really done were counted (in "
        f"`torch.optim.SGD.step`: {', '.join(str(p['steps']) for p in peer)} per fit) "
        "and fits that skipped most epochs were repeated with another seed. Its import is "
        "added in (b); its interpreter's start is not. Its first step of a process, "
        "which imports more, is left out.",
        "The peer is timed with one PyTorch thread and with PyTorch's default number of "
        "threads. Its tensors are tiny: more threads only wait for each other, and on a "
        "busy machine for the processor. (c) and `--full` use one thread.",
    ]
    if full:
        texts.append(
            f"The whole fit of the peer (`--full`, one repeat) took "
            f"{full['fit_seconds']:.1f} s and did {full['steps']:,} of {STEPS:,} steps: "
            "epochs without coefficients are skipped, and it is not scaled up for them."
        )
    return texts


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--peer", metavar="PYTHON", help="interpreter with the peer")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--full", action="store_true", help="the peer's whole fit, too")
    options = parser.parse_args()
    python, about = find_peer(options.peer), provenance()
    numbers = measure(python, options.repeats)
    if python:
        about["Peer"] = numbers["peer"][0]["versions"]
        if options.full:
            numbers["full"] = peer_fit_once(python, 0, TUTORIAL["max_epochs"])
    write_numbers("speed", {"about": about, **json.loads(json.dumps(numbers))})
    write_results("speed", "Speed", about, report(numbers))


if __name__ == "__main__":
    main()
