"""The scikit-learn classifier."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import KW_ONLY, dataclass
from typing import Any, Self

import numpy as np
from sklearn.base import ClassifierMixin
from sklearn.metrics import accuracy_score
from sklearn.utils.class_weight import compute_sample_weight
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import column_or_1d, validate_data

from ..graph.elementary import NUMPY
from ..graph.model import Model
from ..graph.objectives import OBJECTIVES, Objective
from ..graph.observations import canonical, checked_weights
from ..graph.primitives import Primitive
from ..graph.specification import Specification
from ..selection.result import Result
from .base import BaseDARTS
from .columns import named
from .intervals import ClassifierIntervalMixin
from .keywords import named_arguments, named_parameters
from .observed import Observed
from .unit_columns import require_plain

#: Observations that are taken to be mislabelled, in all: even where the classes can be
#: separated without an error, the likelihood then has a finite maximum.
_PSEUDO_COUNT = 0.1
#: What infinite log-odds become, so that differences between them are numbers.
_FURTHEST = 1e300
_KINDS = ("probability_sample", "probability_distribution")


@named_parameters(last="sampling_strategy")
@dataclass(eq=False, repr=False)
class DARTSClassifier(ClassifierMixin, ClassifierIntervalMixin, BaseDARTS):
    """Find interpretable equations for the log-odds of classes.

    Two classes have one equation: the log-odds of the second, ``classes_[1]``, maximise the
    Bernoulli likelihood. More classes have one equation each; their softmax maximises the
    multinomial likelihood. Only differences between these equations matter, so the equation
    of one class may be empty.

    The search is that of `DARTSRegressor` under the likelihood; the equations of three and
    more classes are searched one after the other while the others stay as they are, in up
    to three rounds. A tenth of an observation counts as mislabelled, so that coefficients
    stay finite if the classes can be separated without an error.

    Parameters
    ----------
    batch_size : int, "auto" or None, default="auto"
        Rows per step in the training of the mixture. None takes all rows; "auto" takes all
        if there are at most 512, else 512. With batches, the losses in ``history_`` are
        computed on 2,048 rows.
    num_graph_nodes : int or "auto", default="auto"
        Number of latent nodes. "auto" is the automatic search: the criterion decides how
        many nodes, up to five for each output (several outputs with
        ``train_classifier_coefficients=False`` get a counted graph of two nodes). A number
        means a counted graph of so many nodes; with products and one real output it is the
        largest number of nodes of an automatic search.
    classifier_weight_decay : float, default=1e-2
        Decay of the trained read-out per unit of learning rate (mixture only).
    darts_type : {"original", "fair"}, default="original"
        Softmax over the primitives of an edge (arXiv 1806.09055) or a sigmoid for each
        (arXiv 1911.12126); mixture only.
    init_weights_function : callable or None, default=None
        ``f(rng, shape)`` returns the starting coefficients of the mixture, of shape
        (edges, primitives, max_params).
    param_updates_per_epoch : int, default=100
        Momentum-SGD steps on the coefficients per epoch.
    param_updates_for_sampled_model : int, default=100
        Largest number of Levenberg–Marquardt steps in the refit of the sampled model; it
        stops sooner if the coefficients have converged.
    param_learning_rate_max, param_learning_rate_min : float, default=2.5e-2, 1e-2
        Range of the cosine schedule within an epoch, in the coefficients' own units (see
        ``precondition``).
    param_momentum : float in [0, 1), default=0.9
        Momentum of the coefficient steps.
    param_weight_decay : float, default=3e-4
        L2 decay of the coefficients (mixture only).
    arch_updates_per_epoch : int, default=1
        Adam steps on the architecture weights per epoch. 0 keeps them.
    arch_learning_rate_max : float, default=3e-3
        Learning rate of the architecture weights in the first epoch.
    arch_learning_rate_min : float or None, default=None
        Learning rate in the last epoch, which is reached along a cosine. None keeps the
        rate constant.
    arch_weight_decay : float, default=1e-4
        L2 decay of the architecture weights.
    arch_weight_decay_df : float, default=3e-4
        Decay of the weight of every primitive except "none" per architecture step, in units
        of the learning rate, times 1 + the number of its coefficients; it favours simple
        primitives.
    arch_weight_decay_base : float, default=0
        Decay of the weight of every primitive except "none", times the number of nodes.
    arch_momentum : float in [0, 1), default=0.5
        Adam's first decay rate β₁ of the architecture weights.
    fair_darts_loss_weight : float, default=1
        How strongly the weights of fair DARTS are pushed towards 0 or 1.
    max_epochs : int, default=100
        Epochs in which the mixture is trained. 0 on a fitted estimator keeps the
        architecture weights, samples again and refits.
    grad_clip : float, default=5
        Largest norm of the gradient of the coefficients; a longer gradient is scaled down
        to it.
    primitives : sequence of str or Primitive, or "auto", default="auto"
        The vocabulary; see `known_primitives`. "zero" is another name of "none". "auto"
        takes `SCIENCE` in an automatic search, else `PRIMITIVES`.
    train_classifier_coefficients, train_classifier_bias : bool or "auto", default="auto"
        Whether to train the weights of the read-out and its bias, which otherwise stay 1
        and 0. "auto" trains them with ``num_graph_nodes="auto"`` and always for classes.
    execution_monitor : callable or None, default=None
        Called for every epoch, in order (after up to 64 epochs have been trained at a
        time), with the keywords epoch, train_loss, valid_loss, alphas, space, darts_type
        and, if it takes them, input_labels; see `DARTSExecutionMonitor`.
    sampling_strategy : {"max", "sample"}, default="max"
        Whether to take the strongest primitive of every edge or to draw one from the
        weights.
    aggregations : sequence of {"sum", "product"} or "auto", default="auto"
        How a latent node may combine its edges. "auto": both with
        ``num_graph_nodes="auto"``, else the sums of DARTS.
    max_in_degree : int or None, default=None
        Largest number of edges into a latent node. None: 4 in an automatic search, else no
        limit.
    n_candidates : int or "auto", default="auto"
        Number of graphs that are refitted exactly. "auto": 500 after the mixture has been
        trained; in an automatic search 200,000, or fewer if 20,000 bring no improvement and
        the remaining errors look like noise. With 0, the weights of the mixture alone
        choose among counted graphs, as in the original DARTS.
    n_restarts : int, default=1
        Number of independent searches, of which the best is taken; in an automatic search
        their tables are joined, and the first exact equation ends them all. Each refits
        ``n_candidates`` graphs; they share ``max_time``.
    n_jobs : int or None, default=None
        Number of workers for the restarts, as in joblib: None is 1 unless
        ``joblib.parallel_config`` says otherwise (which also selects "dask" or "ray"), −1
        is all cores. The result does not depend on it, unless ``max_time`` is given. With
        an ``execution_monitor``, restarts run one after another.
    max_time : float or None, default=None
        Seconds after which the search over graphs ends if nothing else has ended it (a
        larger ``n_candidates`` searches longer). The epochs of a counted graph come before
        and are not limited; afterwards the best equation is simplified and refitted, which
        takes a second or two for a long one. Results then depend on the speed of the
        machine; with None they are reproducible. Compiling, once per machine, does not
        count. With groups, three fifths of the time are for the search and the rest for
        finding out which coefficients differ.
    checkpoint : str, path or None, default=None
        A folder in which a fit stores its state every 30 seconds. If its process is killed,
        the same fit continues from there and has the same result (with ``max_time``: the
        result of the time that is left). Needs an integer ``random_state``; workers on
        other machines need access to the folder. The files are deleted when the fit has
        ended.
    model_selection : {"auto", "ebic", "bic", "aic", "score", "best", "loss", "holdout"} \
