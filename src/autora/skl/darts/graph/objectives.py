"""What the output means: a link and a loss, one record per output type.

Like the primitives, every formula is written once against a namespace ``m`` and read by
NumPy (refit, predictions) and JAX (the mixture).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Objective:
    """Output link and loss of one output type.

    Attributes
    ----------
    link : callable
        ``link(m, eta)``: read-out values of shape (n, outputs) to predictions.
    loss : callable
        ``loss(m, eta, y)``: loss of each row, shape (n,); nowhere negative, since searches
        compare its ratios.
    slopes : callable
        ``slopes(m, eta, y)``: derivative of the loss in eta and a Gauss–Newton curvature
        that is nowhere negative, each of shape (n, outputs): its diagonal where outputs
        do not compete.
    inverse : callable
        ``inverse(y)``: finite read-out values (n, outputs) for targets, or for their
        means; the best constant is made of them.
    likelihood : bool
        The loss is a negative log-likelihood rather than a squared error.
    competing : bool
        Outputs share what there is, as under a softmax: with curvature c the Gauss–Newton
        matrix of a row is diag(c) − c·cᵀ/Σc.
    probability : bool
        Targets must lie in [0, 1].
    link_name : str
        What equations call the link; none where the read-out is the output.
    compiled_loss : int
        Its number in ``search.kernels.arrays``; −1 where the compiled refit lacks it.
    """

    name: str
    link: Callable[..., Any]
    loss: Callable[..., Any]
    slopes: Callable[..., tuple[Any, Any]]
    inverse: Callable[[Any], Any] = lambda y: y
    likelihood: bool = False
    competing: bool = False
    probability: bool = False
    link_name: str = ""
    compiled_loss: int = -1

    @property
    def least_squares(self) -> bool:
        """True when a trained read-out has a closed form."""
        return self.name == "real"

    def __reduce__(self) -> tuple[Any, ...]:
        return (objective, (self.name,))


#: How near to 0 and 1 a probability comes that has finite log-odds.
_MARGIN = 1e-9


def _log_odds(y: Any) -> Any:
    p = np.clip(y, _MARGIN, 1 - _MARGIN)
    return np.log(p / (1 - p))


def _centred_logs(y: Any) -> Any:
    logs = np.log(np.clip(y, _MARGIN, 1 - _MARGIN))
    return logs - logs.mean(axis=-1, keepdims=True)


def _mean(x: Any) -> Any:
    return x.mean(axis=-1)


def _squared_slopes(m: Any, eta: Any, y: Any) -> tuple[Any, Any]:
    q = eta.shape[-1]
    return 2 * (eta - y) / q, 0 * eta + 2 / q


def _squared_sigmoid_slopes(m: Any, eta: Any, y: Any) -> tuple[Any, Any]:
    p, q = m.expit(eta), eta.shape[-1]
    slope = p * (1 - p)
    return 2 * (p - y) * slope / q, 2 * slope**2 / q


def _bernoulli_slopes(m: Any, eta: Any, y: Any) -> tuple[Any, Any]:
    p, q = m.expit(eta), eta.shape[-1]
    return (p - y) / q, p * (1 - p) / q


def _multinomial_slopes(m: Any, eta: Any, y: Any) -> tuple[Any, Any]:
    p, total = m.softmax(eta), y.sum(axis=-1, keepdims=True)
    return total * p - y, total * p


def _sigmoid(name: str) -> Objective:
    return Objective(
        name,
        link=lambda m, eta: m.expit(eta),
        loss=lambda m, eta, y: _mean((m.expit(eta) - y) ** 2),
        slopes=_squared_sigmoid_slopes,
        inverse=_log_odds,
        probability=True,
        link_name="logistic",
        compiled_loss=1,
    )


OBJECTIVES = {
    record.name: record
    for record in (
        Objective(
            "real",
            link=lambda m, eta: eta,
            loss=lambda m, eta, y: _mean((eta - y) ** 2),
            slopes=_squared_slopes,
            compiled_loss=0,
        ),
        _sigmoid("sigmoid"),
        _sigmoid("probability"),
        Objective(
            "probability_sample",
            link=lambda m, eta: m.expit(eta),
            loss=lambda m, eta, y: _mean(m.softplus(eta) - y * eta),
            slopes=_bernoulli_slopes,
            inverse=_log_odds,
            likelihood=True,
            probability=True,
            link_name="logistic",
            compiled_loss=2,
        ),
        Objective(
            "probability_distribution",
            link=lambda m, eta: m.softmax(eta),
            loss=lambda m, eta, y: -(y * m.log_softmax(eta)).sum(axis=-1),
            slopes=_multinomial_slopes,
            inverse=_centred_logs,
            likelihood=True,
            competing=True,
            probability=True,
            link_name="softmax",
        ),
    )
}


def objective(name: str) -> Objective:
    """The record of an output type."""
    return OBJECTIVES[name]
