"""Many fits, each in a process of its own, and their results in a file that only grows.

Every finished fit is one line of ``runs/NAME.jsonl``, written at once, so a run that is
interrupted keeps what it has and the next one goes on from there. At the end of a run the
lines join those of earlier runs in ``results/numbers/NAME.jsonl.xz``. A fit that raises,
kills its process or does not come back is a line, too.
"""

from __future__ import annotations

import contextlib
import json
import lzma
import multiprocessing
import os
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from helpers.common import BENCHMARKS, NUMBERS, provenance, versions

#: The lines of runs that have not come to their end.
RUNS = BENCHMARKS / "runs"

#: One thread each: a system that takes more cores than the others has another budget.
LIBRARIES = ("OMP", "OPENBLAS", "MKL", "NUMBA", "VECLIB")
ONE_THREAD = {f"{library}_NUM_THREADS": "1" for library in LIBRARIES}
OTHERS = ("numba", "sympy", "pyoperon", "gplearn")
#: A fit may take this many times its budget, plus the start of a process and scoring.
PATIENCE, START = 10, 180.0

Row = dict[str, Any]


class Store:
    """The lines of one name; of two lines with one key the later one counts."""

    def __init__(self, name: str, key: tuple[str, ...]) -> None:
        self.name, self.key = name, key
        self.running = RUNS / f"{name}.jsonl"
        self.kept = NUMBERS / f"{name}.jsonl.xz"

    def identity(self, row: Row) -> tuple[Any, ...]:
        return tuple(row[name] for name in self.key)

    def _lines(self) -> Iterator[Row]:
        texts = []
        if self.kept.exists():
            texts.append(lzma.decompress(self.kept.read_bytes()).decode())
        if self.running.exists():
            texts.append(self.running.read_text())
        for line in (line for text in texts for line in text.splitlines()):
            # A run that was killed may have left half a line.
            with contextlib.suppress(json.JSONDecodeError):
                yield json.loads(line)

    def rows(self) -> list[Row]:
        lines = [line for line in self._lines() if "about" not in line]
        return list({self.identity(line): line for line in lines}.values())

    def origins(self) -> list[dict[str, str]]:
        """Provenance of every run that added to the lines."""
        return [line["about"] for line in self._lines() if "about" in line]

    def append(self, row: Row) -> None:
        self.running.parent.mkdir(parents=True, exist_ok=True)
        new = not self.running.exists()
        whole = new or self.running.read_bytes()[-1:] in (b"", b"\n")
        with self.running.open("a") as file:
            file.write(("" if whole else "\n") + json.dumps(row) + "\n")

    def keep(self) -> None:
        """Compress all lines into one file, if there are new ones."""
        if not self.running.exists():
            return
        text = "".join(json.dumps(line) + "\n" for line in self._lines())
        self.kept.parent.mkdir(parents=True, exist_ok=True)
        partial = self.kept.with_suffix(".partial")
        partial.write_bytes(lzma.compress(text.encode(), preset=9))
        partial.replace(self.kept)
        self.running.unlink()


def run(
    store: Store,
    work: Callable[[Row], Row],
    jobs: list[Row],
    workers: int,
    seconds: float,
    again: tuple[str, ...] = (),
    cores: int = 1,
    tell: Callable[[Row], str] | None = None,
    most: int | None = None,
) -> None:
    """Work off the jobs that the store does not have, in their order.

    Parameters
    ----------
    work : function of a module
        Takes a job and returns the columns that it adds to the row. It runs in another
        process.
    jobs : list of dict
        What identifies a row, and whatever else ``work`` needs.
    again : tuple of str
        Systems whose earlier rows do not count.
    cores : int
        Of each worker. With more than one a fit may start processes of its own.
    tell : function, optional
        What the screen shows of a row; else whether the law was found.
    most : int, optional
        Fits of one process, whose memory grows with what it compiles; else all.
    """
    done = {store.identity(r) for r in store.rows() if r["system"] not in again}
    left = [job for job in jobs if store.identity(job) not in done]
    if left:
        about = provenance() | {"With": versions(OTHERS)}
        store.append({"about": about})
        done_before = len(jobs) - len(left)
        print(f"{len(left)} fits to do, {done_before} done before", file=sys.stderr)
        patience = PATIENCE * seconds + START
        crew = [
            Worker(work, range(i * cores, (i + 1) * cores), patience, most)
            for i in range(min(workers, len(left)))
        ]
        _share_out(store, left, crew, about["Commit"], tell or verdicts)
    store.keep()


