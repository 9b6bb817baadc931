"""What is installed is written down, and nothing calls home."""

from __future__ import annotations

import re
import socket
import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from autora.skl.darts import DARTSRegressor

ROOT = Path(__file__).parents[1]
LOCKS = ("newest", "oldest")


def project() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def locked(name: str) -> dict[str, str]:
    lines = (ROOT / "locks" / f"{name}.txt").read_text().splitlines()
    pins = [line.split("==") for line in lines]
    assert all(len(pin) == 2 for pin in pins), "a version that is not a release"
    return {canonical(package): version for package, version in pins}


def canonical(package: str) -> str:
    return re.sub(r"[-_.]+", "-", package).lower()


@pytest.mark.parametrize("name", LOCKS)
def test_every_dependency_is_locked(name: str) -> None:
    wanted = [re.split(r"[><=\[]", line)[0] for line in project()["dependencies"]]
    assert {canonical(package) for package in wanted} <= set(locked(name))


def test_the_oldest_that_are_allowed_are_tested() -> None:
    found = locked("oldest")
    for line in project()["dependencies"]:
        package, least = line.split(">=")
        assert f"{found[canonical(package)]}.".startswith(f"{least}."), line


def test_nothing_calls_home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def refuse(*args: Any, **kwargs: Any) -> Any:
        raise AssertionError(f"a connection to {args[1:]}")

    for name in ("connect", "connect_ex", "sendto"):
        monkeypatch.setattr(socket.socket, name, refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    X = np.linspace(0.5, 3, 40)[:, None]
    for size in ({"num_graph_nodes": 1, "max_epochs": 2}, {"n_candidates": 500}):
        model = DARTSRegressor(**size, random_state=0).fit(X, 2 / X[:, 0])
        model.save(tmp_path / "model.json")
        assert DARTSRegressor.load(tmp_path / "model.json").latex() == model.latex()
        model.visualize_model()
