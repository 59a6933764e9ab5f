"""README's table of the covered methods, made of the catalogue and of where each method is found here.

`BITRIX_CHAT_CATALOGUE=... python -m tests.conformance.coverage_table` writes it between its two markers.
"""

import re
from pathlib import Path
from typing import Final

from tests.conformance.catalogue import pages
from tests.conformance.tree import attribute_path, function

README: Final = Path(__file__).parents[2] / "README.md"
BEGIN: Final = "<!-- covered methods: python -m tests.conformance.coverage_table -->"
END: Final = "<!-- end of the covered methods -->"

_DEPTHS: Final = (("imbot.v2.Chat.Message", 4), ("imbot.v2", 3), ("im.v2", 3), ("im", 2), ("event", 1), ("user", 1))
"""How many segments of a REST path make a branch of the table; the rest stand under the root."""


def branch(method: str) -> str:
    """Return the row that a method stands in, by the beginning of its REST path; empty for the root."""
    for prefix, depth in _DEPTHS:
        if method.startswith(f"{prefix}."):
            return ".".join(method.split(".")[:depth])
    return ""


def table() -> str:
    """Return the table, a row a branch."""
    rows: dict[str, list[str]] = {}
    for method in sorted(pages(), key=str.lower):
        assert callable(function(method))
        rows.setdefault(branch(method), []).append(method)
    lines = [_row(name, methods) for name, methods in sorted(rows.items(), key=_in_order)]
    return "\n".join(["| REST | here | methods |", "|---|---|---|", *lines])


def _in_order(row: tuple[str, list[str]]) -> tuple[bool, bool, str]:
    name, _ = row
    return not name.startswith("imbot."), not name.startswith("im."), name.lower()


def _row(name: str, methods: list[str]) -> str:
    depth = name.count(".") + 1 if name else 0
    here = ".".join(attribute_path(methods[0]).split(".")[: _depth_here(methods[0], depth)])
    ours = [f"`{attribute_path(method).removeprefix(here).removeprefix('.') or '()'}`" for method in methods]
    return f"| {f'`{name}`' if name else ''} | `{here}` | {', '.join(ours)} |"


def _depth_here(method: str, depth: int) -> int:
    # The segments that our path leaves out (`imbot.v2` of a bot, `v2` of `b24.imbot`), and the root that it adds.
    return depth + len(attribute_path(method).split(".")) - len(method.split("."))


def current() -> str:
    """Return what README has between the markers."""
    found = re.search(rf"{re.escape(BEGIN)}\n(.*?)\n{re.escape(END)}", README.read_text(encoding="utf-8"), re.DOTALL)
    return found[1].strip() if found else ""


def write() -> None:
    """Put the table between README's markers."""
    if not pages():
        raise SystemExit("BITRIX_CHAT_CATALOGUE names no catalogue to make the table of")
    text = README.read_text(encoding="utf-8")
    head, _, rest = text.partition(BEGIN)
    _, _, tail = rest.partition(END)
    README.write_text(f"{head}{BEGIN}\n\n{table()}\n\n{END}{tail}", encoding="utf-8")


if __name__ == "__main__":
    write()
