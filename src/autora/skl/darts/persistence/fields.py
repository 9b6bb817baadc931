"""JSON from strangers: read strictly, in bounded memory, with errors that say where.

Nothing in a file is run. A value is taken only after its type, size and range have been
checked, and whatever is wrong raises `ModelFileError`.
"""

from __future__ import annotations

import json
import math
import os
import reprlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NoReturn

import numpy as np

#: Bytes of a file, digits of a whole number, characters of a name.
MOST_BYTES, _MOST_DIGITS, _LONGEST_TEXT = 16 * 2**20, 18, 10_000
#: How numbers that JSON lacks are spelled.
_SPECIAL = {"nan": math.nan, "inf": math.inf, "-inf": -math.inf}

_shortened = reprlib.Repr()
_shortened.maxstring = _shortened.maxother = 60
_brief = _shortened.repr


class ModelFileError(ValueError):
    """A model file that cannot be read; the message says what is wrong, and where."""


class Field:
    """A value of a file and the place where it stands."""

    __slots__ = ("value", "where")

    def __init__(self, value: Any, where: str = "") -> None:
        self.value, self.where = value, where

    def fail(self, problem: str) -> NoReturn:
        raise ModelFileError(f"{self.where or 'the file'}: {problem}")

    def _expect(self, what: str) -> NoReturn:
        self.fail(f"must be {what}, got {_brief(self.value)}")

    def record(self, *names: str) -> list[Field]:
        """The values under exactly these names, in this order."""
        fields = self.mapping(len(names) + 1000)
        missing = [name for name in names if name not in fields]
        unknown = [name for name in fields if name not in names]
        if missing:
            self.fail(f"lacks {', '.join(map(repr, missing))}")
        if unknown:
            self.fail(f"has {_brief(unknown)}, which this version does not know")
        return [fields[name] for name in names]

    def mapping(self, most: int) -> dict[str, Field]:
        if not isinstance(self.value, dict):
            self._expect("an object")
        if len(self.value) > most:
            self.fail(f"must have at most {most} entries, has {len(self.value)}")
        prefix = f"{self.where}." if self.where else ""
        return {
            # A name may hold anything, such as control codes of a terminal.
            name: Field(v, prefix + (name if name.isidentifier() else _brief(name))[:60])
            for name, v in self.value.items()
        }

    def each(self, most: int, least: int = 0) -> list[Field]:
        """The members of a list of bounded length."""
        if not isinstance(self.value, list):
            self._expect("a list")
        if not least <= len(self.value) <= most:
            bounds = f"{most}" if least == most else f"{least} to {most}"
            self.fail(f"must have {bounds} members, has {len(self.value)}")
        return [Field(v, f"{self.where}[{i}]") for i, v in enumerate(self.value)]

    def optional(self, read: Callable[[Field], Any]) -> Any:
        return None if self.value is None else read(self)

    def text(self) -> str:
        if not isinstance(self.value, str):
            self._expect("a text")
        if len(self.value) > _LONGEST_TEXT:
            self.fail(f"must have at most {_LONGEST_TEXT} characters")
        return self.value

    def one_of(self, allowed: Sequence[str]) -> str:
        if self.text() not in allowed:
            self._expect(f"one of {list(allowed)}")
        return self.value

    def flag(self) -> bool:
        if not isinstance(self.value, bool):
            self._expect("true or false")
        return self.value

    def whole(self, low: int, high: int) -> int:
        if type(self.value) is not int or not low <= self.value <= high:
            self._expect(f"a whole number from {low} to {high}")
        return self.value

    def number(self, finite: bool = True) -> float:
        """A number; where it need not be finite, "nan", "inf" and "-inf" are, too."""
        if not finite and isinstance(self.value, str) and self.value in _SPECIAL:
            return _SPECIAL[self.value]
        if type(self.value) is not float and type(self.value) is not int:
            self._expect("a finite number" if finite else "a number, 'nan' or 'inf'")
        return float(self.value)

    def array(
        self, shape: tuple[int, ...], finite: bool = True, dtype: Any = np.float64
    ) -> np.ndarray:
        """Nested lists of numbers of a known shape; single precision must fit."""
        flat = _flat([self], shape)
        values = np.array([field.number(finite) for field in flat], np.float64)
        with np.errstate(over="ignore"):
            found = values.astype(dtype)
        if finite and not np.isfinite(found).all():
            self.fail("has a number beyond single precision")
        return found.reshape(shape)


