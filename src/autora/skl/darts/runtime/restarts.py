"""The same search from several seeds, one after another or side by side.

Joblib runs them: in processes, or where ``joblib.parallel_config`` says, in threads or on
the workers of Dask or Ray. What is found depends on the seeds alone: results are taken in
their order, whoever finished first.
"""

from __future__ import annotations

import math
import traceback
import warnings
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeVar

import joblib
from joblib.parallel import get_active_backend

from .messages import warn

Result = TypeVar("Result")
#: Times that restarts are handed out together; then one by one.
_TOGETHER = 2


class WorkersDied(RuntimeError):
    """No restart came back."""


@dataclass(frozen=True)
class Restarts:
    """How often to search, and by how many workers.

    ``n_jobs`` is joblib's: None means 1 unless ``joblib.parallel_config`` says otherwise,
    −1 all cores.
    """

    count: int
    n_jobs: int | None = None

    @property
    def workers(self) -> int:
        return min(self.count, max(1, joblib.effective_n_jobs(self.n_jobs)))

    @property
    def waves(self) -> int:
        """Restarts that one worker does after another."""
        return math.ceil(self.count / self.workers)

    @property
    def forks(self) -> bool:
        """Whether workers are copies of this process, which JAX must not have entered."""
        backend = get_active_backend()[0]
        return self.workers > 1 and type(backend).__name__ == "MultiprocessingBackend"

    def run(
        self,
        search: Callable[[Any], Result],
        seeds: Sequence[Any],
        enough: Callable[[Result], bool],
        prefer: str | None = None,
    ) -> tuple[list[Result], KeyboardInterrupt | None]:
        """Results of ``search(seed)`` in the order of the seeds; what is enough is last.

        A keyboard interrupt ends the restarts, too, and is returned with what there is.

        Parameters
        ----------
        search : callable
            Must be picklable for workers in other processes (joblib uses cloudpickle).
        prefer : {"threads", "processes"} or None
            Where ``joblib.parallel_config`` names no backend.

        Raises
        ------
        WorkersDied
            When workers died with every restart. Where some came back, a warning counts
            those that are lost.
        KeyboardInterrupt
            Before the first result.
        """
        if self.workers == 1:
            outcomes = (search(seed) for seed in seeds)
        else:
            outcomes = _side_by_side(search, seeds, _Crew(self.n_jobs, prefer))
        done: list[Result] = []
        try:
            for outcome in outcomes:
                done.append(outcome)
                if enough(outcome):
                    break
        except KeyboardInterrupt as interruption:
            if not done:
                raise
            return done, interruption
        finally:
            outcomes.close()
        return done, None


ONCE = Restarts(1)


class _Crew(NamedTuple):
    n_jobs: int | None
    prefer: str | None


def _side_by_side(
    search: Callable[[Any], Result], seeds: Sequence[Any], crew: _Crew
) -> Generator[Result, None, None]:
    left, deaths = list(seeds), 0
    while left and deaths < _TOGETHER:
        with _closing(_handed_out(search, left, crew)) as outcomes:
            while left:
                try:
                    outcome = next(outcomes)
                except Exception:  # not the search's own: a worker died
                    deaths += 1
                    break
                left.pop(0)
                yield _own(outcome)
    yield from _one_by_one(search, left, crew, len(seeds))


@contextmanager
def _closing(outcomes: Generator[Any, None, None]) -> Iterator[Generator[Any, None, None]]:
    """Joblib warns of tasks that end early; here that is the intention, or an error's."""
    try:
        yield outcomes
    finally:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", ".*have been cancelled", UserWarning)
            outcomes.close()


def _one_by_one(
    search: Callable[[Any], Result], left: list[Any], crew: _Crew, count: int
) -> Generator[Result, None, None]:
    """A worker that dies takes only the restart along that killed it."""
    lost: list[Exception] = []
    for seed in left:
        try:
            [outcome] = _handed_out(search, [seed], crew)
        except Exception as error:
            lost.append(error)
        else:
            yield _own(outcome)
    if len(lost) == count:
        raise WorkersDied(
            f"the workers died with all {count} restarts ({lost[-1]!r}); give them more "
            "memory, or set n_jobs=1"
        ) from lost[-1]
    if lost:
        warn(
            f"{len(lost)} of {count} restarts are lost, because their workers died "
            f"({lost[-1]!r}); the others count. Give the workers more memory or lower "
            "n_jobs",
            RuntimeWarning,
        )


def _own(outcome: tuple[Result, Exception | None]) -> Result:
    """The result, or the error that the search itself raised."""
    result, error = outcome
    if error is not None:
        raise error
    return result


def _handed_out(
    search: Callable[[Any], Result], seeds: Sequence[Any], crew: _Crew
) -> Generator[tuple[Any, Exception | None], None, None]:
    streams = get_active_backend()[0].supports_return_generator
    form = "generator" if streams else "list"
    # Not every backend takes a function that is not a module's.
    search = joblib.wrap_non_picklable_objects(search)
    parallel = joblib.Parallel(crew.n_jobs, prefer=crew.prefer, return_as=form)
    yield from parallel(joblib.delayed(_guarded)(search, seed) for seed in seeds)


def _guarded(search: Callable[[Any], Result], seed: Any) -> tuple[Any, Exception | None]:
    """Errors of the search travel as values; a pickled error loses its traceback."""
    try:
        return search(seed), None
    except Exception as error:
        error.add_note(f"In a worker:\n{traceback.format_exc()}")
        return None, error
