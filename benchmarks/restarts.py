"""Restarts per second: one after another, and trained as one program.

    python benchmarks/restarts.py [--counts 1,16,128]

The tutorial's data and settings (150,000 coefficient steps a restart, one latent node, a
10 × 10 grid). On a processor "as one program" is forced, to show what it would be there;
where JAX finds an accelerator that is what a fit does. Of more than a few restarts at once
only the training is timed: search and refits, the processor's everywhere, are the same for
each. Compilation does not count. The page of an accelerator says how many times as long a
restart takes on a processor if that has been measured (`restarts_cpu.json`).
"""

from __future__ import annotations

import argparse
import contextlib
import json
import statistics
import time
import warnings
from typing import Any

import jax

from helpers.common import NUMBERS, provenance, table, write_numbers, write_results
from speed import TUTORIAL, tutorial_data

#: Restarts that are timed several times, and how often.
FEW, REPEATS = 16, 3
ALONE = "one after another"


class _Trained(Exception):
    """Ends a fit of which only the training is timed."""


def seconds(restarts: int, at_once: bool, epochs: int) -> tuple[float, float | None]:
    """Wall time of a fit: of its training, and, if restarts are few, of everything."""
    from autora.skl.darts import DARTSRegressor
    from autora.skl.darts.relaxation import fit, vmapped

    vmapped.worthwhile = lambda: at_once
    trained = 0.0

    def timed(function: Any) -> Any:
        def call(*args: Any) -> Any:
            nonlocal trained
            begin = time.perf_counter()
            found = function(*args)
            trained += time.perf_counter() - begin
            if at_once and restarts > FEW:
                raise _Trained
            return found

        return call

    owner, name = (vmapped, "train") if at_once else (fit, "_train")
    plain = getattr(owner, name)
    setattr(owner, name, timed(plain))
    model = DARTSRegressor(**TUTORIAL | {"max_epochs": epochs}, n_restarts=restarts)
    begin = time.perf_counter()
    whole = None
    with contextlib.suppress(_Trained):
        model.set_params(random_state=0).fit(*tutorial_data())
        whole = time.perf_counter() - begin
    setattr(owner, name, plain)
    return trained, whole


def measured(restarts: int, at_once: bool, epochs: int) -> dict[str, Any]:
    seconds(restarts, at_once, 1)  # compiles
    pairs = [
        seconds(restarts, at_once, epochs)
        for _ in range(REPEATS if at_once or restarts <= FEW else 1)
    ]
    training = statistics.median(trained for trained, _ in pairs)
    fits = [whole for _, whole in pairs if whole is not None]
    how = "one program" if at_once else ALONE
    fit = statistics.median(fits) if fits else None
    return {"restarts": restarts, "how": how, "training": training, "fit": fit}


def on_a_processor() -> float | None:
    """Seconds of training of a restart among several on a processor."""
    path = NUMBERS / "restarts_cpu.json"
    if jax.default_backend() == "cpu" or not path.exists():
        return None
    found = json.loads(path.read_text("utf-8"))["found"]
    alone = [f for f in found if f["how"] == ALONE]
    return min(f["training"] / f["restarts"] for f in alone)


def page(found: list[dict[str, Any]], epochs: int) -> str:
    slow, lines = on_a_processor(), []
    for f in found:
        each = f["training"] / f["restarts"]
        line = [f"{f['restarts']:,}", f["how"], f"{1e3 * each:.2f}"]
        fit = f["fit"]
        line += ["–" if fit is None else f"{1e3 * fit / f['restarts']:.2f}"]
        lines.append([*line, f"{1 / each:,.1f}", *slow_column(slow, each)])
    headers = ["restarts", "how", "ms of training each", "ms of the fit each"]
    headers += ["trained per second"] + ["processor ÷ this"] * (slow is not None)
    where, steps = jax.devices()[0].device_kind, TUTORIAL["param_updates_per_epoch"]
    about = (
        f"JAX computes on: {where}. {epochs} epochs of {steps} coefficient steps. "
        "A fit is training, search over candidates and refits; the "
        "latter two are the processor's, one after another, everywhere."
    )
    return f"{about}\n\n{table(headers, lines)}"


def slow_column(slow: float | None, each: float) -> list[str]:
    return [] if slow is None else [f"{slow / each:,.1f}"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--counts", default="1,16,128", help="restarts")
    parser.add_argument("--epochs", type=int, default=TUTORIAL["max_epochs"])
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    about, found = provenance(), []
    for count in map(int, options.counts.split(",")):
        for at_once in (False, True) if count > 1 else (False,):
            if at_once or count == 1 or jax.default_backend() == "cpu":
                found.append(measured(count, at_once, options.epochs))
                print(found[-1], flush=True)
    name = f"restarts_{jax.default_backend()}"
    write_numbers(name, {"about": about, "found": found})
    write_results(name, "Restarts per second", about, page(found, options.epochs))


if __name__ == "__main__":
    main()
