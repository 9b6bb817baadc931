"""Model files with something wrong in them: what `load` does with each.

    python benchmarks/fuzz_model_files.py [--executions 100000] [--seed 0]

Valid files are changed at random, in their bytes and in their structure. Each must either
be refused with `ModelFileError` or give an estimator that predicts finite numbers, prints
and can be saved again. Anything else is a failure: another exception, more than ten
seconds, more than 2 GiB of memory, or code that is compiled, imported or run, a file opened
or a process started while the file is read (seen by an audit hook).
"""

from __future__ import annotations

import argparse
import contextlib
import copy
import json
import random
import signal
import sys
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from helpers.common import provenance, table, write_results

SECONDS, MEMORY = 10, 2 * 2**30
#: Every so many accepted files the table of equations is made as well, which is slow.
TABLE_EVERY = 50
#: What reading a file must never do.
FORBIDDEN = (
    "exec", "compile", "import", "open", "os.", "subprocess.", "socket.", "pickle.",
    "ctypes.", "shutil.",
)  # fmt: skip
#: Values that take the place of others.
NASTY: list[Any] = [
    None, True, False, 0, 1, -1, 2, 7, 10**9, 10**17, 10**30, 2**63, -(2**31), 0.5, -0.0,
    1e308, -1e308, 5e-324, 1e400, float("nan"), "nan", "inf", "-inf", "", "x", "sum",
    "real", "product", "none", "exp", "lambda", "__import__('os').system('true')",
    "\ud800", "\x00", "é" * 3, "y" * 20_000, [], {}, [[]], [{}], [0] * 5_000,
    [[0.5] * 40] * 40,
    {"a": 1},
    ["exp", "exp"], ["nothing"], [0, "exp"], [None],
]  # fmt: skip


# Valid files


def texts() -> list[str]:
    """Valid files of small fits, of several kinds of spaces and outputs."""
    from autora.skl.darts import DARTSClassifier, DARTSRegressor

    rng = np.random.default_rng(0)
    X = rng.uniform(0.5, 2, (30, 2))
    curve = X[:, 0] / 2 * np.exp(-X[:, 1])
    settings: dict[str, Any] = {
        "max_epochs": 2,
        "param_updates_per_epoch": 1,
        "n_candidates": 3,
        "num_graph_nodes": 2,
        "random_state": 0,
    }
    share = np.column_stack([curve, 1 - curve])
    found = []
    for y, changes in (
        (curve, {"primitives": ["none", "add", "mult", "linear_exp"]}),
        (
            share,
            {
                "output_type": "probability_distribution",
                "train_classifier_coefficients": True,
                "primitives": ["none", "add", "logistic", "shifted_power"],
                "darts_type": "fair",
            },
        ),
        (curve, {"primitives": ["ln"], "output_type": "sigmoid", "num_graph_nodes": 1}),
    ):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found.append(DARTSRegressor(**settings | changes).fit(X, y).to_json())
    kinds = np.array(["no", "perhaps", "yes"])[np.digitize(curve, [0.25, 0.4])]
    settings |= {"num_graph_nodes": 1, "primitives": ["none", "add", "linear_tanh"]}
    found.append(DARTSClassifier(**settings).fit(X, kinds).to_json())
    return [*found, _with_products(found[0])]


def _with_products(text: str) -> str:
    """The first file as one of an open space, whose nodes add or multiply."""
    found = json.loads(text)
    space = found["spaces"][0]
    space |= {"aggregations": ["sum", "product"], "parallel": 2, "max_in_degree": 4}
    edges, kinds = 2 * (2 + 3), len(space["primitives"])
    weights = {"alphas": [[0.1] * kinds] * edges, "node_alphas": [[0.5, 0.2]] * 2}
    found["network"] = {
        "space": 0,
        "darts_type": "original",
        "relaxed": False,
        "weights": weights,
    }
    found["asked"] |= {"n_nodes": None, "aggregations": ["sum", "product"]}
    found["history"] = None
    for model in found["models"]:
        model["nodes"] = ["product", "sum"]
        model["edges"] = [[0, "add"], [1, "mult", 1.5], [8, "linear_exp", 0.5, -0.25]]
    for holder in (found, *found["equations"]):
        holder["standard_errors"] = [["edge", 8, 0, 0.1], ["bias", 0, 0, "inf"]]
    known = {
        "places": [["edge", 8, 0], ["bias", 0, 0]],
        "covariance": [0.04, -0.01, 0.09],
        "noise": [0.01],
        "freedom": 26.0,
        "centre": [0.5, 0.0],
        "effective": 0.3,
        "draws": [[0.4, 0.1], [0.6, -0.1]],
        "groups": None,
    }
    found["uncertainty"] = {
        "model": known,
        "rows": [known] * len(found["equations"]),
        "calibration": [[0.5], [1.5]],
    }
    return json.dumps(found)


