"""How a fitted estimator is read: equations, SymPy, LaTeX, graph."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
from sklearn.utils.validation import check_is_fitted

from ..equations.group_symbols import stand_ins
from ..fitting.coefficients import Place, places, term
from ..graph.model import same_equation
from ..graph.physical_constants import PhysicalConstant
from ..selection.pareto import Row, scores
from ..selection.result import EquationDistribution, Network
from ..selection.theories import posterior_weights
from .groups import GroupMixin
from .keywords import named_arguments
from .unit_lines import coefficient_lines, constant_lines, unit_lines, units_of_arrows


class EquationMixin(GroupMixin):
    """Methods that read the ``model_`` of a fitted estimator."""

    network_: Network | EquationDistribution
    _rows: list[Row]
    _asked: Any
    _errors: list[tuple[Place, float, float]]
    _row_errors: list[list[tuple[Place, float, float]]]
    _row_uncertainty: list[Any]
    _uncertainty: Any
    _rows_to_check: np.ndarray
    _input_ranges: np.ndarray

    @named_arguments()
    def model_repr(
        self,
        input_labels: Sequence[str] | None = None,
        output_labels: Sequence[str] | None = None,
        *,
        output_function_label: str = "",
        decimals_to_display: int = 2,
        output_format: str = "console",
        latent_nodes: bool | str = "auto",
    ) -> str:
        """The equations of the model as text, one line per output.

        Names that are not plain words stand in backticks. Numbers that are known exactly,
        such as 2 or π/2, are written in full, others with decimals. If the fit knew units,
        lines below the equation give the units of its columns, the physical constants in
        it, and the units of ``coefficients_``.

        After a fit with groups, text shows the equation of the population, and lines below
        say what differs. LaTeX shows a symbol such as a_i for what differs, and lines with
        the distribution over the groups.

        Parameters
        ----------
        input_labels, output_labels : sequence of str, default=None
            Names of the columns of X and y; None takes those of the data.
        output_function_label : str, default=""
            Put around the name of every output, such as "P" for P(y).
        decimals_to_display : int, default=2
            Rounding of the coefficients; predictions are not affected.
        output_format : {"console", "latex"}, default="console"
        latent_nodes : bool or "auto", default="auto"
            True shows the equations node by node, as the graph has them; False the
            shortest form that was found without latent nodes; "auto" does so unless a
            line would have more than 240 characters.

        Raises
        ------
        ValueError
            If an argument is none of these, or the equation cannot be written without
            its latent nodes though ``latent_nodes=False``.
        """
        check_is_fitted(self, "model_")
        if output_format not in ("console", "latex"):
            raise ValueError(
                f"output_format must be 'console' or 'latex', got {output_format!r}"
            )
        if latent_nodes != "auto" and not isinstance(latent_nodes, bool):
            raise ValueError(
                f"latent_nodes must be True, False or 'auto', got {latent_nodes!r}"
            )
        names = self._names(input_labels, output_labels)
        decimals, latex = decimals_to_display, output_format == "latex"
        lines = self._headline(names, decimals, latex, latent_nodes, output_function_label)
        return "\n".join(["Model:", *lines, *self._notes(names, decimals, latex)])

    def _headline(
        self,
        names: tuple[list[str], list[str]],
        decimals: int,
        latex: bool,
        latent_nodes: bool | str = "auto",
        function: str = "",
    ) -> list[str]:
        """The equations in lines, with symbols for what differs between groups in LaTeX."""
        from ..equations.forms import headline

        return headline(
            self.model_,
            *names,
            self._points(),
            function,
            decimals,
            "latex" if latex else "console",
            latent_nodes,
            stand_ins(self._symbols(names) if latex else {}),
        )

    def _notes(
        self, names: tuple[list[str], list[str]], decimals: int, latex: bool
    ) -> list[str]:
        """The lines below the equations: units, and what differs between groups."""
        lines = []
        if self._units is not None:
            columns = self._used_inputs() & {*range(self.n_features_in_)}
            table = self._coefficients(names, latex)
            if self._group_labels is not None:  # what differs follows
                table = table[table["symbol"].isna()]
            lines += unit_lines(self._units, columns, names, latex)
            lines += constant_lines(self._used_constants(latex), latex)
            lines += coefficient_lines(table, decimals, latex)
        if self._group_labels is not None:
            lines += self._group_lines(names, decimals, "latex" if latex else "console")
        return lines

    @named_arguments()
    def sympy(
        self, *, simplify: bool = False, constants: bool = True, groups: bool = False
    ) -> Any:
        """The equation as a SymPy expression at full precision.

        2.0 is 2, and a number that was rounded to π/2 or 1/3 is that. Symbols are real:
        ``sympy.Symbol("dose", real=True)``. To read it with fewer digits, take
        ``.evalf(4)``. SymPy is told how to typeset names such as "contrast (%)", so that
        ``sympy.latex`` and notebooks show them.

        Parameters
        ----------
        simplify : bool, default=False
            Rewrite it in a shorter form, with cheap steps only; long equations stay as
            they are. Predictions are not affected.
        constants : bool, default=True
            Whether physical constants are symbols, as columns are; False puts the values
            of ``constants_`` in their place, so that columns alone are left.
        groups : bool, default=False
            Whether coefficients that differ between groups are symbols, whose names are in
            the column ``symbol`` of ``population_`` and ``coefficients_``; False puts the
            population's values in their place.

        Returns
        -------
        sympy.Expr, or a list of them for several outputs

        Raises
        ------
        ValueError
            If the equation is too long without its latent nodes, or ``groups`` is True and
            the fit had no groups.
        """
        from ..equations.printing import typeset_by_sympy
        from ..equations.symbolic import from_origin, with_values

        check_is_fitted(self, "model_")
        self._check_groups_asked(groups)
        found = self._expressions(simplify, groups)
        names, _ = self._names()
        found = [from_origin(self.model_, expression, names) for expression in found]
        if not constants:
            found = [with_values(expression, self.constants_) for expression in found]
        typeset_by_sympy(found)
        return found[0] if len(found) == 1 else found

    @named_arguments()
    def latex(self, decimals_to_display: int = 2, *, simplify: bool = False) -> str:
        """The equation as LaTeX, latent nodes substituted; several outputs in lines.

        Coefficients that differ between groups are symbols such as a_i, and further lines
        have their distribution over the groups.

        Parameters
        ----------
        decimals_to_display : int, default=2
        simplify : bool, default=False
            As in `sympy`.
        """
        from ..equations.printing import latex_name, text
        from ..equations.symbolic import starts_of

        check_is_fitted(self, "model_")
        found = self._expressions(simplify, groups=True)
        names = inputs, outputs = self._names()
        starts = starts_of(self.model_, inputs)
        lines = [
            f"{latex_name(name)} = {text(e, decimals_to_display, 'latex', starts)}"
            for name, e in zip(outputs, found, strict=True)
        ]
        return r" \\ ".join([*lines, *self._distributions(names, decimals_to_display)])

    def _expressions(self, simplify: bool, groups: bool) -> list[Any]:
        """The outputs, with symbols for what differs between groups if asked for."""
        from ..equations.forms import checked

        names = self._names()
        own = stand_ins(self._symbols(names) if groups else {})
        return checked(self.model_, names[0], self._points(), simplify, own)

    def _points(self) -> np.ndarray:
        """Where forms of the equation are compared with the model."""
        from ..equations.forms import points_between

        known = getattr(self, "_rows_to_check", None)  # a file has their ranges alone
        if known is not None:
            return known
        n_inputs = self.model_.space.n_inputs
        return points_between(getattr(self, "_input_ranges", None), n_inputs)

    def _used_inputs(self) -> set[int]:
        """Numbers of the inputs that stand in the equation."""
        count = self.model_.space.n_inputs
        return {e.source for e in self.model_.live_edges() if e.source < count}

    def _used_constants(self, latex: bool = False) -> list[tuple[PhysicalConstant, str]]:
        """Physical constants that stand in the equation, with their units in the model."""
        used, first = self._used_inputs(), self.n_features_in_
        found = enumerate(self._physical_units(latex), first)
        return [known for i, known in found if i in used]

    @named_arguments()
    def visualize_model(
        self,
        input_labels: Sequence[str] | None = None,
        output_labels: Sequence[str] | None = None,
        *,
        decimals_to_display: int = 2,
    ) -> Any:
        """The model as a graph that shows itself in a notebook.

        Where the fit knew units, they stand under the names of columns, and under what
        arrows bring those of their coefficients.

        Parameters
        ----------
        input_labels, output_labels : sequence of str, default=None
            Names of the columns of X and y; None takes those of the data.
        decimals_to_display : int, default=2

        Returns
        -------
        graphviz.Digraph
            ``.render(name, format="svg" | "png" | "pdf")`` saves it, ``.source`` is the
            DOT text. The ``dot`` program is not needed.
        """
        from ..plotting.graph_drawing import model_graph

        check_is_fitted(self, "model_")
        names = self._names(input_labels, output_labels)
        units = self._drawn_units(*names)
        constants = range(self.n_features_in_, self.model_.space.n_inputs)
        hidden = {*constants} - self._used_inputs()
        return model_graph(self.model_, *names, decimals_to_display, units, hidden)

    def _drawn_units(self, inputs: list[str], outputs: list[str]) -> Any:
        """Units for the boxes and arrows of `visualize_model`; None without units."""
        from ..plotting.graph_drawing import DrawnUnits

        units, form = self._units, self._form
        if units is None:
            return None
        agree = form is None or units.agree_in(form.theory, form.values)
        where = places(self.model_, self._asked) if agree else []
        found = units.of_coefficients(self.model_, where, inputs, outputs)
        arrows, readout = units_of_arrows(self.model_, where, found)
        columns = [
            "" if known is None else unit
            for known, unit in zip(
                (*units.inputs, *units.outputs),
                units.of_columns([*inputs, *outputs]),
                strict=True,
            )
        ]
        count = len(inputs)
        return DrawnUnits(columns[:count], columns[count:], arrows, readout)

    @property
    def constants_(self) -> dict[str, float]:
        """Values of the physical constants that ``constants`` named, by name.

        In the units in which `model_repr` prints them.
        """
        check_is_fitted(self, "model_")
        return {constant.name: constant.value for constant in self._physical}

    @property
    def equations_(self) -> Any:
        """The best model per complexity and its rivals, simplest first, as a DataFrame.

        Row 0 is the best constant. Rivals, at most 40, are nearly as probable as the best
        row and have other predictions. Columns: ``selected`` (whether the row is the
        model), ``complexity`` (the number of coefficients without the intercept, plus a
        half for every edge and a half for every edge whose primitive is not linear),
        ``loss`` (training), ``criterion`` (what decides, see "How it works"), ``holdout``
        (loss on rows kept from the search, NaN unless ``model_selection="holdout"``),
        ``weight`` (how probable the row is if one of them is right, exp(−criterion/4) as a
        share of all), ``score`` (what the row gains over the best simpler one: the fall of
        the logarithm of the loss per complexity), ``equation`` and ``architecture``. If the
        fit knew units, there is ``units_agree``, which is true for every row that a search
        has found. With groups there is ``varying``, the terms of the coefficients that
        differ between them, and ``equation`` has the coefficients of the population.
        """
        check_is_fitted(self, "model_")
        table = self._table(self._rows)
        table.insert(0, "selected", [i == self.selected_ for i in range(len(table))])
        if self._units is not None:
            agree = [self._units.agree(row.model) for row in self._rows]
            if (form := self._form) is not None:  # in its graph numbers have moved
                agree = [self._units.agree_in(form.theory, form.values)]
            table["units_agree"] = agree
        if self._group_labels is not None:
            table.insert(len(table.columns) - 1, "varying", self._varying())
        return table

    @property
    def selected_(self) -> int | None:
        """The label of the row of ``equations_`` that is the model.

        None if the model is not in the table, which may happen if an architecture is drawn.
        """
        check_is_fitted(self, "model_")
        rows = enumerate(self._rows)
        same = [i for i, row in rows if same_equation(row.model, self.model_)]
        return same[0] if same else None

    @property
    def coefficients_(self) -> Any:
        """The fitted coefficients with their standard errors, as a DataFrame.

        Columns: ``term`` (where the coefficient stands), ``coefficient`` and
        ``standard_error``, from the curvature of the squared error or the likelihood at the
        fit; infinite where the data do not determine a coefficient, NaN where squared
        errors of probabilities were fitted. They take the form of the equation as given. If
        the fit knew units, ``unit`` is that of each coefficient. For an ``equation`` that
        was given, the terms are its constants. With groups the first column is ``group``,
        the label of the group to which the coefficient belongs, or None if all groups share
        it; and ``symbol`` is that of ``population_``.
        """
        check_is_fitted(self, "model_")
        return self._coefficients(self._names())

    def _coefficients(self, names: tuple[list[str], list[str]], latex: bool = False) -> Any:
        """``coefficients_`` under these names, with units as text or for siunitx."""
        import pandas as pd

        where = [place for place, _, _ in self._errors]
        known = getattr(self, "_constants", [])
        if self._group_labels is not None:
            return self._group_table(names, latex)
        rows = known or [
            (term(self.model_, place, *names), value, error)
            for place, value, error in self._errors
        ]
        table = pd.DataFrame(rows, columns=["term", "coefficient", "standard_error"])
        units, form = self._units, self._form
        if units is not None and form is not None:
            table["unit"] = units.of_constants(form.theory, form.values, *names, latex)
        elif units is not None and not known:
            table["unit"] = units.of_coefficients(self.model_, where, *names, latex)
        return table

    def select_equation(self, row: int) -> Self:
        """Make a row of ``equations_`` the model.

        The architecture weights move to it, so that "max" means this row from now on. A
        calibration by `calibrate` ends, because it belongs to another row.

        Parameters
        ----------
        row : int
            A label of the table's index.
        """
        check_is_fitted(self, "model_")
        if row not in range(len(self._rows)):
            raise ValueError(
                f"row must be one of 0 … {len(self._rows) - 1}, got {row!r}; see equations_"
            )
        self.model_, self._errors = self._rows[row].model, self._row_errors[row]
        self._uncertainty = self._row_uncertainty[row]
        known = self._row_laplace
        self._laplace, self._calibration = known[row] if known else None, None
        self.network_ = self.network_.moved_to(self.model_)
        if (score := self._training_score) is not None:
            self._training_score = score._replace(model=score.table[row])
        return self

    def _table(self, rows: Sequence[Row]) -> Any:
        import pandas as pd

        from ..equations.forms import in_one_line

        inputs, outputs = self._names()
        points = self._points()
        return pd.DataFrame(
            {
                "complexity": [row.complexity for row in rows],
                "loss": [row.loss for row in rows],
                "criterion": [row.criterion for row in rows],
                "holdout": [row.holdout for row in rows],
                "weight": posterior_weights(np.array([row.criterion for row in rows])),
                "score": scores(rows),
                "equation": [
                    in_one_line(row.model, inputs, outputs, points) for row in rows
                ],
                "architecture": [row.model.describe(inputs) for row in rows],
            }
        )
