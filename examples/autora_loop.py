# %% [markdown]
# # A closed loop in AutoRA
#
# Four theorists look at the same experiment: two automatic searches, a graph of two counted
# nodes, and a polynomial. In every cycle two experimentalists choose the next conditions:
# one takes those that are least like what has been seen (novelty), one those on which the
# theorists contradict each other most (model disagreement). The experiment is run on them,
# the theorists are fitted to everything seen so far, and so on.
#
# This file is a notebook as text (jupytext's percent format) and a script:
# `pip install ".[autora]"`, then `python examples/autora_loop.py`.

# %%
from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from autora.experiment_runner.synthetic.psychology.exp_learning import exp_learning
from autora.experimentalist.model_disagreement import model_disagreement_sample
from autora.experimentalist.novelty import novelty_sample
from autora.experimentalist.random import random_pool
from autora.state import Delta, StandardState, State, estimator_on_state, on_state
from autora.variable import VariableCollection
from sklearn.base import BaseEstimator
from sklearn.metrics import r2_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import PolynomialFeatures, StandardScaler

# %% [markdown]
# ## The theorists
#
# They are scikit-learn estimators. An automatic search with all primitives can bend to the
# noise of a few dozen observations; naming the functions that are plausible holds it back.
# Both get 10,000 graphs a cycle, which take some seconds.


# %%
def theorists() -> dict[str, BaseEstimator]:
    """Ours with three settings, and a baseline."""
    from sklearn.linear_model import LinearRegression

    from autora.skl.darts import DARTSRegressor

    return {
        "automatic search": DARTSRegressor(n_candidates=10_000, random_state=0),
        "automatic search, 4 primitives": DARTSRegressor(
            primitives=["add", "mult", "exp", "reciprocal"],
            n_candidates=10_000,
            random_state=0,
        ),
        "two counted nodes": DARTSRegressor(
            num_graph_nodes=2,
            primitives=["none", "add", "mult", "linear_exp", "linear_ln"],
            train_classifier_coefficients=True,
            train_classifier_bias=True,
            random_state=0,
        ),
        "cubic polynomial": make_pipeline(
            StandardScaler(), PolynomialFeatures(3), LinearRegression()
        ),
    }


# %% [markdown]
# ## The experiment and the experimentalists
#
# Performance after some trials, from Thurstone's law of learning. Its variables are a
# `VariableCollection`, so that conditions and observations are DataFrames with named
# columns throughout.

# %%
POOL = 200


def experiment_data(noise: float, seed: int) -> tuple[Any, Callable[..., State]]:
    """The experiment of autora-synthetic and its runner on a state."""
    # Noise must not come from the numbers that draw the conditions.
    experiment, seeds = exp_learning(), np.random.default_rng([seed, 1])

    @on_state()
    def run(conditions: pd.DataFrame) -> Delta:
        row_noise = int(seeds.integers(2**31))
        data = experiment.run(conditions, added_noise=noise, random_state=row_noise)
        return Delta(experiment_data=data)

    return experiment, run


