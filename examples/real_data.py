"""The pictures of the pages that use real data, made anew in docs/images/.

`python examples/real_data.py` draws all, `python examples/real_data.py kepler noise` some.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")

import numpy as np
import pandas as pd
from matplotlib import pyplot as plt

from autora.skl.darts import DARTSRegressor, FitDisplay, GroupDisplay
from autora.skl.darts.experimentalist import expected_information
from autora.skl.darts.plotting.style import COLOURS, INK, MUTED

ROOT = Path(__file__).resolve().parent.parent
OUT, TABLES = ROOT / "docs" / "images", ROOT / "benchmarks" / "data"
#: Ebbinghaus' savings in per cent after so many minutes.
FORGETTING = pd.DataFrame(
    {
        "minutes": [20, 64, 526, 1440, 2880, 8640, 44640],
        "retained": [58.2, 44.2, 35.8, 33.7, 27.8, 25.4, 21.1],
    }
)
THEORIES = {
    "Ebbinghaus": "100*k/((log(minutes)/log(10))**c + k)",
    "power": "a*minutes**(-b)",
    "logarithm": "a - b*log(minutes)",
    "exponential": "a*exp(-b*minutes)",
}


def sleepstudy() -> pd.DataFrame:
    table = pd.read_csv(TABLES / "sleepstudy.csv")
    return table.rename(columns={"Days": "days", "Reaction": "reaction"})


def means() -> tuple[pd.DataFrame, pd.Series, np.ndarray]:
    """Mean reaction times of the days, and their standard errors."""
    days = sleepstudy().groupby("days")["reaction"]
    mean = days.mean().reset_index()
    return mean[["days"]], mean["reaction"], days.sem().to_numpy()


def fitted_theories(rows: int) -> dict[str, DARTSRegressor]:
    """The theories of forgetting, fitted to the first rows."""
    first = FORGETTING[:rows]
    return {
        name: DARTSRegressor.from_equation(text, random_state=0).fit(
            first[["minutes"]], first["retained"]
        )
        for name, text in THEORIES.items()
    }


def time_axis(axes: Any) -> None:
    """Minutes on a logarithmic axis with the names that people use."""
    ticks = {5: "5 min", 60: "1 h", 600: "10 h", 2880: "2 days", 14400: "10 days"}
    ticks |= {525600: "1 year"}
    axes.set_xscale("log")
    axes.set_xticks(list(ticks), list(ticks.values()))
    axes.minorticks_off()
    axes.spines[["top", "right"]].set_visible(False)


def sleep() -> Any:
    """The tutorial's first fit."""
    X, y, _ = means()
    model = DARTSRegressor(random_state=0).fit(X, y)
    return FitDisplay.from_estimator(model, X, y).figure_


def noise() -> Any:
    """The same means with errors that are estimated and that are known."""
    X, y, error = means()
    figure = plt.figure(figsize=(9, 3.9), layout="constrained")
    parts = figure.subfigures(1, 2)  # titles of their own, above equation and legend
    both = [part.subplots() for part in parts]
    both[1].sharey(both[0])
    titles = "errors estimated from the scatter", "errors known: y_error"
    for part, axes, title, known in zip(parts, both, titles, (None, error), strict=True):
        model = DARTSRegressor(random_state=0).fit(X, y, y_error=known)
        FitDisplay.from_estimator(model, X, y, ax=axes)
        part.suptitle(title)
    bars = {"fmt": "none", "ecolor": INK, "elinewidth": 1, "capsize": 2}
    both[1].errorbar(X["days"], y, error, **bars)
    return figure


def forgetting() -> Any:
    """Four theories through seven values."""
    X, y = FORGETTING[["minutes"]], FORGETTING["retained"]
    theories = fitted_theories(len(X))
    first, *others = (f"{name}: {text}" for name, text in THEORIES.items())
    model = DARTSRegressor.from_equation(first, random_state=0).fit(X, y)
    weights = model.compare(others, X, y).set_index("name")["weight"]
    figure, axes = plt.subplots(figsize=(6.4, 4), layout="constrained")
    axis = pd.DataFrame({"minutes": np.geomspace(3, 525600, 300)})
    for colour, (name, theory) in zip(COLOURS, theories.items(), strict=False):
        label = f"{name}, weight {weights[name]:.2f}"
        axes.plot(axis["minutes"], theory.predict(axis), color=colour, label=label)
    axes.plot(X["minutes"], y, "o", color=INK, ms=5, zorder=3)
    time_axis(axes)
    axes.set(xlabel="time since learning", ylabel="retained in %", ylim=(0, 75))
    axes.legend(frameon=False)
    return figure


