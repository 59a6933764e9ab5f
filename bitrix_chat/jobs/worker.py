"""What a worker does with a job, whatever engine brought it: it sees one chat to its end, by the journal and the key.

Theory of operation. Engines run a job at least once: again after a kill, and sometimes in two workers at a time. So a
job is nothing but the name of an intent in a journal, and to run it is to resume that intent alone. What is done
answers from the journal; what has left is looked up by its key until the portal can no longer be working on it; what
may leave does so only if the journal commits that this worker, and no other, is the one (`SharedJournal`). What cannot
come to its end now raises, so that the engine runs the job again; it never sends on the strength of a guess.
"""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias

from bitrix_chat.bulk.errors import BulkStopped, JournalError
from bitrix_chat.bulk.job import BulkJob
from bitrix_chat.bulk.report import BulkReport
from bitrix_chat.bulk.results import BulkResult, BulkState
from bitrix_chat.bulk.stored_errors import error_as_dict
from bitrix_chat.client import BitrixChat
from bitrix_chat.errors import BitrixError, BotTokenRequired, InvalidParameter, NoAnswerError
from bitrix_chat.jobs.clients import Clients
from bitrix_chat.jobs.errors import JobPostponed, WrongJob, WrongWorker
from bitrix_chat.jobs.journals import Journals, OpenJournals
from bitrix_chat.jobs.part import NamedPart
from bitrix_chat.jobs.spec import JobSpec
from bitrix_chat.rest.secret import concealed_if_given

BotTokens: TypeAlias = Callable[[str, int], str | None]
"""Tells the token that a bot was registered with, by portal and id; None where OAuth makes it needless."""

_ANSWERS: Final = {
    BulkState.DONE: "done",
    BulkState.SKIPPED: "done",
    BulkState.FAILED: "failed",
    BulkState.UNKNOWN: "unknown",
}


class Worker:
    """Runs jobs; any number at a time, since those of one portal share a client and what waits there travels together.

    Args:
        clients: lends out a client per portal: `Portals`, or `OneClient(b24)`. Let them share their limits
            (`shared="redis://..."`) where there is more than one worker.
        journals: opens a journal by its name: `redis_journals("redis://...")`.
        bot_token: tells the tokens of bots.
    """

    def __init__(self, *, clients: Clients, journals: Journals, bot_token: BotTokens | None = None) -> None:
        if isinstance(clients, type) or not isinstance(clients, Clients):
            raise InvalidParameter(f"`clients` is {type(clients).__name__}, not Portals or OneClient(b24)")
        if not callable(journals):
            raise InvalidParameter(f"`journals` is {type(journals).__name__}, not redis_journals(...)")
        self._clients = clients
        self._journals = OpenJournals(journals)
        self._bot_token = bot_token
        self._running: set[BulkJob[Any]] = set()
        self._refused: set[tuple[str, int | None]] = set()

    def __repr__(self) -> str:
        return f"<Worker of {self._clients!r}>"

    async def run_job(self, spec: Mapping[str, Any]) -> dict[str, Any]:
        """Create the chat that a job names, unless it is there, and say what became of it.

        Args:
            spec: what `prepare_jobs` or `enqueue` has made, JSON.

        Returns:
            JSON: `key`; `state`: `done`, `failed` (the portal refuses it) or `unknown` (it may be there, and no lookup
            can tell: running the job again looks once more); `chat_id`; `error`, None or what it ended with.

        Raises:
            WrongJob: it is no job, or none of this journal; running it again would not help.
            JobPostponed: not now: the portal or the journal's server is away, another worker is at it, or a lookup
                failed. Run it again later; as `WrongWorker` let another worker run it.
        """
        job = JobSpec.from_dict(spec)
        try:
            answer = _answer(await self._result(job))
        except WrongWorker:
            self._refused.add((job.portal, job.bot))
            raise
        self._refused.discard((job.portal, job.bot))
        return answer

    @property
    def is_busy(self) -> bool:
        """Whether any job runs here."""
        return bool(self._running)

    def cannot_run(self, spec: Mapping[str, Any]) -> bool:
        """Return whether a job is known to be none for this worker: jobs of this portal and bot were `WrongWorker`."""
        try:
            job = JobSpec.from_dict(spec)
        except WrongWorker:
            return True
        except WrongJob:
            return False
        return (job.portal, job.bot) in self._refused

    async def _result(self, job: JobSpec) -> BulkResult[Any]:
        async with self._clients.client(job.portal) as b24, self._journals.journal(job.journal) as journal:
            report = await self._resumed(b24, job, NamedPart(journal.part([job.key]), job.portal))
        if not report.results:
            raise WrongJob(f"the journal {job.journal!r} holds no chat of the key {job.key!r}")
        return report.results[0]

    async def _resumed(self, b24: BitrixChat, job: JobSpec, part: NamedPart) -> BulkReport[Any]:
        token = None
        if job.bot is not None and self._bot_token is not None:
            token = concealed_if_given(self._bot_token(job.portal, job.bot))
        chats = b24.im.chat if job.bot is None else b24.bot(job.bot, token=token).chat
        resumed: BulkJob[Any] = chats.resume(part)
        self._running.add(resumed)
        try:
            return await resumed.run()
        except BulkStopped as stopped:
            raise _postponed(stopped.__cause__ or stopped) from stopped.__cause__
        except JournalError as error:
            raise _postponed(error) from error
        except InvalidParameter as error:
            raise WrongJob(error.description) from error
        finally:
            self._running.discard(resumed)

    async def stop(self, *, drain: bool = True) -> None:
        """End the jobs that run, for a worker that is about to go: what has not left is postponed.

        Args:
            drain: wait for what has left; without, it is postponed too, and looked up when its job runs again.
        """
        await asyncio.gather(*(job.cancel(drain=drain) for job in self._running))


def _answer(result: BulkResult[Any]) -> dict[str, Any]:
    """Say what became of a chat.

    Raises:
        JobPostponed: it has not come to its end, and may.
    """
    error = result.error
    state = _ANSWERS.get(result.state)
    if state is None or (state == "unknown" and error is not None and isinstance(error.__cause__, NoAnswerError)):
        raise _postponed(error or BitrixError("the chat was not sent")) from error
    return {
        "key": result.key,
        "state": state,
        "chat_id": result.chat_id,
        "error": None if error is None else error_as_dict(error),
    }


def _postponed(error: BaseException) -> JobPostponed:
    if isinstance(error, BotTokenRequired):
        return WrongWorker("this worker has no token of the bot: give it one (BITRIX24_BOT_TOKEN, or --bot-token)")
    said = error.description if isinstance(error, BitrixError) else type(error).__name__
    return JobPostponed(f"the job has to run again: {said}")
