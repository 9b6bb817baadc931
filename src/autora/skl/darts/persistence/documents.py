"""Search spaces, models and tables as plain data that JSON can hold, and back.

Search spaces and models stand in lists of their own and are referred to by their number,
so that what is shared stays shared. Every number is kept to the last bit. Reading checks
every size before anything of that size is made.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from ..fitting.coefficients import Place, values
from ..graph.effects import GroupEffects
from ..graph.elementary import NUMPY
from ..graph.model import Model
from ..graph.objectives import OBJECTIVES, Objective
from ..graph.primitives import Primitive, builtin, known_primitives, lookup
from ..graph.search_space import AGGREGATIONS, SearchSpace
from ..graph.specification import Specification
from ..selection.pareto import Row
from .fields import Field, listed

# Bounds of what is read. A graph of so many nodes and edges is still predicted at once.
_MOST_INPUTS, _MOST_NODES, _MOST_OUTPUTS, _MOST_PARALLEL = 20_000, 64, 1_000, 100
_MOST_EDGES, _MOST_EDGES_IN_ALL, _MOST_PRIMITIVES = 100_000, 2_000_000, 1_000
_MOST_MODELS = 2_000
MOST_GROUPS, _MOST_VARYING = 1_000_000, 1_000
DARTS_TYPES = ("original", "fair")

Errors = list[tuple[Place, float, float]]


class Shape(NamedTuple):
    """What all search spaces of a file have in common, and what their weights are for."""

    n_inputs: int
    n_outputs: int
    objective: Objective


def _probe(primitive: Primitive) -> np.ndarray:
    """Values by which a user's own primitive is known again."""
    with np.errstate(all="ignore"):
        x = np.linspace(0.5, 1.5, 3)
        found = primitive(NUMPY, x, *np.linspace(0.4, 0.6, primitive.n_params))
    return np.asarray(found, float)


def _primitive_written(primitive: Primitive) -> Any:
    if primitive in builtin():
        return primitive.name
    return {
        "name": primitive.name,
        "params": list(primitive.params),
        "values": listed(_probe(primitive)),
    }


def _primitive_read(field: Field) -> Primitive:
    own = isinstance(field.value, dict)
    parts = field.record("name", "params", "values") if own else [field]
    name = parts[0].text()
    if name not in known_primitives():
        field.fail(
            f"unknown primitive {name[:60]!r}; if it is your own, register_primitive() it "
            "before the file is read"
        )
    primitive = lookup(name)
    if own:
        params = [kind.text() for kind in parts[1].each(100)]
        same = params == list(primitive.params)
        expected = parts[2].array((3,), finite=False)
        if not same or not np.allclose(_probe(primitive), expected, 1e-9, 0, True):
            field.fail(
                f"the primitive registered as {name!r} is not the one that the file was "
                "written with; register that one"
            )
    return primitive


def _primitives_read(field: Field) -> tuple[Primitive, ...]:
    found = tuple(_primitive_read(f) for f in field.each(_MOST_PRIMITIVES, 1))
    if len({p.name for p in found}) < len(found):
        field.fail("names a primitive twice")
    return found


def _aggregations_read(field: Field) -> tuple[str, ...]:
    found = tuple(f.one_of(AGGREGATIONS) for f in field.each(len(AGGREGATIONS), 1))
    if len(set(found)) < len(found):
        field.fail("names an aggregation twice")
    return found


def _degree_read(field: Field) -> int | None:
    return field.optional(lambda f: f.whole(1, 10**9))


def space_written(space: SearchSpace) -> dict[str, Any]:
    return {
        "nodes": space.n_nodes,
        "primitives": [_primitive_written(p) for p in space.primitives],
        "aggregations": list(space.aggregations),
        "max_in_degree": space.max_in_degree,
        "parallel": space.n_parallel,
    }


def space_read(field: Field, shape: Shape) -> SearchSpace:
    nodes, primitives, aggregations, degree, parallel = field.record(
        "nodes", "primitives", "aggregations", "max_in_degree", "parallel"
    )
    space = SearchSpace(
        shape.n_inputs,
        nodes.whole(1, _MOST_NODES),
        shape.n_outputs,
        _primitives_read(primitives),
        _aggregations_read(aggregations),
        _degree_read(degree),
        parallel.whole(1, _MOST_PARALLEL),
    )
    if space.n_edges > _MOST_EDGES:
        field.fail(f"has {space.n_edges} edges, at most {_MOST_EDGES} are read")
    return space


