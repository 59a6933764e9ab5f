"""A refusal of the library in the words of the command line: without the value, which may be a misplaced secret."""

import re
from collections.abc import Mapping
from typing import Final

_QUOTED: Final = r"""'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*\""""
_VALUE: Final = re.compile(
    rf"(?<= is )(?:{_QUOTED}|-?\d+|True|False|of type \w+|(?:bool|dict|float|int|list|str|NoneType)), (not|but|which)\b"
)
_INSTEAD: Final = {"not": "not", "but": "wrong:", "which": "a value which"}
_PYTHON: Final = re.compile(r": str\(uuid4\(\)\)|; for a file pass a pathlib\.Path")
_NAMED: Final = re.compile(r"`(a key of )?([a-z_]+(?:\.[a-z]+)?)(?:\[[^\]`]*\])*`")
_ASSIGNED: Final = re.compile(r"\b([a-z_]+)=(True|False|'\w+')")


def without_values(problem: str) -> str:
    """Leave out the values that a refusal repeats, and what only Python can act on."""
    return _PYTHON.sub("", _VALUE.sub(lambda found: _INSTEAD[found[1]], problem))


def by_options(problem: str, options: Mapping[str, str]) -> str:
    """Name the options where a refusal names parameters; `options` are the options by their parameters."""
    problem = _NAMED.sub(lambda found: _named(found, options), problem)
    return _ASSIGNED.sub(lambda found: _assigned(found, options), problem)


def _named(found: re.Match[str], options: Mapping[str, str]) -> str:
    option = options.get(found[2])
    return found[0] if option is None else f"{found[1] or ''}{option}"


def _assigned(found: re.Match[str], options: Mapping[str, str]) -> str:
    option = options.get(found[1])
    if option is None:
        return found[0]
    switches = {"True": option, "False": f"--no-{option.removeprefix('--')}"}
    return switches.get(found[2]) or f"{option} {found[2][1:-1]}"
