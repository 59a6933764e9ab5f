"""Random lives of one bulk run with a journal: whatever happens to client, portal and journal, each key has one chat.

A client in each life, which may be killed at any instant, over real sockets and on virtual time; a portal that outlives
them and counts what it executes; a journal whose every operation is a transaction. After every step the journal has to
fit what the portal has.
"""

import asyncio
from collections import Counter
from collections.abc import Coroutine
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any, Final, TypeVar

import aiohttp
import attrs
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from bitrix_chat import (
    KEY_ENTITY_TYPE,
    BitrixChat,
    BitrixError,
    BulkJob,
    BulkState,
    BulkStopped,
    ChatSpec,
    MemoryRateLimiter,
    MemoryTokenStore,
    OAuthAuth,
    Plan,
    Token,
)
from bitrix_chat.bulk import recorder
from bitrix_chat.bulk.journal import IntentState
from bitrix_chat.portal import Cut, Fault, Portal, PortalPolicy
from bitrix_chat.portal import Plan as PortalPlan
from bitrix_chat.portal.refusal import Refusal
from bitrix_chat.testing.virtual_clock import VirtualClockLoop
from bitrix_chat.transport.creations import CREATIONS
from tests.contracts.dict_journal import Database, DictJournal

T = TypeVar("T")

USERS: Final = "im.chat.add"
BOTS: Final = "imbot.v2.Chat.add"
COST: Final = 3.0
"""Seconds that a chat takes: all of them together are well within a gateway's 60."""
QUIESCENCE: Final = 120.0
UNWANTED: Final = "Room 3"
KEYED: Final = [ChatSpec(title=f"Room {number}", key=f"room-{number}") for number in range(7)]
SPECS: Final = [*KEYED, ChatSpec(title="Hall 0"), ChatSpec(title="Hall 1")]
EPOCH: Final = datetime(2031, 5, 6, tzinfo=UTC)

TROUBLES: Final = (
    Fault(cut=Cut.AFTER),
    Fault(cut=Cut.BEFORE),
    Fault(status=200, body='{"result":{"result":{"c0":', execute=True),
    Fault.html_502(executed=True),
    Fault(status=503, body="<html>"),
    Fault.query_limit(),
    Fault.query_limit(times=3),
    Fault(delay=50.0),  # the gateway gives up, and the portal creates the rest unheard
    Fault(method="oauth/token", status=503, body="<html>"),
)


class Mortal(DictJournal):
    """Is held by a process: with that it dies, and writes nothing more."""

    def die(self) -> None:
        if self._is_open:
            self.database.is_taken = self._is_open = False


@attrs.define(eq=False)
class Life:
    """A process with a client and a run."""

    session: aiohttp.ClientSession
    b24: BitrixChat
    journal: Mortal
    job: BulkJob[Any]
    task: "asyncio.Task[Any]"


