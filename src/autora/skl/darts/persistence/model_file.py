"""A whole estimator as one JSON document: parameters, fitted state, head."""

from __future__ import annotations

import enum
import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from ..graph.model import Model
from ..graph.observations import per_output
from ..graph.primitives import Primitive
from ..graph.search_space import SearchSpace
from ..runtime.messages import warn
from . import documents, weight_documents
from .documents import Shape
from .fields import Field, listed
from .score_documents import score_read, score_written
from .uncertainty_documents import uncertainty_read, uncertainty_written
from .weight_documents import MOST_HISTORY

FORMAT, VERSION = "autora-darts", 5
_MOST_MEMBERS, _MOST_ROWS, _LARGEST = 10_000, 1_000, 10**18
_HEAD = ("format", "version", "estimator", "equation")
_BODY = (
    "parameters", "left_out", "inputs", "input_names", "outputs", "output_type",
    "output_means", "answers", "asked", "spaces", "models", "standard_errors", "equations",
    "candidates", "converged", "network", "history",
)  # fmt: skip
#: The step of the grid of y and the floor of its noise.
_NOISE = ("y_step", "noise_floor")
#: What was added to files, and by which version.
_SINCE = dict.fromkeys(_NOISE, 2) | {"input_ranges": 3, "uncertainty": 5}
#: Parameters that may map names to values.
_MAPPINGS = ("constants",)
#: What only some files have.
_CONSTANTS, _SCORE = "physical_constants", "training_score"
_OPTIONAL = (_CONSTANTS, _SCORE)
#: What is neither a number nor a text nor a list of such, and has no place in a file.
_LEFT_OUT = object()


def _scalar(value: Any) -> Any:
    if isinstance(value, (enum.Enum, np.generic)):
        value = value.value if isinstance(value, enum.Enum) else value.item()
    if isinstance(value, Primitive):
        return value.name
    if value is None or isinstance(value, (bool, str)):
        return value
    if isinstance(value, int) and abs(value) < _LARGEST:
        return value
    return value if isinstance(value, float) and math.isfinite(value) else _LEFT_OUT


def _parameter(value: Any) -> Any:
    if not isinstance(value, (list, tuple, np.ndarray)):
        return _scalar(value)
    members = [_scalar(v) for v in value]
    fits = len(members) <= _MOST_MEMBERS and _LEFT_OUT not in members
    return members if fits else _LEFT_OUT


def _mapping(value: dict[Any, Any]) -> Any:
    members = _parameter([*value, *value.values()])
    named = all(isinstance(name, str) for name in value)
    if members is _LEFT_OUT or not named:
        return _LEFT_OUT
    return dict(zip(value, members[len(value) :], strict=True))


def _parameters_written(estimator: Any) -> dict[str, Any]:
    """The parameters that a file can hold, and the names of the others."""
    asked = estimator.get_params(deep=False)
    found = {
        name: _mapping(value)
        if name in _MAPPINGS and isinstance(value, dict)
        else _parameter(value)
        for name, value in asked.items()
    }
    left_out = [name for name, value in found.items() if value is _LEFT_OUT]
    if left_out:
        warn(
            f"{', '.join(left_out)} cannot be stored in a file and will have the default "
            "after loading; set it again with set_params",
            UserWarning,
        )
    for name in left_out:
        del found[name]
    return {"parameters": found, "left_out": left_out}


def scalar_read(field: Field) -> Any:
    """Null, true, false, a text or a number as it stands."""
    if isinstance(field.value, str):
        return field.text()
    if isinstance(field.value, (bool, type(None))):
        return field.value
    field.number()
    return field.value


