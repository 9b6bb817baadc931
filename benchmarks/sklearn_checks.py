"""scikit-learn's own checks of both estimators, counted.

    python benchmarks/sklearn_checks.py                all settings, some minutes
    python benchmarks/sklearn_checks.py --only counted one of them

"defaults" is the estimator as it comes. Results go to benchmarks/results, one file per
version of scikit-learn.
"""

from __future__ import annotations

import argparse
import time
import warnings
from collections import Counter
from pathlib import Path
from typing import Any
from unittest import SkipTest

import jax
import numpy as np
import sklearn
from sklearn.utils.estimator_checks import estimator_checks_generator

from autora.skl.darts import DARTSClassifier, DARTSRegressor

RESULTS = Path(__file__).resolve().parent / "results"
COUNTED: dict[str, Any] = {
    "num_graph_nodes": 1,
    "max_epochs": 2,
    "param_updates_per_epoch": 2,
    "n_candidates": 20,
    "random_state": 0,
}
SETTINGS = {"defaults": {}, "counted": COUNTED}


def check(estimator: Any) -> tuple[Counter, list[str]]:
    """How often the checks passed, were skipped and failed; the names of the latter two."""
    counts, notes = Counter(), []
    for instance, test in estimator_checks_generator(estimator):
        name = getattr(test, "func", test).__name__
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                test(instance)
            counts["passed"] += 1
        except SkipTest as reason:
            counts["skipped"] += 1
            notes.append(f"skipped {name}: {reason}")
        except Exception as error:
            counts["failed"] += 1
            notes.append(f"FAILED {name}: {type(error).__name__}: {str(error)[:200]}")
    return counts, notes


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", choices=SETTINGS)
    only = parser.parse_args().only
    versions = f"NumPy {np.__version__}, JAX {jax.__version__}"
    lines = [
        f"scikit-learn {sklearn.__version__}, {versions}",
        "",
        "| estimator | settings | passed | skipped | failed | seconds |",
        "|---|---|---|---|---|---|",
    ]
    all_notes = []
    for kind in (DARTSRegressor, DARTSClassifier):
        for setting, params in SETTINGS.items():
            if only in (None, setting):
                start = time.perf_counter()
                counts, notes = check(kind(**params))
                spent = time.perf_counter() - start
                row = [counts[word] for word in ("passed", "skipped", "failed")]
                cells = [kind.__name__, setting, *map(str, row), f"{spent:.0f}"]
                lines.append(f"| {' | '.join(cells)} |")
                all_notes += [f"- {kind.__name__}, {setting}: {note}" for note in notes]
                print(lines[-1], *notes, sep="\n", flush=True)
    text = "\n".join(["# scikit-learn's checks", "", *lines, "", *all_notes]) + "\n"
    if only is None:
        major = ".".join(sklearn.__version__.split(".")[:2])
        (RESULTS / f"sklearn_checks_{major}.md").write_text(text)


if __name__ == "__main__":
    main()
