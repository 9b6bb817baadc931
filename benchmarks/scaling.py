"""How the cost grows: a coefficient step with its shapes, a whole fit with the rows.

    python benchmarks/scaling.py [--most 1000000] [--repeats 3]

Steps are those of the relaxed search, from the difference of a long and a short training
in one process, so that compilation and refits do not count. Whole fits run in processes of
their own; the rows lie on disk and are handed over as a memory map.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from helpers.common import (
    ROOT,
    environment,
    provenance,
    table,
    write_numbers,
    write_results,
)

NAMES = [
    *("none", "exp", "add", "sin", "mult", "tanh", "subtract", "logistic"),
    *("linear", "softplus", "relu", "cos", "square", "linear_exp", "reciprocal"),
    "linear_sin",
]
BASE: dict[str, Any] = {"rows": 1024, "inputs": 2, "nodes": 2, "primitives": NAMES[:8]}
AXES: dict[str, tuple[int, ...]] = {
    "rows": (256, 1024, 4096, 16384),
    "inputs": (2, 4, 8, 16),
    "nodes": (1, 2, 4, 8),
    "primitives": (4, 8, 16, 32),
}
#: What "primitives" counts more of: copies of one function, of which each costs the same.
COPIED = "linear_tanh"
BATCH, BATCHED_ROWS = 64, (1_000, 30_000, 1_000_000)
STEPS, SHORT, LONG = 100, 2, 12
#: So many that the preparation of a million rows, a second more or less, counts little.
BATCH_STEPS = 40_000
COLUMNS, SECONDS = 10, 10.0
KINDS: dict[str, dict[str, Any]] = {
    "automatic": {"max_time": SECONDS},
    "counted": {
        "num_graph_nodes": 2,
        "primitives": ["none", "add", "mult", "exp", "linear_exp"],
        "train_classifier_coefficients": True,
        "train_classifier_bias": True,
        "batch_size": BATCH,
        "n_candidates": 50,
    },
}


# Steps


def copies(count: int) -> list[str]:
    """A vocabulary of "none" and ``count`` names that mean the same."""
    from autora.skl.darts import register_primitive
    from autora.skl.darts.graph.primitives import lookup

    names = [f"{COPIED}_{i}" for i in range(count)]
    for name in names:
        register_primitive(replace(lookup(COPIED), name=name, base=name))
    return ["none", *names]


def step(
    rows: int,
    inputs: int,
    nodes: int,
    primitives: list[str],
    repeats: int,
    batch: int | None = None,
    steps: int = STEPS,
) -> float:
    """Processor seconds of one coefficient step."""
    from autora.skl.darts import DARTSRegressor

    warnings.simplefilter("ignore", UserWarning)  # what is fitted does not matter
    rng = np.random.default_rng(0)
    X = rng.uniform(0.5, 2, (rows, inputs))
    y = X[:, 0] * 2 + np.exp(-X[:, -1])
    model = DARTSRegressor(
        num_graph_nodes=nodes,
        primitives=primitives,
        batch_size=batch,
        n_candidates=0,
        param_updates_per_epoch=steps,
        param_updates_for_sampled_model=0,
        random_state=0,
    )

    def spent(epochs: int) -> float:
        begin = time.process_time()
        model.set_params(max_epochs=epochs).fit(X, y)
        return time.process_time() - begin

    spent(SHORT)  # compiles
    differences = [spent(LONG) - spent(SHORT) for _ in range(repeats)]
    return float(np.median(differences)) / (steps * (LONG - SHORT))


def edges(shape: dict[str, Any]) -> int:
    return sum(shape["inputs"] + k for k in range(shape["nodes"]))


def exponent(sizes: list[int], seconds: list[float]) -> float:
    """Slope of the line through the logarithms of the larger half: what it tends to."""
    upper = slice(len(sizes) // 2 - 1, None)
    return float(np.polyfit(np.log(sizes[upper]), np.log(seconds[upper]), 1)[0])


def steps(repeats: int) -> list[dict[str, Any]]:
    found = []
    for axis, values in AXES.items():
        shapes = [
            BASE | {axis: copies(value) if axis == "primitives" else value}
            for value in values
        ]
        seconds = [step(**shape, repeats=repeats) for shape in shapes]
        sizes = list(values)
        by = axis
        if axis in ("inputs", "nodes"):
            sizes, by = [edges(shape) for shape in shapes], f"edges (more {axis})"
        elif axis == "primitives":
            by = f"primitives (copies of {COPIED})"
        found.append({"by": by, "sizes": sizes, "seconds": seconds})
        found[-1]["exponent"] = exponent(sizes, seconds)
        print(found[-1], file=sys.stderr)
    seconds = [
        step(**BASE | {"rows": rows}, repeats=repeats, batch=BATCH, steps=BATCH_STEPS)
        for rows in BATCHED_ROWS
    ]
    by = f"rows, in batches of {BATCH}"
    found.append({"by": by, "sizes": list(BATCHED_ROWS), "seconds": seconds})
    found[-1]["exponent"] = exponent(list(BATCHED_ROWS), seconds)
    return found


# Whole fits


def fit(kind: str, folder: Path, rows: int) -> dict[str, float]:
    """One fit; runs in a process of its own."""
    from autora.skl.darts import DARTSRegressor

    X = np.load(folder / "X.npy", mmap_mode="r")[:rows]
    y = np.load(folder / "y.npy")[:rows]
    DARTSRegressor(**KINDS[kind], random_state=0).fit(X[:200], y[:200])  # compiles
    wall = time.perf_counter()
    model = DARTSRegressor(**KINDS[kind], random_state=0).fit(X, y)
    wall = time.perf_counter() - wall
    return {"wall": wall, "peak": _peak(), "r2": float(model.score(X, y))}


def _peak() -> float:
    """GiB that this process held at most, in memory."""
    import resource

    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 2**30


def fits(most: int) -> list[dict[str, Any]]:
    rng = np.random.default_rng(0)
    X = rng.uniform(0.5, 3, (most, COLUMNS))
    y = X[:, 0] * 2 + np.exp(-X[:, 3]) + X[:, 7] + rng.normal(0, 0.01, most)
    found = []
    with tempfile.TemporaryDirectory() as folder:
        np.save(Path(folder) / "X.npy", X)
        np.save(Path(folder) / "y.npy", y)
        del X, y
        rows = [10**k for k in range(3, 10) if 10**k <= most]
        for kind in KINDS:
            for n in rows:
                answer = subprocess.run(
                    [
                        sys.executable,
                        "-W",
                        "ignore",
                        __file__,
                        "--fit",
                        kind,
                        folder,
                        str(n),
                    ],
                    env=environment(ours=True),
                    cwd=ROOT,
                    check=True,
                    capture_output=True,
                    text=True,
                ).stdout
                found.append({"kind": kind, "rows": n, **json.loads(answer)})
                print(found[-1], file=sys.stderr)
    return found


def page(numbers: dict[str, Any]) -> str:
    lines = [
        [
            part["by"],
            ", ".join(f"{size:,}" for size in part["sizes"]),
            ", ".join(f"{1e6 * second:.1f}" for second in part["seconds"]),
            f"{part['exponent']:.2f}",
        ]
        for part in numbers["steps"]
    ]
    whole = [
        [
            f["kind"],
            f"{f['rows']:,}",
            f"{f['wall']:.1f}",
            f"{f['peak']:.2f}",
            f"{f['r2']:.4f}",
        ]
        for f in numbers["fits"]
    ]
    sizes = BASE | {"primitives": len(BASE["primitives"])}
    base = ", ".join(f"{value:,} {name}" for name, value in sizes.items())
    about_steps = (
        f"Around {base}; processor time. The exponent is the slope between the logarithms "
        "of size and time over the larger half of the sizes."
    )
    about_fits = (
        f"{COLUMNS} columns, noise, rows in a memory map of 64-bit numbers. The automatic "
        f"search has max_time={SECONDS:g}; the last refit on all rows comes on top. Memory "
        "is the peak of the process, with Python, its libraries, compilers and the mapped "
        "rows. The first run of a version also compiles, which adds seconds and 0.3 GiB to "
        "the counted search."
    )
    return "\n\n".join(
        [
            "## One coefficient step",
            about_steps,
            table(["growing", "sizes", "µs a step", "exponent"], lines),
            "## Whole fits",
            about_fits,
            table(["search", "rows", "seconds", "peak GiB", "R²"], whole),
        ]
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--most", type=int, default=1_000_000, help="rows")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--fit", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.fit:
        kind, folder, rows = options.fit
        print(json.dumps(fit(kind, Path(folder), int(rows))))
        return
    about = provenance()
    numbers = {"fits": fits(options.most), "steps": steps(options.repeats)}
    write_numbers("scaling", {"about": about, **numbers})
    write_results("scaling", "How the cost grows", about, page(numbers))


if __name__ == "__main__":
    main()