def experimentalist(per_cycle: int, n_theorists: int, seed: int) -> Callable[..., State]:
    """Half of the conditions by novelty, half by disagreement; at first random ones."""
    seeds = np.random.default_rng([seed, 2])

    @on_state()
    def choose(
        variables: VariableCollection, experiment_data: pd.DataFrame, models: list
    ) -> Delta:
        draw = int(seeds.integers(2**31))
        pool = random_pool(variables, num_samples=POOL, random_state=draw)
        if not models:
            return Delta(conditions=pool.head(2 * per_cycle))
        seen = experiment_data[list(pool.columns)]
        # Distances count every condition in units of its spread.
        spread = pool.std()
        order = novelty_sample(pool / spread, seen / spread, per_cycle // 2).index
        rest = pool.drop(index=order)
        with warnings.catch_warnings():
            # It hands the models bare arrays, though they know the names of the columns.
            warnings.filterwarnings("ignore", "X does not have valid feature names")
            warnings.filterwarnings("ignore", "the equation has no finite value")
            disputed = model_disagreement_sample(
                rest, models[-n_theorists:], per_cycle - len(order)
            )
        chosen = pd.concat([pool.loc[order], disputed], ignore_index=True)
        return Delta(conditions=chosen)

    return choose


# %% [markdown]
# ## The loop
#
# `estimator_on_state` makes a theorist of an estimator. It fits the same object again in
# every cycle, so what it found is written down before the next one.


# %%
def closed_loop(
    estimators: dict[str, Any],
    cycles: int = 12,
    per_cycle: int = 10,
    noise: float = 0.01,
    seed: int = 0,
    watch: Callable[[], int] = int,
) -> tuple[pd.DataFrame, State]:
    """One row per cycle and theorist, and the last state.

    Columns: cycle, rows, theorist, r2 (against the noise-free law, on conditions that were
    not chosen), equation, and programs (what ``watch`` counts).
    """
    experiment, run = experiment_data(noise, seed)
    choose = experimentalist(per_cycle, len(estimators), seed)
    fits = {name: estimator_on_state(e) for name, e in estimators.items()}
    held_out = random_pool(experiment.variables, num_samples=500, random_state=10**6)
    truth = experiment.ground_truth(held_out.copy()).iloc[:, -1]
    state: Any = StandardState(variables=experiment.variables)
    rows = []
    for cycle in range(1, cycles + 1):
        state = run(choose(state))
        for name, fit in fits.items():
            state = fit(state)
            model = state.models[-1]
            rows.append(
                {
                    "cycle": cycle,
                    "rows": len(state.experiment_data),
                    "theorist": name,
                    "r2": r2_score(truth, np.ravel(predictions(model, held_out))),
                    "equation": equation(model),
                    "programs": watch(),
                }
            )
            print(
                "{cycle:3} {rows:4} {r2:10.5g}  {theorist}: {equation}".format(**rows[-1])
            )
    return pd.DataFrame(rows), state


def predictions(model: Any, conditions: pd.DataFrame) -> np.ndarray:
    """An equation may be undefined where nothing was seen; R² pays for it."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "the equation has no finite value")
        return model.predict(conditions)


def equation(model: Any) -> str:
    """On one line; nothing for models that have none."""
    if not hasattr(model, "model_repr"):
        return "–"
    lines = model.model_repr().splitlines()[1:]
    return "; ".join(" ".join(line.split()) for line in lines)


# %% [markdown]
# ## Twelve cycles
#
# The relaxed search is compiled for a search space and a number of rows that is rounded up,
# not for every cycle: programs are counted while the data grow.


# %%
def compilations() -> Callable[[], int]:
    """Counts the programs that JAX compiles from now on."""
    import jax

    seen = []

    def listen(event: str, *_: Any, **__: Any) -> None:
        if event.endswith("backend_compile_duration"):
            seen.append(event)

    jax.monitoring.register_event_duration_secs_listener(listen)
    return lambda: len(seen)


def picture(table: pd.DataFrame, state: Any, n_theorists: int) -> Any:
    """How far from the law the theorists are, and the surface that the first one found."""
    from matplotlib import pyplot as plt

    from autora.skl.darts import FitDisplay
    from autora.skl.darts.plotting.style import COLOURS, GRID

    figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4), layout="constrained")
    for i, (name, part) in enumerate(table.groupby("theorist", sort=False)):
        left.plot(part["rows"], 1 - part["r2"], "o-", ms=4, color=COLOURS[i], label=name)
    left.set(
        yscale="log",
        ylim=(1e-7, 1),
        xlabel="observations",
        ylabel="1 − R² on held-out conditions",
    )
    left.grid(True, color=GRID, lw=0.6)
    left.spines[["top", "right"]].set_visible(False)
    left.legend(frameon=False)
    names = [v.name for v in state.variables.independent_variables]
    observed = state.experiment_data.iloc[:, -1]
    model = state.models[-n_theorists]
    FitDisplay.from_estimator(model, state.experiment_data[names], observed, ax=right)
    return figure


if __name__ == "__main__":
    from pathlib import Path

    found, final = closed_loop(theorists(), watch=compilations())
    print(found.pivot(index="rows", columns="theorist", values="r2").round(5).to_string())
    cycles, programs = found["cycle"].max(), found["programs"].max()
    print(f"\nprograms compiled in {cycles} cycles: {programs}")
    out = Path(__file__).resolve().parent.parent / "out" / "autora-loop.png"
    out.parent.mkdir(exist_ok=True)
    picture(found, final, len(theorists())).savefig(out, dpi=80)
    print(f"picture: {out}")
