"""Every picture this package can draw, made anew in docs/images/."""

from pathlib import Path

import matplotlib

matplotlib.use("Agg")

import numpy as np
import pandas as pd
from matplotlib import pyplot as plt

from autora.skl.darts import (
    ArchitectureDisplay,
    CoefficientDisplay,
    DARTSRegressor,
    EquationsDisplay,
    EvidenceDisplay,
    FitDisplay,
    GroupDisplay,
    HistoryDisplay,
    ResidualDisplay,
    SearchAnimation,
)

OUT = Path(__file__).resolve().parent.parent / "docs" / "images"


def save(display, name: str) -> None:
    path = OUT / f"{name}.png"
    display.figure_.savefig(path, dpi=100)
    plt.close("all")
    print(f"{path.name}: {path.stat().st_size / 1000:.0f} kB")


# Time per trial falls with practice: one input, a counted graph.
rng = np.random.default_rng(0)
trials = pd.DataFrame({"trials": np.sort(rng.uniform(1, 40, 80))})
seconds = 0.6 + 2.5 * np.exp(-0.15 * trials["trials"])
seconds = (seconds + 0.06 * rng.normal(size=80)).rename("seconds")
counted = {
    "train_classifier_coefficients": True,
    "train_classifier_bias": True,
    "random_state": 0,
}
learning = DARTSRegressor(
    num_graph_nodes=1,
    primitives=["none", "mult", "linear_exp", "linear_logistic", "linear_ln"],
    **counted,
).fit(trials, seconds)
save(FitDisplay.from_estimator(learning, trials, seconds), "curve")
save(ResidualDisplay.from_estimator(learning, trials, seconds), "residuals")

# Two inputs and the automatic search: a surface, the table of equations.
X = pd.DataFrame(rng.uniform(0.5, 3, (200, 2)), columns=["dose", "delay"])
y = X["dose"] * (2 + np.cos(2 * X["delay"])) / (1 + X["dose"])
y = (y + 0.01 * rng.normal(size=200)).rename("effect")
effect = DARTSRegressor(random_state=0).fit(X, y)
save(FitDisplay.from_estimator(effect, X, y), "surface")
save(FitDisplay.from_estimator(effect, X, y, kind="observed"), "observed")
save(EquationsDisplay.from_estimator(effect), "equations")
save(HistoryDisplay.from_estimator(effect), "history-open")

# Few noisy rows leave several equations possible.
draws = np.random.default_rng(0)
few = pd.DataFrame({"dose": np.sort(draws.uniform(0.5, 5, 24))})
response = 2 * few["dose"] / (0.8 + few["dose"]) + 0.1 * draws.normal(size=24)
response = response.rename("response")
unsure = DARTSRegressor(random_state=0).fit(few, response)
save(FitDisplay.from_estimator(unsure, few, response), "unsure")
save(EvidenceDisplay.from_estimator(unsure), "evidence")

# Twenty participants of a study share a law; each discounts delays at a rate of their own.
draws = np.random.default_rng(0)
people = np.repeat([f"p{i:02}" for i in range(1, 21)], 8)
rate = np.repeat(0.05 * np.exp(0.7 * draws.normal(size=20)), 8)
X = pd.DataFrame(
    {
        "amount": draws.choice([20, 50, 100], 160),
        "delay": draws.choice([1, 7, 14, 30, 60, 120, 180], 160),
    }
)
y = X["amount"] / (1 + rate * X["delay"])
y = (y + 4 * draws.normal(size=160)).rename("value")
discounting = DARTSRegressor(random_state=0).fit(X, y, groups=people)
save(GroupDisplay.from_estimator(discounting, X, y, people), "groups")
save(CoefficientDisplay.from_estimator(discounting), "coefficients")

# A counted graph has epochs: losses, weights, and a film of them.
X = rng.uniform(-2, 2, (200, 2))
y = np.sin(2 * X[:, 0]) + 0.8 * X[:, 1] + 0.05 * rng.normal(size=200)
relaxed = DARTSRegressor(
    num_graph_nodes=2,
    primitives=["none", "add", "subtract", "mult", "linear_sin", "linear_exp", "relu"],
    arch_learning_rate_max=0.01,
    max_epochs=150,
    **counted,
).fit(X, y)
save(HistoryDisplay.from_estimator(relaxed), "history-counted")
save(ArchitectureDisplay.from_estimator(relaxed), "architecture")

film = SearchAnimation.from_estimator(relaxed)
path = film.save(OUT / "search.gif", fps=6, dpi=80)
print(f"{path.name}: {path.stat().st_size / 1000:.0f} kB")