# Mutations


def _bytes_changed(text: str, rng: random.Random) -> str | bytes:
    data = bytearray(text.encode())
    for _ in range(rng.choice((1, 1, 1, 2, 5, 20))):
        at, length = rng.randrange(len(data)), rng.choice((1, 1, 2, 8, 100))
        kind = rng.randrange(6)
        if kind == 0:
            data[at] ^= 1 << rng.randrange(8)
        elif kind == 1:
            data[at] = rng.choice(b'0123456789-+.eE"{}[],:\\ntf')
        elif kind == 2 and len(data) > 2 * length:
            del data[at : at + length]
        elif kind == 3:
            data[at:at] = data[at : at + length]
        elif kind == 4:
            data[at:at] = rng.randbytes(length)
        else:
            data[at:at] = rng.choice((b"9" * 30, b"e999", b"[" * 200, b"NaN", b'{"a":'))
    return bytes(data)


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Every container with a key or index into it."""
    keys = value if isinstance(value, dict) else range(len(value))
    for key in keys:
        yield value, key
        if isinstance(value[key], (dict, list)):
            yield from _places(value[key])


def _nasty(rng: random.Random) -> Any:
    # A copy: what follows may change it.
    return copy.deepcopy(rng.choice(NASTY))


def _changed_number(value: Any, rng: random.Random) -> Any:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return _nasty(rng)
    if abs(value) > 1e300 or value != value:
        return _nasty(rng)
    changes = (-value, value + 1, value - 1, value * 1e3, value * 1e-300, int(value))
    return rng.choice(changes)


def _structure_changed(text: str, rng: random.Random) -> str:
    document = json.loads(text)
    for _ in range(rng.choice((1, 1, 1, 2, 4))):
        places = list(_places(document))
        if not places:
            break
        (holder, key), (other, else_) = rng.choice(places), rng.choice(places)
        kind = rng.randrange(7)
        if kind == 0:
            del holder[key]
        elif kind == 1:
            holder[key] = _changed_number(holder[key], rng)
        elif kind == 2:
            holder[key] = _nasty(rng)
        elif kind == 3:  # something from elsewhere in the file
            holder[key] = json.loads(json.dumps(other[else_]))
        elif kind == 4 and isinstance(holder, list):
            holder.insert(key, holder[key])
        elif kind == 5 and isinstance(holder, dict):
            names = (key + "s", "x", else_ if isinstance(else_, str) else "y")
            holder[rng.choice(names)] = holder.pop(key)
        else:
            for _ in range(rng.choice((1, 3, 50))):
                holder[key] = [holder[key]]
    return json.dumps(document)


def _doubled(text: str, rng: random.Random) -> str:
    """One of the names of an object twice."""
    name = rng.choice(list(json.loads(text)))
    return text.replace("{", f'{{"{name}": 1, ', 1)


def mutated(text: str, rng: random.Random) -> str | bytes:
    """The file with something wrong in it, or perhaps nothing."""
    kinds = (_structure_changed, _bytes_changed, _doubled)
    return rng.choices(kinds, (12, 6, 1))[0](text, rng)


# What becomes of them


class Outcome(NamedTuple):
    kind: str  #: "refused", "accepted" or "failed"
    detail: str  #: the message of the refusal, or what went wrong


_events: list[str] | None = None


def audit(event: str, args: tuple[Any, ...]) -> None:
    if _events is not None and event.startswith(FORBIDDEN):
        _events.append(f"{event} {args!r:.200}")


@contextlib.contextmanager
def watched() -> Iterator[list[str]]:
    """Collects what a file made the interpreter do."""
    global _events
    _events = found = []
    try:
        yield found
    finally:
        _events = None


def judge(content: str | bytes, X: np.ndarray, tables: bool = False) -> Outcome:
    """Load the file; use what came of it."""
    from autora.skl.darts import ModelFileError
    from autora.skl.darts.estimators.equation_mixin import EquationMixin

    try:
        with watched() as events:
            try:
                text = content if isinstance(content, str) else content.decode("utf-8")
            except UnicodeDecodeError:
                return Outcome("refused", "no UTF-8 text")
            try:
                estimator = EquationMixin.from_json(text)
            except ModelFileError as error:
                return Outcome("refused" if not events else "failed", str(error))
        if events:
            return Outcome("failed", f"while reading: {events}")
        _use(estimator, X, tables)
    except Exception:
        return Outcome("failed", traceback.format_exc())
    return Outcome("accepted", "")


def _use(estimator: Any, X: np.ndarray, tables: bool) -> None:
    columns = estimator.n_features_in_
    x = np.tile(X, (1, -(-columns // X.shape[1])))[:, :columns]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the equation is undefined; names of columns
        answers = getattr(estimator, "decision_function", estimator.predict)
        if not np.isfinite(answers(x)).all():
            raise AssertionError("a prediction that is not finite")
        estimator.model_repr()
        again = type(estimator).from_json(estimator.to_json())
        np.testing.assert_array_equal(again.predict(x), estimator.predict(x))
        _use_uncertainty(estimator, x)
        if tables:
            _ = estimator.equations_, estimator.coefficients_, estimator.python()
            if estimator._rows:
                estimator.select_equation(0).predict(x)


def _use_uncertainty(estimator: Any, x: np.ndarray) -> None:
    try:
        ends = estimator.predict_interval(x, level=0.5)
    except ValueError as error:
        if "no uncertainty" not in str(error) and "calibrate" not in str(error):
            raise
        return
    if np.isnan(ends).any() or (ends[..., 0] > ends[..., 1]).any():
        raise AssertionError(f"no interval: {ends}")


class _TooSlow(BaseException):
    """Passes by whoever catches exceptions."""


def _limited(work: Callable[[], Outcome]) -> Outcome:
    """The outcome, or a failure after ten seconds (where the system has alarms)."""

    def stop(*_: Any) -> None:
        raise _TooSlow

    if not hasattr(signal, "SIGALRM"):
        return work()
    signal.signal(signal.SIGALRM, stop)
    signal.alarm(SECONDS)
    try:
        return work()
    except _TooSlow:
        return Outcome("failed", f"more than {SECONDS} seconds")
    finally:
        signal.alarm(0)


def _limit_memory() -> None:
    with contextlib.suppress(ImportError, OSError, ValueError):
        import resource

        used = int(Path("/proc/self/statm").read_text().split()[0])
        limit = used * resource.getpagesize() + MEMORY
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))


def _place(message: str) -> str:
    """Where a refusal points to, without the numbers."""
    return "".join(c for c in message.split(":")[0] if not c.isdigit())[:60]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--executions", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    about, valid = provenance(), texts()
    X = np.random.default_rng(1).uniform(-2, 2, (8, 2))
    for text in valid:
        outcome = judge(text, X, tables=True)
        if outcome.kind != "accepted":
            sys.exit(f"a valid file: {outcome}")
    sys.addaudithook(audit)
    _limit_memory()
    rng = random.Random(asked.seed)
    counts: Counter[str] = Counter()
    messages: set[str] = set()
    places: Counter[str] = Counter()
    slowest, begin = 0.0, time.monotonic()
    for _ in range(asked.executions):
        content = mutated(rng.choice(valid), rng)
        tables = counts["accepted"] % TABLE_EVERY == 0
        start = time.monotonic()
        outcome = _limited(lambda c=content, t=tables: judge(c, X, t))
        slowest = max(slowest, time.monotonic() - start)
        counts[outcome.kind] += 1
        if outcome.kind == "refused":
            messages.add(outcome.detail)
            places[_place(outcome.detail)] += 1
        if outcome.kind == "failed":
            print(outcome.detail, "\n", content[:3000], file=sys.stderr)
    rows = [
        ("executed", f"{sum(counts.values()):,}"),
        ("refused with `ModelFileError`", f"{counts['refused']:,}"),
        ("accepted; predicts, prints and is saved again", f"{counts['accepted']:,}"),
        ("anything else", f"**{counts['failed']:,}**"),
        ("different messages", f"{len(messages):,}"),
        ("different places in the file", f"{len(places):,}"),
        ("slowest file, with its use", f"{slowest:.2f} s"),
        ("whole run", f"{time.monotonic() - begin:.0f} s"),
    ]
    note = (
        f"{len(valid)} valid files, seed {asked.seed}. Mutations: bits, bytes and slices; "
        "values deleted, replaced, repeated, renamed, nested, moved; names twice. Of the "
        f"accepted files every {TABLE_EVERY}th is also asked for its tables, its source "
        "text and another row. Limits: "
        f"{SECONDS} s and {MEMORY // 2**30} GiB a file."
    )
    body = f"{table(['', 'files'], rows)}\n\n{note}"
    title = "Model files with something wrong in them"
    write_results("fuzz_model_files", title, about, body)
    sys.exit(bool(counts["failed"]))


if __name__ == "__main__":
    main()