def asked_written(asked: Specification) -> dict[str, Any]:
    found = asked._asdict()
    for name in ("n_inputs", "n_outputs", "objective"):
        del found[name]
    found["primitives"] = [_primitive_written(p) for p in asked.primitives]
    return found | {"aggregations": list(asked.aggregations)}


def asked_read(field: Field, shape: Shape) -> Specification:
    known = [name for name in Specification._fields if name not in Shape._fields]
    part = dict(zip(known, field.record(*known), strict=True))
    return Specification(
        _primitives_read(part["primitives"]),
        *shape,
        part["darts_type"].one_of(DARTS_TYPES),
        part["n_nodes"].optional(lambda f: f.whole(1, _MOST_NODES)),
        _aggregations_read(part["aggregations"]),
        _degree_read(part["max_in_degree"]),
        part["train_readout"].flag(),
        part["train_bias"].flag(),
    )


def model_written(model: Model, space: int) -> dict[str, Any]:
    """Edges as [number, primitive, coefficient, …]; those that are absent are left out."""
    names, aggregations = model.space.names, model.space.aggregations
    edges = [
        [int(e), names[model.architecture[e]], *listed(model.edge[e, : model.sizes[e]])]
        for e in np.flatnonzero(model.architecture >= 0)
    ]
    further = {"origin": listed(model.origin)} if model.origin.any() else {}
    if model.effects is not None:
        further["effects"] = _effects_written(model.effects)
    return {
        "space": space,
        "output_type": model.objective.name,
        "nodes": [aggregations[index] for index in model.aggregation],
        "edges": edges,
        "readout": listed(model.readout),
        "bias": listed(model.bias),
        **further,
    }


def _effects_written(effects: GroupEffects) -> dict[str, Any]:
    return {
        "places": [[*place] for place in effects.places],
        "values": listed(effects.values),
        "spread": listed(effects.spread),
        "logarithms": list(effects.log),
        "fixed": [[*place] for place in effects.fixed],
        "shrunk": effects.shrunk,
    }


def _effects_read(field: Field, model: Model) -> GroupEffects:
    """Coefficients of groups; every model of a file has those of the same groups."""
    places, values_, spread, logarithms, fixed, shrunk = field.record(
        "places", "values", "spread", "logarithms", "fixed", "shrunk"
    )
    varying = [place_read(part, model) for part in places.each(_MOST_VARYING, 1)]
    kept = [place_read(part, model) for part in fixed.each(_MOST_VARYING)]
    if len({*varying, *kept}) < len(varying) + len(kept):
        places.fail("names a coefficient twice")
    count = len(varying)
    rows = len(values_.each(MOST_GROUPS, 1))
    found = GroupEffects(
        tuple(varying),
        values_.array((rows, count)),
        spread.array((count,), finite=False),
        tuple(part.flag() for part in logarithms.each(count, count)),
        tuple(kept),
        shrunk.flag(),
    )
    for i, log in enumerate(found.log):
        one_sign = (found.values[:, i] > 0).all() or (found.values[:, i] < 0).all()
        if log and not one_sign:
            values_.fail(f"has both signs in column {i}, whose logarithms are drawn")
    return found


