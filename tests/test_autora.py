"""A closed loop with the real AutoRA; runs where autora-core is installed."""

import itertools

import jax
import numpy as np
import pandas as pd
import pytest

from autora.skl.darts import DARTSRegressor

pytest.importorskip("autora.state", reason="needs the extra 'autora'")

# ruff: noqa: I001
from autora.experimentalist.random import random_pool
from autora.experiment_runner.synthetic.psychophysics.weber_fechner_law import (
    weber_fechner_law,
)
from autora.state import StandardState, estimator_on_state, on_state


def _theorist() -> DARTSRegressor:
    return DARTSRegressor(
        num_graph_nodes=2,
        primitives=["none", "mult", "linear_ln"],
        train_classifier_coefficients=True,
        train_classifier_bias=True,
        max_epochs=20,
        n_candidates=150,
        random_state=0,
    )


def test_ten_cycles_find_the_law():
    experiment = weber_fechner_law(resolution=20)
    programs, seeds = [], itertools.count()

    def count(event: str, *_: object, **__: object) -> None:
        programs.append(event.endswith("backend_compile_duration"))

    @on_state()
    def pool(variables):
        drawn = random_pool(variables, num_samples=10, random_state=next(seeds))
        return {"conditions": drawn}

    @on_state()
    def run(conditions):
        return {"experiment_data": experiment.run(conditions, added_noise=0.0)}

    theorist = estimator_on_state(_theorist())
    state = StandardState(variables=experiment.variables)
    jax.monitoring.register_event_duration_secs_listener(count)
    for _ in range(10):
        state = theorist(run(pool(state)))
    assert len(state.models) == 10
    # 10 to 100 rows: two row buckets, one program each.
    assert 1 <= sum(programs) <= 4
    model = state.models[-1]
    names = [v.name for v in experiment.variables.independent_variables]
    assert list(model.feature_names_in_) == names
    conditions = pd.DataFrame({names[0]: [1.0, 2.0], names[1]: [2.0, 4.5]})
    truth = experiment.ground_truth(conditions)
    predicted = model.predict(conditions)
    assert predicted.shape == (2, 1)
    np.testing.assert_allclose(predicted.ravel(), truth.iloc[:, -1].to_numpy(), atol=1e-6)


def test_value_types_are_understood():
    from autora.variable import ValueType

    X = np.linspace(-1, 1, 40)[:, None]
    y = 1 / (1 + np.exp(-3 * X[:, 0]))
    model = DARTSRegressor(
        output_type=ValueType.PROBABILITY, num_graph_nodes=1, random_state=0
    ).fit(X, y)
    assert model.score(X, y) > 0.999
