#!/usr/bin/env python3
"""Commands for a fresh machine with Python 3.11 or newer and nothing else.

    python3 dev.py tutorial   make the environment, run the tutorial, draw its graphs
    python3 dev.py test       make the environments, check the code, run all tests
    python3 dev.py docs       build the documentation to out/site; warnings are errors
    python3 dev.py coverage   run the tests and say which branches of the code they take
    python3 dev.py lock       write anew which versions the two environments have
    python3 dev.py audit      look the locked versions up for known vulnerabilities

Environments live in .venv (newest releases) and .venv-autora (beside autora-core, which
needs NumPy 1, with the oldest releases that are supported); they are made once and again
whenever pyproject.toml or a lock changes. The locks, locks/*.txt, are for Python 3.11;
another Python gets the newest releases that pyproject.toml allows.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tomllib
import venv
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent
LOCKS = ROOT / "locks"
#: The Python whose versions are locked.
LOCKED_PYTHON = (3, 11)


class Environment(NamedTuple):
    folder: str
    extras: str
    lock: str
    oldest: bool = False  #: of what pyproject.toml allows, not the newest


MAIN = Environment(".venv", "dev,docs", "newest")
MEASURING = Environment(".venv-measure", "dev,docs,measure", "newest")
#: Beside autora-core.
AUTORA = Environment(".venv-autora", "dev,autora", "oldest", oldest=True)
#: Tests that start worker processes of their own and want the cores for themselves.
CROWDED = "tests/test_restarts.py"
#: Tests of the compiled loops, which run without the compiler, too.
KERNELS = "tests/test_kernels.py"
WORKERS = ("-n", "auto", "--maxprocesses", "4", "--dist", "worksteal")
OLDEST = (
    "tests/test_autora.py",
    "tests/test_ecosystem.py",
    "tests/test_estimator.py::test_scikit_learn",
    "tests/test_classifier.py::test_scikit_learn",
)


def run(*command: str | Path) -> None:
    print("$", *command, flush=True)
    code = subprocess.run([str(part) for part in command], cwd=ROOT).returncode
    if code:
        sys.exit(code)


def interpreter(home: Path) -> Path:
    bin_folder = home / ("Scripts" if os.name == "nt" else "bin")
    return bin_folder / ("python.exe" if os.name == "nt" else "python")


def fresh(home: Path, *packages: str | Path) -> Path:
    """The interpreter of a new environment."""
    print(f"making {home.name} (once; about a minute)", flush=True)
    shutil.rmtree(home, ignore_errors=True)
    venv.create(home, with_pip=True)
    run(interpreter(home), "-m", "pip", "install", "-q", *packages)
    return interpreter(home)


def environment(wanted: Environment) -> Path:
    """The interpreter of an environment that has this package installed."""
    home, pins = ROOT / wanted.folder, LOCKS / f"{wanted.lock}.txt"
    locked = sys.version_info[:2] == LOCKED_PYTHON
    content = (ROOT / "pyproject.toml").read_bytes() + pins.read_bytes()
    digest = hashlib.sha256(content + repr((wanted, locked)).encode()).hexdigest()
    stamp = home / "made-from"
    if stamp.exists() and stamp.read_text() == digest and interpreter(home).exists():
        return interpreter(home)
    python = fresh(home, "-e", f".[{wanted.extras}]", *(("-c", pins) if locked else ()))
    stamp.write_text(digest)
    return python


def oldest() -> list[str]:
    """The oldest releases that pyproject.toml allows, of every dependency."""
    with open(ROOT / "pyproject.toml", "rb") as file:
        wanted = tomllib.load(file)["project"]["dependencies"]
    return [re.sub(r">=([\w.]+)$", r"==\1.*", requirement) for requirement in wanted]


def lock() -> None:
    if sys.version_info[:2] != LOCKED_PYTHON:
        sys.exit("the locks are for Python {}.{}".format(*LOCKED_PYTHON))
    for wanted in (MAIN, AUTORA):
        pins = oldest() if wanted.oldest else []
        python = fresh(ROOT / wanted.folder, "-e", f".[{wanted.extras}]", *pins)
        freeze = [python, "-m", "pip", "freeze", "--exclude-editable"]
        found = subprocess.run(freeze, capture_output=True, check=True, text=True).stdout
        (LOCKS / f"{wanted.lock}.txt").write_text(found)


def audit() -> None:
    """Of the newest releases; what an old one that is still allowed had is known."""
    python = fresh(ROOT / ".venv-audit", "pip-audit")
    pins = LOCKS / f"{MAIN.lock}.txt"
    options = ("--no-deps", "--disable-pip", "--strict", "-r", pins)
    run(python, "-m", "pip_audit", *options)


def tutorial() -> None:
    run(environment(MAIN), ROOT / "examples" / "tutorial.py")


def docs() -> None:
    os.environ["NO_MKDOCS_2_WARNING"] = "1"  # an advertisement, not about these pages
    run(environment(MAIN), "-m", "mkdocs", "build", "--strict")


def test() -> None:
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # every worker has a core
    python = environment(MAIN)
    run(python, "-m", "ruff", "check", ".")
    run(python, "-m", "ruff", "format", "--check", ".")
    run(python, "-m", "mypy")
    docs()
    run(python, "-m", "pytest", *WORKERS, "--ignore", CROWDED)
    run(python, "-m", "pytest", CROWDED)
    # The oldest releases that are supported, beside the real AutoRA.
    run(environment(AUTORA), "-m", "pytest", *WORKERS, *OLDEST)


def coverage() -> None:
    """The mixture, which a compiler runs, is seen only while it is traced."""
    measured = ("--cov", "autora.skl.darts", "--cov-branch", "--cov-report", "term")
    python = environment(MEASURING)
    run(python, "-m", "pytest", *WORKERS, "--ignore", CROWDED, *measured)
    os.environ["NUMBA_DISABLE_JIT"] = "1"  # the compiled loops as plain Python
    run(python, "-m", "pytest", KERNELS, *measured, "--cov-append")


def main() -> None:
    if sys.version_info < (3, 11):  # noqa: UP036
        sys.exit(f"Python 3.11 or newer is needed, this is {sys.version.split()[0]}")
    steps = (tutorial, test, docs, coverage, lock, audit)
    commands = {step.__name__: step for step in steps}
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("command", choices=commands)
    commands[parser.parse_args().command]()


if __name__ == "__main__":
    main()
