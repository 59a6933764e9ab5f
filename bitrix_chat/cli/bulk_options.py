"""The options that starting and resuming a bulk run have in common."""

import math
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from attrs import frozen
from cyclopts import Parameter

from bitrix_chat import InvalidParameter
from bitrix_chat.cli.answers import check_writable
from bitrix_chat.cli.connection import check_seconds

if TYPE_CHECKING:
    from bitrix_chat import BulkJob


@Parameter(name="*")
@frozen(kw_only=True)
class RunOptions:
    """How a run goes, and what is told of it."""

    plan: Annotated[
        bool, Parameter(help="Print how many requests and how long it will take, and by which limit, and stop there.")
    ] = False
    cost: Annotated[
        float | None,
        Parameter(help="Seconds of operating time that the portal counts for one chat, for the plan; if you know."),
    ] = None
    duration: Annotated[
        float | None, Parameter(help="Seconds that the portal works on one chat, for the plan; if you know.")
    ] = None
    on_error: Annotated[
        Literal["collect", "stop"],
        Parameter(help="Whether it goes on after a chat has failed, or sends nothing more."),
    ] = "collect"
    deadline: Annotated[
        float | None, Parameter(help="Seconds for the whole run; what has not left by then is not started.")
    ] = None
    report: Annotated[Path | None, Parameter(help="Write what became of each chat into this file, as JSON Lines.")] = (
        None
    )

    def check(self, *others: Path | None) -> None:
        """Refuse what cannot be, before anything is read or sent.

        Args:
            others: files that the report must not replace.

        Raises:
            InvalidParameter: the message names the option.
        """
        for option, value in (("--cost", self.cost), ("--duration", self.duration)):
            if value is not None and not 0 <= value < math.inf:
                raise InvalidParameter(f"{option} takes seconds, 0 or more")
        check_seconds("--deadline", self.deadline)
        check_report(self.report, *others)

    @property
    def of_job(self) -> dict[str, Any]:
        """What a job takes of them."""
        return {"on_error": self.on_error, "deadline": self.deadline}

    async def told_plan(self, job: "BulkJob[Any]", count: int | None = None) -> bool:
        """Print the plan of a job, and return whether that is all that was asked for."""
        plan = await job.plan(cost=self.cost, duration=self.duration, count=count)
        print(plan, file=sys.stdout if self.plan else sys.stderr, flush=True)
        return self.plan


def check_report(report: Path | None, *others: Path | None) -> None:
    """Refuse a file of results that cannot be written, or that would replace another which is needed."""
    check_writable(report, "--report")
    if report is not None:
        _check_link(report)
    if report is not None and report.resolve() in {other.resolve() for other in others if other is not None}:
        raise InvalidParameter("--report would replace the chats or the journal")


def _check_link(report: Path) -> None:
    from bitrix_chat.bulk.report import refuse_foreign_link  # noqa: PLC0415  # not needed for help

    try:
        refuse_foreign_link(report)
    except OSError as error:
        reason = error.strerror
    else:
        return
    raise InvalidParameter(f"--report cannot be written ({reason})")
