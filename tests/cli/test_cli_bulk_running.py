"""How a run ends that was stopped by what is not about one chat: nobody there, or no place left for the journal."""

import pytest

from bitrix_chat import (
    AccessDenied,
    BulkReport,
    BulkResult,
    BulkState,
    BulkStopped,
    ChatSpec,
    Intent,
    InvalidParameter,
    JournalError,
    KeyReused,
    OutcomeUnknown,
    PortalUnreachable,
    Run,
    SqliteJournal,
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


async def written(path, *, is_complete):
    async with SqliteJournal(path) as journal:
        await journal.begin(Run(method="im.chat.add", portal="portal.example"))
        await journal.add([Intent(number=number, spec="{}") for number in range(3)])
        await journal.note(is_complete=is_complete)
    return path


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
    journal = await written(tmp_path / "a run.sqlite", is_complete=True)
    telling = Telling(None, by_number, "number")
    assert await run_job(rehearsing_client(), job, telling, journal) == code
    said = capsys.readouterr()
    assert said.err.splitlines()[-1] == f"Go on with: bitrix-chat resume '{journal}'"
    assert "the run was stopped." in said.err
    assert "in all" in said.out


class EndedJob(StoppedJob):
    """A job that ends by itself, or with an error that is not about its run."""

    async def run(self, *, progress):
        if self._cause is not None:
            raise self._cause


@pytest.fixture
def ended(tmp_path, capsys):
    """Return the exit code of a job with a journal, and the last thing that is said of it."""

    async def run(job, journal):
        code = await run_job(rehearsing_client(), job, Telling(None, by_number, "number"), journal)
        return code, capsys.readouterr().err.splitlines()

    return run


REUSED = KeyReused("the journal has the key 'a' with another spec")
REUSED.key = "a"


async def test_what_a_journal_never_held_is_not_to_be_resumed(ended, tmp_path):
    journal = await written(tmp_path / "run.sqlite", is_complete=False)
    for job in (EndedJob(None, (BulkState.DONE, None)), EndedJob(None, LEFT), StoppedJob(AWAY, LEFT)):
        _, said = await ended(job, journal)
        assert said[-1] == (
            "bitrix-chat: the journal holds only the first 3 rows of the input: run the same `bulk` again with it"
        )


async def test_where_there_is_no_journal_yet_the_run_is_to_be_begun_again(ended, tmp_path):
    _, said = await ended(StoppedJob(AWAY, LEFT), tmp_path / "run.sqlite")
    assert said[-1] == "bitrix-chat: nothing was sent: run the same `bulk` again"


@pytest.mark.parametrize(
    ("error", "advice"),
    [
        (AccessDenied("no"), "Try what failed again with: "),
        (REUSED, "The journal has other chats under some of these keys: "),
        (InvalidParameter("the title is wrong"), None),
    ],
)
async def test_only_what_the_portal_refused_is_to_be_tried_again(ended, tmp_path, error, advice):
    journal = await written(tmp_path / "run.sqlite", is_complete=True)
    job = EndedJob(None, (BulkState.FAILED, error))
    job.report.is_complete = True
    code, said = await ended(job, journal)
    assert code == 1
    assert [line.startswith(advice) for line in said] == [True] if advice else said == []


@pytest.mark.parametrize("kind", [StoppedJob, EndedJob])
async def test_a_file_that_was_changed_is_wrong_usage_with_a_way_out(ended, tmp_path, kind):
    journal = await written(tmp_path / "run.sqlite", is_complete=True)
    job = kind(KeyReused("the journal has the number 1 with another spec"))
    if kind is EndedJob:
        with pytest.raises(InvalidParameter, match="the file was changed: restore it"):
            await ended(job, journal)
    else:
        code, (said,) = await ended(job, journal)
        assert code == 2
        assert "the file was changed: restore it" in said
