"""How a run ends that was stopped by what is not about one chat: nobody there, or no place left for the journal."""

import pytest

from bitrix_chat import (
    AccessDenied,
    BulkReport,
    BulkResult,
    BulkState,
    BulkStopped,
    ChatSpec,
    JournalError,
    OutcomeUnknown,
    PortalUnreachable,
)
from bitrix_chat.cli.bulk_running import run_job
from bitrix_chat.cli.bulk_tables import Telling, by_number
from bitrix_chat.cli.rehearsal import rehearsing_client


class StoppedJob:
    """A job that is stopped by `cause` after some results."""

    def __init__(self, cause, *results):
        self.report = BulkReport()
        for index, (state, error) in enumerate(results):
            self.report.add(BulkResult(index=index, spec=ChatSpec(title="A"), state=state, error=error))
        self._cause = cause

    async def run(self, *, progress):
        raise BulkStopped("the run was stopped") from self._cause

    async def cancel(self, *, drain):
        pass


AWAY = PortalUnreachable("nobody answers")
LEFT = (BulkState.NOT_STARTED, AWAY)


@pytest.mark.parametrize(
    ("job", "code"),
    [
        (StoppedJob(AWAY, LEFT), 4),
        (StoppedJob(AWAY, (BulkState.DONE, None), LEFT), 4),
        (StoppedJob(AWAY, (BulkState.FAILED, AccessDenied("no")), LEFT), 1),
        (StoppedJob(AWAY, (BulkState.UNKNOWN, OutcomeUnknown("lost")), LEFT), 3),
        (StoppedJob(JournalError("the disk is full"), LEFT), 1),
        (StoppedJob(OSError("the specs cannot be read"), (BulkState.DONE, None)), 1),
    ],
)
async def test_the_exit_code_tells_what_stopped_it(job, code, tmp_path, capsys):
    journal = tmp_path / "a run.sqlite"
    telling = Telling(None, by_number, "number")
    assert await run_job(rehearsing_client(), job, telling, journal) == code
    said = capsys.readouterr()
    assert said.err.splitlines()[-1] == f"Go on with: bitrix-chat resume '{journal}'"
    assert "the run was stopped." in said.err
    assert "in all" in said.out
