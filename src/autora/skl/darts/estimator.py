"""The scikit-learn face of the search: validate, call, store."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted, validate_data

from . import fitting, relax
from .model import Model
from .objectives import OBJECTIVES, Objective
from .primitives import PRIMITIVES, Primitive, resolve
from .progress import Progress
from .readings import Readings, numbered
from .refit import Problem
from .search_space import SearchSpace
from .validation import check_parameters, check_targets, choice


class DARTSRegressor(Readings, RegressorMixin, BaseEstimator):
    """Find an interpretable equation by differentiable architecture search.

    The search space is a graph: every latent node is the sum, over all inputs and earlier
    latent nodes, of one primitive each; the output is a linear read-out of the latent
    nodes. DARTS relaxes the choice of primitives into a softmax mixture, trains
    architecture weights and coefficients in alternation, samples discrete graphs, refits
    their coefficients exactly, and moves the architecture weights to what was found.

    Parameters
    ----------
    batch_size : int, "auto" or None, default="auto"
        Rows per step of the relaxed search. None takes all; "auto" all up to 512 rows,
        else 512.
    num_graph_nodes : int, default=2
        Number of latent nodes.
    output_type : {"real", "sigmoid", "probability", "probability_sample", \
"probability_distribution"}, default="real"
        What the output means. "sigmoid" and "probability": logistic link, squared error;
        "probability_sample": logistic link, Bernoulli likelihood of 0/1 outcomes;
        "probability_distribution": softmax over the columns of y, cross-entropy. An
        ``autora.variable.ValueType`` serves as well.
    classifier_weight_decay : float, default=1e-2
        Decay of the trained read-out per unit of learning rate (relaxed search only).
    darts_type : {"original", "fair"}, default="original"
        Softmax over the primitives of an edge (arXiv 1806.09055) or a sigmoid for each
        (arXiv 1911.12126).
    init_weights_function : callable or None, default=None
        ``f(rng, shape)`` returns the starting coefficients of the mixture, of shape
        (edges, primitives, max_params).
    param_updates_per_epoch : int, default=100
        Momentum-SGD steps on the coefficients per epoch.
    param_updates_for_sampled_model : int, default=100
        Largest number of Levenberg–Marquardt steps in which the sampled model's
        coefficients are refitted; it stops sooner when they have converged.
    param_learning_rate_max, param_learning_rate_min : float, default=2.5e-2, 1e-2
        Range of the cosine schedule within an epoch, in the coefficients' own units (see
        ``precondition``).
    param_momentum : float in [0, 1), default=0.9
        Momentum of the coefficient steps.
    param_weight_decay : float, default=3e-4
        L2 decay of the coefficients (relaxed search only).
    arch_updates_per_epoch : int, default=1
        Adam steps on the architecture weights per epoch. 0 keeps them.
    arch_learning_rate_max : float, default=3e-3
        Learning rate of the architecture weights in the first epoch.
    arch_learning_rate_min : float or None, default=None
        In the last epoch, along a cosine; None keeps it constant.
    arch_weight_decay : float, default=1e-4
        L2 decay of the architecture weights.
    arch_weight_decay_df : float, default=3e-4
        Decay per epoch and coefficient of a primitive: favours simple primitives.
    arch_weight_decay_base : float, default=0
        Decay of every primitive but "none", times the number of nodes.
    arch_momentum : float in [0, 1), default=0.5
        Adam's first decay rate β₁ of the architecture weights.
    fair_darts_loss_weight : float, default=1
        Push of fair DARTS weights towards 0 or 1.
    max_epochs : int, default=100
        Epochs of the relaxed search. 0 on a fitted estimator keeps the architecture
        weights, samples again and refits.
    grad_clip : float, default=5
        Largest norm of a coefficient gradient.
    primitives : sequence of str or Primitive, default=PRIMITIVES
        The vocabulary; see `known_primitives`. "zero" is a spelling of "none".
    train_classifier_coefficients, train_classifier_bias : bool, default=False
        Train the read-out of the latent nodes and its bias; else they stay 1 and 0.
    execution_monitor : callable or None, default=None
        Called after every epoch with the keywords epoch, train_loss, valid_loss, alphas,
        space and darts_type; see `DARTSExecutionMonitor`.
    sampling_strategy : {"max", "sample"}, default="max"
        Take the strongest primitive of every edge or draw one from the weights.
    n_candidates : int, default=500
        Architectures that are refitted exactly after the relaxed search. 0 leaves the
        choice to the relaxed weights alone, as in the original DARTS.
    validation_fraction : float in [0, 1), default=0.3
        Share of the rows that train the architecture weights while the others train the
        coefficients. 0, or fewer than 16 rows: both levels see all rows.
    unrolled : bool, default=False
        Second-order architecture gradient, through one coefficient step
        (arXiv 1806.09055, equation 6).
    precondition : bool, default=True
        Measure every coefficient in the change that moves the output by the spread of y.
        Learning rates then suit data in any units. False is the plain SGD of DARTS.
    random_state : int, RandomState or None, default=None
        Same value, same data: same bits.
    warm_start : bool, default=False
        Continue from the last fit's architecture weights and coefficients when the
        search space is the same.
    verbose : int, default=0
        1 shows a progress bar.

    Attributes
    ----------
    model_ : Model
        The discovered equation: architecture and coefficients.
    network_ : Network
        The relaxed graph; ``network_.alphas`` are the architecture weights.
    history_ : History
        Training loss, validation loss and architecture weights, one row per epoch.
    candidates_ : list of Model
        The best distinct architectures found by the last search, best first.
    converged_ : bool
        False when no architecture was finite and the model is a constant.
    n_features_in_, feature_names_in_
        As in scikit-learn.

    Examples
    --------
    >>> import numpy as np
    >>> from autora.skl.darts import DARTSRegressor
    >>> X = np.linspace(-1, 1, 30).reshape(-1, 1)
    >>> y = 3 * X[:, 0] + 2
    >>> model = DARTSRegressor(num_graph_nodes=1, random_state=0).fit(X, y)
    >>> print(model.model_repr())
    Model:
    k_1 = 3.00*x1 + 2.00
    y = k_1
    """

    def __init__(
        self,
        batch_size: int | str | None = "auto",
        num_graph_nodes: int = 2,
        output_type: str = "real",
        classifier_weight_decay: float = 1e-2,
        darts_type: str = "original",
        init_weights_function: Callable[..., Any] | None = None,
        param_updates_per_epoch: int = 100,
        param_updates_for_sampled_model: int = 100,
        param_learning_rate_max: float = 2.5e-2,
        param_learning_rate_min: float = 0.01,
        param_momentum: float = 0.9,
        param_weight_decay: float = 3e-4,
        arch_updates_per_epoch: int = 1,
        arch_learning_rate_max: float = 3e-3,
        arch_learning_rate_min: float | None = None,
        arch_weight_decay: float = 1e-4,
        arch_weight_decay_df: float = 3e-4,
        arch_weight_decay_base: float = 0.0,
        arch_momentum: float = 0.5,
        fair_darts_loss_weight: float = 1,
        max_epochs: int = 100,
        grad_clip: float = 5,
        primitives: Sequence[str | Primitive] = PRIMITIVES,
        train_classifier_coefficients: bool = False,
        train_classifier_bias: bool = False,
        execution_monitor: Callable[..., Any] | None = None,
        sampling_strategy: str = "max",
        *,
        n_candidates: int = 500,
        validation_fraction: float = 0.3,
        unrolled: bool = False,
        precondition: bool = True,
        random_state: int | np.random.RandomState | None = None,
        warm_start: bool = False,
        verbose: int = 0,
    ) -> None:
        self.batch_size = batch_size
        self.num_graph_nodes = num_graph_nodes
        self.output_type = output_type
        self.classifier_weight_decay = classifier_weight_decay
        self.darts_type = darts_type
        self.init_weights_function = init_weights_function
        self.param_updates_per_epoch = param_updates_per_epoch
        self.param_updates_for_sampled_model = param_updates_for_sampled_model
        self.param_learning_rate_max = param_learning_rate_max
        self.param_learning_rate_min = param_learning_rate_min
        self.param_momentum = param_momentum
        self.param_weight_decay = param_weight_decay
        self.arch_updates_per_epoch = arch_updates_per_epoch
        self.arch_learning_rate_max = arch_learning_rate_max
        self.arch_learning_rate_min = arch_learning_rate_min
        self.arch_weight_decay = arch_weight_decay
        self.arch_weight_decay_df = arch_weight_decay_df
        self.arch_weight_decay_base = arch_weight_decay_base
        self.arch_momentum = arch_momentum
        self.fair_darts_loss_weight = fair_darts_loss_weight
        self.max_epochs = max_epochs
        self.grad_clip = grad_clip
        self.primitives = primitives
        self.train_classifier_coefficients = train_classifier_coefficients
        self.train_classifier_bias = train_classifier_bias
        self.execution_monitor = execution_monitor
        self.sampling_strategy = sampling_strategy
        self.n_candidates = n_candidates
        self.validation_fraction = validation_fraction
        self.unrolled = unrolled
        self.precondition = precondition
        self.random_state = random_state
        self.warm_start = warm_start
        self.verbose = verbose

    def fit(self, X: Any, y: Any) -> Self:
        """Search for an equation of y in the columns of X.

        Without architecture updates (``max_epochs=0`` or ``arch_updates_per_epoch=0``) an
        estimator that is already fitted on the same search space keeps its architecture
        weights, samples again and refits the coefficients.

        Parameters
        ----------
        X : array-like or DataFrame of shape (n, inputs)
        y : array-like, Series or DataFrame of shape (n,) or (n, outputs)

        Raises
        ------
        ValueError, TypeError
            On a bad parameter or bad data, before anything is computed. Whatever is
            raised, an earlier fit stays as it was.
        """
        before = dict(vars(self))
        try:
            self._fit(X, y)
        except BaseException:
            self.__dict__ = before
            raise
        return self

    def _fit(self, X: Any, y: Any) -> None:
        check_parameters(self.get_params(deep=False))
        primitives = resolve(self.primitives)
        objective = OBJECTIVES[choice("output_type", self.output_type)]
        labels = _output_labels(y)
        earlier = self._earlier()
        X, y = validate_data(
            self, X, y, dtype=np.float64, multi_output=True, y_numeric=True
        )
        targets = np.asarray(y, float).reshape(len(X), -1)
        check_targets(targets, objective)
        space = SearchSpace(X.shape[1], self.num_graph_nodes, targets.shape[1], primitives)
        problem = Problem(
            X,
            targets,
            np.ones(len(X)),
            bool(self.train_classifier_coefficients),
            bool(self.train_classifier_bias),
        )
        self._warn_if_outputs_are_equal(targets.shape[1])
        earlier = self._kept(earlier, space, objective)
        seed = check_random_state(self.random_state).randint(2**31 - 1)
        with Progress(self, space) as progress:
            result = fitting.run(
                space,
                objective,
                problem,
                self._plan(earlier is not None),
                earlier,
                np.random.default_rng(seed),
                progress.observer(),
            )
        self.network_, self.model_ = result.network, result.model
        self.history_, self.converged_ = result.history, result.converged
        if result.candidates or earlier is None:
            self.candidates_ = [c.fit.model for c in result.candidates[:50]]
        self._y_ndim, self._y_mean = np.ndim(y), targets.mean(axis=0)
        self._output_labels = labels or numbered("y", targets.shape[1])

    def _warn_if_outputs_are_equal(self, n_outputs: int) -> None:
        if n_outputs > 1 and not self.train_classifier_coefficients:
            warnings.warn(
                f"all {n_outputs} outputs share one read-out while "
                "train_classifier_coefficients=False, so their predictions are equal; set "
                "it to True to tell them apart",
                UserWarning,
                stacklevel=4,
            )

    def _earlier(self) -> tuple[fitting.Network, Model] | None:
        return (self.network_, self.model_) if hasattr(self, "network_") else None

    def _keeps_weights(self) -> bool:
        return self.max_epochs == 0 or self.arch_updates_per_epoch == 0

    def _kept(
        self,
        earlier: tuple[fitting.Network, Model] | None,
        space: SearchSpace,
        objective: Objective,
    ) -> tuple[fitting.Network, Model] | None:
        """The earlier fit if this one builds on it."""
        darts_type = choice("darts_type", self.darts_type)
        asked = (space, objective, darts_type)
        if earlier is not None and earlier[0][:3] == asked:
            return earlier if self._keeps_weights() or self.warm_start else None
        if self._keeps_weights():
            why = (
                "the estimator is not fitted"
                if earlier is None
                else "it was fitted on another search space, whose weights do not apply"
            )
            warnings.warn(
                f"max_epochs={self.max_epochs} and arch_updates_per_epoch="
                f"{self.arch_updates_per_epoch} ask to keep the architecture weights, "
                f"but {why}: the architecture is sampled from initial, random weights. "
                "Fit with both above 0 first.",
                UserWarning,
                stacklevel=4,
            )
        return None

    def _plan(self, has_earlier: bool) -> fitting.Plan:
        f = np.float32
        smallest = self.arch_learning_rate_min
        if smallest is None:
            smallest = self.arch_learning_rate_max
        hyper = relax.Hyper(
            arch_updates=np.int32(self.arch_updates_per_epoch),
            param_updates=np.int32(self.param_updates_per_epoch),
            max_epochs=np.int32(self.max_epochs),
            arch_learning_rate_max=f(self.arch_learning_rate_max),
            arch_learning_rate_min=f(smallest),
            arch_momentum=f(self.arch_momentum),
            arch_weight_decay=f(self.arch_weight_decay),
            arch_weight_decay_df=f(self.arch_weight_decay_df),
            arch_weight_decay_base=f(self.arch_weight_decay_base),
            fair_darts_loss_weight=f(self.fair_darts_loss_weight),
            param_learning_rate_max=f(self.param_learning_rate_max),
            param_learning_rate_min=f(self.param_learning_rate_min),
            param_momentum=f(self.param_momentum),
            param_weight_decay=f(self.param_weight_decay),
            classifier_weight_decay=f(self.classifier_weight_decay),
            grad_clip=f(self.grad_clip),
            train_readout=f(self.train_classifier_coefficients),
            train_bias=f(self.train_classifier_bias),
            precondition=np.bool_(self.precondition),
        )
        return fitting.Plan(
            hyper=hyper,
            darts_type=choice("darts_type", self.darts_type),
            unrolled=bool(self.unrolled),
            batch_size=self.batch_size,
            validation_fraction=float(self.validation_fraction),
            sampling_strategy=choice("sampling_strategy", self.sampling_strategy),
            n_candidates=int(self.n_candidates),
            refit_steps=int(self.param_updates_for_sampled_model),
            search_architecture=not self._keeps_weights(),
            continues=has_earlier and bool(self.warm_start),
            init_weights_function=self.init_weights_function,
        )

    def predict(self, X: Any) -> np.ndarray:
        """Predictions in double precision, shaped like the y of the fit.

        Where the equation is undefined (a logarithm of a negative number) or overflows,
        the mean of the training targets stands in and a warning says so.

        Parameters
        ----------
        X : array-like of shape (n, inputs)

        Returns
        -------
        ndarray of shape (n,) or (n, outputs)
        """
        check_is_fitted(self, "model_")
        X = validate_data(self, X, dtype=np.float64, reset=False)
        prediction = self.model_.predict(X)
        undefined = ~np.isfinite(prediction).all(axis=1)
        if undefined.any():
            warnings.warn(
                f"the equation has no finite value on {undefined.sum()} of {len(X)} rows "
                f"(first: row {np.argmax(undefined)}), which lie outside its domain; the "
                "mean of the training targets stands in for them",
                UserWarning,
                stacklevel=2,
            )
            prediction[undefined] = self._y_mean
        return prediction[:, 0] if self._y_ndim == 1 else prediction

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        tags.non_deterministic = self.random_state is None
        return tags


def _output_labels(y: Any) -> list[str] | None:
    """Names that y brings along: a DataFrame's columns or a Series' name."""
    if hasattr(y, "columns"):
        return [str(column) for column in y.columns]
    if isinstance(getattr(y, "name", None), str):
        return [y.name]
    return None