def model_read(field: Field, spaces: Sequence[SearchSpace]) -> Model:
    given = field.mapping(_MOST_PRIMITIVES)
    optional = [name for name in ("origin", "effects") if name in given]
    number, kind, nodes, edges, readout, bias, *further = field.record(
        "space", "output_type", "nodes", "edges", "readout", "bias", *optional
    )
    extra = dict(zip(optional, further, strict=True))
    space = spaces[number.whole(0, len(spaces) - 1)]
    objective = objective_read(kind)
    if objective.competing and space.n_outputs < 2:
        kind.fail("a distribution needs two outputs at least")
    architecture = np.full(space.n_edges, -1)
    edge = np.zeros((space.n_edges, space.max_params))
    for row in edges.each(space.n_edges):
        place, name, *coefs = row.each(2 + space.max_params, 2)
        e = place.whole(0, space.n_edges - 1)
        if architecture[e] >= 0:
            row.fail(f"edge {e} occurs twice")
        primitive = space.names.index(name.one_of(space.names))
        size = space.primitives[primitive].n_params
        if len(coefs) != size:
            row.fail(f"{name.value!r} has {size} coefficients, got {len(coefs)}")
        architecture[e] = primitive
        edge[e, :size] = [c.number() for c in coefs]
    combined = [
        space.aggregations.index(f.one_of(space.aggregations))
        for f in nodes.each(space.n_nodes, space.n_nodes)
    ]
    model = Model(
        space,
        objective,
        architecture,
        edge,
        readout.array((space.n_nodes, space.n_outputs)),
        bias.array((space.n_outputs,)),
        np.array(combined),
        extra["origin"].array((space.n_inputs,)) if "origin" in extra else None,
    )
    if "effects" in extra:
        model = model.replace(effects=_effects_read(extra["effects"], model))
    return model


def models_read(field: Field, spaces: Sequence[SearchSpace]) -> list[Model]:
    found: list[Model] = []
    edges = 0
    for part in field.each(_MOST_MODELS, 1):
        found.append(model_read(part, spaces))
        edges += found[-1].space.n_edges
        if edges > _MOST_EDGES_IN_ALL:
            field.fail(f"more than {_MOST_EDGES_IN_ALL} edges in all")
    return found


def errors_written(errors: Errors) -> list[Any]:
    """Standard errors as [kind, row, column, error]."""
    return [[*place, listed(error)] for place, _, error in errors]


def place_read(field: Field, model: Model) -> Place:
    """Where a coefficient of a model stands: kind, row and column."""
    kind, row, column = field.each(3, 3)
    return _place_of(kind, row, column, model)


def _place_of(kind: Field, row: Field, column: Field, model: Model) -> Place:
    space, sizes = model.space, model.sizes
    kind.one_of(("edge", "readout", "bias"))
    rows = {"edge": space.n_edges, "readout": space.n_nodes, "bias": 1}[kind.value]
    place = row.whole(0, rows - 1)
    columns = sizes[place] if kind.value == "edge" else space.n_outputs
    return Place(kind.value, place, column.whole(0, int(columns) - 1))


def errors_read(field: Field, model: Model) -> Errors:
    where: list[Place] = []
    errors: list[float] = []
    for part in field.each(_MOST_EDGES):
        kind, row, column, error = part.each(4, 4)
        where.append(_place_of(kind, row, column, model))
        errors.append(error.number(finite=False))
    found = values(model, where)
    return [(p, float(v), e) for p, v, e in zip(where, found, errors, strict=True)]


#: What a file keeps of a row beside its model.
_ROW_NUMBERS = ("complexity", "loss", "criterion", "holdout")


def row_written(row: Row, model: int, errors: Errors) -> dict[str, Any]:
    numbers = {name: listed(getattr(row, name)) for name in _ROW_NUMBERS}
    return {"model": model, **numbers, "standard_errors": errors_written(errors)}


def row_read(
    field: Field, models: Sequence[Model], space: SearchSpace
) -> tuple[Row, Errors]:
    number, *numbers, errors = field.record("model", *_ROW_NUMBERS, "standard_errors")
    model = models[number.whole(0, len(models) - 1)]
    if model.space != space:  # selecting it moves the weights there
        number.fail("is a model of another space than that of the weights")
    size, loss, criterion, held = (n.number(finite=i == 0) for i, n in enumerate(numbers))
    row = Row(model, size, loss, criterion, held)
    return row, errors_read(errors, model)


def objective_read(field: Field) -> Objective:
    return OBJECTIVES[field.one_of(tuple(OBJECTIVES))]


def shape_read(inputs: Field, outputs: Field, kind: Field) -> Shape:
    n_outputs = len(outputs.each(_MOST_OUTPUTS, 1))
    return Shape(inputs.whole(1, _MOST_INPUTS), n_outputs, objective_read(kind))
