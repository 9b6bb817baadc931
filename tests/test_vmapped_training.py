"""Restarts as one program, and rows and restarts over several devices."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest

from autora.skl.darts import DARTSClassifier, DARTSRegressor
from autora.skl.darts.relaxation import compilation, devices, fit, vmapped, xla

SETTINGS: dict[str, Any] = {
    "num_graph_nodes": 1,
    "primitives": ["none", "add", "linear_exp"],
    "max_epochs": 3,
    "param_updates_per_epoch": 20,
    "n_candidates": 20,
    "n_restarts": 3,
    "random_state": 0,
    "train_classifier_coefficients": True,
}
#: Bytes in which so many of these restarts find room.
ROOM = {1: 20_000, 2: 40_000, 4: 10**9}
OUT_OF_MEMORY = "RESOURCE_EXHAUSTED: Out of memory allocating 1 bytes"


def law(rows: int = 60) -> tuple[np.ndarray, np.ndarray]:
    X = np.random.default_rng(0).uniform(0.5, 3, (rows, 2))
    noise = 0.05 * np.random.default_rng(1).normal(size=rows)
    return X, np.exp(-X[:, 0]) + X[:, 1] + noise


def fitted(kind: type = DARTSRegressor, **settings: Any) -> Any:
    X, y = law()
    return kind(**SETTINGS | settings).fit(X, y if kind is DARTSRegressor else y > 1.8)


@pytest.fixture
def accelerator(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Fits train their restarts as they would on a GPU."""
    monkeypatch.setattr(vmapped, "worthwhile", lambda: True)
    return monkeypatch


