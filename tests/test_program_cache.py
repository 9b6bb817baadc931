"""Compiled programs kept between processes: same bits, less waiting, no surprises."""

from __future__ import annotations

import ast
import errno
import io
import os
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest
from jax.experimental import serialize_executable

from autora.skl.darts import DARTSRegressor, Primitive, register_primitive
from autora.skl.darts.relaxation import bilevel, compilation
from autora.skl.darts.runtime import disk_cache, files

COMPILED = "/jax/core/compile/backend_compile_duration"
TRACED = "/jax/core/compile/jaxpr_trace_duration"
#: The listener stays registered, for jax has no public way to remove a single one.
_LOGS: list[list[str]] = []


def _listener(event: str, *_: Any, **__: Any) -> None:
    for log in _LOGS:
        log.append(event)


@pytest.fixture(scope="module", autouse=True)
def listening() -> None:
    jax.monitoring.register_event_duration_secs_listener(_listener)


@pytest.fixture
def events() -> Iterator[list[str]]:
    log: list[str] = []
    _LOGS.append(log)
    yield log
    _LOGS.remove(log)


@pytest.fixture
def base(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A cache of the test's own, and a process that remembers no program."""
    monkeypatch.setenv(disk_cache.VARIABLE, str(tmp_path))
    new_process()
    yield tmp_path
    new_process()


def new_process() -> None:
    compilation._program.cache_clear()
    compilation._surroundings.cache_clear()
    bilevel.run_epochs.clear_cache()


def entries(base: Path) -> list[Path]:
    return sorted(base.glob("*/*.xla"))


def regressor(vocabulary: tuple[str, ...] = ("none", "mult", "exp")) -> DARTSRegressor:
    return DARTSRegressor(
        num_graph_nodes=1,
        max_epochs=3,
        param_updates_per_epoch=3,
        n_candidates=0,
        primitives=list(vocabulary),
        random_state=0,
    )


def fitted_weights(**settings: Any) -> bytes:
    """All that the relaxed stage computed, to the bit."""
    X = np.random.default_rng(0).uniform(-1, 1, (40, 2))
    losses: list[float] = []

    def monitor(*, valid_loss: float, alphas: np.ndarray, **_: Any) -> None:
        losses.extend([valid_loss, *alphas.ravel()])

    model = regressor(**settings).set_params(execution_monitor=monitor)
    model.fit(X, X[:, 0] + np.exp(X[:, 1]))
    return np.array(losses).tobytes()


# The folder


def test_what_is_stored_is_loaded(base: Path) -> None:
    assert disk_cache.load("a") is None
    disk_cache.store("a", b"machine code")
    disk_cache.store("b", b"")
    assert disk_cache.load("a") == b"machine code"
    assert disk_cache.load("b") == b""
    assert len(entries(base)) == len(list(entries(base)[0].parent.iterdir())) == 2


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX permissions")
def test_nobody_else_may_read(base: Path) -> None:
    disk_cache.store("a", b"machine code")
    (path,) = entries(base)
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("value", ["0", "off", "False", " no "])
def test_switched_off(base: Path, monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.chdir(base)
    monkeypatch.setenv(disk_cache.VARIABLE, value)
    assert disk_cache.folder() is None
    disk_cache.store("a", b"machine code")
    assert disk_cache.load("a") is None
    assert list(base.iterdir()) == []


@pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="the XDG specification")
@pytest.mark.parametrize("value", [None, "", "1"])
def test_default_place(base: Path, monkeypatch: pytest.MonkeyPatch, value: Any) -> None:
    if value is None:
        monkeypatch.delenv(disk_cache.VARIABLE)
    else:
        monkeypatch.setenv(disk_cache.VARIABLE, value)
    monkeypatch.setenv("HOME", str(base))
    monkeypatch.setenv("XDG_CACHE_HOME", str(base / "xdg"))
    assert disk_cache.folder() == base / "xdg" / "autora-skl-darts"
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    assert disk_cache.folder() == base / ".cache" / "autora-skl-darts"


def test_no_home(base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def expanduser(self: Path) -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "expanduser", expanduser)
    assert disk_cache.folder() is None


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX permissions")
@pytest.mark.parametrize("case", ["shared", "foreign", "link", "file", "nothing"])
def test_unsafe_folders(base: Path, monkeypatch: pytest.MonkeyPatch, case: str) -> None:
    disk_cache.store("a", b"machine code")
    folder = disk_cache.folder()
    assert folder is not None
    if case == "shared":
        folder.chmod(0o770)
    elif case == "foreign":
        owner = os.geteuid()
        monkeypatch.setattr(os, "geteuid", lambda: owner + 1)
    elif case == "link":
        folder.rename(base / "elsewhere")
        folder.symlink_to(base / "elsewhere")
    else:
        folder.rename(base / "elsewhere")
        (base / "a file").touch()
        if case == "file":
            folder.touch()
        else:
            monkeypatch.setenv(disk_cache.VARIABLE, str(base / "a file"))
    assert disk_cache.folder() is None
    assert disk_cache.load("a") is None
    disk_cache.store("b", b"machine code")


@pytest.mark.parametrize("keep", [0, 10, 32, 40, -1])
def test_truncated(base: Path, keep: int) -> None:
    disk_cache.store("a", b"machine code")
    (path,) = entries(base)
    path.write_bytes(path.read_bytes()[:keep])
    assert disk_cache.load("a") is None


def test_a_flipped_bit(base: Path) -> None:
    disk_cache.store("a", bytes(1000))
    (path,) = entries(base)
    content = bytearray(path.read_bytes())
    content[-3] ^= 1
    path.write_bytes(content)
    assert disk_cache.load("a") is None


def test_full_disk(base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def replace(*_: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "replace", replace)
    disk_cache.store("a", b"machine code")
    folder = disk_cache.folder()
    assert folder is not None
    assert list(folder.iterdir()) == []


def test_bounded(base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(disk_cache, "MAX_ENTRIES", 3)
    disk_cache.store("0", b"")
    folder = disk_cache.folder()
    assert folder is not None
    (folder / "mine.txt").touch()
    for name in ("dead", "alive"):
        (folder / f"{name}{files.UNFINISHED}").touch()
    os.utime(folder / f"dead{files.UNFINISHED}", (1, 1))
    now = time.time()
    for i in range(1, 5):
        for path in entries(base):  # files of one instant have an order, too
            age = 0 if path.stem == "0" else 100 - int(path.stem)
            os.utime(path, (now - age, now - age))
        disk_cache.store(str(i), b"")
    # The first was always used last; of the others the youngest remain.
    assert [path.stem for path in entries(base)] == ["0", "3", "4"]
    others = {p.name for p in folder.iterdir()} - {p.name for p in entries(base)}
    assert others == {"mine.txt", f"alive{files.UNFINISHED}"}


def test_reading_counts_as_use(base: Path) -> None:
    disk_cache.store("a", b"machine code")
    (path,) = entries(base)
    os.utime(path, (1, 1))
    disk_cache.load("a")
    assert path.stat().st_mtime > 1


# The programs


def test_a_stored_program_is_neither_traced_nor_compiled(
    base: Path, events: list[str]
) -> None:
    first = fitted_weights()
    assert events.count(COMPILED) == 1
    assert len(entries(base)) == 1
    new_process()
    events.clear()
    assert fitted_weights() == first
    assert COMPILED not in events and TRACED not in events


def test_same_bits_without_a_cache(base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fitted_weights()
    new_process()
    stored = fitted_weights()
    monkeypatch.setenv(disk_cache.VARIABLE, "0")
    new_process()
    assert fitted_weights() == stored
    monkeypatch.setattr(compilation, "run_epochs", bilevel.run_epochs)
    assert fitted_weights() == stored


def test_another_process(base: Path) -> None:
    here = Path(__file__).parent
    script = (
        "import jax, hashlib\n"
        "log = []\n"
        "listen = jax.monitoring.register_event_duration_secs_listener\n"
        "listen(lambda event, *_, **__: log.append(event))\n"
        "import test_program_cache as t\n"
        "bits = t.fitted_weights()\n"
        "print(hashlib.sha256(bits).hexdigest(), log.count(t.COMPILED))"
    )
    source = str(Path(compilation.__file__).parents[4])
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([source, str(here)])}
    runs = [
        subprocess.run(
            [sys.executable, "-c", script], capture_output=True, text=True, env=environment
        )
        for _ in range(2)
    ]
    assert [run.stderr for run in runs] == ["", ""]
    (bits, n_compiled), (bits_again, n_compiled_again) = (r.stdout.split() for r in runs)
    assert bits == bits_again
    assert (n_compiled, n_compiled_again) == ("1", "0")


def _gauss(width: float) -> Primitive:
    return Primitive("gauss", lambda m, x, a: m.exp(-width * a * x * x), ("shape",))


def test_own_primitives_are_known_by_what_they_compute(
    base: Path, events: list[str], own_table: dict[str, Any]
) -> None:
    vocabulary = ("none", "gauss")
    register_primitive(_gauss(1.0))
    first = fitted_weights(vocabulary=vocabulary)
    register_primitive(_gauss(2.0))
    second = fitted_weights(vocabulary=vocabulary)
    assert first != second
    assert len(entries(base)) == 2
    new_process()
    events.clear()
    register_primitive(_gauss(1.0))
    assert fitted_weights(vocabulary=vocabulary) == first
    assert COMPILED not in events


def test_a_record_that_borrows_a_name(base: Path) -> None:
    """A record may be passed itself, without being registered."""
    plain = fitted_weights(vocabulary=("none", "exp"))
    impostor = Primitive("exp", lambda m, x: m.exp(-x))
    assert fitted_weights(vocabulary=("none", impostor)) != plain
    assert len(entries(base)) == 2


def on_a_processor(patch: pytest.MonkeyPatch, flags: str, mhz: float = 2000.0) -> None:
    """As far as the operating system can tell."""
    text = f"vendor_id\t: one\ncpu MHz\t\t: {mhz}\nflags\t\t: {flags}\n\nvendor_id\t: two"
    real = open

    def opened(path: Any, *args: Any, **kwargs: Any) -> Any:
        known = path == "/proc/cpuinfo"
        return io.StringIO(text) if known else real(path, *args, **kwargs)

    patch.setattr("builtins.open", opened)


@pytest.mark.parametrize("change", ["flags", "source", "setting"])
def test_other_surroundings_are_another_program(
    base: Path, monkeypatch: pytest.MonkeyPatch, events: list[str], change: str
) -> None:
    first = fitted_weights()
    if change == "flags":
        monkeypatch.setenv("XLA_FLAGS", "--xla_cpu_enable_fast_min_max=false")
    elif change == "source":
        monkeypatch.setattr(compilation, "SOURCES", (*compilation.SOURCES, compilation))
    new_process()
    events.clear()
    if change == "setting":
        with jax.default_matmul_precision("highest"):
            assert fitted_weights() == first
    else:
        assert fitted_weights() == first
    assert events.count(COMPILED) == 1
    assert len(entries(base)) == 2


def test_a_setting_changes_the_program_of_a_running_process(events: list[str]) -> None:
    fitted_weights(vocabulary=("none", "sin", "cos"))
    with jax.default_matmul_precision("highest"):
        fitted_weights(vocabulary=("none", "sin", "cos"))
    fitted_weights(vocabulary=("none", "sin", "cos"))
    assert events.count(COMPILED) == 2


def _raise(*_: Any, **__: Any) -> None:
    raise NotImplementedError("not with this version")


@pytest.mark.parametrize("name", ["serialize", "deserialize_and_load"])
def test_jax_cannot(base: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    first = fitted_weights()
    if name == "serialize":
        entries(base)[0].unlink()
    new_process()
    monkeypatch.setattr(serialize_executable, name, _raise)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert fitted_weights() == first


@pytest.mark.parametrize("content", [b"", b"no pickle", b"N."])
def test_an_entry_that_is_no_program(base: Path, content: bytes) -> None:
    first = fitted_weights()
    (path,) = entries(base)
    disk_cache.store(path.stem, content)
    new_process()
    assert fitted_weights() == first
    assert disk_cache.load(path.stem) not in (None, content)


@pytest.mark.parametrize("missing", ["default_device", "source"])
def test_not_stored(base: Path, monkeypatch: pytest.MonkeyPatch, missing: str) -> None:
    if missing == "source":

        def read_bytes(self: Path) -> bytes:
            raise FileNotFoundError(self)

        monkeypatch.setattr(Path, "read_bytes", read_bytes)
        fitted_weights()
    else:
        with jax.default_device(jax.devices()[0]):
            fitted_weights()
    assert entries(base) == []


def test_threads_compile_once(events: list[str]) -> None:
    def run(function: Callable[[], Any]) -> None:
        threads = [threading.Thread(target=function) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    run(lambda: fitted_weights(vocabulary=("none", "tanh", "cos")))
    assert events.count(COMPILED) == 1


def _imports(path: Path) -> set[Path]:
    """Modules of the package that a module imports."""
    found: set[Path] = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.level:
            folder = path.parents[node.level - 1] / (node.module or "").replace(".", "/")
            named = [folder / alias.name for alias in node.names]
            modules = named if folder.is_dir() else [folder]
            found |= {module.with_suffix(".py") for module in modules}
    return found


def test_all_sources_are_in_the_key() -> None:
    known, new = set(), {Path(bilevel.__file__)}
    while new:
        known |= new
        new = set().union(*map(_imports, new)) - known
    assert known == {Path(str(module.__file__)) for module in compilation.SOURCES}


def test_another_processor_is_another_program_but_not_another_clock(
    base: Path, monkeypatch: pytest.MonkeyPatch, events: list[str]
) -> None:
    on_a_processor(monkeypatch, "fpu sse2")
    first = fitted_weights()
    new_process()
    events.clear()
    on_a_processor(monkeypatch, "fpu sse2", mhz=3000.0)
    assert fitted_weights() == first and COMPILED not in events
    new_process()
    on_a_processor(monkeypatch, "fpu sse2 avx2")
    assert fitted_weights() == first and events.count(COMPILED) == 1