class BulkLives(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner(loop_factory=VirtualClockLoop)
        self.patch = pytest.MonkeyPatch()
        self.database = Database()
        self.life: Life | None = None
        self.kills = 0

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        return self.runner.run(coroutine)

    @initialize(method=st.sampled_from([USERS, BOTS]), entities=st.sampled_from(["kept", "kept silently"]))
    def open(self, method: str, entities: Any) -> None:
        self.method = method
        policy = PortalPolicy(overtime_completes=True, bot_chat_entities=entities)
        self.portal = Portal(
            plan=PortalPlan.UNLIMITED, costs={USERS: COST, BOTS: COST}, execution_limit=60.0, policy=policy
        )
        self.run(self.begin())

    async def begin(self) -> None:
        await self.portal.start()
        time = asyncio.get_running_loop().time
        # What a journal remembers of times has to pass as the loop's own does.
        self.patch.setattr(recorder, "time", SimpleNamespace(monotonic=time))
        self.patch.setattr(
            recorder, "datetime", SimpleNamespace(now=lambda _: EPOCH + timedelta(seconds=time() - 1000.0))
        )
        self.patch.setattr(self.portal._rest, "run", self.refusing(self.portal._rest.run))
        grant = self.portal.oauth
        self.store = MemoryTokenStore(Token(grant.access_token, grant.refresh_token, grant.client_endpoint))
        self.bot_id = 0
        if self.method == BOTS:
            async with self.portal.client(self.auth()) as b24:
                self.bot_id = (await b24.imbot.bot.register("house_bot", name="House")).bot.id

    def refusing(self, run: Any) -> Any:
        async def run_wanted(method: Any, caller: Any, params: Any, *others: Any, **options: Any) -> Any:
            if method.name == self.method and UNWANTED in str(params):
                raise Refusal("ACCESS_ERROR", "nobody wants this one")
            return await run(method, caller, params, *others, **options)

        return run_wanted

    def auth(self) -> OAuthAuth:
        app = self.portal.oauth
        return OAuthAuth(
            app.client_id, app.client_secret, store=self.store, authorization_server=self.portal.authorization_server
        )

    @precondition(lambda self: self.life is None)
    @rule(
        how=st.sampled_from(["bulk", "bulk", "resume", "retry", "reconcile"]),
        key_is_new=st.booleans(),
        client=st.fixed_dictionaries({"max_in_flight": st.sampled_from([1, 2, 16]), "coalesce": st.booleans()}),
        options=st.fixed_dictionaries(
            {
                "on_error": st.sampled_from(["collect", "collect", "stop"]),
                "order": st.sampled_from(["completion", "input"]),
                "deadline": st.sampled_from([None, None, 2.0, 20.0]),
            }
        ),
    )
    def live(self, how: str, key_is_new: bool, client: Any, options: Any) -> None:  # noqa: FBT001
        """Begin, go on by the same call again or by the journal, or find out what is unknown."""
        self.run(self.lives(how, key_is_new, client, options))

    async def lives(self, how: str, key_is_new: bool, client: Any, options: Any) -> None:  # noqa: FBT001
        session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(force_close=True))
        limiter = MemoryRateLimiter(Plan(2200, 1000))
        b24 = self.portal.client(self.auth(), session=session, limiter=limiter, operating_limit=None, **client)
        chat: Any = b24.im.chat if self.method == USERS else b24.bot(self.bot_id).chat
        journal = Mortal(self.database)
        if how == "bulk":
            job = chat.bulk(SPECS, key_is_new=key_is_new, journal=journal, **options)
        else:
            job = chat.resume(journal, retry_failed=how == "retry", **options)
        task = asyncio.create_task(job.reconcile() if how == "reconcile" else job.run())
        self.life = Life(session, b24, journal, job, task)
        await asyncio.sleep(0)

    @rule(seconds=st.sampled_from([0.0, 0.01, 0.5, 2.0, 4.0, 8.0, 30.0, 130.0]))
    def wait(self, seconds: float) -> None:
        self.run(asyncio.sleep(seconds))

    @precondition(lambda self: self.life is not None)
    @rule(turns=st.integers(0, 30))
    def kill(self, turns: int) -> None:
        """End the process as it is: it writes nothing more, sends nothing more, and what it knew is forgotten."""
        self.run(self.killed(turns))

    @rule(
        before=st.sampled_from([0.0, 0.0, 0.01, 2.0, 4.0, 130.0]),
        how=st.sampled_from(["bulk", "resume", "reconcile"]),
        key_is_new=st.booleans(),
        after=st.sampled_from([0.0, 1.0, 8.0, 130.0]),
    )
    def kill_and_go_on_at_once(self, before: float, how: str, key_is_new: bool, after: float) -> None:  # noqa: FBT001
        """While the portal still works on what the dead had sent."""
        if self.life is None:
            self.live("bulk", key_is_new, {}, {})
        self.run(asyncio.sleep(before))
        self.run(self.killed(20))
        self.live(how, key_is_new, {}, {})
        self.run(asyncio.sleep(after))

    async def killed(self, turns: int) -> None:
        assert self.life is not None
        life, self.life = self.life, None
        for _ in range(turns):
            await asyncio.sleep(0)
        life.journal.die()
        await life.session.close()
        life.task.cancel()
        await asyncio.gather(life.task, return_exceptions=True)
        await life.b24.close(0.0)
        for known in (CREATIONS._doubts, CREATIONS._running, CREATIONS.kept, CREATIONS.dropped):
            known.clear()
        self.kills += 1

    @precondition(lambda self: self.life is not None)
    @rule(drain=st.booleans())
    def cancel(self, drain: bool) -> None:  # noqa: FBT001
        assert self.life is not None
        self.run(self.life.job.cancel(drain=drain))

    @precondition(lambda self: self.life is not None)
    @rule(grace=st.sampled_from([0.0, 5.0]))
    def close_the_client(self, grace: float) -> None:
        assert self.life is not None
        self.run(self.life.b24.close(grace))

    @rule(trouble=st.sampled_from(TROUBLES), nth=st.integers(1, 4))
    def trouble(self, trouble: Fault, nth: int) -> None:
        self.portal.faults.add(attrs.evolve(trouble, nth=nth))

    @rule()
    def expire_tokens(self) -> None:
        self.portal.expire_tokens()

    def made(self) -> "Counter[tuple[str, str]]":
        """Count chats by title and key."""
        chats = self.portal.chats.values()
        assert {chat.entity_type for chat in chats} <= {"", KEY_ENTITY_TYPE}
        return Counter((chat.title, chat.entity_id) for chat in chats)

    @invariant()
    def nothing_is_there_twice(self) -> None:
        if hasattr(self, "portal"):
            made = self.made()
            assert set(made.values()) <= {1}
            assert self.portal.executions[self.method] == made.total()
            assert set(made) <= {(spec.title, spec.key or "") for spec in SPECS}

    @invariant()
    def the_journal_fits_what_the_portal_has(self) -> None:
        rows = self.database.intents
        if not rows:
            return
        assert len(rows) == len(SPECS)
        made = self.made()
        for number, spec in enumerate(SPECS):
            intent, is_there = rows[number], bool(made[spec.title or "", spec.key or ""])
            assert (intent.number, intent.key, intent.spec) == (number, spec.key, spec.to_json())
            if intent.state is IntentState.DONE:
                assert intent.chat_id is not None
                assert self.portal.chats[intent.chat_id].title == spec.title
            if intent.state in {IntentState.PENDING, IntentState.FAILED}:
                assert not is_there, "it is forgotten"
            if intent.state is IntentState.FAILED:
                assert spec.title == UNWANTED
            assert intent.attempts or not is_there

    @invariant()
    def whoever_ends_tells_the_truth(self) -> None:
        if self.life is not None and self.life.task.done():
            self.run(self.buried())

    async def buried(self) -> None:
        assert self.life is not None
        life, self.life = self.life, None
        error = life.task.exception()
        assert error is None or isinstance(error, BulkStopped | BitrixError), error
        if isinstance(error, BulkStopped):
            assert isinstance(error.__cause__, BitrixError)
        made = self.made()
        for result in life.job.report.results:
            is_there = bool(made[result.spec.title or "", result.key or ""])
            kept = self.database.intents[result.index].state
            if result.state in {BulkState.DONE, BulkState.SKIPPED}:
                assert kept is IntentState.DONE
                assert self.database.intents[result.index].chat_id == result.chat_id
            else:
                assert kept in KEPT_AS[result.state]
            assert not is_there or result.state not in {BulkState.FAILED, BulkState.NOT_STARTED}
        await life.b24.close()
        await life.session.close()

    def teardown(self) -> None:
        try:
            if hasattr(self, "portal"):
                self.run(self.end())
        finally:
            self.patch.undo()
            self.runner.close()

    async def end(self) -> None:
        """In a last life, with a healthy portal, all is found out and all is done but what nobody wants."""
        self.portal.faults.clear()
        try:
            if self.life is not None:
                await self.killed(0)
            await self.lives("resume" if self.database.run and self.database.run.is_complete else "bulk", False, {}, {})
            assert self.life is not None
            report = await self.life.task
            assert report.is_complete
            await self.buried()
            self.nothing_is_there_twice()
            self.the_journal_fits_what_the_portal_has()
            assert len(report) == len(SPECS)
            for spec, intent in zip(SPECS, self.database.intents.values(), strict=True):
                assert intent.state in self.ends_of(spec), intent
        finally:
            await self.portal.stop()

    def ends_of(self, spec: ChatSpec) -> set[IntentState]:
        end = IntentState.FAILED if spec.title == UNWANTED else IntentState.DONE
        # What has no key cannot be looked up; nor what a bot sent, unless the portal was seen to keep its keys.
        is_found = spec.key is not None and (self.method == USERS or self.database.run.keeps_entities)
        return {end} if is_found else {end, *KEPT_AS[BulkState.UNKNOWN]}


