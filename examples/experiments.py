# %% [markdown]
# # Which experiment next
#
# Somebody values a reward less the longer it is delayed: hyperbolically or exponentially?
# Both laws are fitted in every cycle, and the next delay is the one that is expected to
# tell most about which of them is right. Beside it, delays are drawn at random.
#
# This file is a notebook as text (jupytext's percent format) and a script:
# `python examples/experiments.py`.

# %%
from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from autora.skl.darts import DARTSRegressor
from autora.skl.darts.experimentalist import discriminating, expected_information

POOL = pd.DataFrame({"delay": np.arange(0.0, 121.0)})
LAWS = {"hyperbolic": "1/(1 + k*delay)", "exponential": "exp(-k*delay)"}
#: Standard deviation of an answer, as a share of the undelayed value; answers before the
#: first choice, and choices.
NOISE, START, CYCLES = 0.08, 4, 16

# %% [markdown]
# ## A loop
#
# The true law is the hyperbola. Laws weigh exp(−criterion/2), as in `compare`.

# %%
Models = dict[str, DARTSRegressor]


def fitted_weight(models: Models, X: pd.DataFrame, y: pd.Series) -> float:
    """Fit the laws, and say how probable the hyperbola is."""
    criteria = [model.fit(X, y).equations_["criterion"].min() for model in models.values()]
    share = np.exp(-0.5 * (np.array(criteria) - min(criteria)))
    return float(share[0] / share.sum())


def loop(
    choose: Callable[[Models, np.random.Generator], pd.DataFrame], seed: int, cycles: int
) -> tuple[list[float], Models, pd.DataFrame, pd.Series]:
    """The hyperbola's weight after every cycle; the models, conditions and answers."""
    noise, rng = np.random.default_rng([seed, 0]), np.random.default_rng([seed, 1])
    models = {
        name: DARTSRegressor.from_equation(law, random_state=0)
        for name, law in LAWS.items()
    }
    X = POOL.sample(START, random_state=seed, ignore_index=True)
    y = observed(X, noise)
    found = [fitted_weight(models, X, y)]
    for _ in range(cycles):
        new = choose(models, rng)
        X = pd.concat([X, new], ignore_index=True)
        y = pd.concat([y, observed(new, noise)], ignore_index=True)
        found.append(fitted_weight(models, X, y))
    return found, models, X, y


def observed(X: pd.DataFrame, noise: np.random.Generator) -> pd.Series:
    values = 1 / (1 + 0.05 * X["delay"]) + NOISE * noise.normal(size=len(X))
    return values.rename("value")


# %% [markdown]
# ## Two experimentalists


# %%
def chosen(models: Models, rng: np.random.Generator) -> pd.DataFrame:
    return discriminating(POOL, list(models.values()), weights="evidence")


def drawn(models: Models, rng: np.random.Generator) -> pd.DataFrame:
    return POOL.iloc[[int(rng.integers(len(POOL)))]]


# %% [markdown]
# ## The picture
#
# On the left the laws after the first answers, and what one more is expected to tell; on
# the right the weight of the hyperbola in loops of both kinds, and its mean.


# %%
def draw_laws(axes: Any) -> None:
    """Both laws after the first rows of a loop, and the information over the pool."""
    from autora.skl.darts.plotting.style import COLOURS

    _, models, X, y = loop(chosen, seed=0, cycles=0)
    axes.plot(X["delay"], y, "o", ms=5, color="0.3")
    for colour, (name, model) in zip(COLOURS, models.items(), strict=False):
        axes.plot(POOL["delay"], model.predict(POOL), color=colour, label=name)
    told = expected_information(POOL, list(models.values()), weights="evidence")
    below = axes.twinx()
    below.fill_between(POOL["delay"], told, color="0.8", zorder=0)
    below.set(ylim=(0, 4 * told.max()), ylabel="expected information in nats")
    below.spines[["top"]].set_visible(False)
    axes.set_zorder(below.get_zorder() + 1)
    axes.patch.set_visible(False)
    axes.set(xlabel="delay", ylabel="value", ylim=(-0.25, 1.2))
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False)


def draw_weights(axes: Any, loops: int) -> None:
    """The weight of the true law over the observations."""
    from autora.skl.darts.plotting.style import COLOURS, GRID

    for colour, (name, choose) in zip(
        COLOURS, {"discriminating": chosen, "random": drawn}.items(), strict=False
    ):
        every = np.array([loop(choose, seed, CYCLES)[0] for seed in range(loops)])
        count = START + np.arange(every.shape[1])
        axes.plot(count, every.T, color=colour, lw=0.6, alpha=0.4)
        axes.plot(count, every.mean(axis=0), color=colour, lw=2.5, label=name)
        first = [int(np.argmax(line > 0.9)) + START for line in every if line.max() > 0.9]
        print(f"{name}: above 0.9 in {len(first)} of {loops} loops, then after {first}")
    axes.set(xlabel="observations", ylabel="weight of the hyperbola", ylim=(0, 1.02))
    axes.grid(True, color=GRID, lw=0.6)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, loc="lower right")


def picture(loops: int = 6) -> Any:
    from matplotlib import pyplot as plt

    figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4), layout="constrained")
    draw_laws(left)
    draw_weights(right, loops)
    return figure


if __name__ == "__main__":
    out = Path(__file__).resolve().parent.parent / "docs" / "images" / "experiments.png"
    with warnings.catch_warnings():
        # With four rows there is little to say yet.
        warnings.simplefilter("ignore", UserWarning)
        picture().savefig(out, dpi=80)
    print(f"picture: {out}")
