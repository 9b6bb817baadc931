"""What several theorists predict together: each a fitted regressor with a weight."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
from sklearn.exceptions import NotFittedError
from sklearn.utils.validation import check_is_fitted

from ..runtime.messages import warn
from ..selection.posterior import Predictive
from ..selection.theories import weights_of_evidence
from .diagnostics import DomainWarning
from .validation import plain

#: Weight from which on an equation must be defined at what is chosen; lighter ones that
#: are not do not count.
_LIGHT = 0.05


class Theorist(NamedTuple):
    name: str  #: what messages call it
    model: Any
    weight: float


def theorists(models: Any, weights: Any) -> list[Theorist]:
    """The models with their weights, each of them once."""
    if isinstance(models, str) or not isinstance(models, Iterable):
        raise ValueError(
            f"models must be a sequence of fitted regressors, got {models!r}; write [model]"
        )
    models = list(models)
    if not models:
        raise ValueError(
            "models is empty; fit one theorist at least, and choose conditions at random "
            "before that"
        )
    names = [f"models[{i}] ({type(m).__name__})" for i, m in enumerate(models)]
    for name, model in zip(names, models, strict=True):
        _require_fitted_regressor(name, model)
    first = {id(model): i for i, model in reversed(list(enumerate(models)))}
    once = sorted(first.values())
    if weights is None:
        shares = np.ones(len(once))
    elif isinstance(weights, str):
        shares = _evidence([names[i] for i in once], [models[i] for i in once])
    else:
        given = _given(weights, len(models))
        same = [[id(model) == id(models[i]) for model in models] for i in once]
        shares = np.array(same, float) @ given
    shares = shares / shares.sum()
    return [
        Theorist(names[i], models[i], float(w)) for i, w in zip(once, shares, strict=True)
    ]


def _require_fitted_regressor(name: str, model: Any) -> None:
    if not hasattr(model, "predict") or hasattr(model, "classes_"):
        raise ValueError(f"{name} is not a regressor; give models that predict numbers")
    if hasattr(model, "fit"):
        try:
            check_is_fitted(model)
        except NotFittedError:
            raise NotFittedError(f"{name} is not fitted; call its fit first") from None


def _given(weights: Any, count: int) -> np.ndarray:
    found = np.asarray(weights, float)
    able = found.shape == (count,) and np.isfinite(found).all() and (found >= 0).all()
    if not able or not found.sum() > 0:
        raise ValueError(
            f"weights must be {count} numbers, one for each of models, none of them "
            f"negative and one at least positive, got {weights!r}"
        )
    return found


def _evidence(names: Sequence[str], models: Sequence[Any]) -> np.ndarray:
    """Weights by the criterion; of a theorist of several equations, by its smallest."""
    criteria = []
    for name, model in zip(names, models, strict=True):
        if not hasattr(model, "_rows"):
            raise ValueError(
                f"weights='evidence' needs models with a criterion, but {name} has none; "
                "give numbers"
            )
        criteria.append(min(row.criterion for row in model._rows))
    found = weights_of_evidence(np.array(criteria))
    if not np.isfinite(found).all():
        raise ValueError(f"weights='evidence' found the criteria {criteria}; give numbers")
    return found


def known(
    pool: Any, everyone: Sequence[Theorist], noise: Any
) -> tuple[np.ndarray, Predictive]:
    """Rows of the pool at which the equations are defined, and what they predict there."""
    joined = _joined(everyone, _predictions(pool, everyone, noise))
    finite = np.isfinite(joined.mean).all(axis=2)
    finite &= np.isfinite(joined.root).all(axis=(2, 3))
    heavy = joined.weight >= min(_LIGHT, joined.weight.max())
    able = finite[heavy].all(axis=0)
    rows = np.flatnonzero(able)
    if not len(rows):
        raise ValueError(
            "the models have no finite prediction in common, or one of unknown error, at "
            f"each of the {len(pool)} conditions; give a pool inside their domain, or "
            "fit them to more observations"
        )
    if not able.all():
        warn(
            f"the models have no finite prediction at {(~able).sum()} of {len(pool)} "
            f"conditions (first: row {np.argmin(able)}), or one of unknown error; these "
            "are not chosen",
            DomainWarning,
        )
    counts = finite[:, rows].all(axis=1) & (joined.weight > 0)
    weight, mean, root, noises, freedom = (part[counts] for part in joined)
    return rows, Predictive(
        weight / weight.sum(), mean[:, rows], root[:, rows], noises, freedom
    )


def _joined(everyone: Sequence[Theorist], parts: Sequence[Predictive]) -> Predictive:
    """The equations of all theorists, each with its weight times that of its theorist."""
    columns = max(part.root.shape[3] for part in parts)
    shares = [theorist.weight for theorist in everyone]
    return Predictive(
        np.concatenate([s * p.weight for s, p in zip(shares, parts, strict=True)]),
        np.concatenate([part.mean for part in parts]),
        np.concatenate([_padded(part.root, columns) for part in parts]),
        np.concatenate([part.noise for part in parts]),
        np.concatenate([part.freedom for part in parts]),
    )


def _padded(root: np.ndarray, columns: int) -> np.ndarray:
    return np.pad(root, [(0, 0)] * 3 + [(0, columns - root.shape[3])])


def _predictions(pool: Any, everyone: Sequence[Theorist], noise: Any) -> list[Predictive]:
    """What each theorist says of the pool, its weight left aside."""
    parts = [_prediction(name, model, pool) for name, model, _ in everyone]
    outputs = {part.mean.shape[2] for part in parts}
    if len(outputs) > 1:
        counts = [part.mean.shape[2] for part in parts]
        raise ValueError(
            f"models have unequal numbers of outputs, {counts}; give models of the same y"
        )
    if noise is not None:
        sizes = np.asarray(noise, float)
        if sizes.ndim and sizes.shape != (*outputs,):
            raise ValueError(
                f"noise has shape {sizes.shape}, but y has {outputs.pop()} outputs; give a "
                "number, or one for each output"
            )
        return [_with_noise(part, sizes**2) for part in parts]
    estimated = [part.noise for part in parts if not np.isnan(part.noise).any()]
    if not estimated:
        raise ValueError(
            f"noise is not known: {everyone[0].name} does not estimate it, and no other "
            "model does; give noise, the standard deviation of an observation's error in "
            "units of y"
        )
    largest = np.concatenate(estimated).max(axis=0)
    unknown = [bool(np.isnan(part.noise).any()) for part in parts]
    pairs = zip(unknown, parts, strict=True)
    return [_with_noise(part, largest) if lacks else part for lacks, part in pairs]


def _with_noise(part: Predictive, variance: np.ndarray) -> Predictive:
    """With noise that is known, to whose size that of the coefficients' errors is moved."""
    noise = np.broadcast_to(variance, part.noise.shape)
    own = np.where(part.noise > 0, part.noise, noise)
    root = part.root * np.sqrt(noise / own)[:, None, :, None]
    return part._replace(root=root, noise=noise, freedom=np.full(len(noise), np.inf))