@pytest.mark.parametrize("count", [0, 1, 7, 10, 23])
def test_turns_of_a_loop_in_blocks(count: int) -> None:
    """Every turn is told its number, and those beyond the last one change nothing."""

    def body(turn: Any, state: Any) -> Any:
        return state[0] + turn, state[1] * 2

    in_blocks = jax.jit(lambda count: xla.repeated(count, body, (0, 1), 5))
    assert tuple(map(int, in_blocks(count))) == (count * (count - 1) // 2, 2**count)
    assert in_blocks(count) == xla.repeated(count, body, (0, 1))


class Sizes:
    """How many restarts every call of the program trained."""

    def __init__(self, patch: pytest.MonkeyPatch, most: float = np.inf) -> None:
        self.seen: list[int] = []
        run = vmapped.run_epochs

        def counted(static: Any, shared: bool, hyper: Any, data: Any, *rest: Any) -> Any:
            size = len(data.train)
            self.seen.append(size)
            if size > most:
                raise jax.errors.JaxRuntimeError(OUT_OF_MEMORY)
            return run(static, shared, hyper, data, *rest)

        patch.setattr(vmapped, "run_epochs", counted)


def same_bits(one: Any, other: Any) -> bool:
    X = law()[0]
    return (
        one.model_repr(decimals_to_display=17) == other.model_repr(decimals_to_display=17)
        and np.array_equal(one.predict(X), other.predict(X))
        and np.array_equal(one.network_.alphas, other.network_.alphas)
    )


@pytest.mark.parametrize(
    ("kind", "settings"),
    [
        (DARTSRegressor, {}),
        (DARTSRegressor, {"batch_size": 16}),
        (DARTSClassifier, {"darts_type": "fair", "aggregations": ("sum", "product")}),
    ],
)
def test_side_by_side_is_one_after_another(
    kind: type, settings: dict[str, Any], accelerator: pytest.MonkeyPatch
) -> None:
    sizes, trained = Sizes(accelerator), []
    finish = fit.finish
    accelerator.setattr(
        fit, "finish", lambda *args: trained.append(args[3]) or finish(*args)
    )
    fitted(kind, **settings)
    assert sizes.seen == [4] and len(trained) == 3
    accelerator.setattr(vmapped, "worthwhile", lambda: False)
    fitted(kind, **settings)
    assert sizes.seen == [4] and len(trained) == 6
    for at_once, alone in zip(trained[:3], trained[3:], strict=True):
        for one, other in zip(at_once.history, alone.history, strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-3, atol=1e-4)
        for one, other in zip(
            *map(jax.tree.leaves, (at_once.state, alone.state)), strict=True
        ):
            np.testing.assert_allclose(one, other, rtol=1e-3, atol=1e-3)
    assert not np.allclose(trained[0].history.train_loss, trained[1].history.train_loss)


@pytest.mark.parametrize("workers", [1, 2])
def test_memory_decides_how_many_and_changes_no_bit(
    accelerator: pytest.MonkeyPatch, workers: int
) -> None:
    whole = fitted()
    for most in (1, 2):
        with accelerator.context() as patch:
            patch.setattr(devices, "room", lambda most=most: ROOM[most])
            sizes = Sizes(patch)
            assert same_bits(fitted(n_jobs=workers), whole)
            assert sizes.seen == [most] * -(-3 // most)


def test_out_of_memory_halves_and_goes_on(accelerator: pytest.MonkeyPatch) -> None:
    whole = fitted()
    sizes = Sizes(accelerator, most=2)
    assert same_bits(fitted(), whole)
    assert sizes.seen == [4, 2, 2]


def test_not_even_one_fits(accelerator: pytest.MonkeyPatch) -> None:
    model = fitted()
    before = dict(vars(model))
    sizes = Sizes(accelerator, most=0)
    with pytest.raises(MemoryError, match="64 rows at once; set batch_size"):
        model.fit(*law())
    assert sizes.seen == [4, 2, 1]
    assert all(vars(model)[key] is value for key, value in before.items())

    def full(*_: Any) -> None:
        raise jax.errors.JaxRuntimeError(OUT_OF_MEMORY)

    accelerator.setattr(compilation, "run_epochs", full)
    with pytest.raises(MemoryError, match="16 rows at once"):
        model.set_params(n_restarts=1, batch_size=16).fit(*law())


def test_other_errors_are_not_mistaken(accelerator: pytest.MonkeyPatch) -> None:
    def broken(*_: Any) -> None:
        raise jax.errors.JaxRuntimeError("INTERNAL: something else")

    accelerator.setattr(vmapped, "run_epochs", broken)
    with pytest.raises(jax.errors.JaxRuntimeError, match="something else"):
        fitted()


@pytest.mark.parametrize(("at", "most"), [(1, 1), (2, 1), (1, 4)])
def test_interruptions_keep_what_was_trained(
    accelerator: pytest.MonkeyPatch, at: int, most: int
) -> None:
    calls = 0

    run = vmapped.run_epochs

    def stopped(*args: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == at + 1:
            raise KeyboardInterrupt("now")
        return run(*args)

    accelerator.setattr(devices, "room", lambda: ROOM[most])
    accelerator.setattr(vmapped, "run_epochs", stopped)
    model = DARTSRegressor(**SETTINGS | {"max_epochs": 70 if most == 4 else 3})
    with pytest.raises(KeyboardInterrupt, match="now"):
        model.fit(*law())
    assert np.isfinite(model.predict(law()[0])).all()
    accelerator.setattr(vmapped, "run_epochs", lambda *_: stopped())
    calls = at
    again = DARTSRegressor(**SETTINGS)
    with pytest.raises(KeyboardInterrupt, match="now"):
        again.fit(*law())
    assert not hasattr(again, "model_")


def test_a_monitor_sees_every_epoch_of_every_restart(
    accelerator: pytest.MonkeyPatch,
) -> None:
    sizes, seen = Sizes(accelerator), []
    fitted(execution_monitor=lambda epoch, **_: seen.append(epoch), n_restarts=2)
    assert seen == [0, 1, 2] * 2 and not sizes.seen


SEVERAL_DEVICES = """
import sys
sys.path.insert(0, sys.argv[1])
import jax, numpy as np
from autora.skl.darts.relaxation import compilation, devices, vmapped
from test_vmapped_training import DARTSRegressor, SETTINGS, law
import test_vmapped_training

assert jax.device_count() == 4
devices.FEWEST_ROWS = 64
X, y = law(300)
settings = SETTINGS | {"batch_size": None, "n_restarts": 1}

def fit(**changes):
    return DARTSRegressor(**settings | changes).fit(X, y)

seen = []
run = compilation.run_epochs
def watched(static, hyper, data, state, n):
    seen.append(len(data.x.sharding.device_set) if hasattr(data.x, "sharding") else 1)
    return run(static, hyper, data, state, n)
compilation.run_epochs = watched
spread = fit()
with jax.default_device(jax.local_devices()[1]):
    alone = fit()
batches = fit(batch_size=50)
assert seen == [4, 1, 1], seen
np.testing.assert_array_equal(spread.model_.architecture, alone.model_.architecture)
np.testing.assert_allclose(
    spread.history_.train_loss, alone.history_.train_loss, rtol=1e-3
)
np.testing.assert_allclose(spread.predict(X), alone.predict(X), rtol=1e-5)

vmapped.worthwhile = lambda: True
seen.clear()
run_all = vmapped.run_epochs
def watched_all(static, shared, hyper, data, states, n):
    seen.append(len(states.alphas.sharding.device_set))
    return run_all(static, shared, hyper, data, states, n)
vmapped.run_epochs = watched_all
restarts = fit(n_restarts=6)
vmapped.run_epochs = run_all
with jax.default_device(jax.local_devices()[1]):
    one = fit(n_restarts=6)
assert seen == [4], seen
assert test_vmapped_training.same_bits(restarts, one)
print("same")
"""


def test_several_devices() -> None:
    """Pretended ones: the processor's cores do not matter."""
    here = Path(__file__).parent
    environment = {
        "PYTHONPATH": str(here.parent / "src"),
        "XLA_FLAGS": "--xla_force_host_platform_device_count=4",
        "JAX_PLATFORMS": "cpu",
        "DARTS_COMPILATION_CACHE": "0",
        "PATH": "",
    }
    run = subprocess.run(
        [sys.executable, "-W", "error::RuntimeWarning", "-c", SEVERAL_DEVICES, str(here)],
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert run.stdout.strip() == "same", run.stderr[-3000:]
