"""Whether everything that is printed of a fit says what the fit predicts.

    python benchmarks/readings.py [--fits 2000] [--jobs 2] [--seed 0]

Fits of drawn laws, with noise and without, automatic and counted, of every output type and
classes, columns of strange names. Each is read in every form (SymPy plain and simplified,
LaTeX, text flat and node by node, Python, JAX, a saved file), each form is evaluated by
rules of its own (`helpers/parse.py`) on the rows of the fit and compared with `predict` to
1e-9.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import sys
import time
import warnings
from collections import Counter
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
import sympy

from autora.skl.darts import DARTSClassifier, DARTSRegressor, known_primitives
from autora.skl.darts.equations.printing import latex_factor
from helpers.common import provenance, table, write_results
from helpers.parse import latex_values, text_values

TOLERANCE = 1e-9
NAMES = (
    "x1", "dose", "dose (mg)", "a+b", "", "contrast (%)", "E", "e", "pi", "exp", "lambda",
    "k_1", "2024", "`tick`", "x[0]", "ä", "T_2", "y", " ", "a\nb", "$", "\\", "x - 1", "{",
)  # fmt: skip
LAWS = (
    lambda a, b: 4 * np.exp(a) + 7 * b,
    lambda a, b: a * b / (1 + a),
    lambda a, b: np.sqrt(a) * b**2,
    lambda a, b: np.sin(np.pi * a / 2) + b / 3,
    lambda a, b: np.log(a) / b,
    lambda a, b: np.abs(a) ** 1.5 - b,
    lambda a, b: np.tanh(3 * a) * np.exp(-b),
    lambda a, b: 1 / (a + b) ** 2,
    lambda a, b: np.maximum(a - b, 0) + 1,
    lambda a, b: 0 * a + 1 + 2 * b,
)
KINDS = ("real", "real", "real", "two", "sigmoid", "probability_sample", "shares", "class")


def drawn(rng: np.random.Generator) -> tuple[Any, pd.DataFrame, Any]:
    """An estimator with few graphs to try, X and y."""
    n, kind = int(rng.integers(15, 80)), str(rng.choice(KINDS))
    scale = 10.0 ** rng.choice([0, 0, 0, -6, 5])
    x = rng.uniform(0.2, 3, (n, 2))
    y = LAWS[rng.integers(len(LAWS))](*x.T) + rng.choice([0, 0.02, 0.3]) * rng.normal(
        size=n
    )
    other = LAWS[rng.integers(len(LAWS))](*x.T)
    names = [str(name) for name in rng.choice(NAMES, 2, replace=False)]
    X = pd.DataFrame(x * [1, scale], columns=names)
    chance = 1 / (1 + np.exp(-(y - np.median(y))))
    target: Any = {
        "real": pd.Series(y, name=str(rng.choice(["y", names[0], "out"]))),
        "two": np.column_stack([y, other]),
        "sigmoid": chance,
        "probability_sample": (rng.uniform(size=n) < chance).astype(float),
        "shares": np.column_stack([chance / 2, chance / 2, 1 - chance]),
        "class": np.digitize(np.argsort(np.argsort(y)) / n, [0.3, 0.6][: 1 + (n % 2)]),
    }[kind]
    asked: dict[str, Any] = {"random_state": int(rng.integers(2**31))}
    if rng.uniform() < 0.4:
        vocabulary = [name for name in known_primitives() if name != "none"]
        asked |= {
            "num_graph_nodes": int(rng.integers(1, 4)),
            "max_epochs": 2,
            "param_updates_per_epoch": 5,
            "n_candidates": 10,
            "primitives": ["none", *rng.choice(vocabulary, 6, replace=False).tolist()],
        }
        if rng.uniform() < 0.4:
            asked["aggregations"] = ["sum", "product"]
    else:
        asked["n_candidates"] = 500 if kind == "real" else 12
    if kind == "class":
        return DARTSClassifier(**asked), X, target
    types = {"real": "real", "two": "real", "shares": "probability_distribution"}
    return DARTSRegressor(output_type=types.get(kind, kind), **asked), X, target


def answers(model: Any, X: Any) -> np.ndarray:
    """Predictions of shape (n, outputs); log-odds of a classifier."""
    what = model.decision_function if hasattr(model, "classes_") else model.predict
    return np.asarray(what(X), float).reshape(len(X), -1)


def sympy_values(found: Any, X: pd.DataFrame) -> np.ndarray:
    expressions = found if isinstance(found, list) else [found]
    symbols = [sympy.Symbol(str(name), real=True) for name in X.columns]
    plain = {s: sympy.Symbol(f"v{i}", real=True) for i, s in enumerate(symbols)}
    columns = []
    for expression in expressions:
        assert expression.free_symbols <= set(symbols), expression
        function = sympy.lambdify(list(plain.values()), expression.xreplace(plain), "numpy")
        with np.errstate(all="ignore"):
            columns.append(np.broadcast_to(function(*X.to_numpy().T), len(X)))
    return np.column_stack(columns)


def readings(model: Any, X: pd.DataFrame) -> Iterator[tuple[str, Any]]:
    """Names of forms and functions that evaluate them."""
    columns = {str(name): X[name].to_numpy() for name in X.columns}
    outputs = model._labels("output_labels", None)
    written = {name: latex_factor(name) for name in columns}

    def of_text(nodes: bool | str) -> Any:
        text = model.model_repr(decimals_to_display=17, latent_nodes=nodes)
        return text_values(text, columns, outputs)

    def of_python() -> Any:
        space: dict[str, Any] = {}
        exec(model.python("f"), space)
        return space["f"](*X.to_numpy().T).reshape(len(X), -1)

    def of_jax() -> Any:
        import jax

        with (
            jax.experimental.enable_x64()
            if not hasattr(jax, "enable_x64")
            else (jax.enable_x64(True))
        ):
            function, coefficients = model.jax()
            return np.asarray(function(coefficients, X.to_numpy())).reshape(len(X), -1)

    yield "sympy", lambda: sympy_values(model.sympy(), X)
    yield "sympy, simplified", lambda: sympy_values(model.sympy(simplify=True), X)
    yield "latex", lambda: latex_values(model.latex(17), columns, written, len(outputs))
    yield "text", lambda: of_text("auto")
    yield "text, node by node", lambda: of_text(True)
    yield "python", of_python
    yield "jax", of_jax
    yield "saved and loaded", lambda: answers(type(model).from_json(model.to_json()), X)


def judged(seed: int) -> dict[str, Any]:
    """One fit: which forms differ, and whether its numbers are beyond reason."""
    warnings.simplefilter("ignore")
    estimator, X, y = drawn(np.random.default_rng(seed))
    started = time.process_time()
    model = estimator.fit(X, y)
    expected = answers(model, X)
    scale = np.abs(expected).max(axis=0)
    found: dict[str, Any] = {"seed": seed, "kind": type(model).__name__, "wrong": {}}
    for name, evaluate in readings(model, X):
        with warnings.catch_warnings(record=True) as raised:
            warnings.simplefilter("always")
            try:
                off = np.abs(evaluate() - expected) / np.maximum(scale, 1e-300)
                worst = float(np.nan_to_num(off, nan=np.inf).max())
                fault = None if worst <= TOLERANCE else f"off by {worst:.1e}"
            except Exception as error:
                fault = f"{type(error).__name__}: {error}"[:200]
        said = any("differs from the predictions" in str(w.message) for w in raised)
        refused = fault is not None and "without its latent nodes" in fault
        if fault is not None:
            kind = "refused" if refused else "said" if said else "wrong"
            found["wrong"][name] = [kind, fault, model.model_repr()[:300]]
    numbers = np.abs([*model.coefficients_["coefficient"]])
    sizes = numbers[(numbers > 0) & np.isfinite(numbers)]
    found["extreme"] = bool(len(sizes) and (sizes.max() > 1e15 or sizes.min() < 1e-15))
    found["seconds"] = time.process_time() - started
    return found


FORMS = (
    "sympy", "sympy, simplified", "latex", "text", "text, node by node", "python", "jax",
    "saved and loaded",
)  # fmt: skip
_ABOUT = """
{n} fits of drawn laws (seeds {first} to {last}), {classifiers} of them of classifiers.
*wrong*: the form differs from `predict` by more than 1e-9 of the largest prediction on the
rows of the fit, and nothing says so; *said*: it does, and a warning says so; *refused*: it
would be too long without its latent nodes, and an error says so.

{table}

Fits with a coefficient above 1e15 or below 1e-15 in size: {extreme}.
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--fits", type=int, default=2000)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    about, seeds = provenance(), range(asked.seed, asked.seed + asked.fits)
    with multiprocessing.get_context("spawn").Pool(asked.jobs, maxtasksperchild=4) as pool:
        results = pool.map(judged, seeds, chunksize=25)
    counts = {name: Counter[str]() for name in FORMS}
    for result in results:
        for name, (kind, *_) in result["wrong"].items():
            counts[name][kind] += 1
        if result["wrong"]:
            print(json.dumps(result), file=sys.stderr)
    kinds = ("wrong", "said", "refused")
    rows = [[name, *(counts[name][kind] for kind in kinds)] for name in FORMS]
    body = _ABOUT.format(
        n=len(results),
        first=seeds[0],
        last=seeds[-1],
        classifiers=sum("Classifier" in result["kind"] for result in results),
        table=table(["form", *kinds], rows),
        extreme=sum(result["extreme"] for result in results),
    )
    write_results("readings", "What is printed and what predicts", about, body)


if __name__ == "__main__":
    main()
