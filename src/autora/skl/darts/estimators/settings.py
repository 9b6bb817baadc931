"""From the estimator's parameters to plans: every "auto" is decided here.

``num_graph_nodes="auto"`` asks for a search space of open size: latent nodes that add or
multiply, as many as the data deserve, with a trained read-out, over a vocabulary of the
usual functions of science. An integer asks for exactly the graph that DARTS was published
with: that many sums over the primitives named and, unless asked for, a fixed read-out.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..graph.objectives import Objective
from ..graph.primitives import (
    PRIMITIVES,
    SCIENCE,
    Primitive,
    builtin,
    is_registered,
    lookup,
    resolve,
)
from ..graph.specification import (
    DEFAULT_IN_DEGREE,
    DEFAULT_NODES,
    SpaceBounds,
    Specification,
)
from ..relaxation import bilevel
from ..relaxation.preparation import Plan
from ..runtime.budget import Budget
from ..runtime.restarts import Restarts
from ..search.fit import SearchPlan
from ..search.proposals import Options
from ..selection.pareto import Row
from .registration import check_primitive

#: Candidates of a fit when n_candidates="auto": in a counted graph, in an open one, and
#: those without an improvement that end the latter.
CLOSED_CANDIDATES, OPEN_CANDIDATES, OPEN_STALL = 500, 200_000, 20_000
#: Latent nodes where the automatic search does not reach (see `is_open`).
_FALLBACK_NODES = 2


def is_open(params: dict[str, Any], n_outputs: int) -> bool:
    """Whether the search decides about the size of the graph.

    Several outputs of one read-out that is not trained would all be the same.
    """
    trains = params["train_classifier_coefficients"] in ("auto", True)
    return params["num_graph_nodes"] == "auto" and (n_outputs == 1 or trains)


def vocabulary(params: dict[str, Any], opens: bool = False) -> tuple[Primitive, ...]:
    """The primitives named, or the default ones."""
    found = resolve(_decided(params["primitives"], SCIENCE if opens else PRIMITIVES))
    for primitive in found:
        if not is_registered(primitive):
            check_primitive(primitive)
    return found


def specified(
    params: dict[str, Any], objective: Objective, n_inputs: int, n_outputs: int
) -> Specification:
    """Decide every "auto" that concerns the search space."""
    if params["equation"] is not None:
        return _of_one_form(objective, n_inputs, n_outputs)
    opens = is_open(params, n_outputs)
    automatic = params["num_graph_nodes"] == "auto"
    n_nodes = None if opens else _decided(params["num_graph_nodes"], _FALLBACK_NODES)
    aggregations = ("sum", "product") if opens else ("sum",)
    primitives = vocabulary(params, opens)
    known = Specification(
        primitives,
        n_inputs,
        n_outputs,
        objective,
        params["darts_type"],
        n_nodes,
        tuple(_decided(params["aggregations"], aggregations)),
        params["max_in_degree"],
        bool(_decided(params["train_classifier_coefficients"], automatic)),
        bool(_decided(params["train_classifier_bias"], automatic)),
    )
    if known.searches_openly and "none" not in [p.name for p in primitives]:
        # Open graphs leave edges out by nature; the record only gives that a name.
        known = known._replace(primitives=(lookup("none"), *primitives))
    return known


def _of_one_form(objective: Objective, n_inputs: int, n_outputs: int) -> Specification:
    """Where nothing is searched: what an equation is written with."""
    both = ("sum", "product")
    return Specification(
        builtin(), n_inputs, n_outputs, objective, "original", None, both, None, True, True
    )


def _decided(value: Any, automatic: Any) -> Any:
    return automatic if isinstance(value, str) and value == "auto" else value


def keeps_weights(params: dict[str, Any]) -> bool:
    """Whether no architecture updates are asked for."""
    return params["max_epochs"] == 0 or params["arch_updates_per_epoch"] == 0


def bounds_of(what: Specification) -> SpaceBounds:
    """What the graphs of a search may consist of."""
    return SpaceBounds(
        what.primitives,
        what.n_nodes or DEFAULT_NODES,
        what.aggregations,
        what.max_in_degree or DEFAULT_IN_DEGREE,
        what.max_in_degree,
    )


def open_plan(
    params: dict[str, Any],
    what: Specification,
    choose: Callable[[Sequence[Row]], int],
    options: dict[str, Any],
    has_earlier: bool,
) -> SearchPlan:
    """The plan of a search over open graphs."""
    automatic, limit = params["n_candidates"] == "auto", params["max_time"]
    budget = Budget(
        int(_decided(params["n_candidates"], OPEN_CANDIDATES)),
        np.inf if limit is None else limit,
        OPEN_STALL if automatic else np.inf,
    )
    return SearchPlan(
        bounds=bounds_of(what),
        budget=budget,
        options=Options(**{"dimensionless_groups": _dimensionless_groups(what)} | options),
        sampling_strategy=params["sampling_strategy"],
        choose=choose,
        holds_out=params["model_selection"] == "holdout",
        search_architecture=not keeps_weights(params),
        continues=has_earlier and bool(params["warm_start"]),
        restarts=restarts_of(params),
        checkpoint=params["checkpoint"],
        rounds=_decided(params["round_coefficients"], True),
    )


def _dimensionless_groups(what: Specification) -> int:
    """How many choices of dimensionless groups may be searched.

    What is written in the columns again keeps to no bounds, has a read-out, and its
    criterion is that of squared errors.
    """
    free = what.n_nodes is None and what.max_in_degree is None and what.train_readout
    able = free and "product" in what.aggregations and what.objective.least_squares
    return int(able)


def restarts_of(params: dict[str, Any]) -> Restarts:
    n_jobs = params["n_jobs"]
    return Restarts(int(params["n_restarts"]), None if n_jobs is None else int(n_jobs))


def closed_plan(
    params: dict[str, Any],
    what: Specification,
    choose: Callable[[Sequence[Row]], int],
    has_earlier: bool,
) -> Plan:
    """The plan of a fit whose graph is counted beforehand."""
    return Plan(
        hyper=_hyper(params, what),
        darts_type=what.darts_type,
        unrolled=bool(params["unrolled"]),
        batch_size=params["batch_size"],
        validation_fraction=float(params["validation_fraction"]),
        sampling_strategy=params["sampling_strategy"],
        n_candidates=int(_decided(params["n_candidates"], CLOSED_CANDIDATES)),
        refit_steps=int(params["param_updates_for_sampled_model"]),
        search_architecture=not keeps_weights(params),
        continues=has_earlier and bool(params["warm_start"]),
        init_weights_function=params["init_weights_function"],
        max_time=np.inf if params["max_time"] is None else float(params["max_time"]),
        choose=choose,
        holds_out=params["model_selection"] == "holdout",
        rounds=_decided(params["round_coefficients"], False),
    )


def _hyper(params: dict[str, Any], what: Specification) -> bilevel.Hyper:
    smallest = params["arch_learning_rate_min"]
    exact: dict[str, Any] = {
        "arch_updates": np.int32(params["arch_updates_per_epoch"]),
        "param_updates": np.int32(params["param_updates_per_epoch"]),
        "max_epochs": np.int32(params["max_epochs"]),
        "precondition": np.bool_(params["precondition"]),
    }
    real = params | {
        "arch_learning_rate_min": (
            params["arch_learning_rate_max"] if smallest is None else smallest
        ),
        "train_readout": what.train_readout,
        "train_bias": what.train_bias,
    }
    others = [name for name in bilevel.Hyper._fields if name not in exact]
    return bilevel.Hyper(**exact, **{name: np.float32(real[name]) for name in others})
