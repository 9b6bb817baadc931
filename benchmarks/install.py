"""What it takes to have the package: disk, packages, time to install, to import, to fit.

    python benchmarks/install.py                 both, in fresh environments; some minutes
    python benchmarks/install.py --without-peer

Every environment is made anew in a temporary folder, filled by pip without its cache, and
deleted. Sizes are of the files in site-packages, compiled bytecode included. Import and
smallest fit are medians of fresh processes; the first process, which compiles, is listed
by itself.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
import venv
from pathlib import Path
from typing import Any

from helpers.common import (
    ROOT,
    environment,
    provenance,
    table,
    write_numbers,
    write_results,
)

REPEATS = 5
OURS = [str(ROOT)]
PEER = ["torch==2.13.0", "autora-theorist-darts==1.1.0"]
SHOWN = (
    "autora-skl-darts", "jax", "numba", "autora-theorist-darts", "torch", "numpy", "scipy",
    "scikit-learn",
)  # fmt: skip
#: The smallest fit: one input, one latent node, 20 rows; the time of import included.
SMALLEST = """
import json, time
start = time.perf_counter()
from autora.{module} import DARTSRegressor
imported = time.perf_counter() - start
import numpy as np
X = np.linspace(0, 1, 20).reshape(-1, 1)
settings = dict(num_graph_nodes=1, primitives=["none", "linear"], max_epochs=1)
start = time.perf_counter()
DARTSRegressor(param_updates_per_epoch=1, **settings).fit(X, 2 * X[:, 0] + 1)
print(json.dumps([imported, time.perf_counter() - start]))
"""


def directory_size(folder: Path) -> int:
    """Bytes of all files below a folder, links not followed."""
    return sum(p.lstat().st_size for p in folder.rglob("*") if p.is_file())


def installed(home: Path, requirements: list[str]) -> tuple[Path, dict[str, Any]]:
    """An environment's interpreter, and what it took to make it."""
    venv.create(home, with_pip=True)
    python = home / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    (packages,) = home.rglob("site-packages")
    before = directory_size(packages)
    pip = [str(python), "-m", "pip", "--disable-pip-version-check"]
    start = time.perf_counter()
    subprocess.run([*pip, "install", "-q", "--no-cache-dir", *requirements], check=True)
    spent = time.perf_counter() - start
    listing = subprocess.run(
        [*pip, "list", "--format=json"], capture_output=True, check=True
    )
    found = {entry["name"]: entry["version"] for entry in json.loads(listing.stdout)}
    sizes = {p.name: directory_size(p) for p in packages.iterdir() if p.is_dir()}
    return python, {
        "bytes": directory_size(packages) - before,
        "packages": len(found.keys() - {"pip", "setuptools", "wheel"}),
        "versions": found,
        "seconds": spent,
        "largest": sorted(sizes.items(), key=lambda item: -item[1])[:5],
    }


def processes(python: Path, module: str, cache: Path) -> dict[str, Any]:
    """Seconds of import and smallest fit: the first process, and the median of others."""
    variables = environment(ours=False) | {"DARTS_COMPILATION_CACHE": str(cache)}
    command = [str(python), "-c", SMALLEST.format(module=module)]
    runs = []
    for _ in range(REPEATS + 1):
        done = subprocess.run(
            command, capture_output=True, text=True, env=variables, check=True, cwd=cache
        )
        runs.append(json.loads(done.stdout.splitlines()[-1]))
    first, *others = runs
    imports, fits = zip(*others, strict=True)
    return {
        "first": first,
        "import": statistics.median(imports),
        "fit": statistics.median(fits),
        "runs": runs,
    }


def measured(folder: Path, requirements: list[str], module: str) -> dict[str, Any]:
    python, numbers = installed(folder / "environment", requirements)
    cache = folder / "cache"
    cache.mkdir()
    return numbers | processes(python, module, cache)


def body(found: dict[str, dict[str, Any]]) -> str:
    def row(label: str, cell: Any) -> list[str]:
        return [label, *(cell(numbers) for numbers in found.values())]

    rows = [
        row("size on disk", lambda n: f"**{n['bytes'] / 1e6:,.0f} MB**"),
        row("packages", lambda n: str(n["packages"])),
        row("time of `pip install`", lambda n: f"{n['seconds']:.0f} s"),
        row("import", lambda n: f"{n['import']:.2f} s"),
        row("smallest fit, after the import", lambda n: f"{n['fit']:.2f} s"),
        row("first process: import + fit", lambda n: f"{sum(n['first']):.2f} s"),
    ]
    notes = [
        f"Import and fit: median of {REPEATS} fresh processes. Smallest fit: 20 rows, one "
        'input, one latent node, "none" and "linear", one epoch of one step. Ours also '
        "refits candidates exactly in that time.",
        f"Peer: `pip install {' '.join(PEER)}`. The times of pip depend on the "
        "package index and its cache; they say little about a download from the "
        "internet. A PyTorch that ends in +cpu is the build without "
        "CUDA; the other is several gigabytes larger.",
    ]
    for name, numbers in found.items():
        largest = ", ".join(f"{n} {s / 1e6:,.0f} MB" for n, s in numbers["largest"])
        notes.append(f"Largest folders, {name}: {largest}.")
    return table(["", *found], rows) + "\n\n" + "\n\n".join(notes)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--without-peer", action="store_true")
    arguments = parser.parse_args()
    about = provenance()
    systems = {"ours": (OURS, "skl.darts")}
    if not arguments.without_peer:
        systems["peer"] = (PEER, "theorist.darts")
    found = {}
    for name, (requirements, module) in systems.items():
        with tempfile.TemporaryDirectory(prefix="darts-install-") as folder:
            print(f"{name} …", file=sys.stderr, flush=True)
            found[name] = measured(Path(folder), requirements, module)
        versions = found[name]["versions"]
        about[f"Installed, {name}"] = ", ".join(
            f"{package} {versions[package]}" for package in SHOWN if package in versions
        )
    write_results("install", "Installation", about, body(found))
    write_numbers("install", found)


if __name__ == "__main__":
    main()
