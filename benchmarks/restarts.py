"""Restarts per second: one after another, and trained as one program.

    python benchmarks/restarts.py [--counts 1,16,128]

The tutorial's data and settings (150,000 coefficient steps a restart, one latent node, a
10 × 10 grid). On a processor "as one program" is forced, to show why it is not used there;
where JAX finds an accelerator that is what a fit does. Compilation does not count.
"""

from __future__ import annotations

import argparse
import statistics
import time
import warnings
from typing import Any

import jax

from _common import provenance, table, write_numbers, write_results
from speed import TUTORIAL, tutorial_data

#: Restarts that are timed several times, and how often.
FEW, REPEATS = 16, 3


def seconds(restarts: int, at_once: bool, epochs: int) -> tuple[float, float]:
    """Wall time of a fit, of its mixtures' training and of everything."""
    from autora.skl.darts import DARTSRegressor, fitting, together

    together.worthwhile = lambda: at_once
    trained = 0.0

    def timed(function: Any) -> Any:
        def call(*args: Any) -> Any:
            nonlocal trained
            begin = time.perf_counter()
            found = function(*args)
            trained += time.perf_counter() - begin
            return found

        return call

    owner, name = (together, "train") if at_once else (fitting, "_train")
    plain = getattr(owner, name)
    setattr(owner, name, timed(plain))
    model = DARTSRegressor(**TUTORIAL | {"max_epochs": epochs}, n_restarts=restarts)
    begin = time.perf_counter()
    model.set_params(random_state=0).fit(*tutorial_data())
    whole = time.perf_counter() - begin
    setattr(owner, name, plain)
    return trained, whole


def measured(restarts: int, at_once: bool, epochs: int) -> dict[str, Any]:
    seconds(restarts, at_once, 1)  # compiles
    pairs = [
        seconds(restarts, at_once, epochs) for _ in range(REPEATS if restarts <= FEW else 1)
    ]
    trained, whole = (statistics.median(column) for column in zip(*pairs, strict=True))
    how = "one program" if at_once else "one after another"
    return {"restarts": restarts, "how": how, "training": trained, "fit": whole}


def page(found: list[dict[str, Any]], epochs: int) -> str:
    lines = [
        [
            f"{f['restarts']:,}",
            f["how"],
            f"{1e3 * f['training'] / f['restarts']:.2f}",
            f"{1e3 * f['fit'] / f['restarts']:.2f}",
            f"{f['restarts'] / f['fit']:.1f}",
        ]
        for f in found
    ]
    headers = ["restarts", "how", "ms of training each", "ms of the fit each", "per second"]
    where, steps = jax.devices()[0].device_kind, TUTORIAL["param_updates_per_epoch"]
    about = (
        f"JAX computes on: {where}. {epochs} epochs of {steps} coefficient steps. "
        "A fit is training, search over candidates and refits; the "
        "latter two are the processor's, one after another, everywhere."
    )
    return f"{about}\n\n{table(headers, lines)}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--counts", default="1,16,128", help="restarts")
    parser.add_argument("--epochs", type=int, default=TUTORIAL["max_epochs"])
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    about, found = provenance(), []
    for count in map(int, options.counts.split(",")):
        for at_once in (False, True) if count > 1 else (False,):
            if at_once or count <= FEW or jax.default_backend() == "cpu":
                found.append(measured(count, at_once, options.epochs))
                print(found[-1], flush=True)
    name = f"restarts_{jax.default_backend()}"
    write_numbers(name, {"about": about, "found": found})
    write_results(name, "Restarts per second", about, page(found, options.epochs))


if __name__ == "__main__":
    main()
