"""Arguments that no command has: what is wrong with them, and what may have been meant."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence

from ..graph.spelling import did_you_mean


def understood(
    parser: argparse.ArgumentParser,
    commands: Mapping[str, argparse.ArgumentParser],
    arguments: Sequence[str],
) -> argparse.Namespace:
    """What the arguments ask for; ends the program where they cannot be understood.

    argparse complains of what is missing before it looks at what it does not know, which
    is often the same option in another spelling.
    """
    first = arguments[0] if arguments else ""
    if first and not first.startswith("-") and first not in commands:
        meant = did_you_mean(first, commands)
        known = ", ".join(commands)
        parser.error(f"there is no command {first!r}{meant} The commands are {known}")
    if first in commands:
        _refuse_unknown(first, commands[first], arguments[1:])
    asked, left = parser.parse_known_args(arguments)
    if left:
        commands[asked.command].error(f"unrecognized arguments: {' '.join(left)}")
    return asked


def _refuse_unknown(
    command: str, parser: argparse.ArgumentParser, arguments: Sequence[str]
) -> None:
    known = [option for option in parser._option_string_actions if option[:2] == "--"]
    for argument in arguments:
        if argument == "--":  # what follows is no option
            return
        option = argument.partition("=")[0]
        like = option.startswith("--") and " " not in option
        if like and not any(name.startswith(option) for name in known):
            meant = did_you_mean(option, known, ";")
            listed = f"'{parser.prog} --help' lists its options"
            parser.error(f"{command} has no option {option!r}{meant} {listed}")
