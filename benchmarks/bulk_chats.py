"""How fast, how faithful and how cheap creating many chats is: beside the optimum, other clients, and bare aiohttp.

`python benchmarks/bulk_chats.py [virtual|real|cpu|memory|plots|all] [--quick]` prints the tables that README quotes and
ends with 1 if a bar is missed. It needs `pip install -e .[bench]`.
"""

import argparse
import asyncio
import os
import sys
from dataclasses import dataclass, field

import bulk_cost
import bulk_memory
import bulk_real
import bulk_virtual
from bulk_real import Run
from bulk_tables import Bars
from bulk_virtual import Row

QUICK_COUNTS = (100, 1_000)
QUICK_SPECS = 10_000
RUNS, QUICK_RUNS = 5, 1
COST_RUNS, QUICK_COST_RUNS = 7, 3


@dataclass
class Session:
    """One call of the program: what was asked for, and what was found so far."""

    quick: bool
    bars: Bars = field(default_factory=Bars)
    rows: list[Row] = field(default_factory=list)
    runs: list[Run] = field(default_factory=list)

    def virtual(self) -> None:
        """Measure against the optimum."""
        counts = QUICK_COUNTS if self.quick else bulk_virtual.COUNTS
        self.rows = asyncio.run(bulk_virtual.measured(bulk_virtual.tasks(counts), os.cpu_count() or 1))
        show("Against the optimum, on a virtual clock", bulk_virtual.report(self.rows, self.bars))

    def real(self) -> None:
        """Measure against other clients."""
        self.runs = bulk_real.measured(QUICK_RUNS if self.quick else RUNS, with_loop=not self.quick)
        show(f"{bulk_real.CHATS} chats in real time, over TLS", bulk_real.report(self.runs, self.bars))

    def cpu(self) -> None:
        """Measure what the client costs."""
        costs = bulk_cost.measured(QUICK_COST_RUNS if self.quick else COST_RUNS)
        show("CPU of the client a chat", bulk_cost.report(costs, self.bars))

    def memory(self) -> None:
        """Measure what a long run keeps."""
        found = bulk_memory.measured(QUICK_SPECS if self.quick else bulk_memory.CHATS)
        show("Memory, with a slow consumer", bulk_memory.report(found, self.bars))

    def plots(self) -> None:
        """Draw what was measured, or measure what is drawn."""
        import bulk_plots  # noqa: PLC0415  # matplotlib is needed for this alone

        if not self.rows:
            tasks = bulk_virtual.tasks((bulk_plots.CHATS,))
            self.rows = asyncio.run(bulk_virtual.measured(tasks, os.cpu_count() or 1))
        if not self.runs:
            self.runs = [bulk_real.run(client, bulk_real.NO_FAULT) for client in bulk_real.UNDISTURBED]
        for path in (*bulk_plots.draw_virtual(self.rows), *bulk_plots.draw_real(self.runs)):
            print(f"drawn: {path}")

    def all(self) -> None:
        """Do all of it."""
        for part in (self.virtual, self.real, self.cpu, self.memory, self.plots):
            part()


def show(title: str, tables: str) -> None:
    """Print a chapter."""
    print(f"## {title}\n\n{tables}\n", flush=True)


def main() -> int:
    """Measure what was asked for; 1 if a bar was missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parts = ("virtual", "real", "cpu", "memory", "plots", "all")
    parser.add_argument("part", nargs="?", choices=parts, default="all")
    parser.add_argument("--quick", action="store_true", help="fewer chats and fewer runs")
    asked = parser.parse_args()
    session = Session(asked.quick)
    getattr(session, asked.part)()
    for missed in session.bars.missed:
        print(f"missed: {missed}")
    return 1 if session.bars.missed else 0


if __name__ == "__main__":
    sys.exit(main())
