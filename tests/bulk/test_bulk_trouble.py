"""What is not about one chat: an outage is ridden out, and what would meet every chat stops the run at once."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve

from bitrix_chat import (
    AuthError,
    BulkStopped,
    InsufficientScope,
    IntentState,
    InvalidCredentials,
    InvalidParameter,
    JournalError,
    KeyReused,
    MethodNotFound,
    OAuthAuth,
    PortalOverloaded,
    PortalUnreachable,
    ReauthorizationRequired,
    Token,
    WebhookAuth,
)
from bitrix_chat.bulk.errors import JournalInUse
from bitrix_chat.portal import Cut, Fault, Portal, PortalPolicy
from bitrix_chat.testing import on_virtual_clock
from tests.bulk.bulk_scenes import (
    ADD,
    BOT_ADD,
    GET,
    belong,
    counts,
    emulated,
    fresh,
    keyed,
    now,
    registered,
    scene,
    titles,
    until,
)
from tests.contracts.dict_journal import Database, DictJournal

CHATS = 1000


def oauth(portal: Portal) -> OAuthAuth:
    pair = portal.oauth
    token = Token(pair.access_token, pair.refresh_token, pair.client_endpoint)
    return OAuthAuth(pair.client_id, pair.client_secret, token, authorization_server=portal.authorization_server)


def kept(database: Database) -> dict[str, int]:
    """How many intents the journal has in which state."""
    found = [intent.state for intent in database.intents.values()]
    return {state.name: found.count(state) for state in IntentState if state in found}


async def stopped(job: Any) -> BulkStopped:
    with pytest.raises(BulkStopped) as caught:
        await job.run()
    assert caught.value.report is job.report
    return caught.value


@pytest.mark.parametrize("trouble", ["wrong webhook", "missing scope", "overload", "method gone"])
@on_virtual_clock
async def test_what_would_meet_every_chat_stops_the_run_and_a_resume_goes_on_when_it_is_healed(trouble: str):
    database = Database()
    async with emulated(cost=0.001) as portal:
        urls = {
            "wrong webhook": portal.url + "/rest/1/canarywrongsecret/",
            "missing scope": portal.add_webhook(scopes=["user"]),
        }
        kinds = {"wrong webhook": InvalidCredentials, "missing scope": InsufficientScope, "overload": PortalOverloaded}
        if trouble == "overload":
            portal.faults.add(Fault.overload(times=99))
        if trouble == "method gone":
            gone = {"error": "ERROR_METHOD_NOT_FOUND", "error_description": "Method not found!"}
            portal.faults.add(Fault(method=ADD, status=404, body=gone, times=99))
        auth = WebhookAuth(urls.get(trouble, portal.webhook_url))
        async with portal.client(auth, limiter=fresh()) as b24:
            job = b24.im.chat.bulk(titles(CHATS), journal=DictJournal(database))
            error = await stopped(job)

        assert isinstance(error.__cause__, kinds.get(trouble, MethodNotFound))
        assert portal.hits <= 20
        assert counts(job.report) == {"NOT_STARTED": CHATS}
        assert kept(database) == {"PENDING": CHATS}
        portal.faults.clear()
        async with portal.client(limiter=fresh()) as b24:
            report = await b24.im.chat.resume(DictJournal(database)).run()
        assert counts(report) == {"DONE": CHATS}
        assert belong(portal, report.done)


@on_virtual_clock
async def test_a_token_that_cannot_be_renewed_any_more_stops_the_run_where_it_is():
    database = Database()
    async with emulated(cost=0.02) as portal:
        async with portal.client(oauth(portal), limiter=fresh(), max_in_flight=3) as b24:
            job = b24.im.chat.bulk(titles(CHATS), journal=DictJournal(database))
            running = asyncio.create_task(stopped(job))
            await until(lambda: len(job.report) >= 200, 0.05)
            portal.revoke_refresh_tokens()
            portal.expire_tokens()
            hits = portal.hits
            error = await running

        assert isinstance(error.__cause__, ReauthorizationRequired)
        assert isinstance(error.__cause__, AuthError)
        assert portal.hits - hits <= 16
        assert counts(job.report).keys() == {"DONE", "NOT_STARTED"}
        assert len(job.report.done) == len(portal.chats)
        assert len(job.report) == CHATS
        assert kept(database) == {"PENDING": CHATS - len(portal.chats), "DONE": len(portal.chats)}
        async with portal.client(limiter=fresh()) as b24:
            report = await b24.im.chat.resume(DictJournal(database)).run()
        assert counts(report).keys() == {"DONE", "SKIPPED"}
        assert len(portal.chats) == CHATS
        assert belong(portal, report.results)


@on_virtual_clock
async def test_keys_that_cannot_be_looked_up_stop_the_run_before_anything_is_sent():
    async with emulated() as portal:
        async with portal.client() as admin:
            bot = await registered(admin)
        async with portal.client(WebhookAuth(portal.add_webhook(scopes=["imbot"])), limiter=fresh()) as b24:
            error = await stopped(b24.bot(bot.id, token="token_of_bot").chat.bulk(keyed(CHATS)))

        assert isinstance(error.__cause__, InsufficientScope)
        assert "needs the scope im" in str(error)
        assert BOT_ADD not in portal.executions
        assert portal.hits <= 20


@on_virtual_clock
async def test_a_bot_that_is_gone_stops_the_run():
    async with emulated() as portal, portal.client(limiter=fresh()) as b24:
        bot = await registered(b24)
        hits = portal.hits
        error = await stopped(b24.bot(bot.id + 1, token="token_of_bot").chat.bulk(titles(CHATS)))

        assert portal.hits - hits <= 20
        assert counts(error.report) == {"NOT_STARTED": CHATS}


@on_virtual_clock
async def test_a_portal_that_keeps_no_entity_of_a_bots_chats_is_found_out_with_one_chat():
    database = Database()
    async with emulated(policy=PortalPolicy(bot_chat_entities="dropped")) as portal:
        async with portal.client(limiter=fresh()) as b24:
            bot = await registered(b24)
            job = bot.chat.bulk(keyed(CHATS), journal=DictJournal(database))
            error = await stopped(job)

        assert isinstance(error.__cause__, InvalidParameter)
        assert "`key` is of no use here" in str(error)
        assert len(portal.chats) == 1
        assert counts(job.report) == {"DONE": 1, "NOT_STARTED": CHATS - 1}
        assert kept(database) == {"PENDING": CHATS - 1, "DONE": 1}


@pytest.mark.parametrize("has_keys", [False, True], ids=["without keys", "with keys"])
@on_virtual_clock
async def test_an_outage_of_a_minute_is_ridden_out(has_keys):
    async with scene(cost=0.05) as (portal, b24):
        job = b24.im.chat.bulk(keyed(300) if has_keys else titles(300))
        running = asyncio.create_task(job.run())
        await until(lambda: len(portal.chats) >= 60)
        await portal.stop()
        began = now()
        await asyncio.sleep(60)
        await portal.start()
        report = await running

        assert now() - began < 60 + 120 + 30
        assert belong(portal, report.done)
        if has_keys:
            assert counts(report) == {"DONE": 300}
            assert len(portal.chats) == 300
        else:  # what flew as it went away may or may not be there
            assert counts(report).keys() <= {"DONE", "UNKNOWN"}
            assert len(report.done) <= len(portal.chats) <= 300


@on_virtual_clock
async def test_an_outage_of_more_than_five_minutes_stops_the_run_and_a_resume_goes_on():
    database = Database()
    async with emulated() as portal, portal.client(limiter=fresh()) as b24:
        await b24.server.time()
        await portal.stop()
        began = now()
        job = b24.im.chat.bulk(titles(20), journal=DictJournal(database))
        error = await stopped(job)

        assert isinstance(error.__cause__, PortalUnreachable)
        assert 300 <= now() - began <= 360
        assert counts(job.report) == {"NOT_STARTED": 20}
        assert kept(database) == {"PENDING": 20}
        await portal.start()
        report = await b24.im.chat.resume(DictJournal(database)).run()
        assert counts(report) == {"DONE": 20}


@on_virtual_clock
async def test_two_outages_with_work_in_between_are_two_and_not_a_long_one():
    async with scene(options={"max_in_flight": 1}, cost=3.0) as (portal, b24):
        began = now()
        running = asyncio.create_task(b24.im.chat.bulk(titles(160)).run())
        for moment in (20, 380):
            await asyncio.sleep(began + moment - now())
            await portal.stop()
            await asyncio.sleep(40)
            await portal.start()
        report = await running

        assert len(report) == 160
        assert 0 < len(report.unknown) <= 20  # what flew as the portal went away
        assert counts(report).keys() == {"DONE", "UNKNOWN"}
        assert belong(portal, report.done)


@pytest.mark.parametrize("how", ["cancel", "deadline"])
@on_virtual_clock
async def test_a_run_that_waits_for_the_portal_to_come_back_can_be_ended(how: str):
    async with emulated() as portal, portal.client(limiter=fresh()) as b24:
        await b24.server.time()
        await portal.stop()
        job = b24.im.chat.bulk(titles(50), deadline=100 if how == "deadline" else None)
        running = asyncio.create_task(job.run())
        began = now()
        if how == "cancel":
            await asyncio.sleep(100)
            await job.cancel()
        report = await running

        assert now() - began == pytest.approx(100, abs=0.1)
        assert counts(report) == {"NOT_STARTED": 50}
        await portal.start()
        await asyncio.sleep(60)
        assert not portal.chats


@on_virtual_clock
async def test_the_first_lost_answer_shrinks_requests_and_no_key_is_created_twice():
    async with scene(cost=0.5, execution_limit=10.0, options={"quiescence": 20.0}) as (portal, b24):
        portal.faults.add(*[Fault(method="batch", cut=Cut.AFTER, nth=nth) for nth in (1, 3, 5)])
        report = await b24.im.chat.bulk(keyed(200), key_is_new=True).run()

        assert counts(report) == {"DONE": 200}
        assert len(portal.chats) == 200
        assert portal.executions[GET] > 0


class Failing(DictJournal):
    """A journal that fails from some moment on."""

    def __init__(self, database: Database, operation: str, after: int = 0, error: Exception | None = None) -> None:
        super().__init__(database)
        self.operation, self.after, self.calls = operation, after, 0
        self.error = error or OSError("no space left on device")

    def __getattribute__(self, name: str) -> Any:
        found = super().__getattribute__(name)
        if name in {"operation", "after", "calls", "error"} or name != self.operation:
            return found

        async def failing(*arguments: Any, **named: Any) -> Any:
            self.calls += 1
            if self.calls > self.after:
                raise self.error
            return await found(*arguments, **named)

        return failing


@pytest.mark.parametrize(("operation", "after"), [("add", 0), ("add", 2), ("departing", 0), ("note", 0)])
@on_virtual_clock
async def test_a_journal_that_fails_stops_the_run_and_nothing_is_sent_that_was_not_written_down(
    operation: str, after: int
):
    database = Database()
    async with scene(cost=0.001) as (portal, b24):
        job = b24.im.chat.bulk(titles(CHATS), journal=Failing(database, operation, after))
        error = await stopped(job)

        assert isinstance(error.__cause__, JournalError)
        assert isinstance(error.__cause__.__cause__, OSError)
        assert portal.hits == 0
        assert not portal.chats
        assert counts(job.report).keys() <= {"NOT_STARTED"}
        report = await b24.im.chat.bulk(titles(CHATS), journal=DictJournal(database)).run()
        assert counts(report) == {"DONE": CHATS}
        assert len(portal.chats) == CHATS


@on_virtual_clock
async def test_a_journal_that_fails_to_write_what_leaves_is_asked_a_few_times_only():
    journal = Failing(Database(), "departing")
    async with scene() as (_, b24):
        await stopped(b24.im.chat.bulk(titles(CHATS), journal=journal))

        assert journal.calls <= 16


@on_virtual_clock
async def test_a_journal_that_fails_in_the_middle_has_all_that_left():
    database = Database()
    async with scene(cost=0.01) as (portal, b24):
        job = b24.im.chat.bulk(titles(CHATS), journal=Failing(database, "departing", after=10))
        await stopped(job)

        assert 0 < len(portal.chats) == len(job.report.done) < CHATS
        assert kept(database) == {"PENDING": CHATS - len(portal.chats), "DONE": len(portal.chats)}


@on_virtual_clock
async def test_a_journal_that_cannot_take_ends_stops_the_run_and_the_report_has_them_all():
    database = Database()
    async with scene(cost=0.01, options={"max_in_flight": 2}) as (portal, b24):
        job = b24.im.chat.bulk(keyed(300), journal=Failing(database, "finish", after=4))
        error = await stopped(job)

        assert isinstance(error.__cause__, JournalError)
        assert len(job.report.done) == len(portal.chats)
        assert belong(portal, job.report.done)
        assert 0 < kept(database)["SENT"] == len(portal.chats) - kept(database)["DONE"]
        report = await b24.im.chat.resume(DictJournal(database)).run()
        assert counts(report).keys() == {"DONE", "SKIPPED"}
        assert len(portal.chats) == 300
        assert belong(portal, report.results)


@on_virtual_clock
async def test_a_journal_that_fails_as_it_is_closed_takes_no_report_away():
    async with scene() as (_, b24):
        job = b24.im.chat.bulk(titles(10), journal=Failing(Database(), "close"))
        error = await stopped(job)

        assert isinstance(error.__cause__, JournalError)
        assert counts(job.report) == {"DONE": 10}


@pytest.mark.parametrize("error", [OSError("no such folder"), JournalInUse("it is in use")])
@on_virtual_clock
async def test_a_journal_that_cannot_be_opened_is_an_error_of_its_own_and_nothing_is_sent(error: Exception):
    async with scene() as (portal, b24):
        job = b24.im.chat.bulk(titles(10), journal=Failing(Database(), "begin", error=error))
        with pytest.raises(JournalError):
            await job.run()

        assert len(job.report) == portal.hits == 0
        await job.cancel()


@on_virtual_clock
async def test_a_folder_that_is_not_there_is_an_error_of_the_journal(tmp_path: Path):
    async with scene() as (portal, b24):
        with pytest.raises(JournalError):
            await b24.im.chat.bulk(titles(10), journal=tmp_path / "nowhere" / "run.sqlite").run()

        assert portal.hits == 0


@on_virtual_clock
async def test_a_journal_that_has_a_key_for_another_chat_fails_that_chat_alone():
    database = Database()
    async with scene() as (portal, b24):
        await b24.im.chat.bulk(keyed(5), journal=DictJournal(database)).run()
        specs = [evolve(spec, title="Cellar") if spec.key == "room-2" else spec for spec in keyed(6)]
        report = await b24.im.chat.bulk(specs, journal=DictJournal(database)).run()

        assert isinstance(report.failed[0].error, KeyReused)
        assert report.failed[0].index == 2
        assert counts(report) == {"FAILED": 1, "SKIPPED": 4, "DONE": 1}
        assert len(portal.chats) == 6
