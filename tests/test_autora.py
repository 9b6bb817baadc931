"""A closed loop with the real AutoRA; runs where autora-core is installed."""

import importlib.util
import itertools
import re
import sys
from pathlib import Path

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


def test_the_loop_of_the_page_prints_what_it_says(capsys):
    page = Path(__file__).resolve().parent.parent / "docs" / "autora.md"
    [(code, said), *_] = re.findall(
        r"```py\n(.*?)```\n\n```text\n(.*?)```", page.read_text("utf-8"), re.S
    )
    exec(compile(code, "autora.md", "exec"), {})
    assert capsys.readouterr().out == said


def test_theorists_side_by_side(monkeypatch, capsys):
    """The example's loop, shorter: what it reports is what the last models predict."""
    pytest.importorskip("autora.experimentalist.novelty", reason="needs the extra 'autora'")
    path = Path(__file__).resolve().parent.parent / "examples" / "autora_loop.py"
    spec = importlib.util.spec_from_file_location("autora_loop", path)
    example = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "autora_loop", example)
    spec.loader.exec_module(example)
    estimators = {
        name: estimator
        for name, estimator in example.theorists().items()
        if not name.startswith("automatic search")
    }
    estimators["two counted nodes"].set_params(max_epochs=5, n_candidates=60)
    table, state = example.closed_loop(estimators, 3, watch=example.compilations())
    assert table["cycle"].tolist() == [1, 1, 2, 2, 3, 3]
    assert table["rows"].tolist() == [20, 20, 30, 30, 40, 40]
    assert len(state.models) == 6 and len(state.experiment_data) == 40
    # 20, 30 and 40 rows: two row buckets.
    assert table["programs"].iloc[-1] <= 2
    last = table[table["cycle"] == 3]
    assert last["r2"].min() > 0.99
    ours = state.models[-2]
    assert last["equation"].iloc[0].endswith(ours.model_repr().splitlines()[-1])
    held_out = random_pool(state.variables, num_samples=500, random_state=10**6)
    truth = example.exp_learning().ground_truth(held_out.copy()).iloc[:, -1]
    assert last["r2"].iloc[0] == pytest.approx(ours.score(held_out, truth))
    # Conditions that were chosen are conditions that the variables allow, each once.
    chosen = state.experiment_data[list(held_out.columns)].iloc[20:]
    for variable in state.variables.independent_variables:
        assert chosen[variable.name].isin(variable.allowed_values).all()
    assert not chosen.iloc[:10].duplicated().any()
    assert len(capsys.readouterr().out.splitlines()) == 6
    figure = example.picture(table, state, len(estimators))
    assert len(figure.axes) == 3 and len(figure.axes[0].get_lines()) == 2


def test_participants_are_groups():
    """A theorist that hands a column of the experiment data to the fit."""
    from autora.state import Delta
    from autora.variable import Variable, VariableCollection

    @on_state()
    def theorist(experiment_data, variables):
        conditions = [v.name for v in variables.independent_variables]
        observations = [v.name for v in variables.dependent_variables]
        model = DARTSRegressor(
            primitives=["add", "mult"], n_candidates=2000, random_state=0
        ).fit(
            experiment_data[conditions],
            experiment_data[observations],
            groups=experiment_data["participant"],
        )
        return Delta(models=[model])

    variables = VariableCollection(
        independent_variables=[Variable("dose")], dependent_variables=[Variable("answer")]
    )
    rng = np.random.default_rng(0)
    data = pd.DataFrame({"participant": np.repeat([*"abc"], 10)})
    data["dose"] = rng.uniform(1, 3, 30)
    slope = data["participant"].map({"a": 1.0, "b": 2.0, "c": 4.0})
    data["answer"] = slope * data["dose"] + 0.01 * rng.normal(size=30)
    state = theorist(StandardState(variables=variables, experiment_data=data))
    model = state.models[-1]
    assert list(model.groups_) == ["a", "b", "c"]
    found = model.predict(pd.DataFrame({"dose": [1.0, 1.0]}), groups=["a", "c"])
    np.testing.assert_allclose(found.ravel(), [1, 4], atol=0.05)