def _share_out(
    store: Store,
    jobs: list[Row],
    crew: list[Worker],
    commit: str,
    tell: Callable[[Row], str],
) -> None:
    """Every worker takes the next job as soon as it is free."""
    queue, lock = iter(enumerate(jobs, 1)), threading.Lock()

    def slot(worker: Worker) -> None:
        while True:
            with lock:
                number, job = next(queue, (0, None))
            if job is None:
                return worker.stop()
            row = {**job, **worker.ask(job), "commit": commit}
            with lock:
                store.append(row)
                what = row.get("error_text") or tell(row)
                who = f"{row['system']} {row['problem']} seed {row['seed']}"
                said = f"[{number}/{len(jobs)}] {who}: {what}"
                print(said, file=sys.stderr, flush=True)

    # Daemons: an interrupt ends the run although fits are under way.
    threads = [threading.Thread(target=slot, args=(w,), daemon=True) for w in crew]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def verdicts(row: Row) -> str:
    """Whether the law was found, how near the fit is, and how long it took."""
    passed = [name for name in ("strict", "symbolic") if row[name]]
    return f"{' '.join(passed) or 'no'}, R² {row['r2_test']}, {row['wall']:.1f} s"


class Worker:
    """A process that answers one job after the other and is replaced when it dies.

    Or after the ``most`` jobs that one process is given.
    """

    def __init__(
        self,
        work: Callable[[Row], Row],
        cores: Sequence[int],
        patience: float,
        most: int | None = None,
    ) -> None:
        self.work, self.cores, self.patience, self.most = work, cores, patience, most
        self._process: Any = None
        self._asked = 0

    def ask(self, job: Row) -> Row:
        """The answer; a death or a timeout is an answer with ``error_text``."""
        if self._asked == self.most:
            self.stop()
        if self._process is None:
            self._start()
        self._asked += 1
        try:
            self._pipe.send(job)
            if self._pipe.poll(self.patience):
                return self._pipe.recv()
            text = f"no answer in {self.patience:.0f} s"
        except (EOFError, OSError):
            self._process.join()
            text = f"the process died with exit code {self._process.exitcode}"
        self._process.kill()
        self._process = None
        return failure(text)

    def stop(self) -> None:
        if self._process is not None:
            self._pipe.send(None)
            self._process.join()
            self._process = None

    def _start(self) -> None:
        os.environ.update(ONE_THREAD)
        self._asked = 0
        # A fresh interpreter: JAX does not survive a fork.
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        arguments = (self.work, self.cores, theirs)
        # A daemon dies with this process, but may not have workers of its own.
        alone = len(self.cores) == 1
        self._process = context.Process(target=_answer, args=arguments, daemon=alone)
        self._process.start()
        theirs.close()


def failure(text: str) -> Row:
    """The columns of a fit that gave nothing."""
    scores = {"strict": False, "symbolic": False, "good": False}
    return {**scores, "error_text": text, "r2_test": None, "wall": None, "cpu": None}


def _answer(work: Callable[[Row], Row], wanted: Sequence[int], pipe: Any) -> None:
    if hasattr(os, "sched_setaffinity"):
        # Under `taskset` only the cores that it leaves are shared out.
        cores = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(0, {cores[core % len(cores)] for core in wanted})
    while (job := pipe.recv()) is not None:
        try:
            answer = work(job)
        except Exception as error:  # a failure is a result, too
            answer = failure(f"{type(error).__name__}: {error}")
        pipe.send(answer)
    if len(wanted) > 1:
        from joblib.externals.loky import get_reusable_executor

        # This process would wait until the workers of the last fit have been idle long.
        get_reusable_executor().shutdown(wait=True)
