"""The scikit-learn regressor."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass
from typing import Any, Self

import numpy as np
from sklearn.base import RegressorMixin
from sklearn.metrics import r2_score
from sklearn.utils.validation import check_is_fitted, validate_data

from ..equations.printing import numbered
from ..graph.objectives import OBJECTIVES
from ..graph.observations import checked_errors, checked_weights
from ..graph.primitives import Primitive
from .base import BaseDARTS
from .columns import named, require_numbers
from .intervals import RegressorIntervalMixin
from .keywords import named_arguments, named_parameters
from .observed import Observed
from .unit_columns import in_units_of_the_fit, magnitudes
from .validation import check_targets, plain


@named_parameters(last="sampling_strategy")
@dataclass(eq=False, repr=False)
class DARTSRegressor(RegressorMixin, RegressorIntervalMixin, BaseDARTS):
    """Find an interpretable equation by differentiable architecture search.

    An equation is a graph: every latent node combines primitives of the inputs and of
    earlier latent nodes; the output is a linear read-out of the latent nodes.

    Several outputs share the latent nodes; each has its own read-out.

    With ``num_graph_nodes="auto"`` the search is automatic and decides about the size of
    the graph. The best graphs of every complexity are changed where the architecture
    gradient promises most, and their coefficients are refitted exactly, until an equation
    is exact, nothing improves or the budget is spent. The parameters of the mixture, its
    steps and its epochs have no effect. With an integer, the graph is counted, as in DARTS:
    every node is the sum of one primitive from every source. The choice of primitives is
    relaxed into a softmax mixture, whose architecture weights and coefficients are trained
    in alternation; then architectures are sampled, refitted exactly and compared.

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
    output_type : {"real", "sigmoid", "probability", "probability_sample", \
"probability_distribution"}, default="real"
        What the output means. "sigmoid" and "probability": logistic link, squared error;
        "probability_sample": logistic link, Bernoulli likelihood of 0/1 outcomes;
        "probability_distribution": softmax over the columns of y, cross-entropy. An
        ``autora.variable.ValueType`` serves as well.
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
    tolerance : float in [0, 1) or "auto", default="auto"
        Error, as a share of the standard deviation of y, that is good enough: the search
        may stop there, and the shortest equation below it is selected. "auto": only an
        exact equation is good enough. But if the remaining errors are systematic (similar
        in neighbouring rows, or too small for any measurement, such as those of derivatives
        by differences), the equation at which the error has fallen steeply to less than a
        hundredth is selected, and longer ones are not. 0: the longer ones may be selected,
        too. Not for likelihoods.
    round_coefficients : bool, "exact" or "auto", default="auto"
        Whether coefficients are rounded to round numbers near them. True: if the data
        cannot tell the difference and the estimates are so precise that they would hardly
        be so near to round numbers by chance, the nearest first; "exact": only in exact
        equations; False: never. "auto": True in an automatic search, else False. For real
        outputs only.
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
    dimensionless_constants_only : bool, default=False
        Whether fitted coefficients must be pure numbers. Otherwise they may have units if
        `fit` is given units; ``coefficients_`` lists them.
    guesses : sequence of str or None, default=None
        Equations that may be right, such as ``["a*x1/(b + x1)", "Fechner: k*log(x1/d)"]``:
        names that are not columns are constants. They are fitted, and an automatic search
        begins with them; see ``guesses_``. For one output.
    group_coefficients : {"auto", "all", "output", "none"}, default="auto"
        If `fit` is given groups, which coefficients may differ between them: those for
        which the fit improves by more than they cost ("auto"), all, those of the read-out,
        or none.
    shrinkage : bool, default=True
        Whether the coefficients of a group are drawn towards those of the population, the
        more the less its rows tell (empirical Bayes; see ``population_``). False fits the
        coefficients of every group to its own rows only.
    equation : str or None, default=None
        One equation whose constants are fitted; there is no search then. See
        `from_equation`.
    constants : sequence of str, dict from names to values, or None, default=None
        Physical constants that equations may contain beside the columns of X, such as
        ``("c", "k_B")``, with the values of pint's registry. A dict defines constants of
        your own, such as ``{"mu": "1.2 kg"}``: its values are texts, quantities of pint,
        numbers for pure numbers, or None for the value of the registry. `fit` raises an
        error without units, for a name that is unknown or that of a column, and for a value
        that is zero, infinite or not a quantity. See ``constants_``.

    Attributes
    ----------
    model_ : Model
        The discovered equation: architecture and coefficients.
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
    guesses_ : DataFrame
        The table of `compare` for the guesses and the equation that was found, and whether
        the search began with each guess (``searched``). Not there without ``guesses``.
    selected_ : int or None
        The label of the row of ``equations_`` that is the model.
    y_step_ : float or ndarray of shape (outputs,)
        Step of the grid that y was found to lie on, as after rounding; 0 without one.
    noise_floor_ : float or ndarray of shape (outputs,)
        Standard deviation below which errors of y do not count, in units of y: that of
        ``y_error``, that of the rounding of y, or the smallest that repeated rows of X
        allow; 0 if nothing is known.
    constants_ : dict of str to float
        Values of ``constants`` in the units in which `model_repr` prints them.
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

    batch_size: int | str | None = "auto"
    num_graph_nodes: int | str = "auto"
    _: KW_ONLY
    output_type: str = "real"
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
    tolerance: float | str = "auto"
    round_coefficients: bool | str = "auto"
    validation_fraction: float = 0.3
    unrolled: bool = False
    precondition: bool = True
    random_state: int | np.random.RandomState | None = None
    warm_start: bool = False
    verbose: int = 0
    dimensionless_constants_only: bool = False
    guesses: Sequence[str] | None = None
    equation: str | None = None
    constants: Sequence[str] | Mapping[str, Any] | None = None
    group_coefficients: str = "auto"
    shrinkage: bool = True

    @named_arguments()
    def fit(
        self,
        X: Any,
        y: Any,
        sample_weight: Any = None,
        *,
        y_error: Any = None,
        X_units: Any = None,
        y_units: Any = None,
        groups: Any = None,
    ) -> Self:
        """Search for an equation of y in the columns of X.

        Without architecture updates (``max_epochs=0`` or ``arch_updates_per_epoch=0``) an
        estimator that is already fitted on the same search space keeps its architecture
        weights, samples again and refits the coefficients.

        Parameters
        ----------
        X : array-like or DataFrame of shape (n, inputs)
        y : array-like, Series or DataFrame of shape (n,) or (n, outputs)
        sample_weight : array-like of shape (n,), default=None
            How much every row counts: 2 is the same as the row twice, 0 the same as no such
            row. A common factor changes nothing. Criteria and standard errors depend on the
            number of observations. If repeated rows of X never differ in y, this is the
            number of distinct rows; otherwise weights that are multiples of one number say
            how often a row was observed, and other weights only compare rows. Instead of
            weights 1/σ² give σ as ``y_error``, which also says how large the errors are.
        y_error : float or array-like of shape (n,), default=None
            Standard deviation of the error of y, for all rows or for each, in units of y
            and larger than zero. Rows have the weight 1/y_error². Errors of that size are
            expected, so that explaining them gains little (χ²), and no equation counts as
            exact. Not for likelihoods.
        X_units : sequence or dict from names of columns, or "from_names", default=None
            Unit of every column, as pint writes it: "m/s", "" for a pure number, None or no
            entry where it is not known. "from_names" reads them off names such as "distance
            (m)". Only equations whose units agree are then searched: terms of a sum have
            the same unit, arguments of functions such as exp are numbers. Units are not
            converted: metres are added to kilometres with a coefficient. Predict takes X in
            the same units. Columns of pint-pandas, with a dtype such as "pint[m]", have
            units already, and predict converts them. Needs pint and an automatic search.
        y_units : str, or sequence of str for several outputs, default=None
            The same of y.
        groups : array-like of shape (n,), default=None
            The label of every row's group, such as its participant. All groups share one
            graph, and coefficients differ between them where the fit improves by more than
            that costs: see ``group_coefficients``, `of_group` and ``population_``. For one
            output and an automatic search.

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
            X, X_units = magnitudes(X, "X", X_units)
            y, y_units = magnitudes(y, "y", y_units)
            of_y = y_units[0] if isinstance(y_units, list) else y_units
            y_error = in_units_of_the_fit(y_error, "y_error", [of_y], ["y_error"])
            units = (X_units, y_units)
            interruption = self._fit(X, y, sample_weight, y_error, units, groups)
        if interruption is not None:
            raise interruption
        return self

    def _observed(self, X: Any, y: Any, sample_weight: Any, y_error: Any) -> Observed:
        objective = OBJECTIVES[plain(self.output_type)]
        labels = _output_labels(y)
        X = named(X)
        require_numbers("y", y)
        X, y = validate_data(
            self, X, y, dtype=np.float64, multi_output=True, y_numeric=True
        )
        targets = np.asarray(y, float).reshape(len(X), -1)
        check_targets(targets, objective)
        self._y_ndim = np.ndim(y)
        weight = checked_weights(sample_weight, len(X))
        if y_error is not None and objective.likelihood:
            raise ValueError(
                f"y_error is for squared errors; output_type={objective.name!r} has a "
                "likelihood of its own; leave y_error out"
            )
        error = checked_errors(y_error, targets, weight)
        labels = labels or numbered("y", targets.shape[1])
        return Observed(X, targets, weight, error, objective, labels)

    @named_arguments()
    def predict(
        self, X: Any, groups: Any = None, *, return_std: bool = False
    ) -> np.ndarray | tuple[np.ndarray, np.ndarray]:
        """Predictions in double precision, shaped like the y of the fit.

        Where the equation is undefined (a logarithm of a negative number) or overflows, the
        prediction is the mean of the training targets and a warning says so.

        Parameters
        ----------
        X : array-like of shape (n, inputs)
        groups : array-like of shape (n,), default=None
            The groups of the rows, if the fit had groups. With None, and for a group that
            was not in the fit, the coefficients of the population are used.
        return_std : bool, default=False
            Whether to return the standard deviation of an observation, too: that of the
            noise, the coefficients and the equations together (see `predict_interval`).
            It is infinite with fewer than three rows more than coefficients, where
            Student's distribution has no variance. Of a likelihood it is that of the
            probability.

        Returns
        -------
        ndarray of shape (n,) or (n, outputs), or two of them
        """
        prediction = self._outputs(X, groups)
        std = np.zeros(0)
        if return_std:
            self._say_if_nothing_is_open()
            std = self._std(X, groups, prediction)
        if self._y_ndim == 1:
            prediction, std = prediction[:, 0], std[:, 0] if return_std else std
        return (prediction, std) if return_std else prediction

    @named_arguments()
    def score(
        self, X: Any, y: Any, sample_weight: Any = None, *, groups: Any = None
    ) -> float:
        """R², the share of the variance of y that is explained.

        Parameters
        ----------
        X : array-like of shape (n, inputs)
        y : array-like of shape (n,) or (n, outputs)
        sample_weight : array-like of shape (n,), default=None
        groups : array-like of shape (n,), default=None
            As in `predict`.

        Returns
        -------
        float
        """
        check_is_fitted(self, "model_")
        y = self._plain_outputs(y)
        return float(
            r2_score(y, self.predict(X, groups=groups), sample_weight=sample_weight)
        )

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags


def _output_labels(y: Any) -> list[str] | None:
    """Names that y brings along: a DataFrame's columns or a Series' name."""
    if hasattr(y, "columns"):
        return [str(column) for column in y.columns]
    if isinstance(getattr(y, "name", None), str):
        return [y.name]
    return None
