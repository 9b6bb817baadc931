"""The problems of the recovery benchmark, how fits are scored, and how runs are kept."""

from __future__ import annotations

import ast
import dataclasses
import importlib
import json
import lzma
import re
import sys
from collections import namedtuple
from pathlib import Path
from typing import Any

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "benchmarks"))

import mutation
from helpers import runs
from helpers.common import BENCHMARKS, RESULTS, ROOT
from helpers.fit import polished
from helpers.paired import pair, sign_test
from helpers.problems import Problem, load, parse
from helpers.report import page
from helpers.rivals import gplearn_text, peer_text
from helpers.scores import STRICT_EDGES, numbers, symbolic, verdict

PROBLEMS = {problem.key: problem for problem in load()}


@pytest.fixture(scope="module")
def learning() -> Problem:
    """x3 − (x3 − x2)·exp(−5·x1)"""
    return PROBLEMS["musslick2021/exp_learning"]


def strict(problem: Problem, text: str, edges: int = 5) -> bool:
    function = dataclasses.replace(problem, expression=text).function
    return numbers(problem.draw(), function, edges)["strict"]


# Problems


def test_every_problem_is_finite_where_it_is_sampled() -> None:
    assert len(PROBLEMS) >= 103
    for problem in PROBLEMS.values():
        assert problem.source and problem.licence
        data = problem.draw(rows=50)
        for X, y in (data[:2], data[2:4], data[4:]):
            assert X.shape == (50, len(problem.variables)) and np.isfinite(y).all()
            assert np.ptp(y) > 0, problem.key


def test_rows_follow_the_ranges(learning: Problem) -> None:
    low = np.array([v.low for v in learning.variables])
    high = np.array([v.high for v in learning.variables])
    data = learning.draw(seed=3)
    outside = ((data.X_wide < low) | (data.X_wide > high)).any(axis=1)
    assert (low <= data.X).all() and (high >= data.X).all() and outside.all()
    assert np.array_equal(data.X, learning.draw(seed=3).X)
    assert not np.array_equal(data.X, learning.draw(seed=4).X)
    switch = PROBLEMS["autora_synthetic/task_switching"].draw()
    assert set(switch.X[:, 2]) == set(switch.X_wide[:, 2]) == {0, 1}
    grid = PROBLEMS["keijzer/Keijzer-6"].draw(rows=50)
    assert np.allclose(np.sort(grid.X[:, 0]), np.linspace(1, 50, 50))


def test_noise_is_on_the_training_targets_only(learning: Problem) -> None:
    clean, noisy = learning.draw(rows=2000), learning.draw(rows=2000, noise=0.1)
    sigma = 0.1 * np.sqrt(np.mean(clean.y**2))
    assert np.std(noisy.y - clean.y) == pytest.approx(sigma, rel=0.1)
    for a, b in zip(clean[2:], noisy[2:], strict=True):
        assert np.array_equal(a, b)


@pytest.mark.parametrize(
    "text",
    ["__import__('os')", "x1.real", "y + 1", "open('f')", "[x1]", "x1 if x1 else 2", "'a'"],
)
def test_only_arithmetic_is_parsed(text: str) -> None:
    with pytest.raises(ValueError, match="cannot read"):
        parse(text, {"x1": 1})


# Scores


def test_the_truth_is_strict() -> None:
    for problem in PROBLEMS.values():
        scores = numbers(problem.draw(rows=50), problem.function, STRICT_EDGES)
        assert scores["strict"] and scores["good"], problem.key


@pytest.mark.parametrize(
    "near_miss",
    [
        "x3 - 1.001 * (x3 - x2) * exp(-5 * x1)",
        "x3 - (x3 - x2) * exp(-5.001 * x1)",
        "x3 - (x3 - x2) * exp(15) / (1 + exp(15 + 5 * x1))",
        "x3 - (x3 - x2) * exp(-5 * x1) + 0.001",
        "log(x1 - 2)",
    ],
)
def test_a_near_miss_is_not_strict(learning: Problem, near_miss: str) -> None:
    assert not strict(learning, near_miss)


def test_a_large_graph_is_not_strict(learning: Problem) -> None:
    assert strict(learning, learning.expression, STRICT_EDGES)
    assert not strict(learning, learning.expression, STRICT_EDGES + 1)


def test_a_fit_on_the_training_range_only_is_not_strict() -> None:
    problem = PROBLEMS["musslick2021/lca"]
    inside = problem.expression.replace("Max(x1, 0)", "Max(Min(x1, 1), 0)")
    assert not strict(problem, inside)