or callable, default="auto"
        Which row of ``equations_`` becomes the model. "auto": the one with the smallest
        ``criterion``; if squared errors are small but systematic, the row at which they
        stop falling steeply. "bic": the smallest sum of the same first term and log n per
        unit of complexity; "ebic": log n + 4, as many equations of a size were tried;
        "aic": 2. "score": the row that gains most over the best simpler one; "best": the
        same among rows whose loss is at most 1.5 times the smallest, as in PySR. "loss":
        the smallest loss. "holdout": the smallest loss on a quarter of the rows, which the
        search does not see. A callable ``f(equations_)`` returns the label of the row.
    validation_fraction : float in [0, 1), default=0.3
        Share of the rows that train the architecture weights, while the others train the
        coefficients. With 0, or with fewer than 16 rows, all rows train both.
    unrolled : bool, default=False
        Second-order architecture gradient, through one coefficient step
        (arXiv 1806.09055, equation 6).
    precondition : bool, default=True
        Whether to scale every coefficient so that a change of 1 moves the output by about
        the spread of y. The same learning rates then suit data in any units. False is the
        plain SGD of DARTS.
    random_state : int, RandomState or None, default=None
        The same value and the same data give the same bits.
    warm_start : bool, default=False
        Continue from the last fit's architecture weights and coefficients when the
        search space is the same.
    verbose : int, default=0
        1 shows a progress bar and the best equation below it; where the output is a file,
        a line every 30 seconds.
    guesses : sequence of str or None, default=None
        Equations that may be right, such as ``["a*x1/(b + x1)", "Fechner: k*log(x1/d)"]``:
        names that are not columns are constants. They are fitted, and an automatic search
        begins with them; see ``guesses_``. For one output.
    equation : str or None, default=None
        One equation whose constants are fitted; there is no search then. See
        `from_equation`.
    class_weight : dict, "balanced" or None, default=None
        Weights of the classes, by which those of the rows are multiplied: a dict from label
        to weight, or "balanced" for weights that give every class the same total.
    group_coefficients : {"auto", "all", "output", "none"}, default="auto"
        If `fit` is given groups, which coefficients may differ between them: those for
        which the fit improves by more than they cost ("auto"), all, those of the read-out,
        or none.
    shrinkage : bool, default=True
        Whether the coefficients of a group are drawn towards those of the population, the
        more the less its rows tell (empirical Bayes; see ``population_``). False fits the
        coefficients of every group to its own rows only.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The labels, sorted.
    model_ : Model
        The discovered equations: architecture and coefficients.
    network_ : Network or EquationDistribution
        With an integer ``num_graph_nodes`` the relaxed graph, whose ``alphas`` are the
        architecture weights; else the distribution over the graphs found, by criterion.
        Both have ``weights``, the probability of every primitive on every edge.
    history_ : History or SearchHistory
        For a counted graph training loss, validation loss and architecture weights, one row
        per epoch; for an automatic search the error of the best equation so far over the
        number of graphs refitted. See `HistoryDisplay`.
    candidates_ : list of Model
        The best distinct architectures found by the last search, best first.
    equations_ : DataFrame
        The best model per complexity (see `EquationMixin.equations_`).
    converged_ : bool
        False when no architecture was finite and the model is a constant.
    n_features_in_, feature_names_in_
        As in scikit-learn.

    Examples
    --------
    >>> import numpy as np
    >>> from autora.skl.darts import DARTSClassifier
    >>> X = np.linspace(-1, 1, 40).reshape(-1, 1)
    >>> y = np.where(X[:, 0] > 0.2, "high", "low")
    >>> model = DARTSClassifier(num_graph_nodes=1, random_state=0).fit(X, y)
    >>> model.predict([[-0.9], [0.9]])
    array(['low', 'high'], dtype='<U4')
    """

    _STAND_IN = "frequencies of the training classes"

    batch_size: int | str | None = "auto"
    num_graph_nodes: int | str = "auto"
    _: KW_ONLY
    classifier_weight_decay: float = 1e-2
    darts_type: str = "original"
    init_weights_function: Callable[..., Any] | None = None
    param_updates_per_epoch: int = 100
    param_updates_for_sampled_model: int = 100
    param_learning_rate_max: float = 2.5e-2
    param_learning_rate_min: float = 0.01
    param_momentum: float = 0.9
    param_weight_decay: float = 3e-4
    arch_updates_per_epoch: int = 1
    arch_learning_rate_max: float = 3e-3
    arch_learning_rate_min: float | None = None
    arch_weight_decay: float = 1e-4
    arch_weight_decay_df: float = 3e-4
    arch_weight_decay_base: float = 0.0
    arch_momentum: float = 0.5
    fair_darts_loss_weight: float = 1
    max_epochs: int = 100
    grad_clip: float = 5
    primitives: Sequence[str | Primitive] | str = "auto"
    train_classifier_coefficients: bool | str = "auto"
    train_classifier_bias: bool | str = "auto"
    execution_monitor: Callable[..., Any] | None = None
    sampling_strategy: str = "max"
    aggregations: Sequence[str] | str = "auto"
    max_in_degree: int | None = None
    n_candidates: int | str = "auto"
    n_restarts: int = 1
    n_jobs: int | None = None
    max_time: float | None = None
    checkpoint: str | os.PathLike[str] | None = None
    model_selection: str | Callable[..., Any] = "auto"
    validation_fraction: float = 0.3
    unrolled: bool = False
    precondition: bool = True
    random_state: int | np.random.RandomState | None = None
    warm_start: bool = False
    verbose: int = 0
    guesses: Sequence[str] | None = None
    equation: str | None = None
    class_weight: Any = None
    group_coefficients: str = "auto"
    shrinkage: bool = True

    @named_arguments()
    def fit(self, X: Any, y: Any, sample_weight: Any = None, *, groups: Any = None) -> Self:
        """Search for equations of the classes' log-odds in the columns of X.

        Without architecture updates (``max_epochs=0`` or ``arch_updates_per_epoch=0``) an
        estimator that is already fitted on the same search space keeps its architecture
        weights, samples again and refits the coefficients.

        Parameters
        ----------
        X : array-like or DataFrame of shape (n, inputs)
        y : array-like or Series of shape (n,)
            Labels of at least two classes, of any type that can be sorted.
        sample_weight : array-like of shape (n,), default=None
            How much every row counts (see `DARTSRegressor.fit`).
        groups : array-like of shape (n,), default=None
            The label of every row's group (see `DARTSRegressor.fit`); for two classes.

        Raises
        ------
        ValueError, TypeError
            On a bad parameter or bad data, before anything is computed. Whatever is
            raised, an earlier fit stays as it was.
        KeyboardInterrupt
            On Ctrl-C, after the best model found so far has been stored;
            ``warm_start=True`` can continue from it. If nothing has been found yet, an
            earlier fit stays as it was.
        """
        with self._all_or_nothing():
            interruption = self._fit(X, y, sample_weight, groups=groups)
        if interruption is not None:
            raise interruption
        return self

    def _settings(self) -> dict[str, Any]:
        """With one read-out for all, every class would be as probable as the others."""
        params = super()._settings()
        params |= {"tolerance": "auto", "round_coefficients": "auto"}
        for name in ("train_classifier_coefficients", "train_classifier_bias"):
            if isinstance(params[name], str) and params[name] == "auto":
                params[name] = True
        return params

    def _observed(self, X: Any, y: Any, sample_weight: Any, y_error: Any) -> Observed:
        require_plain(X, type(self).__name__)
        X, y = validate_data(self, named(X), y, dtype=np.float64)
        check_classification_targets(y)
        y = column_or_1d(y, warn=True)
        weight = checked_weights(sample_weight, len(X))
        if self.class_weight is not None:
            weight = weight * compute_sample_weight(self.class_weight, y)
        self.classes_, index = np.unique(y[weight > 0], return_inverse=True)
        count = len(self.classes_)
        if count < 2:
            raise ValueError(
                f"y holds only one class, {self.classes_[0]}, in rows of positive weight; "
                "at least two classes are needed"
            )
        targets = np.zeros((len(X), count))
        targets[np.flatnonzero(weight > 0), index] = 1
        targets = _smoothed(targets, canonical(X, targets, weight).weight.sum())
        names = [f"logit({label})" for label in self.classes_]
        if count == 2:
            names, targets = names[1:], targets[:, [1]]
        return Observed(X, targets, weight, None, self._objective, names)

    def decision_function(self, X: Any, groups: Any = None) -> np.ndarray:
        """Log-odds of the second of two classes; else one score per class.

        Parameters
        ----------
        X : array-like of shape (n, inputs)
        groups : array-like of shape (n,), default=None
            As in `DARTSRegressor.predict`.

        Returns
        -------
        ndarray of shape (n,) or (n, n_classes)
            The softmax of several scores are the probabilities.
        """
        scores = self._outputs(X, groups)
        return scores[:, 0] if len(self.classes_) == 2 else scores

    def predict_proba(self, X: Any, groups: Any = None) -> np.ndarray:
        """Probability of every class, in the order of ``classes_``.

        Parameters
        ----------
        X : array-like of shape (n, inputs)
        groups : array-like of shape (n,), default=None
            As in `DARTSRegressor.predict`.

        Returns
        -------
        ndarray of shape (n, n_classes)
        """
        scores = self._outputs(X, groups)
        probability = self._objective.link(NUMPY, scores)
        if len(self.classes_) == 2:
            return np.column_stack([1 - probability[:, 0], probability[:, 0]])
        return probability

    def predict(self, X: Any, groups: Any = None) -> np.ndarray:
        """The most probable class.

        Where the equations are undefined, the log-odds of the classes' frequencies are used
        and a warning says so.

        Parameters
        ----------
        X : array-like of shape (n, inputs)
        groups : array-like of shape (n,), default=None
            As in `DARTSRegressor.predict`.

        Returns
        -------
        ndarray of shape (n,)
        """
        scores = self._outputs(X, groups)
        if len(self.classes_) == 2:
            return self.classes_[(scores[:, 0] > 0).astype(int)]
        return self.classes_[scores.argmax(axis=1)]

    @named_arguments()
    def score(
        self, X: Any, y: Any, sample_weight: Any = None, *, groups: Any = None
    ) -> float:
        """Share of the rows whose class is predicted.

        Parameters
        ----------
        X : array-like of shape (n, inputs)
        y : array-like of shape (n,)
        sample_weight : array-like of shape (n,), default=None
        groups : array-like of shape (n,), default=None
            As in `predict`.

        Returns
        -------
        float
        """
        found = self.predict(X, groups=groups)
        return float(accuracy_score(y, found, sample_weight=sample_weight))

    @property
    def _objective(self) -> Objective:
        return OBJECTIVES[_KINDS[len(self.classes_) > 2]]

    def _read(self, X: np.ndarray, groups: Any = None) -> np.ndarray:
        return np.clip(super()._read(X, groups), -_FURTHEST, _FURTHEST)

    def _stand_in(self) -> np.ndarray:
        return self._objective.inverse(self._y_mean)

    def _store(self, result: Result, what: Specification, fresh: bool) -> None:
        """Models are kept as equations of the log-odds, without the link."""
        super()._store(result, what, fresh)
        self.model_ = _linked(self.model_, "real")
        self.candidates_ = [_linked(model, "real") for model in self.candidates_]
        self._rows = [row._replace(model=_linked(row.model, "real")) for row in self._rows]

    def _earlier(self) -> tuple[Any, Model, Specification] | None:
        earlier = super()._earlier()
        if earlier is None:
            return None
        network, model, what = earlier
        return network, model.replace(objective=network.objective), what

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_class = True
        return tags


def _linked(model: Model, output_type: str) -> Model:
    return model.replace(objective=OBJECTIVES[output_type])


def _smoothed(targets: np.ndarray, n: float) -> np.ndarray:
    """Targets (n, classes) a little nearer to one another (Platt 1999)."""
    share = _PSEUDO_COUNT / n
    return (1 - share) * targets + share / targets.shape[1]
