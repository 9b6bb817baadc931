"""Whether everything that is printed of a fit says what the fit predicts.

    python benchmarks/readings.py [--fits 2000] [--jobs 2] [--seed 0]
    python benchmarks/readings.py --report

Fits of drawn laws, with noise and without, automatic and counted, of every output type and
classes, columns of strange names. Each is read in every form (SymPy plain and simplified,
LaTeX, text flat and node by node, Python, JAX, a saved file), each form is evaluated by
rules of its own (`helpers/parse.py`) on the rows of the fit and compared with `predict` to
1e-9. Every finished fit is kept at once, so that the command may be interrupted and given
again.
"""

from __future__ import annotations

import argparse
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
from helpers.common import table, write_results
from helpers.parse import latex_values, text_values
from helpers.report import about, one_line
from helpers.runs import Row, Store, run

KEY = ("system", "problem", "seed")
TOLERANCE = 1e-9
#: A fit has a number of graphs to try, not a time; one that takes ten times this is lost.
SECONDS = 30.0
#: Fits of one process, which keeps the programs that it compiles.
MOST = 100
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


def judged(seed: int) -> Row:
    """One fit: which forms differ, and whether its numbers are beyond reason."""
    warnings.simplefilter("ignore")
    estimator, X, y = drawn(np.random.default_rng(seed))
    started, wall = time.process_time(), time.perf_counter()
    model = estimator.fit(X, y)
    expected = answers(model, X)
    scale = np.abs(expected).max(axis=0)
    found: Row = {"seed": seed, "kind": type(model).__name__, "wrong": {}}
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
    found["cpu"] = round(time.process_time() - started, 4)
    found["wall"] = round(time.perf_counter() - wall, 4)
    return found


def work(job: Row) -> Row:
    return judged(job["seed"])


def tell(row: Row) -> str:
    """What the screen shows of a fit."""
    found = [f"{form}: {kind}" for form, (kind, *_) in row["wrong"].items()]
    return f"{', '.join(found) or 'as predicted'}, {row['wall']:.1f} s"


FORMS = (
    "sympy", "sympy, simplified", "latex", "text", "text, node by node", "python", "jax",
    "saved and loaded",
)  # fmt: skip
KINDS_OF_FAULT = ("wrong", "said", "refused")
_ABOUT = """
{n} fits of drawn laws (seeds {first} to {last}), {classifiers} of them of classifiers.
*wrong*: the form differs from `predict` by more than 1e-9 of the largest prediction on the
rows of the fit, and nothing says so; *said*: it does, and a warning says so; *refused*: it
would be too long without its latent nodes, and an error says so.

{table}

Fits with a coefficient above 1e15 or below 1e-15 in size: {extreme}. Fits that failed:
{failed}. A fit and its readings take {seconds:.1f} core-seconds in the mean.
"""


def page(rows: list[Row]) -> str:
    """Counts of faults by form, then every one."""
    done = [row for row in rows if "error_text" not in row]
    if not done:
        return "No results yet."
    counts = Counter(
        (form, kind) for row in done for form, (kind, *_) in row["wrong"].items()
    )
    lines = [[form, *(counts[form, kind] for kind in KINDS_OF_FAULT)] for form in FORMS]
    seeds = [row["seed"] for row in rows]
    body = _ABOUT.format(
        n=len(done),
        first=min(seeds),
        last=max(seeds),
        classifiers=sum("Classifier" in row["kind"] for row in done),
        table=table(["form", *KINDS_OF_FAULT], lines),
        extreme=sum(row["extreme"] for row in done),
        failed=len(rows) - len(done),
        seconds=sum(row["cpu"] for row in done) / len(done),
    )
    return "\n\n".join([body.strip(), *_faults(rows)])


def _faults(rows: list[Row]) -> list[str]:
    """A section with every fault and failure, if there are any."""
    lines = [
        f"- seed {row['seed']}, {form}, {kind}: {fault}; `{one_line(equation)}`"
        for row in rows
        for form, (kind, fault, equation) in row.get("wrong", {}).items()
    ]
    failed = [row for row in rows if "error_text" in row]
    lines += [f"- seed {row['seed']}: {row['error_text'][:300]}" for row in failed]
    return ["## Faults\n\n" + "\n".join(lines)] if lines else []


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--fits", type=int, default=2000)
    parser.add_argument("--jobs", type=int, default=2, help="fits at a time")
    parser.add_argument("--seed", type=int, default=0, help="of the first fit")
    parser.add_argument("--name", default="readings", help="of the results")
    parser.add_argument("--again", action="store_true", help="run all of them anew")
    parser.add_argument("--report", action="store_true", help="only write the page")
    options = parser.parse_args()
    store = Store(options.name, KEY)
    if not options.report:
        seeds = range(options.seed, options.seed + options.fits)
        todo = [{"system": "darts", "problem": "drawn law", "seed": seed} for seed in seeds]
        again = ("darts",) if options.again else ()
        limits = {"workers": options.jobs, "seconds": SECONDS}
        run(store, work, todo, **limits, again=again, tell=tell, most=MOST)
    rows = sorted(store.rows(), key=lambda row: row["seed"])
    title = "What is printed and what predicts"
    write_results(store.name, title, about(store), page(rows))


if __name__ == "__main__":
    main()
