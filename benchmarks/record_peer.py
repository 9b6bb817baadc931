"""Record how autora-theorist-darts trains its relaxed network on small problems.

Run once in an environment that has that package (and hence torch)::

    pip install autora-theorist-darts==1.1.0
    python benchmarks/record_peer.py tests/data/peer_trajectory.json

The loop is the package's own `_general_darts`, observed through its execution monitor.
Everything runs in double precision and with all rows in every batch, so that neither
rounding nor the order of the rows limits a comparison.

Each recorded array has one entry per epoch, after entry 0 for the initial state:

- ``alphas``: (edges, primitives) architecture weights;
- ``edge``: the coefficients that exist, edge by edge, primitive by primitive, in the
  order slope, shift, shape;
- ``readout`` (nodes, outputs) and ``bias`` (outputs,): the affine map of the nodes;
- ``loss``: mean loss over all rows at these values;
- ``arch_loss`` (from epoch 1): what the last architecture step of the epoch descended.
"""

from __future__ import annotations

import argparse
import json
import platform
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from autora.theorist.darts.model_search import Network

EPOCHS = 50
DIGITS = 13

_COMMON: dict[str, Any] = {
    "max_epochs": EPOCHS,
    "param_updates_per_epoch": 10,
    "param_learning_rate_max": 0.025,
    "param_learning_rate_min": 0.005,
    "param_momentum": 0.9,
    "param_weight_decay": 1e-3,
    "arch_updates_per_epoch": 1,
    "arch_learning_rate_max": 0.03,
    "arch_weight_decay": 1e-2,
    "arch_weight_decay_df": 3e-3,
    "arch_weight_decay_base": 1e-3,
    "fair_darts_loss_weight": 1,
    "classifier_weight_decay": 0.0,
    "train_classifier_coefficients": False,
    "train_classifier_bias": False,
    "grad_clip": 0.06,
}
_SMOOTH = ("none", "add", "linear", "linear_exp", "linear_tanh", "mult")

#: Differences from the common settings, and the shape of each problem.
CASES: dict[str, dict[str, Any]] = {
    "original": {
        "primitives": (*_SMOOTH, "linear_softplus"),
        "darts_type": "original",
        "output_type": "real",
        "inputs": 2,
        "outputs": 1,
        "nodes": 2,
    },
    "fair": {
        "primitives": (*_SMOOTH[:4], "subtract", "linear_relu", "linear_sin"),
        "darts_type": "fair",
        "output_type": "real",
        "inputs": 2,
        "outputs": 1,
        "nodes": 2,
        "arch_updates_per_epoch": 2,
        "fair_darts_loss_weight": 2,
        "grad_clip": 0.2,
        "param_learning_rate_max": 0.01,
        "param_learning_rate_min": 0.001,
    },
    "sigmoid": {
        "primitives": ("none", "subtract", "linear", "linear_logistic", "linear_cos"),
        "darts_type": "original",
        "output_type": "sigmoid",
        "inputs": 2,
        "outputs": 1,
        "nodes": 2,
        "arch_updates_per_epoch": 2,
        "train_classifier_coefficients": True,
        "train_classifier_bias": True,
        "classifier_weight_decay": 0.02,
        "arch_weight_decay": 1e-3,
        "param_learning_rate_max": 0.25,
        "param_learning_rate_min": 0.05,
        "grad_clip": 0.02,
    },
    "two outputs": {
        "primitives": ("none", "mult", "linear_relu", "softminus"),
        "darts_type": "original",
        "output_type": "real",
        "inputs": 1,
        "outputs": 2,
        "nodes": 3,
        "train_classifier_coefficients": True,
        "classifier_weight_decay": 0.01,
    },
}


def rounded(value: Any) -> Any:
    """The value with as many digits as the record keeps."""
    if isinstance(value, list):
        return [rounded(v) for v in value]
    return float(f"{value:.{DIGITS}g}")


def problem(case: dict[str, Any], rows: int = 16) -> tuple[np.ndarray, np.ndarray]:
    """Smooth data that no vocabulary above fits exactly, so that the loss stays > 0."""
    X = np.random.default_rng(1).uniform(0.2, 2.0, (rows, case["inputs"])).round(3)
    phase = np.arange(case["outputs"])
    total = X.sum(axis=1, keepdims=True)
    y = np.sin(2 * total + phase) + 0.5 * X[:, :1] * X[:, -1:]
    if case["output_type"] == "sigmoid":
        y = 1 / (1 + np.exp(1 - 3 * X[:, :1] + 2 * X[:, 1:] ** 2))
    return X, y.round(4)


