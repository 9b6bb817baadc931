"""What of a fitted estimator can be taken along: source text, a JAX function, a file."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Any, Self

import numpy as np
from sklearn.base import is_classifier
from sklearn.utils.validation import check_is_fitted

from ..equations.group_symbols import symbol_names
from ..equations.printing import distinct, numbered
from ..equations.python_source import NO_GROUPS, GroupArguments, function_source
from ..equations.sympy_source import sympy_source
from ..fitting.coefficients import places, term
from ..graph.effects import Place
from ..graph.grammar import MOST_CONSTANTS, about, parsed
from ..graph.model import Model
from ..graph.physical_constants import PhysicalConstant
from ..persistence.fields import Field, ModelFileError, listed, parse, pretty, read_text
from ..persistence.labels import labels_read, labels_written
from ..persistence.model_file import class_read, restored, written
from ..persistence.score_documents import TrainingScore
from ..runtime.files import write
from ..selection.theories import JudgedTheory
from .group_documents import groups_read, groups_written
from .keywords import named_arguments
from .physical_constants import MOST_NAMED
from .unit_documents import text_read, units_read, units_written
from .unit_texts import shown_unit
from .units import Units

#: Members of what a class needs beside its model.
_MOST_ANSWERS = 10
#: What only some of them have.
_OPTIONAL_ANSWERS = ("constants", "units", "theory", "groups")


class ExportMixin:
    """Methods that carry the ``model_`` of a fitted estimator out of the process."""

    model_: Model
    classes_: np.ndarray
    n_features_in_: int
    _output_labels: list[str]
    _y_ndim: int
    _constants: list[tuple[str, float, float]]
    #: R² or accuracy on the rows of the fit; None where it is not known
    _training_score: TrainingScore | None = None
    _units: Units | None = None
    _physical: tuple[PhysicalConstant, ...] = ()  #: inputs of the model after the columns
    _form: JudgedTheory | None = None  #: the equation that was given, as it was fitted
    _form_text: str  #: and as it was given
    _group_labels: np.ndarray | None = None
    _errors: list[tuple[Place, float, float]]

    def python(self, function_name: str = "predict") -> str:
        """The equation as the source text of a function that needs NumPy alone.

        Coefficients have full precision, the output link is included. The function takes
        one argument per column of X, ``predict(*X.T)``; columns whose names are not Python
        names get similar ones, and the docstring of the function says which argument is
        which. Physical constants are defined in the function.

        Coefficients that differ between groups are further arguments, with the names in the
        column ``symbol`` of ``population_`` and the values of the population as defaults.
        The module has a dict with the coefficients of every group, so that ``predict(*X.T,
        **COEFFICIENTS[label])`` is the prediction for one group. Labels that are neither
        text nor numbers are written as text; with more than 1000 groups the dict is left
        out.

        Parameters
        ----------
        function_name : str, default="predict"

        Returns
        -------
        str
            A module with one public function, and the dict of groups. It returns an array
            of the arguments' shape; several outputs are the last axis. Where the equation
            is undefined the value is NaN or infinite (`predict` puts the mean of the
            targets there). A classifier's equations are those of its log-odds.

        Raises
        ------
        ValueError
            If the name is no identifier, or the formula of a primitive that you registered
            is more than arithmetic and functions of its ``m``.
        """
        check_is_fitted(self, "model_")
        fixed = [(c.name, c.value, unit) for c, unit in self._physical_units()]
        columns, outputs = self._labels("input_labels"), self._labels("output_labels")
        groups = self._group_arguments()
        return function_source(self.model_, columns, outputs, function_name, fixed, groups)

    def _sympy_source(self, simplify: bool = False) -> str:
        """The equation as text that SymPy reads; see `sympy_source`."""
        found = self.sympy(simplify=simplify)  # type: ignore[attr-defined]
        return sympy_source(found if isinstance(found, list) else [found])

    def _group_arguments(self) -> GroupArguments:
        labels, names = self._group_labels, self._names()
        if labels is None:
            return NO_GROUPS
        symbols = self._symbols(names)
        terms = [term(self.model_, place, *names) for place in symbols]
        return GroupArguments(symbols, terms, labels.tolist())

    def _symbols(self, names: tuple[list[str], list[str]]) -> dict[Place, str]:
        """Symbols of the coefficients that differ between groups, under these names."""
        inputs, outputs = names
        return symbol_names(self.model_, [*inputs, *outputs])

    def _check_groups_asked(self, groups: bool) -> None:
        """Raise unless it is True or False, and True of a fit with groups alone."""
        if not isinstance(groups, bool):
            raise ValueError(
                f"groups must be True or False, got {groups!r}; of_group(label) has the "
                "coefficients of one group"
            )
        if groups and self._group_labels is None:
            raise ValueError(
                "groups=True cannot be used here: the estimator was fitted without groups; "
                "leave groups out, or fit with groups"
            )

    @named_arguments()
    def jax(
        self, *, groups: bool = False
    ) -> tuple[Callable[[dict[str, Any], Any], Any], dict[str, Any]]:
        """The equation as a JAX function and its coefficients as a pytree.

        The function is pure, can be compiled and vectorised, and can be differentiated in
        both arguments. With it, a step of gradient descent on your own loss is one line:
        ``c = jax.tree.map(lambda c, g: c - rate * g, c, jax.grad(loss)(c))``.

        After a fit with groups it takes the coefficients of any group.

        Parameters
        ----------
        groups : bool, default=False
            False gives the coefficients of the population where groups differ; True gives
            those of all groups along a first axis, in the order of ``groups_``:
            ``jax.vmap(function, (0, None))(coefficients, X)`` has shape (groups, n).

        Returns
        -------
        function : callable
            ``function(coefficients, X)`` with X of shape (n, columns) returns predictions
            of shape (n,), or (n, outputs) for several outputs; log-odds of a classifier.
            Where the equation is undefined they are not finite.
        coefficients : dict of str to scalar array, or array of shape (groups,)
            The fitted coefficients, named as in ``coefficients_``. Double precision where
            JAX has it switched on, else single; the setting is left as it is.

        Raises
        ------
        ValueError
            If ``groups`` is True and the fit had no groups.
        """
        from ..equations.jax_function import jax_function

        check_is_fitted(self, "model_")
        self._check_groups_asked(groups)
        asked: Any = getattr(self, "_asked", _AllTrained)
        where = places(self.model_, asked)
        # What is 0 of one group, or on average, is not of all.
        own = (place for place, _, _ in getattr(self, "_errors", ()))
        where += [place for place in own if place not in where]
        fixed = [constant.value for constant in self._physical]
        count = len(self.groups_) if groups else 0  # type: ignore[attr-defined]
        return jax_function(self.model_, where, *self._names(), fixed, count)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the fitted estimator to a JSON file, whole or not at all.

        The file holds no code and every number to the last bit; `load` reads it. Its
        ``equation`` is for people and is not read.
        Parameters that are code or a generator (``execution_monitor``,
        ``init_weights_function``, a function as ``model_selection``, a ``RandomState``)
        are left out, a warning names them, and the loaded estimator has their defaults.
        Sequences come back as lists, your own primitives by name: register them before
        you load.

        Parameters
        ----------
        path : str or path
            An earlier file of that name is replaced.

        Raises
        ------
        OSError
            If the file cannot be written; an earlier one stays as it was.
        ModelFileError
            If the estimator cannot be stored, such as with a primitive that is not
            registered. It is a ValueError.
        """
        write(path, self._json())

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Self:
        """A fitted estimator from a file that `save` wrote.

        Files from strangers are safe to load: nothing in them is run, and sizes are checked
        before memory is taken.

        Parameters
        ----------
        path : str or path
            At most 16 MiB.

        Returns
        -------
        estimator
            Of the class that the file names, which must be the class that ``load`` is
            called on or one derived from it.

        Raises
        ------
        OSError
            If the file cannot be opened.
        ModelFileError
            If anything in it is not as it must be; the message says what and where. It is
            a ValueError.
        """
        return cls.from_json(read_text(path))

    def to_json(self) -> str:
        """The text that `save` writes, to be kept in a document of your own."""
        return self._json()

    def _json(self) -> str:
        check_is_fitted(self, "model_")
        text = pretty(written(self))
        try:
            type(self).from_json(text)
        except ModelFileError as error:
            raise ModelFileError(f"the estimator cannot be stored: {error}") from None
        return text

    @classmethod
    def from_json(cls, text: str) -> Self:
        """A fitted estimator from the text of `to_json`; see `load`.

        Parameters
        ----------
        text : str
        """
        field = parse(text)
        return restored(class_read(field, cls), field)

    def _answers(self) -> dict[str, Any]:
        """What a class needs, beside its model, to answer: names to JSON values.

        A subclass with fitted state of its own adds it here and takes it in
        `_set_answers`.
        """
        found: dict[str, Any] = {}
        if is_classifier(self):
            found["classes"] = labels_written(self.classes_)
        else:
            found["dimensions"] = self._y_ndim
        if known := getattr(self, "_constants", []):
            found["constants"] = [[n, listed(v), listed(e)] for n, v, e in known]
        if self._units is not None:
            found["units"] = units_written(self._units)
            if self._form is not None:  # a constant's place in it tells its unit
                found["theory"] = self._form_text
        if self._group_labels is not None:
            found["groups"] = groups_written(self)
        return found

    def _constants_written(self) -> list[list[Any]]:
        """Physical constants as plain data that JSON can hold."""
        return [
            [name, listed(value), listed(amount), unit]
            for name, value, amount, unit in self._physical
        ]

    def _set_constants(self, field: Field) -> None:
        """Check and take what `_constants_written` returned."""
        found = [part.each(4, 4) for part in field.each(MOST_NAMED)]
        self._physical = tuple(
            PhysicalConstant(name.text(), value.number(), amount.number(), text_read(unit))
            for name, value, amount, unit in found
        )
        names = [*self._labels("input_labels"), *(c.name for c in self._physical)]
        if len({*names}) < len(names):
            field.fail("has a name twice, or that of an input")

    def _set_answers(self, answers: Field) -> None:
        """Check and take what `_answers` returned; the other state is there already."""
        own = "classes" if is_classifier(self) else "dimensions"
        given = answers.mapping(_MOST_ANSWERS)
        names = [own, *(name for name in _OPTIONAL_ANSWERS if name in given)]
        part = dict(zip(names, answers.record(*names), strict=True))
        if own == "classes":
            count = len(self.model_.bias)
            self.classes_ = labels_read(part[own], 2 if count == 1 else count, "class")
        else:
            self._y_ndim = part[own].whole(min(2, len(self.model_.bias)), 2)
        self._constants = [
            (name.text(), value.number(), error.number(finite=False))
            for name, value, error in (
                each.each(3, 3)
                for each in part.get("constants", Field([])).each(MOST_CONSTANTS)
            )
        ]
        self._units = self._form = None
        if "units" in part:
            shape = self.model_.space.n_inputs, len(self.model_.bias)
            self._units = units_read(part["units"], *shape)
        elif self._physical:
            answers.fail("lacks 'units', which those of constants are part of")
        if "theory" in part:
            self._form = self._form_read(part["theory"])
        groups_read(self, part.get("groups"))

    def _form_read(self, field: Field) -> JudgedTheory:
        """The equation that was given, with the constants of the file."""
        try:
            self._form_text = field.text()
            found = parsed(self._form_text, "the equation")
            numbered_columns = not hasattr(self, "feature_names_in_")
            theory = about(found, self._names()[0], "the equation", numbered_columns)
        except ValueError as error:
            field.fail(str(error))
        if theory.constants != tuple(name for name, _, _ in self._constants):
            field.fail(f"has the constants {list(theory.constants)}, 'constants' others")
        return JudgedTheory(theory, self._constants, self.model_)

    def _labels(self, name: str, labels: Sequence[str] | None = None) -> list[str]:
        inputs = getattr(self, "feature_names_in_", None)
        if inputs is None:
            inputs = numbered("x", self.n_features_in_)
        known = [str(label) for label in inputs]
        if name == "output_labels":
            taken = [*known, *(constant.name for constant in self._physical)]
            known = distinct(self._output_labels, taken, "y")
        if labels is None:
            return known
        if isinstance(labels, str) or len(labels) != len(known):
            raise ValueError(
                f"{name} needs {len(known)} names, one per column, got {labels!r}"
            )
        given = [str(label) for label in labels]
        if name == "input_labels" and len(set(given)) < len(given):
            raise ValueError(f"{name} must be different names, got {labels!r}")
        return given

    def _names(
        self,
        input_labels: Sequence[str] | None = None,
        output_labels: Sequence[str] | None = None,
    ) -> tuple[list[str], list[str]]:
        """Names of the model's inputs and the outputs: those given, else those of the data.

        Physical constants follow the columns of X and keep their names.
        """
        columns = self._labels("input_labels", input_labels)
        constants = [constant.name for constant in self._physical]
        if both := {*columns} & {*constants}:
            raise ValueError(
                f"input_labels has {min(both)!r}, which is the name of a constant, too; "
                "choose another"
            )
        return [*columns, *constants], self._labels("output_labels", output_labels)

    def _physical_units(self, latex: bool = False) -> list[tuple[PhysicalConstant, str]]:
        """Physical constants with the units that their values have in the model."""
        if self._units is None:
            return []
        texts = self._units.inputs[len(self._units.inputs) - len(self._physical) :]
        return [
            (constant, shown_unit(text or "", latex))
            for constant, text in zip(self._physical, texts, strict=True)
        ]


class _AllTrained:
    """Stands in for what a fit was asked where a model came without a fit."""

    train_readout = train_bias = True