@pytest.mark.parametrize(
    ("text", "law"),
    [
        ("x3 - (x3 - x2) * exp(-5 * x1)", True),
        ("1.0002 * x3 - (x3 - 0.9998 * x2) * exp(-5.0003 * x1) + 1.7", True),
        ("2.5 * (x2 * exp(-5 * x1) + x3 * (1 - exp(-5 * x1)))", True),
        ("x3 - (x3 - x2) * exp(-5.01 * x1)", False),
        ("x3 - 1.01 * (x3 - x2) * exp(-5 * x1)", False),
        ("x3 - (x3 - x2) * exp(40) / (1 + exp(40 + 5 * x1))", False),
        ("x3 - (x3 - x2) * exp(-5 * x1) + 0.01 * x1", False),
        ("0.5", False),
    ],
)
def test_srbench_rule(learning: Problem, text: str, law: bool) -> None:
    assert verdict(learning, text, simplify=False) is law


def test_pi_rounds_like_a_fitted_constant() -> None:
    problem = PROBLEMS["srbench_feynman/feynman_III_4_32"]
    assert verdict(problem, "1 / (exp(0.1591549 * x1 * x2 / (x3 * x4)) - 1)", False)


def test_the_truth_need_not_be_rounded() -> None:
    """1 + n·α / (1 − n·α/3), written without a fraction."""
    problem = {p.name: p for p in load()}["feynman_II_11_28"]
    assert verdict(problem, "-9 / (x1 * x2 - 3) - 2", False)
    assert not verdict(problem, "-9 / (x1 * x2 - 3.01) - 2", False)


def test_sympy_is_stopped_and_that_is_told(learning: Problem) -> None:
    assert symbolic(learning, learning.expression, 1.0, 60) == {"symbolic": True}
    assert symbolic(learning, learning.expression, 0.3, 60) == {"symbolic": False}
    assert "no answer" in symbolic(learning, "x1", 1.0, 0.01)["symbolic_note"]


def test_polishing_reaches_double_precision() -> None:
    X = np.linspace(1, 2, 40).reshape(-1, 1)
    y = 2 * np.exp(0.3 * X[:, 0])
    text, error, constants = polished("(1.999 * exp((0.30004 * x1)))", X, y)
    assert error < 1e-28 and constants == 2
    assert parse(text, {"x1": 0}) == pytest.approx(2)


# Runs


#: Stands in for a fit, in another process; a module of its own starts quickly.
STAND_IN = """
import multiprocessing
import os

def answer(job):
    if job["problem"] == "raises":
        raise ZeroDivisionError("on purpose")
    if job["problem"] == "dies":
        os._exit(3)
    if job["problem"] == "has workers":
        with multiprocessing.get_context("spawn").Pool(1) as pool:
            assert pool.apply(abs, (-1,)) == 1
    scores = {"strict": True, "symbolic": True, "good": True, "r2_test": 1.0}
    return {**scores, "wall": 0.1, "process": os.getpid()}
"""


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Any, runs.Store]:
    """What stands in for a fit, and an empty store."""
    (tmp_path / "stand_in_for_a_fit.py").write_text(STAND_IN)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(runs, "RUNS", tmp_path / "runs")
    monkeypatch.setattr(runs, "NUMBERS", tmp_path / "numbers")
    answer = importlib.import_module("stand_in_for_a_fit").answer
    return answer, runs.Store("few", ("system", "problem", "seed"))


def lines(store: runs.Store) -> list[dict[str, Any]]:
    return [json.loads(line) for line in lzma.open(store.kept, "rt")]


def test_runs_keep_failures_and_resume(bench: tuple[Any, runs.Store]) -> None:
    answer, store = bench
    problems = ("fine", "raises", "dies")
    jobs = [{"system": "us", "problem": p, "seed": 0} for p in problems]
    runs.run(store, answer, jobs[:2], workers=1, seconds=1)
    assert len(lines(store)) == 3 and not store.running.exists()
    # Another run was killed while it wrote.
    store.append({"system": "us", "problem": "killed", "seed": 0})
    with store.running.open("a") as file:
        file.write('{"about": {"half a li": 1}')
    runs.run(store, answer, jobs, workers=1, seconds=1)
    rows = {row["problem"]: row for row in store.rows()}
    assert [*rows] == ["fine", "raises", "killed", "dies"] and len(store.origins()) == 2
    assert len(lines(store)) == 6 and not store.running.exists()
    assert rows["fine"]["strict"] and "error_text" not in rows["fine"]
    assert rows["raises"]["error_text"] == "ZeroDivisionError: on purpose"
    assert "exit code 3" in rows["dies"]["error_text"] and not rows["dies"]["strict"]


@pytest.mark.parametrize("cores, may", [(1, False), (2, True)])
def test_workers_of_a_fit_need_cores_of_their_own(
    cores: int, may: bool, bench: tuple[Any, runs.Store]
) -> None:
    answer, store = bench
    jobs = [{"system": "us", "problem": "has workers", "seed": 0}]
    runs.run(store, answer, jobs, workers=1, seconds=1, cores=cores)
    assert ("error_text" not in store.rows()[0]) is may