def snapshot(network: Network, X: np.ndarray, y: np.ndarray) -> dict[str, Any]:
    """What a trajectory keeps of one state of the network."""
    import torch

    operations = [op for mixed in network.cells._ops for op in mixed._ops]
    edge = [value.item() for op in operations for value in op.parameters()]
    with torch.no_grad():
        loss = network._loss(torch.tensor(X), torch.tensor(y)).item()
    values = {
        "alphas": network.alphas_normal.detach().tolist(),
        "edge": edge,
        "readout": network.classifier.weight.detach().T.tolist(),
        "bias": network.classifier.bias.detach().tolist(),
        "loss": loss,
    }
    return {key: rounded(value) for key, value in values.items()}


def clipped(network: Network, grad_clip: float) -> bool:
    """Whether the last coefficient step of the epoch had its gradient shortened."""
    import torch

    grads = [p.grad for p in network.parameters() if p.grad is not None]
    norm = torch.sqrt(sum((g**2).sum() for g in grads)).item()
    # Clipping divides by norm + 1e-6, so that a shortened gradient ends just below.
    return norm > grad_clip * (1 - 1e-3)


def record(case: dict[str, Any]) -> dict[str, Any]:
    """The trajectory of one case."""
    import torch
    from autora.theorist.darts.model_search import DARTSType, Network
    from autora.theorist.darts.regressor import _general_darts
    from autora.theorist.darts.utils import get_loss_function
    from autora.variable import ValueType

    X, y = problem(case)
    hyper = {key: case.get(key, value) for key, value in _COMMON.items()}
    torch.manual_seed(0)
    network = Network(
        num_classes=case["outputs"],
        criterion=get_loss_function(ValueType(case["output_type"])),
        steps=case["nodes"],
        n_input_states=case["inputs"],
        classifier_weight_decay=hyper["classifier_weight_decay"],
        darts_type=DARTSType(case["darts_type"]),
        primitives=case["primitives"],
        train_classifier_coefficients=hyper["train_classifier_coefficients"],
        train_classifier_bias=hyper["train_classifier_bias"],
    )
    states, arch_loss, shortened = [snapshot(network, X, y)], [], []

    def monitor(**local: Any) -> None:
        # The coefficient steps are skipped silently where this count is zero.
        assert local["network"].count_parameters()[0] > 0
        states.append(snapshot(local["network"], X, y))
        arch_loss.append(rounded(local["architect"].current_loss))
        shortened.append(clipped(local["network"], hyper["grad_clip"]))

    _general_darts(
        X=X,
        y=y,
        network=network,
        batch_size=len(X),
        num_graph_nodes=case["nodes"],
        output_type=case["output_type"],
        darts_type=case["darts_type"],
        primitives=case["primitives"],
        param_updates_for_sampled_model=1,
        execution_monitor=monitor,
        **hyper,
    )
    assert len(states) == EPOCHS + 1
    assert 0 < sum(shortened) < EPOCHS, f"clipped in {sum(shortened)} epochs"
    shape = ("primitives", "darts_type", "output_type", "inputs", "outputs", "nodes")
    return {
        **{key: case[key] for key in shape},
        "hyperparameters": hyper,
        "epochs_ending_clipped": sum(shortened),
        "X": X.tolist(),
        "y": y.tolist(),
        **{key: [state[key] for state in states] for key in states[0]},
        "arch_loss": arch_loss,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("output", type=Path)
    output = parser.parse_args().output
    import torch

    torch.set_default_dtype(torch.float64)
    packages = ("autora-theorist-darts", "torch", "numpy")
    provenance = {
        "command": f"python benchmarks/record_peer.py {output.as_posix()}",
        "packages": {name: version(name) for name in packages},
        "python": platform.python_version(),
        "machine": platform.machine(),
        "date": datetime.now(UTC).date().isoformat(),
        "precision": "float64",
        "digits": DIGITS,
    }
    cases = {name: record(case) for name, case in CASES.items()}
    content = {"provenance": provenance, "cases": cases}
    output.write_text(json.dumps(content, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
