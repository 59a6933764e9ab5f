"""Chats over time for each method, drawn from the very runs that the tables are made of."""

from collections.abc import Sequence
from pathlib import Path

import matplotlib as mpl
from bulk_optimum import schedule
from bulk_real import NO_FAULT, Run
from bulk_virtual import LIMITS, POINTS, Row
from matplotlib.figure import Figure

DIRECTORY = Path(__file__).parent / "plots"
CHATS = 10_000
COLORS = {
    "optimum": "#9a9a9a",
    "gather": "#1f77b4",
    "bulk": "#d62728",
    "one by one": "#2ca02c",
    "fast-bitrix24": "#ff7f0e",
    "b24pysdk": "#9467bd",
}
DASHED = {"optimum": (4, 2), "gather": (6, 2)}
Curve = Sequence[tuple[float, int]]


def draw(title: str, curves: dict[str, Curve], path: Path) -> Path:
    """Draw curves on a logarithmic time axis, as SVG whose text stays text."""
    mpl.rcParams.update({"svg.fonttype": "none", "svg.hashsalt": "bitrix_chat", "font.size": 10})
    figure = Figure(figsize=(7.2, 3.8), layout="constrained")
    axes = figure.subplots()
    for name, curve in curves.items():
        moments, counts = zip(*(point for point in curve if point[0] > 0), strict=True)
        (line,) = axes.plot(moments, counts, label=name, color=COLORS[name], linewidth=1.6, drawstyle="steps-post")
        if name in DASHED:
            line.set_dashes(DASHED[name])
    axes.set(title=title, xlabel="seconds", ylabel="chats", xscale="log")
    axes.xaxis.set_major_formatter("{x:g}")
    axes.grid(visible=True, alpha=0.3)
    axes.legend(frameon=False)
    path.parent.mkdir(exist_ok=True)
    figure.savefig(path, metadata={"Date": None})
    return path


def draw_virtual(rows: Sequence[Row]) -> list[Path]:
    """Draw ten thousand chats under each pair of limits, beside the shortest schedule."""
    paths = []
    for limits in LIMITS:
        found = {row.task.method: row.curve for row in rows if row.task.limits == limits and row.task.chats == CHATS}
        if not found:
            continue
        best = schedule(CHATS, limits)
        curves: dict[str, Curve] = {"optimum": best[:: CHATS // POINTS], **found}
        title = f"{CHATS:,} chats of {limits.cost} s, {limits.size} requests and {limits.leak} a second (virtual clock)"
        name = f"virtual-{limits.size}-{limits.leak}-{limits.cost:g}s.svg"
        paths.append(draw(title, curves, DIRECTORY / name))
    return paths


def draw_real(runs: Sequence[Run]) -> list[Path]:
    """Draw the last undisturbed run of each client."""
    found = {run.client: run.curve for run in runs if run.scenario == NO_FAULT}
    order = [name for name in COLORS if name in found]
    title = "500 chats of 0.02 s, 50 requests and 2 a second, over TLS"
    return [draw(title, {name: found[name] for name in order}, DIRECTORY / "real-500.svg")]
