"""What the benchmark prints: Markdown that README can quote, and bars that were met or missed."""

import statistics
from collections.abc import Iterable, Sequence


def markdown(heads: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Write a table; numbers stand to the right."""
    texts = [[str(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(heads, *texts, strict=True)]
    is_text = [any(row[index] and not row[index][0].isdigit() for row in texts) for index in range(len(heads))]
    rule = ["-" * (width + 2) if left else "-" * (width + 1) + ":" for width, left in zip(widths, is_text, strict=True)]
    padded = [
        [
            cell.ljust(width) if left else cell.rjust(width)
            for cell, width, left in zip(row, widths, is_text, strict=True)
        ]
        for row in (heads, *texts)
    ]
    head, *body = ["| " + " | ".join(row) + " |" for row in padded]
    return "\n".join([head, f"|{'|'.join(rule)}|", *body])


def spread(values: Iterable[int]) -> str:
    """Write the least and the most, where they differ."""
    found = sorted(values)
    return str(found[0]) if found[0] == found[-1] else f"{found[0]} to {found[-1]}"


def seconds(value: float) -> str:
    """Write seconds with three digits that count."""
    return f"{value:,.0f}" if value >= 1000 else f"{value:.3g}" if value < 100 else f"{value:.0f}"


def median(values: Iterable[float]) -> float:
    """Return the median."""
    return statistics.median(values)


class Bars:
    """What was promised, and whether it held."""

    def __init__(self) -> None:
        self.missed: list[str] = []

    def hold(self, *, met: bool, promise: str) -> None:
        """Write down a promise that did not hold."""
        if not met:
            self.missed.append(promise)

    def at_most(self, what: str, figure: float, bar: float) -> None:
        """Promise that a figure stays within its bar."""
        self.hold(met=figure <= bar, promise=f"{what}: {figure:.3g} is more than {bar:g}")