def _prediction(name: str, model: Any, pool: Any) -> Predictive:
    """What a theorist says of the pool; NaN is noise that it does not estimate."""
    X = _inputs(name, model, pool)
    if hasattr(model, "_predictive"):
        return _own_prediction(name, model, X)
    found = np.asarray(model.predict(X), float)
    mean = found.reshape(1, len(pool), -1)
    outputs = mean.shape[2]
    return Predictive(
        np.ones(1),
        mean,
        np.zeros((*mean.shape, 0)),
        np.full((1, outputs), np.nan),
        np.full(1, np.inf),
    )


def _own_prediction(name: str, model: Any, X: Any) -> Predictive:
    """What a theorist that knows its uncertainty says of rows."""
    if (kind := plain(model.output_type)) != "real":
        raise ValueError(
            f"{name} has output_type={kind!r}, but conditions are chosen for equations of "
            "numbers; give models with output_type='real'"
        )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DomainWarning)  # said of all models at once
        found: Predictive = model._predictive(X)
    if not np.isfinite(found.noise).all():
        raise ValueError(
            f"{name} was fitted to no more observations than it has coefficients, so that "
            "nothing is known of its errors; observe more conditions, chosen at random, "
            "and fit again"
        )
    return found


def _inputs(name: str, model: Any, pool: Any) -> Any:
    """The columns of the pool that a model was fitted to, as it knows them."""
    wanted = getattr(model, "feature_names_in_", None)
    if wanted is not None and hasattr(pool, "iloc"):
        labels = [str(label) for label in pool.columns]
        missing = [label for label in wanted if label not in labels]
        if missing:
            raise ValueError(
                f"conditions lack the columns {missing} that {name} was fitted to; they "
                f"have {labels}"
            )
        found = pool.iloc[:, [labels.index(label) for label in wanted]]
        return found.set_axis(list(wanted), axis=1)
    count = getattr(model, "n_features_in_", pool.shape[1])
    if count != pool.shape[1]:
        raise ValueError(
            f"conditions have {pool.shape[1]} columns, but {name} was fitted to {count}; "
            "give the columns of the fit"
        )
    if wanted is not None:
        import pandas as pd

        return pd.DataFrame(pool, columns=list(wanted))
    return np.asarray(pool, float)