def next_interval() -> Any:
    """Three theories after five values, and what one more would tell."""
    theories = {name: fitted_theories(5)[name] for name in list(THEORIES)[:3]}
    figure, axes = plt.subplots(figsize=(6.4, 4), layout="constrained")
    axis = pd.DataFrame({"minutes": np.geomspace(3, 525600, 300)})
    for colour, (name, theory) in zip(COLOURS, theories.items(), strict=False):
        axes.plot(axis["minutes"], theory.predict(axis), color=colour, label=name)
    seen, hidden = FORGETTING[:5], FORGETTING[5:]
    axes.plot(seen["minutes"], seen["retained"], "o", color=INK, ms=5, zorder=3)
    hollow = {"mfc": "white", "color": INK, "ms": 5, "zorder": 3}
    axes.plot(hidden["minutes"], hidden["retained"], "o", label="measured later", **hollow)
    told = expected_information(axis, list(theories.values()), weights="evidence")
    below = axes.twinx()
    below.fill_between(axis["minutes"], told, color="0.85", zorder=0)
    below.set(ylim=(0, 3 * told.max()), ylabel="expected information in nats")
    below.spines[["top"]].set_visible(False)
    axes.set_zorder(below.get_zorder() + 1)
    axes.patch.set_visible(False)
    time_axis(axes)
    axes.set(xlabel="time since learning", ylabel="retained in %", ylim=(-20, 75))
    axes.legend(frameon=False)
    return figure


def kepler() -> Any:
    """Kepler's third law, and two planets that the table does not have."""
    table = pd.read_csv(TABLES / "kepler.tsv", sep="\t")
    X, y = table[["a"]].set_axis(["distance"], axis=1), table["target"].rename("period")
    model = DARTSRegressor(
        constants={"G": None, "M_sun": "1.98841e30 kg"},
        dimensionless_constants_only=True,
        random_state=0,
    ).fit(X, y, X_units=["au"], y_units="day")
    figure, axes = plt.subplots(figsize=(6.4, 4), layout="constrained")
    axis = pd.DataFrame({"distance": np.geomspace(0.3, 40, 200)})
    axes.loglog(axis["distance"], model.predict(axis), color=COLOURS[0])
    axes.loglog(X["distance"], y, "o", color=INK, ms=6, label="six planets of the fit")
    later = {"Uranus": (19.19, 30689), "Neptune": (30.07, 60182)}
    distances, periods = zip(*later.values(), strict=True)
    hollow = {"mfc": "white", "color": INK, "ms": 6}
    axes.loglog(distances, periods, "o", label="Uranus and Neptune, found later", **hollow)
    axes.set(xlabel="distance from the sun in au", ylabel="period in days")
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False)
    return figure


def sleep_groups() -> Any:
    """Every participant's own line."""
    table = sleepstudy()
    X, y, people = table[["days"]], table["reaction"], table["Subject"]
    model = DARTSRegressor(random_state=0).fit(X, y, groups=people)
    return GroupDisplay.from_estimator(model, X, y, people).figure_


def enzyme() -> Any:
    """Intervals where the equations agree and where they do not."""
    X = pd.DataFrame({"dose": np.repeat([0.02, 0.06, 0.11, 0.22, 0.56, 1.10], 2)})
    rates = [76, 47, 97, 107, 123, 139, 159, 152, 191, 201, 207, 200]
    y = pd.Series(rates, name="rate", dtype=float)
    model = DARTSRegressor(n_candidates=3000, random_state=0).fit(X, y)
    figure, axes = plt.subplots(figsize=(6.4, 4), layout="constrained")
    axis = pd.DataFrame({"dose": np.linspace(0.01, 4, 300)})
    for level, shade in ((0.5, 0.3), (0.9, 0.15)):
        low, high = model.predict_interval(axis, level, kind="mean").T
        label = f"the law, with probability {level}"
        axes.fill_between(axis["dose"], low, high, color=COLOURS[0], alpha=shade, lw=0)
        axes.fill_between([], [], [], color=COLOURS[0], alpha=shade, lw=0, label=label)
    axes.plot(axis["dose"], model.predict(axis), color=COLOURS[0], label="the model")
    law = DARTSRegressor.from_equation("v*dose/(k + dose)").fit(X, y)
    other = {"color": COLOURS[1], "ls": "--", "label": "Michaelis and Menten"}
    axes.plot(axis["dose"], law.predict(axis), **other)
    axes.plot(X["dose"], y, "o", color=INK, ms=4, zorder=3)
    axes.axvline(X["dose"].max(), color=MUTED, lw=0.8, ls=":")
    axes.set(xlabel="dose", ylabel="rate", ylim=(0, 340))
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, loc="lower right")
    return figure


PICTURES: dict[str, Callable[[], Any]] = {
    "sleep": sleep,
    "noise": noise,
    "forgetting": forgetting,
    "forgetting-next": next_interval,
    "kepler": kepler,
    "sleep-groups": sleep_groups,
    "enzyme": enzyme,
}

if __name__ == "__main__":
    warnings.simplefilter("ignore", UserWarning)  # of few rows, which the pages speak of
    for name in sys.argv[1:] or PICTURES:
        path = OUT / f"{name}.png"
        PICTURES[name]().savefig(path, dpi=100)
        plt.close("all")
        print(f"{path.name}: {path.stat().st_size / 1000:.0f} kB")