def _flat(fields: list[Field], shape: Sequence[int]) -> list[Field]:
    for size in shape:
        fields = [part for field in fields for part in field.each(size, size)]
    return fields


def listed(array: Any) -> Any:
    """An array as nested lists that `Field.array` reads back to the last bit."""
    array = np.asarray(array)
    if array.dtype.kind in "iu":
        return array.tolist()
    if array.ndim:
        return [listed(part) for part in array]
    value = float(array)
    if not math.isfinite(value):
        return "nan" if math.isnan(value) else "inf" if value > 0 else "-inf"
    if array.dtype == np.float32:
        short = float(str(array))
        return short if np.float32(short) == array else value
    return value


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise ModelFileError(f"the file: the name {_brief(name)} occurs twice")
        found[name] = value
    return found


def _int(digits: str) -> int:
    if len(digits) > _MOST_DIGITS:
        raise ModelFileError(
            f"the file: a whole number of {len(digits)} digits, at most {_MOST_DIGITS} "
            "are allowed"
        )
    return int(digits)


def _float(digits: str) -> float:
    value = float(digits)
    if not math.isfinite(value):
        raise ModelFileError(f"the file: the number {_brief(digits)} is too large")
    return value


def _constant(name: str) -> NoReturn:
    raise ModelFileError(f"the file: {name} is no JSON number; it is spelled as a text")


def parse(text: str) -> Field:
    """JSON text as a field; names occur once, numbers are finite and not too long.

    Raises
    ------
    TypeError
        If ``text`` is no string.
    ModelFileError
        If it is too long or no such JSON.
    """
    if not isinstance(text, str):
        raise TypeError(f"text must be a str, got {text!r} of type {type(text).__name__}")
    if len(text) > MOST_BYTES:
        raise ModelFileError(f"the file: larger than {MOST_BYTES // 2**20} MiB")
    try:
        value = json.loads(
            text,
            object_pairs_hook=_pairs,
            parse_int=_int,
            parse_float=_float,
            parse_constant=_constant,
        )
        # A half of a surrogate pair could neither be shown nor be written again.
        json.dumps(value, ensure_ascii=False).encode()
    except RecursionError:
        raise ModelFileError("the file: nested too deeply") from None
    except UnicodeEncodeError:
        raise ModelFileError("the file: a text with half a character in it") from None
    except json.JSONDecodeError as error:
        raise ModelFileError(f"the file: no JSON: {error}") from None
    return Field(value)


def read_text(path: str | os.PathLike[str]) -> str:
    """The text of a file of bounded size.

    Raises
    ------
    OSError
        If it cannot be opened.
    ModelFileError
        If it is too large, no UTF-8 or no regular file.
    """
    where = Path(path)
    if where.exists() and not where.is_file() and not where.is_dir():
        raise ModelFileError(f"{str(path)!r} is no regular file")
    with open(where, "rb") as file:
        content = file.read(MOST_BYTES + 1)
    if len(content) > MOST_BYTES:
        raise ModelFileError(f"the file: larger than {MOST_BYTES // 2**20} MiB")
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ModelFileError(f"the file: no UTF-8 text: {error}") from None


def pretty(value: Any, width: int = 92, indent: int = 0) -> str:
    """JSON text in which whatever fits a line, and every list of numbers, is one line."""
    line = json.dumps(value, ensure_ascii=False, allow_nan=False)
    flat = isinstance(value, list) and not any(isinstance(v, (list, dict)) for v in value)
    if flat or not isinstance(value, (list, dict)) or len(line) + indent <= width:
        return line
    names, members = [""] * len(value), value
    if isinstance(value, dict):
        names = [f"{json.dumps(name, ensure_ascii=False)}: " for name in value]
        members = list(value.values())
    inner = "\n" + " " * (indent + 1)
    rows = [n + pretty(v, width, indent + 1) for n, v in zip(names, members, strict=True)]
    return line[0] + inner + ("," + inner).join(rows) + inner[:-1] + line[-1]
