"""Running a bulk job to its end or to Ctrl-C, and saying how it ended."""

import asyncio
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bitrix_chat import BitrixError, InvalidParameter, KeyReused
from bitrix_chat.cli import endings
from bitrix_chat.cli.bulk_advice import advise, changed_input
from bitrix_chat.cli.bulk_progress import ProgressDisplay
from bitrix_chat.cli.bulk_tables import Telling, exit_code, print_report
from bitrix_chat.cli.interrupts import Interrupts, listening

if TYPE_CHECKING:
    from bitrix_chat import BitrixChat, BulkJob, BulkReport, BulkStopped


async def run_job(b24: "BitrixChat", job: "BulkJob[Any]", telling: Telling, journal: Path | None) -> int:
    """Run a job, tell what became of the chats whatever happens, and return the exit code.

    Raises:
        InvalidParameter: the rows are not those of the journal; nothing was sent.
    """
    loop = asyncio.get_running_loop()
    began = loop.time()
    interrupts, stopped = await _run(job, journal)
    if interrupts.count > 1:
        await b24.close(0)  # what flies is left to land unheard
    is_told = tell(job.report, telling, seconds=loop.time() - began)
    changed = None if stopped is None else changed_input(stopped.__cause__, journal)
    if stopped is not None:
        print(f"bitrix-chat: {changed or _why(stopped)}", file=sys.stderr)
    code = _code(job.report, stopped, interrupts)
    if journal is not None and code != endings.DONE and changed is None:
        await advise(job.report, journal, is_cut_short=bool(interrupts) or stopped is not None)
    return code if is_told else code or endings.NOT_PRINTED


def tell(report: "BulkReport[Any]", telling: Telling, seconds: float | None = None) -> bool:
    """Write the file of a report, and print its tables; return whether the file was written, where one is."""
    is_written = telling.out is None or _written(report, telling.out)
    print_report(report, telling, seconds)
    return is_written


def _written(report: "BulkReport[Any]", out: Path) -> bool:
    try:
        report.to_jsonl(out)
    except OSError as error:
        print(f"bitrix-chat: --report cannot be written ({error.strerror})", file=sys.stderr)
        return False
    return True


async def _run(job: "BulkJob[Any]", journal: Path | None) -> "tuple[Interrupts, BulkStopped | None]":
    from bitrix_chat import BulkStopped  # noqa: PLC0415  # not needed for help

    draining: list[asyncio.Task[None]] = []

    def drain() -> None:
        print("bitrix-chat: waiting for what is on its way; Ctrl-C again stops at once", file=sys.stderr)
        draining.append(asyncio.create_task(job.cancel(drain=True)))

    with ProgressDisplay() as display:
        running = asyncio.create_task(job.run(progress=display))
        interrupts = Interrupts(drain, running.cancel)
        with listening(interrupts):
            try:
                await running
            except BulkStopped as error:
                return interrupts, error
            except KeyReused as error:
                raise InvalidParameter(changed_input(error, journal) or error.description) from None
            except asyncio.CancelledError:
                if not interrupts:
                    raise
            finally:
                await asyncio.gather(*draining, return_exceptions=True)
    return interrupts, None


def _code(report: "BulkReport[Any]", stopped: "BulkStopped | None", interrupts: Interrupts) -> int:
    if interrupts:
        return endings.INTERRUPTED
    code = exit_code(report)
    if stopped is not None and isinstance(stopped.__cause__, KeyReused) and code != endings.OUTCOME_UNKNOWN:
        return endings.WRONG_USAGE
    if stopped is None or code == endings.OUTCOME_UNKNOWN:
        return code
    away = isinstance(stopped.__cause__, BitrixError) and endings.exit_code(stopped.__cause__) == endings.NOT_REACHED
    return endings.NOT_REACHED if away and not report.failed else endings.REFUSED


def _why(stopped: "BulkStopped") -> str:
    cause = stopped.__cause__
    advice = endings.advice(cause) if isinstance(cause, BitrixError) else ""
    return " ".join(filter(None, (f"{endings.printable(str(stopped)).rstrip('.')}.", advice)))
