#!/usr/bin/env python3
"""Commands for a fresh machine with Python 3.11 or newer and nothing else.

    python3 dev.py tutorial   make the environment, run the tutorial, draw its graphs
    python3 dev.py test       make the environments, check the code, run all tests
    python3 dev.py docs       build the documentation to out/site; warnings are errors

Environments live in .venv (newest releases) and .venv-autora (beside autora-core, which
needs NumPy 1, with the oldest scikit-learn that is supported); they are made once and again
whenever pyproject.toml changes.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent
MAIN = (".venv", "dev,docs")
#: Beside autora-core, with the oldest scikit-learn that pyproject.toml allows.
AUTORA = (".venv-autora", "dev,autora", "scikit-learn==1.6.*")
#: Tests that start worker processes of their own and want the cores for themselves.
CROWDED = "tests/test_restarts.py"
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


def environment(folder: str, extras: str, *pins: str) -> Path:
    """The interpreter of an environment that has this package installed."""
    home = ROOT / folder
    bin_folder = home / ("Scripts" if os.name == "nt" else "bin")
    python = bin_folder / ("python.exe" if os.name == "nt" else "python")
    wanted = (ROOT / "pyproject.toml").read_bytes() + (extras + str(pins)).encode()
    stamp, digest = home / "made-from", hashlib.sha256(wanted).hexdigest()
    if stamp.exists() and stamp.read_text() == digest and python.exists():
        return python
    print(f"making {folder} (once; about a minute)", flush=True)
    shutil.rmtree(home, ignore_errors=True)
    venv.create(home, with_pip=True)
    run(python, "-m", "pip", "install", "-q", "-e", f".[{extras}]", *pins)
    stamp.write_text(digest)
    return python


def tutorial() -> None:
    run(environment(*MAIN), ROOT / "examples" / "tutorial.py")


def docs() -> None:
    os.environ["NO_MKDOCS_2_WARNING"] = "1"  # an advertisement, not about these pages
    run(environment(*MAIN), "-m", "mkdocs", "build", "--strict")


def test() -> None:
    python = environment(*MAIN)
    run(python, "-m", "ruff", "check", ".")
    run(python, "-m", "ruff", "format", "--check", ".")
    run(python, "-m", "mypy")
    docs()
    workers = ("-n", "auto", "--maxprocesses", "4", "--dist", "worksteal")
    run(python, "-m", "pytest", *workers, "--ignore", CROWDED)
    run(python, "-m", "pytest", CROWDED)
    # The oldest supported JAX, NumPy and scikit-learn, beside the real AutoRA.
    run(environment(*AUTORA), "-m", "pytest", *OLDEST)


def main() -> None:
    if sys.version_info < (3, 11):  # noqa: UP036
        sys.exit(f"Python 3.11 or newer is needed, this is {sys.version.split()[0]}")
    commands = {"tutorial": tutorial, "test": test, "docs": docs}
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("command", choices=commands)
    commands[parser.parse_args().command]()


if __name__ == "__main__":
    main()
