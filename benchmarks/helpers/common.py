"""Provenance, result pages, and clocks and environments of processes."""

from __future__ import annotations

import contextlib
import datetime
import importlib.metadata
import json
import os
import platform
import subprocess
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
#: Scripts, and the package of helpers.
BENCHMARKS = ROOT / "benchmarks"
#: Pages, and the numbers behind them.
RESULTS = BENCHMARKS / "results"
NUMBERS = RESULTS / "numbers"
OUR_PACKAGES = ("jax", "numpy", "scipy", "scikit-learn")


# Provenance


def _cpu_model() -> str:
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()


def _memory_gib() -> float:
    with contextlib.suppress(ValueError, OSError, AttributeError):
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return float("nan")


def _load() -> str:
    with contextlib.suppress(OSError, AttributeError):
        return f"{os.getloadavg()[0]:.1f}"
    return "unknown"


def versions(packages: Iterable[str]) -> str:
    """Installed versions, such as "torch 2.13.0, numpy 2.3.1"."""
    found = [f"Python {platform.python_version()}"]
    for name in packages:
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            found.append(f"{name} {importlib.metadata.version(name)}")
    return ", ".join(found)


def _git(*arguments: str) -> str:
    run = ["git", "-C", str(ROOT), *arguments]
    with contextlib.suppress(OSError):
        return subprocess.run(run, capture_output=True, text=True).stdout.strip()
    return ""


def provenance() -> dict[str, str]:
    """When, where and with what a benchmark ran; read it before the benchmark runs."""
    commit = _git("rev-parse", "--short", "HEAD") or "unknown"
    changed = " with uncommitted changes" if _git("status", "--porcelain", "src") else ""
    return {
        "Date": datetime.date.today().isoformat(),
        "Machine": f"{_cpu_model()}, {os.cpu_count()} cores, {_memory_gib():.0f} GiB RAM",
        "Load before the run": _load(),
        "Ours": versions(OUR_PACKAGES),
        "Commit": commit + changed,
    }


# Result pages


def table(headers: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """A Markdown table."""
    lines = [headers, ["---"] * len(headers), *rows]
    # A pipe inside a cell would start another column.
    cells = [[str(cell).replace("|", r"\|") for cell in line] for line in lines]
    return "\n".join(f"| {' | '.join(line)} |" for line in cells)


def write_results(
    name: str, title: str, about: dict[str, str], body: str, show: bool = True
) -> None:
    """Keep a page as ``results/NAME.md`` and print it."""
    origin = "\n".join(f"- {key}: {value}" for key, value in about.items())
    page = f"# {title}\n\n{origin}\n\n{body.strip()}\n"
    RESULTS.mkdir(parents=True, exist_ok=True)
    (RESULTS / f"{name}.md").write_text(page)
    if show:
        print(page)


def write_numbers(name: str, numbers: Any) -> None:
    """Keep the numbers behind a page as ``results/numbers/NAME.json``."""
    NUMBERS.mkdir(parents=True, exist_ok=True)
    (NUMBERS / f"{name}.json").write_text(json.dumps(numbers, indent=1) + "\n")


def r2(y: np.ndarray, prediction: Any) -> float:
    """Coefficient of determination; −inf where a prediction is not finite."""
    rest = y.ravel() - np.asarray(prediction, float).ravel()
    value = 1 - np.sum(rest**2) / np.sum((y - y.mean()) ** 2)
    return float(value) if np.isfinite(value) else float("-inf")


# Processes


class Clock:
    """Wall-clock and processor seconds since it was made, children that ended included.

    On a machine that is shared the processor seconds are the steadier of the two.
    """

    def __init__(self) -> None:
        self._begin = self._now()

    @staticmethod
    def _now() -> tuple[float, float]:
        ended = os.times()
        children = ended.children_user + ended.children_system
        return time.perf_counter(), time.process_time() + children

    def read(self) -> tuple[float, float]:
        wall, cpu = self._now()
        return wall - self._begin[0], cpu - self._begin[1]


def environment(ours: bool) -> dict[str, str]:
    """Environment variables of a child process, with or without this source tree."""
    variables = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    if ours:
        variables["PYTHONPATH"] = str(ROOT / "src")
    return variables