KEPT_AS: Final = {
    BulkState.FAILED: {IntentState.FAILED},
    BulkState.UNKNOWN: {IntentState.UNKNOWN, IntentState.SENT},
    BulkState.NOT_STARTED: {IntentState.PENDING, IntentState.FAILED},  # the latter is not tried again
}

NO_SHRINKING: Final = [phase for phase in Phase if phase is not Phase.shrink]
FAST: Final = settings(
    max_examples=30,
    stateful_step_count=20,
    deadline=None,
    derandomize=True,
    phases=NO_SHRINKING,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)


def test_whatever_happens_to_a_run_and_its_portal_each_key_has_one_chat():
    run_state_machine_as_test(BulkLives, settings=FAST)


def test_what_a_stopping_run_takes_back_too_late_is_not_told_to_be_pending():
    """A history that was found at random: the failure of one met others that were announced and had not left."""
    lives = BulkLives()
    lives.open(USERS, "kept")
    lives.trouble(Fault(cut=Cut.BEFORE), 3)
    lives.live("bulk", False, {"max_in_flight": 16, "coalesce": True}, {"on_error": "stop"})
    for _ in range(8):
        lives.nothing_is_there_twice()
        lives.the_journal_fits_what_the_portal_has()
        lives.whoever_ends_tells_the_truth()
        lives.wait(0.5)
    lives.teardown()


@pytest.mark.parametrize("how", ["resume", "reconcile"])
def test_the_id_of_a_chat_that_was_found_and_cannot_be_fetched_is_kept(how: str):
    """Another such history: it was done, and nobody would ever have learned which chat it was."""
    lives = BulkLives()
    lives.open(BOTS, "kept")
    lives.live("bulk", True, {"coalesce": False}, {})
    lives.wait(4.0)
    lives.kill(0)
    lives.wait(4.0)
    sent = [number for number, intent in lives.database.intents.items() if intent.state is IntentState.SENT]
    lives.trouble(Fault(method="imbot.v2.Chat.get", status=502, body="<html>", times=100), 1)
    lives.live(how, False, {"coalesce": False}, {})
    lives.wait(130.0)
    lives.the_journal_fits_what_the_portal_has()
    found = [lives.database.intents[number] for number in sent if lives.database.intents[number].chat_id]
    assert [intent.state for intent in found] == [IntentState.DONE] * 5
    lives.whoever_ends_tells_the_truth()
    lives.teardown()


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_whatever_happens_for_long_each_key_has_one_chat():
    run_state_machine_as_test(
        BulkLives, settings=settings(FAST, max_examples=300, stateful_step_count=40, derandomize=False)
    )