def test_processes_are_replaced_and_rows_told(
    bench: tuple[Any, runs.Store], capsys: pytest.CaptureFixture[str]
) -> None:
    answer, store = bench
    jobs = [{"system": "us", "problem": "fine", "seed": seed} for seed in range(5)]
    runs.run(store, answer, jobs, workers=1, seconds=1, tell=lambda row: "told", most=2)
    processes = [row["process"] for row in store.rows()]
    assert [processes.count(number) for number in dict.fromkeys(processes)] == [2, 2, 1]
    assert "[5/5] us fine seed 4: told\n" in capsys.readouterr().err


# Other systems


def test_the_peer_is_read_as_it_prints() -> None:
    printed = """Model:
k1 = - x1 + ReLU(2.50 * x2 + -0.50 )
k2 = 0
k3 = 1 / k1 + logistic(x1) - k2
y1 = 0.50 * k1 + -1.00 * k3 + 3.25"""
    text, _ = peer_text(printed)
    x = {"x1": 0.3, "x2": 1.7}
    k1 = -0.3 + 2.5 * 1.7 - 0.5
    k3 = 1 / k1 + 1 / (1 + np.exp(-0.3))
    assert float(parse(text, x)) == pytest.approx(0.5 * k1 - k3 + 3.25)


def test_programs_in_prefix_form_are_equations() -> None:
    word = namedtuple("word", "name arity")
    program = [word("sub", 2), word("log", 1), 1, word("div", 2), -0.25, word("exp", 1), 0]
    x = {"x1": 0.3, "x2": -1.7}
    expected = np.log(1.7) + 0.25 / np.exp(0.3)
    assert float(parse(gplearn_text(iter(program)), x)) == pytest.approx(expected)


def row(system: str, problem: str, strict: bool, cpu: float) -> dict[str, Any]:
    where = {"system": system, "suite": "s", "problem": problem, "seed": 0, "commit": "c"}
    scores = {"strict": strict, "symbolic": strict, "good": strict}
    return {**where, **scores, "wall": 2 * cpu, "cpu": cpu, "equation": "Model:\ny = 1"}


def test_pairs_and_page() -> None:
    rows = [row("a", str(i), True, 1.0) for i in range(9)]
    rows += [row("b", str(i), i < 3, 3.0) for i in range(8)]
    found = pair(rows, "a", "b", "strict")
    assert (found.count, found.first, found.second, found.both) == (8, 5, 0, 3)
    assert found.p == found.p_problems == sign_test(5, 0) == pytest.approx(2 / 32)
    assert found.ratio_cpu == 3 and found.sooner == 3 and np.isnan(found.ratio_exact)
    watched = [{**r, "cpu_exact": r["cpu"] ** 2 / 2} for r in rows]
    assert pair(watched, "a", "b", "strict").ratio_exact == 9
    assert "| 3.00 | 3 | 0.25 | 9.00 |" in page(watched, noisy=False)
    lost = {"system": "b", "suite": "s", "problem": "8", "seed": 0, "commit": "c"}
    text = page([*rows, {**lost, **runs.failure("it broke")}], noisy=False)
    assert "| a | 9 | 9 (100 %)" in text and "| b | 9 | 3 (33 %)" in text
    assert "it broke" in text and "Strict but not symbolic" not in text
    rows[0]["symbolic"] = False
    assert "- a, 0, seed 0: `y = 1`" in page(rows, noisy=False)
    assert page([], noisy=True)


# The folder


def test_the_index_has_every_page_as_it_is() -> None:
    """A page that was made anew may have another headline."""
    index = (RESULTS / "README.md").read_text("utf-8").splitlines()
    for path in {*RESULTS.glob("*.md")} - {RESULTS / "README.md"}:
        [line] = [line for line in index if f"]({path.name})" in line]
        made = dict(re.findall(r"^- (Date|Commit): (\S+)", path.read_text("utf-8"), re.M))
        assert ", ".join(made.values()) in line, line


def test_the_list_of_benchmarks_has_every_script() -> None:
    page = (BENCHMARKS / "README.md").read_text("utf-8")
    scripts = [path.name for path in BENCHMARKS.glob("*.py")]
    assert len(scripts) > 15
    assert not [name for name in scripts if f"`python benchmarks/{name}" not in page]


def test_scripts_import_what_exists() -> None:
    """Scripts import much of the package only when they need it."""
    for script in BENCHMARKS.rglob("*.py"):
        for node in ast.walk(ast.parse(script.read_text("utf-8"))):
            if isinstance(node, ast.ImportFrom) and "autora.skl" in (node.module or ""):
                exec(ast.unparse(node), {})


def test_mutated_modules_exist() -> None:
    for module in mutation.TESTS:
        assert (ROOT / mutation.PACKAGE / f"{module}.py").exists(), module
