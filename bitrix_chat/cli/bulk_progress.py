"""How far a bulk run has come, on stderr: a bar for whoever watches, a line a minute for a log."""

import sys
from typing import TYPE_CHECKING, Any, Final, Self

from bitrix_chat.bulk.time_spans import spoken

if TYPE_CHECKING:
    from bitrix_chat import Progress

_EVERY: Final = 60.0
"""Seconds between two lines where nobody watches."""
_LIMITS: Final = {
    "requests": "the request limit",
    "operating": "the operating limit",
    "latency": "the portal's own work",
    "consumer": "this machine",
}


class ProgressDisplay:
    """Shows snapshots of a run; `with` keeps the bar on the screen."""

    def __init__(self) -> None:
        from rich.console import Console  # noqa: PLC0415  # slow to import
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn  # noqa: PLC0415

        console = Console(stderr=True)
        columns = BarColumn(), MofNCompleteColumn(), TextColumn("{task.description}")
        self._bar = Progress(*columns, console=console, disable=not console.is_terminal)
        self._task = self._bar.add_task("", total=None)
        self._due_at = _EVERY

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def __call__(self, progress: "Progress") -> None:
        """Show one."""
        if self._bar.disable:
            self._tell(progress)
        else:
            self._bar.update(self._task, completed=progress.ended, total=progress.total, description=sentence(progress))

    def _tell(self, progress: "Progress") -> None:
        if progress.elapsed < self._due_at:
            return
        self._due_at = progress.elapsed + _EVERY
        total = "" if progress.total is None else f" of {progress.total:,}"
        print(f"bitrix-chat: {progress.ended:,}{total}, {sentence(progress)}", file=sys.stderr)


def sentence(progress: "Progress") -> str:
    """Return rate, time left, what limits, and how many went wrong."""
    wrong: dict[str, Any] = {"failed": progress.failed, "unknown": progress.unknown}
    parts = [
        f"{progress.rate:.1f}/s",
        f"{spoken(progress.eta)} left" if progress.eta else "",
        "" if progress.limited_by is None else f"limited by {_LIMITS[progress.limited_by]}",
        *(f"{count:,} {state}" if count else "" for state, count in wrong.items()),
    ]
    return ", ".join(filter(None, parts))
