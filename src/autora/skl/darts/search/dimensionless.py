"""A search among dimensionless groups, for equations whose coefficients are numbers.

An equation between quantities that holds in all units is one between dimensionless products
of their powers (Buckingham 1914, Physical Review 4): y = s(x)·f(π1, π2, …). There are fewer
groups than columns, and every graph over them has units that agree. What is found is
written in the columns again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import combinations, combinations_with_replacement
from typing import NamedTuple

import numpy as np

from ..fitting.problem import Problem, mean_loss, thinned
from ..fitting.refit import Fit, levenberg_marquardt
from ..graph.dimensions import Dimensions
from ..graph.model import Edge, Model, in_degrees
from ..graph.primitives import IDENTITY, Primitive, monomial
from ..graph.search_space import SearchSpace, most_parallel
from ..runtime.budget import Budget
from ..runtime.restarts import Restarts
from ..selection import criteria
from ..selection.candidates import Candidate
from ..selection.table import constant, is_systematic
from .assembly import assembled, space_for, whole
from .dimensions import agrees
from .finalize import MOST_ROWS
from .from_sympy import shorter
from .parallel import Search, SearchStatus
from .single_output import Found, explore as explore_columns, refit as refit

#: Most edges that a power of a column is written with.
_MOST_EDGES = 6
#: Exponents are multiples of this.
_PART = 0.5
#: Steps of refits from nearby; how much worse a shorter form may fit.
_STEPS, _AS_GOOD = 40, 1e-6
#: Complexity of an intercept: a coefficient, for which no form was tried.
_INTERCEPT = 0.5
#: How much sizes of weights that may be one may differ, and what one less is worth.
_ALIKE, _TIE = 0.2, 0.5
#: Equations that algebra is asked to shorten.
_SHORTENED = 3


class Groups(NamedTuple):
    """Dimensionless products of powers of the columns, and one with the unit of y."""

    powers: np.ndarray  #: (groups, inputs)
    scale: np.ndarray  #: (inputs,)

    def values(self, x: np.ndarray) -> np.ndarray:
        """Values of the groups, shape (n, groups)."""
        return _products(x, self.powers)


def _products(x: np.ndarray, powers: np.ndarray) -> np.ndarray:
    found = np.empty((len(x), len(powers)))
    with np.errstate(all="ignore"):
        for column, row in zip(found.T, powers, strict=True):
            column[:] = np.prod(x**row, axis=1)
    return found


def groups_of(dimensions: Dimensions, positive: np.ndarray) -> list[Groups]:
    """Ways to make dimensionless groups, those with small whole exponents first.

    Some columns, all ``positive`` and of independent units, take the units away from every
    other column and from y (the repeating variables of dimensional analysis).
    """
    units, output = dimensions.inputs, dimensions.outputs[0]
    rank = int(np.linalg.matrix_rank(units)) if units.size else 0
    found: list[tuple[float, Groups]] = []
    for repeated in combinations(np.flatnonzero(positive).tolist(), rank):
        basis = units[list(repeated)]
        if np.linalg.matrix_rank(basis) < rank:
            continue
        others = [i for i in range(len(units)) if i not in repeated]
        targets = np.concatenate([-units[others], output[None]])
        solved = np.linalg.lstsq(basis.T, targets.T, rcond=None)[0].T
        solved = np.round(solved / _PART) * _PART
        if not np.allclose(solved @ basis, targets, atol=1e-6):
            continue
        powers = np.zeros((len(targets), len(units)))
        powers[:, list(repeated)] = solved
        powers[np.arange(len(others)), others] = 1.0
        price = np.abs(powers).sum() + 10 * np.count_nonzero(powers % 1)
        found.append((float(price), Groups(powers[:-1], powers[-1])))
    return [groups for _, groups in sorted(found, key=lambda pair: pair[0])]


class _Node(NamedTuple):
    """A node on its way to the columns."""

    product: bool
    edges: list[Edge]
    powers: np.ndarray  #: (inputs,) what a product has of the columns beside its edges


class _Writer:
    """A model of the groups, written as one of the columns.

    A product takes in powers of groups, and what the read-out sees takes in the scale.
    """

    def __init__(self, groups: Groups, model: Model) -> None:
        self.groups, self.model = groups, model
        self.nodes: list[_Node] = []
        self.places: dict[int, int] = {}  #: of sources of the model that are nodes here

    def _added(self, node: _Node) -> int:
        self.nodes.append(node)
        return len(self.groups.scale) + len(self.nodes) - 1

    def _source(self, old: int) -> int:
        """The column or node that stands for a source of the model."""
        if old in self.places:
            return self.places[old]
        powers = self.groups.powers[old]
        if np.count_nonzero(powers) == 1 and powers.max() == 1:
            return int(np.argmax(powers))
        self.places[old] = self._added(_Node(True, [], powers))
        return self.places[old]

    def _node(self, node: int, into: Sequence[Edge], scale: np.ndarray) -> int:
        """A node of the model; what multiplies it comes along."""
        product = bool(self.model.products[node]) or len(into) == 1
        powers, edges = np.zeros(len(self.groups.scale)), list[Edge]()
        for edge in into:
            is_group = edge.source < len(self.groups.powers)
            if product and is_group and _is_power(edge.primitive):
                exponent = edge.primitive.exponent
                powers = powers + exponent * self.groups.powers[edge.source]
            else:
                edges.append(replace(edge, source=self._source(edge.source)))
        if product:
            return self._added(_Node(True, edges, powers + scale))
        place = self._added(_Node(False, edges, powers))
        if scale.any():
            whole = Edge(place, 0, IDENTITY, ())
            place = self._added(_Node(True, [whole], scale))
        return place

    def written(self) -> tuple[list[_Node], dict[int, float], float]:
        """Nodes, their weights in the read-out and the intercept."""
        model, scale = self.model, self.groups.scale
        n_groups, nothing = len(self.groups.powers), np.zeros(len(scale))
        live, weights, bias = model.live_edges(), dict[int, float](), float(model.bias[0])
        feeds = {edge.source - n_groups for edge in live}
        for node in sorted({edge.target for edge in live}):
            weight, into = model.readout[node, 0], [e for e in live if e.target == node]
            if node in feeds:
                self.places[n_groups + node] = self._node(node, into, nothing)
            if weight:
                weights[self._node(node, into, scale)] = float(weight)
        if bias and scale.any():
            weights[self._added(_Node(True, [], scale))] = bias
            bias = 0.0
        return self.nodes, weights, bias


def _is_power(primitive: Primitive) -> bool:
    """Whether it is x^p and nothing more."""
    return bool(primitive.exponent and primitive.factor == 1 and not primitive.params)


def _edges(
    node: _Node, target: int, monomials: dict[float, Primitive]
) -> list[Edge] | None:
    """The edges of a node; None where powers cannot be written with the vocabulary."""
    found = [replace(edge, target=target) for edge in node.edges]
    for column, power in enumerate(node.powers.tolist()):
        parts = _monomials(power, monomials)
        if parts is None:
            return None
        found += [Edge(column, target, p, ()) for p in parts]
    return found


def _monomials(power: float, known: dict[float, Primitive]) -> list[Primitive] | None:
    """The fewest functions of x whose product is a power of x."""
    for count in range(_MOST_EDGES + 1):
        for exponents in combinations_with_replacement(sorted(known), count):
            if abs(sum(exponents) - power) < 1e-9:
                return [known[exponent] for exponent in exponents]
    return None


def in_columns(model: Model, groups: Groups) -> Model | None:
    """A model of the groups as one of the columns; None where it cannot be written."""
    primitives = model.space.primitives
    monomials = {float(p.exponent or 0): p for p in primitives if _is_power(p)}
    nodes, weights, bias = _Writer(groups, model).written()
    n_inputs, edges = len(groups.scale), list[Edge]()
    for target, node in enumerate(nodes):
        own = _edges(node, target, monomials)
        if not own:  # a power of columns that is no function of them
            return None
        edges += own
    readout = np.zeros((max(1, len(nodes)), 1))
    for place, weight in weights.items():
        readout[place - n_inputs, 0] = weight
    products = np.array([node.product for node in nodes] or [False])
    return _model(n_inputs, edges, readout, bias, products, model)


def _model(
    n_inputs: int,
    edges: Sequence[Edge],
    readout: np.ndarray,
    bias: float,
    products: np.ndarray,
    like: Model,
) -> Model:
    """A model in the smallest space that has its edges."""
    into = np.bincount([edge.target for edge in edges], minlength=1)
    copies = most_parallel((edge.source, edge.target) for edge in edges)
    space = SearchSpace(
        n_inputs, len(readout), 1, like.space.primitives, ("sum", "product"),
        max(1, int(into.max())), copies,
    )  # fmt: skip
    kinds = products.astype(int)
    return Model.from_edges(space, like.objective, edges, readout, np.array([bias]), kinds)


def tied(model: Model) -> Model | None:
    """A model whose read-out weights of about the same size are one; None without any.

    What a choice of groups takes apart, as m·v² and m·u² in m·v²·(1 + u²/v²), belongs
    together in a sum.
    """
    weights, n_inputs = model.readout[:, 0], model.space.n_inputs
    sizes, names = np.abs(weights), model.space.names
    near = np.abs(sizes[:, None] - sizes) <= _ALIKE * sizes
    near &= (sizes > 0)[:, None] & (sizes > 0)
    together = near[int(np.argmax(near.sum(axis=1)))]
    signs = [monomial(1.0, factor) for factor in (1.0, -1.0)]
    able = all(sign is not None and sign.name in names for sign in signs)
    if together.sum() < 2 or not able:
        return None
    node, members = len(weights), np.flatnonzero(together).tolist()
    first = weights[members[0]]
    edges = list(model.edges())
    for k in members:
        sign = signs[int(weights[k] * first < 0)]
        assert sign is not None
        edges.append(Edge(n_inputs + k, node, sign, ()))
    readout = np.append(np.where(together, 0.0, weights), first)[:, None]
    products = np.append(model.products, False)
    return _model(n_inputs, edges, readout, float(model.bias[0]), products, model)


class _Reduced(NamedTuple):
    """A problem in dimensionless groups."""

    groups: Groups
    problem: Problem
    unit: float  #: its loss for one of y

    @classmethod
    def of(cls, groups: Groups, problem: Problem) -> _Reduced:
        """Of y in units of the scale; rows weigh what their errors do in y."""
        scale = _products(problem.x, groups.scale[None])[:, 0]
        x, weight = groups.values(problem.x), problem.weight * scale**2
        unit = float(problem.weight.sum() / weight.sum())
        known = len(x) if problem.distinct is None else problem.distinct
        reduced = problem._replace(
            x=x,
            y=problem.y / scale[:, None],
            weight=weight * unit,
            train_bias=True,
            distinct=min(known, len(np.unique(x, axis=0))),
            floor=tuple(floor * unit for floor in problem.floor),
            dimensions=None,
        )
        return cls(groups, reduced, unit)

    @property
    def finite(self) -> bool:
        parts = self.problem.x, self.problem.y, self.problem.weight
        return all(bool(np.isfinite(part).all()) for part in parts)

    def candidates(self, models: Sequence[Model], columns: Problem) -> list[Candidate]:
        """Models of the groups, each with and without an intercept, in the columns."""
        free = self.problem._replace(train_bias=False, sparse_readout=True)
        found = []
        for model in models:
            forms = [model]
            if model.readout.any():
                blank = model.replace(bias=np.zeros(1))
                forms.append(levenberg_marquardt(free, blank, _STEPS).model)
            for one in forms:
                written = in_columns(one, self.groups)
                if written is None:
                    continue
                found.append(self._judged(one, written, columns))
                if (together := tied(written)) is not None:
                    fixed = columns._replace(sparse_readout=True)
                    together = levenberg_marquardt(fixed, together, _STEPS).model
                    before, after = (
                        int(np.count_nonzero(m.readout)) for m in (written, together)
                    )
                    found.append(self._judged(one, together, columns, before - after))
        return found

    def _judged(
        self, model: Model, written: Model, columns: Problem, ties: int = 0
    ) -> Candidate:
        """A model of the groups as it is written in the columns, with some weights tied.

        Units leave no choice of powers, so that only what is made of the groups was tried;
        an intercept is half a term.
        """
        known, loss = criteria.evidence(columns), mean_loss(written, columns)
        share, intercept = loss / criteria.constant_loss(columns), bool(model.bias.any())
        trained = self.problem._replace(train_bias=intercept, sparse_readout=True)
        k, size = criteria.n_coefficients(model, trained), criteria.complexity(model, True)
        value = criteria.misfit(known, share, k)
        if size:
            size += _INTERCEPT * intercept - _TIE * ties
            value = criteria.criterion(known, share, k - ties, size)
        return Candidate(Fit(written, loss, 0), float(value))


def _by_criterion(candidate: Candidate) -> float:
    return candidate.criterion


def _is_exact(candidate: Candidate, problem: Problem) -> bool:
    return criteria.fits_exactly(candidate.fit.model, candidate.fit.loss, problem)


def explore(
    search: Search,
    restarts: Restarts,
    rng: np.random.Generator,
    progress: Callable[[SearchStatus], None],
) -> Found:
    """As `single_output.explore`; first among groups.

    Where these leave more than noise, the columns themselves are searched, too.
    """
    columns, dimensions = search.problem, search.problem.dimensions
    assert dimensions is not None
    positive = np.asarray((columns.x > 0).all(axis=0))
    choices = groups_of(dimensions, positive)[: search.options.groups]
    reduced = [_Reduced.of(choice, columns) for choice in choices]
    reduced = [one for one in reduced if one.finite]
    budget = Budget(
        *(
            limit / (max(1, search.options.columns + len(reduced)))
            for limit in search.budget
        )
    )
    candidates, runs = _known(search), list[Found]()

    def watch(seen: SearchStatus) -> None:
        progress(seen._replace(fitted=sum(run.fitted for run in runs) + seen.fitted))

    def is_over() -> bool:
        """Whether what is found leaves nothing, or nothing but noise."""
        if runs and runs[-1].interruption is not None:
            return True
        best = min(candidates, key=_by_criterion, default=None)
        if best is None or not (runs or _is_exact(best, columns)):
            return False
        return not is_systematic(best.fit.model, best.fit.loss, columns)

    for one in reduced:
        n_groups = one.problem.x.shape[1]
        space = SearchSpace(max(n_groups, 1), 1, 1, search.bounds.primitives)
        scale = constant(space, search.objective, one.problem)
        candidates += one.candidates([scale], columns)
        if n_groups and not is_over():
            part = replace(search, problem=one.problem, budget=budget, known=())
            runs.append(explore_columns(part, restarts, rng, watch))
            found = [candidate.fit.model for candidate in runs[-1].candidates]
            candidates += one.candidates(found, columns)
        if is_over():
            break
    if not reduced or (search.options.columns and not is_over()):
        part = replace(search, budget=budget)
        runs.append(explore_columns(part, restarts, rng, watch))
        candidates += [
            candidate
            for candidate in runs[-1].candidates
            if agrees(candidate.fit.model, dimensions)
        ]
    candidates = sorted(candidates, key=_by_criterion)
    candidates += _shorter(search, candidates[:_SHORTENED])
    return _joined(search, runs, candidates)


def _known(search: Search) -> list[Candidate]:
    """Models that take part from the start, as they are: groups cannot hold all of them."""
    columns, found = search.problem, list[Candidate]()
    for model in search.known:
        loss = mean_loss(model, columns)
        if np.isfinite(loss) and agrees(model, columns.dimensions):
            value = criteria.judged(model, loss, columns._replace(sparse_readout=True))
            found.append(Candidate(Fit(model, loss, 0), value))
    return found


def _shorter(search: Search, candidates: Sequence[Candidate]) -> list[Candidate]:
    """What algebra makes of the best: cancelled columns, factors of sums."""
    columns, found = search.problem, list[Candidate]()
    sample = thinned(columns, MOST_ROWS, np.random.default_rng(0))
    for candidate in candidates:
        model = candidate.fit.model
        widest = max(in_degrees(model))
        bounds = search.bounds._replace(max_nodes=model.space.n_nodes, max_in_degree=widest)
        short = shorter(model, bounds, True, sample.x)
        if short is None or not agrees(short, columns.dimensions):
            continue
        free = columns._replace(sparse_readout=True)
        fit = levenberg_marquardt(free, short, _STEPS)
        if fit.loss <= candidate.fit.loss * (1 + _AS_GOOD):
            found.append(candidate._replace(fit=fit))
    return found


def _joined(
    search: Search, runs: Sequence[Found], candidates: Sequence[Candidate]
) -> Found:
    """The candidates in one space, best first; of equal criteria the simplest first."""
    pieces = [whole(candidate.fit.model) for candidate in candidates]
    n_inputs, bounds = search.problem.x.shape[1], search.bounds
    widest = max((max(in_degrees(piece.model)) for piece in pieces), default=1)
    like = SearchSpace(
        n_inputs, 1, 1, bounds.primitives, ("sum", "product"),
        max(widest, bounds.max_in_degree),
    )  # fmt: skip
    space = space_for([[piece] for piece in pieces], like, 1)
    moved = []
    for candidate, piece in zip(candidates, pieces, strict=True):
        readout = piece.model.readout[list(piece.reads)]
        model = assembled([piece], space, search.objective, [readout], piece.model.bias)
        moved.append(candidate._replace(fit=candidate.fit._replace(model=model)))
    moved.sort(key=lambda c: (c.criterion, criteria.complexity(c.fit.model, True)))
    return Found(
        space,
        moved,
        sum(run.fitted for run in runs),
        any(run.out_of_budget for run in runs),
        next((run.interruption for run in runs if run.interruption), None),
    )
