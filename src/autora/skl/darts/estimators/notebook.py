"""How a fitted estimator shows itself: printed, in a notebook, inside of a pipeline."""

from __future__ import annotations

import copy
import math
import shutil
from html import escape
from itertools import zip_longest
from typing import Any

from sklearn.base import BaseEstimator, is_classifier

from ..equations.printing import console_target
from ..plotting.style import shortened
from .equation_mixin import EquationMixin
from .equation_table import html_table, text_table

#: Columns of numbers in the table of equations.
_COLUMNS = ("complexity", "loss", "weight", "score")
_MARK = ">>>>"
#: Characters of a line where there is no terminal, as in a notebook.
_WIDTH = 100
_DECIMALS = 2
#: Characters of the equation in a box of a diagram that is not unfolded.
_LONGEST_CAPTION = 200


class NotebookMixin(EquationMixin, BaseEstimator):
    """``print`` shows the table of equations, a notebook the equation above it."""

    _in_pipeline = True  #: whether scikit-learn's diagram of it shows the equation, too

    def __str__(self) -> str:
        """The table of equations with ``>>>>`` at the model; before a fit as `repr`."""
        if not hasattr(self, "model_"):
            return repr(self)
        _, outputs = self._names()
        of = "" if self._group_labels is None else ", of the population"
        names = ", ".join(map(console_target, outputs))
        lines = [f"{type(self).__name__}, equations of {names}{of}"]
        table = self.equations_
        if len(table):
            columns = shutil.get_terminal_size((_WIDTH, 24)).columns
            lines.append(text_table(table, _COLUMNS, _MARK, columns, self._lines()))
        if not table["selected"].any():
            lines += ["the model, which is not in the table:"] if len(table) else []
            lines += self._headline(self._names(), _DECIMALS, latex=False)
        return "\n".join(lines)

    def _lines(self) -> dict[int, list[str]] | None:
        """The equations of every row of the table where there are several outputs."""
        from ..equations.forms import in_lines

        names = self._names()
        if len(names[1]) == 1:
            return None
        points = self._points()
        return {
            label: in_lines(row.model, *names, points)
            for label, row in enumerate(self._rows)
        }

    def _summary_html(self) -> str:
        """The typeset equations of a fitted estimator, how well they fit, and the table."""
        from ..equations.mathml import mathml

        if not hasattr(self, "model_"):
            return ""
        names = self._names()
        formulas = self._headline(names, _DECIMALS, latex=True)
        texts = self._headline(names, _DECIMALS, latex=False)
        notes = self._notes(names, _DECIMALS, latex=False)
        if self._group_labels is not None:
            formulas += self._distributions(names, _DECIMALS)
        pairs = zip_longest(formulas, texts[: len(formulas)], fillvalue="")
        style = "margin:.5em 0; font-size:120%"
        blocks = [f'<div style="{style}">{mathml(*pair)}</div>' for pair in pairs]
        facts = [" · ".join(self._facts())]
        blocks += [f"<div>{escape(line)}</div>" for line in [*notes, *facts] if line]
        table = self.equations_
        if len(table):
            count = f"{len(table)} equation{'s' if len(table) > 1 else ''}"
            blocks.append(
                f"<details><summary>Table of {count}</summary>"
                f"{html_table(table, _COLUMNS, self._lines())}</details>"
            )
        style = "overflow-x:auto; text-align:left; margin:.3em 0 .6em"
        # JupyterLab would take what stands between dollars for LaTeX.
        start = f'<div class="tex2jax_ignore mathjax_ignore" style="{style}">'
        return f"{start}{''.join(blocks)}</div>"

    def _facts(self) -> list[str]:
        """How well the model fits, and how complicated it is."""
        facts, chosen = [], self.selected_
        if (score := self._training_score) is not None and math.isfinite(score.model):
            kind = "accuracy" if is_classifier(self) else "R²"
            value = round(score.model, 4) + 0.0  # no −0.0000 of the mean
            facts.append(f"{kind} = {value:.4f} on {score.rows} training rows")
        if chosen is not None:
            facts.append(f"complexity {self._rows[chosen].complexity:g}")
        if self._group_labels is not None:
            facts.append(f"{len(self._group_labels)} groups")
        return facts

    # What scikit-learn and Jupyter ask for

    def _outside_of_pipelines(self) -> Any:
        """A copy whose diagram is scikit-learn's own: the equation stands above it."""
        found = copy.copy(self)
        found._in_pipeline = False
        return found

    def _repr_html_inner(self) -> str:
        plain = self._outside_of_pipelines()
        return self._summary_html() + super(NotebookMixin, plain)._repr_html_inner()

    def _repr_mimebundle_(self, **kwargs: Any) -> dict[str, str]:
        """The equations of a fitted estimator above scikit-learn's own diagram."""
        plain = self._outside_of_pipelines()
        bundle = super(NotebookMixin, plain)._repr_mimebundle_(**kwargs)
        if "text/html" in bundle:
            bundle["text/html"] = self._summary_html() + bundle["text/html"]
        return bundle

    def _sk_visual_block_(self) -> Any:
        """The box of a diagram, with the equation below the name of the class."""
        try:
            from sklearn.utils._repr_html.estimator import _VisualBlock
        except ImportError:  # scikit-learn before 1.7
            from sklearn.utils._estimator_html_repr import _VisualBlock
        caption = None
        if self._in_pipeline and hasattr(self, "model_"):
            lines = self._headline(self._names(), _DECIMALS, latex=False)
            caption = shortened("; ".join(lines), _LONGEST_CAPTION)
        name, details = type(self).__name__, repr(self)
        return _VisualBlock(
            "single", self, names=name, name_details=details, name_caption=caption
        )

    def _get_params_html(self, *args: Any, **kwargs: Any) -> Any:
        """The parameters in a box of a diagram, below the typeset equation."""
        found = super()._get_params_html(*args, **kwargs)
        if self._in_pipeline and hasattr(found, "_html_repr"):
            own = found._html_repr
            found._html_repr = lambda: self._summary_html() + own()
        return found
