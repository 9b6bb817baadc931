"""scikit-learn's own checks of both estimators, counted.

    python benchmarks/sklearn_checks.py                all settings, some minutes
    python benchmarks/sklearn_checks.py --only counted one of them

"defaults" is the estimator as it comes. There is one page per version of scikit-learn.
"""

from __future__ import annotations

import argparse
import time
import warnings
from collections import Counter
from typing import Any
from unittest import SkipTest

import sklearn
from sklearn.utils.estimator_checks import estimator_checks_generator

from autora.skl.darts import DARTSClassifier, DARTSRegressor
from helpers.common import provenance, table, write_results

COUNTED: dict[str, Any] = {
    "num_graph_nodes": 1,
    "max_epochs": 2,
    "param_updates_per_epoch": 2,
    "n_candidates": 20,
    "random_state": 0,
}
SETTINGS = {"defaults": {}, "counted": COUNTED}
WORDS = ("passed", "skipped", "failed")


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
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", choices=SETTINGS)
    only = parser.parse_args().only
    about, rows, all_notes = provenance(), [], []
    for kind in (DARTSRegressor, DARTSClassifier):
        for setting, params in SETTINGS.items():
            if only in (None, setting):
                start = time.perf_counter()
                counts, notes = check(kind(**params))
                spent = f"{time.perf_counter() - start:.0f}"
                found = [counts[word] for word in WORDS]
                rows.append([kind.__name__, setting, *found, spent])
                all_notes += [f"- {kind.__name__}, {setting}: {note}" for note in notes]
                print(" ".join(map(str, rows[-1])), *notes, sep="\n", flush=True)
    headers = ["estimator", "settings", *WORDS, "seconds"]
    body = table(headers, rows) + "\n\n" + "\n".join(all_notes)
    if only is None:
        major = ".".join(sklearn.__version__.split(".")[:2])
        write_results(f"sklearn_checks_{major}", "scikit-learn's checks", about, body)


if __name__ == "__main__":
    main()
