"""What a fit leaves behind, whichever search it was."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from ..graph.architecture import Choice, move_towards, probabilities
from ..graph.model import Model
from ..graph.objectives import Objective
from ..graph.search_space import SearchSpace
from ..runtime.messages import warn
from .candidates import Candidate
from .pareto import Row
from .theories import posterior_weights


class Network(NamedTuple):
    """The architecture weights of a mixture, and the space they belong to."""

    space: SearchSpace
    objective: Objective
    darts_type: str
    state: Any  #: `bilevel.State`

    @property
    def alphas(self) -> np.ndarray:
        """Architecture weights, shape (edges, primitives)."""
        return np.asarray(self.state.alphas)

    @property
    def node_alphas(self) -> np.ndarray:
        """Architecture weights of the nodes, shape (nodes, aggregations)."""
        if self.state.node_alphas is None:
            return np.zeros((self.space.n_nodes, self.space.n_aggregations))
        return np.asarray(self.state.node_alphas)

    @property
    def weights(self) -> np.ndarray:
        """Probability of every primitive on every edge, shape (edges, primitives)."""
        return probabilities(self.alphas, self.darts_type)

    @property
    def node_weights(self) -> np.ndarray:
        """Probability of every aggregation at every node, shape (nodes, aggregations)."""
        return probabilities(self.node_alphas)

    def moved_to(self, model: Model) -> Network:
        """The network with its weights moved towards a model of its space."""
        return self.moved_towards([model], np.zeros(1))

    def moved_towards(self, models: Sequence[Model], criteria: np.ndarray) -> Network:
        """The same for several models; see `move_towards`."""
        alphas, nodes = self.alphas, self.node_alphas
        edges = [model.architecture for model in models]
        moved = move_towards(alphas, self.darts_type, edges, criteria)
        changes = {"alphas": moved.astype(alphas.dtype)}
        if self.state.node_alphas is not None:
            aggregations = [model.aggregation for model in models]
            moved = move_towards(nodes, "original", aggregations, criteria)
            changes["node_alphas"] = moved.astype(nodes.dtype)
        return self._replace(state=self.state._replace(**changes))


class EquationDistribution(NamedTuple):
    """Which of the graphs found is right, where no mixture was trained.

    Graphs weigh as probable as they are by their criterion (`theories.posterior_weights`).
    The first is the one that was chosen: "max" takes it, "sample" draws by weight.
    """

    space: SearchSpace
    objective: Objective
    architectures: np.ndarray  #: (graphs, edges) primitives, −1 where there is no choice
    aggregations: np.ndarray  #: (graphs, nodes)
    probability: np.ndarray  #: (graphs,)

    @classmethod
    def of(
        cls,
        space: SearchSpace,
        objective: Objective,
        chosen: Model,
        candidates: Sequence[Candidate],
    ) -> EquationDistribution:
        """The distribution over models of one space, each at its best criterion."""
        weights: dict[bytes, float] = {_key(chosen): 0.0}
        models = {_key(chosen): chosen}
        criteria = np.array([candidate.criterion for candidate in candidates])
        with np.errstate(invalid="ignore"):  # of two that are not finite
            posterior = np.nan_to_num(posterior_weights(criteria))
        for candidate, share in zip(candidates, posterior, strict=True):
            key = _key(candidate.fit.model)
            models.setdefault(key, candidate.fit.model)
            weights[key] = max(weights.get(key, 0.0), share)
        total = sum(weights.values())
        shares = np.array(list(weights.values())) / total if total > 0 else np.ones(1)
        return cls(
            space,
            objective,
            np.stack([model.architecture for model in models.values()]),
            np.stack([model.aggregation for model in models.values()]),
            shares,
        )

    @property
    def weights(self) -> np.ndarray:
        """Probability of every primitive on every edge, shape (edges, primitives)."""
        return marginals(self.architectures, self.probability, self.space.n_primitives)

    @property
    def node_weights(self) -> np.ndarray:
        """Probability of every aggregation at every node, shape (nodes, aggregations)."""
        return marginals(self.aggregations, self.probability, self.space.n_aggregations)

    def drawn(self, strategy: str, rng: np.random.Generator) -> Iterator[Choice]:
        """Graphs in the order in which a strategy takes them; later ones stand by."""
        order = [0, *(1 + np.argsort(-self.probability[1:], kind="stable"))]
        if strategy == "sample":
            luck = rng.gumbel(size=len(self.probability))
            with np.errstate(divide="ignore"):
                luck += np.log(self.probability)
            order = np.argsort(-luck, kind="stable").tolist()
        for i in order:
            yield Choice(self.architectures[i], self.aggregations[i])

    def moved_to(self, model: Model) -> EquationDistribution:
        """The same with a model's graph as the chosen one."""
        same = (self.architectures == model.architecture).all(axis=1)
        same &= (self.aggregations == model.aggregation).all(axis=1)
        share = self.probability[same][:1] if same.any() else [0.0]
        return self._replace(
            architectures=np.vstack([model.architecture, self.architectures[~same]]),
            aggregations=np.vstack([model.aggregation, self.aggregations[~same]]),
            probability=np.concatenate([share, self.probability[~same]]),
        )


def _key(model: Model) -> bytes:
    return model.architecture.tobytes() + model.aggregation.tobytes()


def marginals(choices: np.ndarray, probability: np.ndarray, size: int) -> np.ndarray:
    """Probability of every choice, shape (places, size); none where there is no choice."""
    found = np.zeros((choices.shape[1], size))
    for row, share in zip(choices, probability, strict=True):
        on = np.flatnonzero(row >= 0)
        found[on, row[on]] += share
    return found


class SearchHistory(NamedTuple):
    """The best equations of an automatic search, one a generation; shapes (generations,).

    "Best" is by criterion, as everywhere in the search.
    """

    refits: np.ndarray  #: graphs refitted so far
    error: np.ndarray  #: loss of the best so far, as a share of the best constant's
    criterion: np.ndarray  #: of the best so far, see `criteria`


class Result(NamedTuple):
    network: Network | EquationDistribution
    model: Model
    history: Any  #: `SearchHistory`, or `bilevel.History` of a mixture
    candidates: list[Candidate]
    converged: bool
    rows: list[Row] = []  # noqa: RUF012 - never changed
    interruption: KeyboardInterrupt | None = None  #: what ended the fit before its time
    unrounded: Model | None = None  #: the model before coefficients became round


def warn_constant() -> None:
    warn(
        "no architecture of this search space has finite values on all rows, so the "
        "model is the best constant; add primitives that are defined on these data "
        "(ln needs positive, reciprocal non-zero arguments) or rescale X",
        ConvergenceWarning,
    )