def _parameters_read(field: Field, known: Sequence[str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, part in field.mapping(_MOST_MEMBERS).items():
        if name not in known:
            part.fail("is no parameter of the estimator")
        if isinstance(part.value, list):
            found[name] = [scalar_read(f) for f in part.each(_MOST_MEMBERS)]
        elif name in _MAPPINGS and isinstance(part.value, dict):
            members = part.mapping(_MOST_MEMBERS)
            found[name] = {key: scalar_read(f) for key, f in members.items()}
        else:
            found[name] = scalar_read(part)
    return found


class _Numbers:
    """Numbers for search spaces (by value) and models (by identity)."""

    def __init__(self) -> None:
        self.spaces: list[SearchSpace] = []
        self.models: list[Model] = []

    def space(self, space: SearchSpace) -> int:
        if space not in self.spaces:
            self.spaces.append(space)
        return self.spaces.index(space)

    def model(self, model: Model) -> int:
        for number, known in enumerate(self.models):
            if known is model:
                return number
        self.models.append(model)
        return len(self.models) - 1


def written(estimator: Any) -> dict[str, Any]:
    """The document of a fitted estimator, in the order in which people read it."""
    number = _Numbers()
    number.model(estimator.model_)
    errors = getattr(estimator, "_row_errors", [])
    rows = [
        documents.row_written(row, number.model(row.model), error)
        for row, error in zip(estimator._rows, errors, strict=True)
    ]
    candidates = [number.model(model) for model in estimator.candidates_]
    space = number.space(estimator.network_.space)
    network = weight_documents.network_written(estimator.network_, space)
    models = [documents.model_written(m, number.space(m.space)) for m in number.models]
    names = getattr(estimator, "feature_names_in_", None)
    ranges = getattr(estimator, "_input_ranges", None)
    return {
        "format": FORMAT,
        "version": VERSION,
        "estimator": type(estimator).__name__,
        "equation": estimator.model_repr().split("\n")[1:],
        **_parameters_written(estimator),
        "inputs": int(estimator.n_features_in_),
        "input_names": None if names is None else [str(name) for name in names],
        "outputs": list(estimator._output_labels),
        "output_type": estimator.network_.objective.name,
        "output_means": listed(estimator._y_mean),
        "answers": estimator._answers(),
        "asked": documents.asked_written(estimator._asked),
        "spaces": [documents.space_written(space) for space in number.spaces],
        "models": models,
        "standard_errors": documents.errors_written(estimator._errors),
        "equations": rows,
        "candidates": candidates,
        "converged": bool(estimator.converged_),
        "network": network,
        "history": _history_written(estimator.history_),
        **{name: listed(np.atleast_1d(getattr(estimator, f"{name}_"))) for name in _NOISE},
        "input_ranges": None if ranges is None else listed(ranges),
        "uncertainty": uncertainty_written(estimator),
        **_optional_written(estimator),
    }


def _optional_written(estimator: Any) -> dict[str, Any]:
    constants, score = estimator._constants_written(), estimator._training_score
    found = {_CONSTANTS: constants} if constants else {}
    return found if score is None else found | {_SCORE: score_written(score)}


def _history_written(history: Any) -> Any:
    found = weight_documents.history_written(history)
    if found is None and len(history[0]):
        warn(
            f"history_ has more than {MOST_HISTORY} numbers: it is left out of the file "
            "and will be empty after loading",
            UserWarning,
        )
    return found


def class_read(field: Field, base: type[Any]) -> type[Any]:
    """The class that a file names, among a class and those derived from it."""
    head = field.mapping(_MOST_MEMBERS)
    if "format" not in head or head["format"].value != FORMAT:
        field.fail(f"is no model file: 'format' must be {FORMAT!r}")
    version = head["version"].value if "version" in head else None
    if type(version) is not int or version not in range(1, VERSION + 1):
        field.fail(
            f"'version' must be 1 to {VERSION}, which this package reads; a newer package "
            "may read others"
        )
    if "estimator" not in head:
        field.fail("lacks 'estimator'")
    name = head["estimator"].text()
    for member in _family(base):
        if member.__name__ == name:
            return member
    field.fail(
        f"holds a {name[:60]!r}, which is no {base.__name__}; call load on the class that "
        "it names"
    )


def _family(base: type[Any]) -> Iterator[type[Any]]:
    if hasattr(base, "predict"):  # not one that others are built on
        yield base
    for kind in base.__subclasses__():
        yield from _family(kind)


def restored(kind: Any, field: Field) -> Any:
    """A new estimator with the parameters and the state of a document."""
    head = field.mapping(_MOST_MEMBERS)
    version = head["version"].value
    later = (name for name, since in _SINCE.items() if since <= version)
    members = (*_HEAD, *_BODY, *later, *(name for name in _OPTIONAL if name in head))
    part = dict(zip(members, field.record(*members), strict=True))
    estimator = kind(**_parameters_read(part["parameters"], kind._get_param_names()))
    shape = documents.shape_read(part["inputs"], part["outputs"], part["output_type"])
    _read_columns(estimator, part, shape.n_inputs)
    shape = shape._replace(n_inputs=shape.n_inputs + len(estimator._physical))
    state: dict[str, Any] = {}
    state["_output_labels"] = [f.text() for f in part["outputs"].each(shape.n_outputs)]
    state["_y_mean"] = part["output_means"].array((shape.n_outputs,))
    for name in _NOISE:
        size = (shape.n_outputs,)
        known = part[name].array(size) if name in part else np.zeros(size)
        state[f"{name}_"] = per_output(known)
    ranges = part.get("input_ranges", Field(None))
    if ranges.value is not None:
        state["_input_ranges"] = _ranges_read(ranges, shape.n_inputs)
    state["converged_"] = part["converged"].flag()
    state["_asked"] = documents.asked_read(part["asked"], shape)
    vars(estimator).update(state, **_models_read(part, shape))
    models = estimator.model_, [row.model for row in estimator._rows]
    vars(estimator).update(uncertainty_read(part.get("uncertainty"), *models))
    estimator._training_score = score_read(part.get(_SCORE), len(estimator._rows))
    estimator._set_answers(part["answers"])
    return estimator


def _ranges_read(field: Field, count: int) -> np.ndarray:
    """Smallest and largest values of the inputs, shape (2, inputs)."""
    edges = field.array((2, count))
    if (edges[0] > edges[1]).any():
        field.fail("the smallest value of an input exceeds the largest")
    return edges


def _read_columns(estimator: Any, part: dict[str, Field], count: int) -> None:
    """The columns of X, and the physical constants that follow them in models."""
    estimator.n_features_in_ = count
    names = part["input_names"]
    if names.value is not None:
        labels = [f.text() for f in names.each(count, count)]
        estimator.feature_names_in_ = np.array(labels, dtype=object)
    estimator._set_constants(part.get(_CONSTANTS, Field([])))


def _models_read(part: dict[str, Field], shape: Shape) -> dict[str, Any]:
    spaces = [documents.space_read(f, shape) for f in part["spaces"].each(_MOST_ROWS, 1)]
    models = documents.models_read(part["models"], spaces)
    rows = [
        documents.row_read(f, models, models[0].space)
        for f in part["equations"].each(_MOST_ROWS)
    ]
    network = weight_documents.network_read(
        part["network"], spaces, shape, models[0], [row for row, _ in rows]
    )
    candidates = part["candidates"].each(_MOST_ROWS)
    return {
        "model_": models[0],
        "network_": network,
        "_errors": documents.errors_read(part["standard_errors"], models[0]),
        "_rows": [row for row, _ in rows],
        "_row_errors": [errors for _, errors in rows],
        "_row_uncertainty": [None] * len(rows),
        "candidates_": [models[f.whole(0, len(models) - 1)] for f in candidates],
        "history_": weight_documents.history_read(part["history"], network),
    }
