"""Which pictures suit an estimator and its data."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..plotting.style import plain


def displays(
    estimator: Any, X: Any, y: Any, groups: Any = None
) -> dict[str, Callable[[], Any]]:
    """Displays by the names of their files; each is drawn when it is called.

    Parameters
    ----------
    estimator : DARTSRegressor or DARTSClassifier
    X, y, groups
        The rows that are drawn, as in `fit`; ``groups`` are None without groups.
    """
    from ..plotting.coefficient_display import CoefficientDisplay
    from ..plotting.fit_display import FitDisplay
    from ..plotting.group_display import GroupDisplay
    from ..plotting.residual_display import ResidualDisplay

    def of(display: Any, *data: Any, **look: Any) -> Callable[[], Any]:
        return lambda: display.from_estimator(estimator, *data, **look)

    found: dict[str, Callable[[], Any]] = {}
    if groups is not None:
        found["groups"] = of(GroupDisplay, X, y, groups)
        if len(estimator.population_):
            found["coefficients"] = of(CoefficientDisplay)
    known = {} if groups is None else {"groups": groups}
    fit = {"fit": of(FitDisplay, X, y, **known)}
    if not hasattr(estimator, "classes_"):
        return found | fit | {"residuals": of(ResidualDisplay, X, y, **known)}
    found["confusion"] = lambda: _confusion(estimator, X, y, known)
    drawable = X.shape[1] == 1 or (X.shape[1] == 2 and len(estimator.classes_) == 2)
    return found | fit if drawable and groups is None else found


def _confusion(estimator: Any, X: Any, y: Any, known: dict[str, Any]) -> Any:
    from sklearn.metrics import ConfusionMatrixDisplay

    return ConfusionMatrixDisplay.from_predictions(
        y,
        estimator.predict(X, **known),
        labels=estimator.classes_,
        display_labels=[plain(label) for label in estimator.classes_],
        colorbar=False,
        cmap="Blues",
    )
