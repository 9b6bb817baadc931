"""The tutorial, line by line: fit, refit, sample, return. Prints every equation and
draws every graph to out/."""

from pathlib import Path

import numpy as np

from autora.skl.darts import DARTSRegressor

OUT = Path(__file__).resolve().parent.parent / "out"


def show(estimator: DARTSRegressor, title: str, name: str) -> None:
    graph = estimator.visualize_model()
    for kind in ("svg", "png"):
        graph.render(OUT / name, format=kind, cleanup=True)
    print(f"\n== {title}: R² = {estimator.score(X, y):.4f} ==")
    print(estimator.model_repr())


# y = 2·x1 + exp(5·x2) on a 10 × 10 grid.
x_1 = np.linspace(0, 1, num=10)
x_2 = np.linspace(0, 1, num=10)
X = np.array(np.meshgrid(x_1, x_2)).T.reshape(-1, 2)
y = 2 * X[:, 0] + np.exp(5 * X[:, 1])

primitives = ["none", "add", "subtract", "mult", "logistic", "exp", "relu"]

darts_estimator = DARTSRegressor(
    num_graph_nodes=1,
    arch_updates_per_epoch=1,
    arch_learning_rate_max=0.001,
    param_updates_per_epoch=500,
    param_momentum=0.9,
    max_epochs=300,
    output_type="real",
    primitives=primitives,
)
darts_estimator.fit(X, y)
show(darts_estimator, "one latent node, coefficients searched", "tutorial-1-max")

darts_estimator.set_params(max_epochs=0, param_updates_for_sampled_model=1000)
darts_estimator.fit(X, y)
show(darts_estimator, "same architecture, refitted", "tutorial-2-refit")

darts_estimator.set_params(
    max_epochs=0, sampling_strategy="sample", param_updates_for_sampled_model=800
)
darts_estimator.fit(X, y)
show(darts_estimator, "an architecture drawn from the weights", "tutorial-3-sample")

darts_estimator.set_params(
    max_epochs=0, sampling_strategy="max", param_updates_for_sampled_model=1000
)
darts_estimator.fit(X, y)
show(darts_estimator, "back to the strongest architecture", "tutorial-4-max")

# With a second latent node and a trained read-out the equation itself is in reach.
exact = DARTSRegressor(
    num_graph_nodes=2,
    train_classifier_coefficients=True,
    train_classifier_bias=True,
    round_coefficients=True,
    primitives=primitives,
    random_state=0,
)
exact.fit(X, y)
show(exact, "two latent nodes, trained read-out", "tutorial-5-exact")
print(f"\ny = {exact.sympy()}")
print(f"\nGraphs: {OUT}")
