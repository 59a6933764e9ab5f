"""Random sequences of calls on chats and messages, through the client, against the emulator and beside a model."""

import asyncio
import re
from collections.abc import Callable, Coroutine
from typing import Any, Final, TypeVar

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
    BatchHalted,
    BatchResult,
    BitrixChat,
    BitrixError,
    Call,
    CommandResult,
    Entity,
    InvalidParameter,
    MemoryRateLimiter,
    Outcome,
    OutcomeUnknown,
    Plan,
    WebhookAuth,
    ref,
)
from bitrix_chat.portal import Cut, Fault, Portal
from bitrix_chat.portal import Plan as PortalPlan
from bitrix_chat.rest.request import Safety
from bitrix_chat.testing.virtual_clock import VirtualClockLoop
from tests.stateful import deeds, readings
from tests.stateful.deeds import ADMIN, SECOND, Deed, Draw, World
from tests.stateful.model import Model, Room

T = TypeVar("T")

BOT_TOKEN: Final = "house-bot-token"
MOST_ROOMS: Final = 6
# What a batch would replace: a value of an earlier command, for which there is no escape.
REPLACED_IN_BATCH: Final = re.compile(r"\$(?:result|next|total|time|error)\S*\[[^\]]+\]", re.IGNORECASE)
PACKED: Final = (
    deeds.renaming,
    deeds.recolouring,
    deeds.muting,
    deeds.sending,
    deeds.changing,
    deeds.liking,
    deeds.reacting,
    deeds.reading,
    deeds.unreading,
)

misfortunes = st.sampled_from([None] * 12 + [Cut.AFTER, Cut.BEFORE])


def does(plan: Callable[[World, Draw[Any]], Deed | None]) -> Any:
    """Make a rule of one kind of call, whose answer is lost now and then."""

    def perform(self: "ChatsAndMessages", data: st.DataObject, cut: Cut | None) -> None:
        deed = plan(self.world, data.draw)
        if deed is not None:
            self.run(self.perform(deed, cut))

    perform.__name__ = plan.__name__
    return rule(data=st.data(), cut=misfortunes)(perform)


class ChatsAndMessages(RuleBasedStateMachine):
    """Two people and a bot, each through the client, over real sockets and on virtual time."""

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner(loop_factory=VirtualClockLoop)
        self.portal = Portal(plan=PortalPlan.UNLIMITED, users=4)
        self.lost = 0
        self.touched: set[Room] = set()
        self.world = self.run(self.open())

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        return self.runner.run(coroutine)

    async def open(self) -> World:
        await self.portal.start()
        urls = {ADMIN: self.portal.webhook_url, SECOND: self.portal.add_webhook(user_id=SECOND)}
        people = {
            user_id: self.portal.client(WebhookAuth(url), limiter=MemoryRateLimiter(Plan(1e9, 1e8)))
            for user_id, url in urls.items()
        }
        registered = await people[ADMIN].imbot.bot.register("house_bot", name="House", token=BOT_TOKEN)
        bot = people[ADMIN].bot(registered.bot.id, token=BOT_TOKEN)
        passive = (3, self.portal.extranet_user_id)
        model = Model({ADMIN, SECOND, *passive}, {bot.id})
        return World(people, bot, model, passive, (self.portal.inactive_user_ids[0], 404))

    def teardown(self) -> None:
        try:
            self.run(readings.check_everything(self.world))
            groups = [chat.id for chat in self.portal.chats.values() if chat.type != "private"]
            assert groups == [room.id for room in self.world.model.rooms]
        finally:
            self.run(self.close())
            self.runner.close()

    async def close(self) -> None:
        for b24 in self.world.people.values():
            await b24.close()
        await self.portal.stop()

    @initialize(data=st.data(), plan=st.sampled_from([deeds.creating_by_person, deeds.creating_by_bot]))
    def first_room(self, data: st.DataObject, plan: Callable[[World, Draw[Any]], Deed]) -> None:
        self.run(self.perform(plan(self.world, data.draw)))

    @precondition(lambda self: len(self.world.model.rooms) < MOST_ROOMS)
    @rule(data=st.data(), plan=st.sampled_from([deeds.creating_by_person, deeds.creating_by_bot]))
    def creating(self, data: st.DataObject, plan: Callable[[World, Draw[Any]], Deed]) -> None:
        self.run(self.perform(plan(self.world, data.draw)))

    @precondition(lambda self: len(self.world.model.rooms) < MOST_ROOMS)
    @rule(
        data=st.data(),
        plan=st.sampled_from([deeds.creating_by_person, deeds.creating_by_bot]),
        cut=st.sampled_from([Cut.AFTER, Cut.BEFORE, Cut.TRUNCATE]),
    )
    def creating_without_an_answer(self, data: st.DataObject, plan: Any, cut: Cut) -> None:
        """A create whose answer is lost is not sent again: whoever looks finds it once, or not at all."""
        self.lost += 1
        entity = Entity("LOST_ROOM", f"{self.lost}")
        self.run(self.lose(plan(self.world, data.draw, entity), entity, cut))

    async def lose(self, deed: Deed, entity: Entity, cut: Cut) -> None:
        self.portal.faults.add(Fault(cut=cut))
        call = deed.call()
        with pytest.raises(OutcomeUnknown):
            await call
        assert call.outcome is Outcome.UNKNOWN
        found = await self.world.people[ADMIN].im.chat.get(entity)
        made = [chat.id for chat in self.portal.chats.values() if chat.entity_id == entity.id == f"{self.lost}"]
        made = [chat_id for chat_id in made if self.portal.chats[chat_id].entity_type == entity.type]
        assert made == ([] if cut is Cut.BEFORE else [found])
        if found is not None:
            deed.effect(found)
            self.touched.update(deed.rooms)

    @rule(data=st.data())
    def finding(self, data: st.DataObject) -> None:
        """A room is found by its entity, any of several, by whoever asks."""
        entities = [room.entity for room in self.world.model.rooms if room.entity] + [("PROJECT_ROOM", "99")]
        entity = data.draw(st.sampled_from(entities))
        b24 = self.world.people[data.draw(st.sampled_from([ADMIN, SECOND]))]
        found = self.run(self.answer(b24.im.chat.get(Entity(*entity))))
        assert found in (self.world.model.rooms_of(entity) or [None])

    @rule(data=st.data())
    def searching(self, data: st.DataObject) -> None:
        """The words of a message find it and its like, for those who may read them."""
        room = self.world.group(data.draw)
        user_id = self.world.actor(data.draw, room, (ADMIN, SECOND))
        phrase = data.draw(st.sampled_from(["#00", "#01", f"#{self.world.model.said:03}"]))
        self.run(self.search(room, user_id, phrase))

    async def search(self, room: Room, user_id: int, phrase: str) -> None:
        messages = self.world.people[user_id].im.dialog.messages
        if not room.readable_by(user_id):
            with pytest.raises(BitrixError) as caught:
                await messages.search(room.id, text=phrase)
            assert isinstance(caught.value, deeds.rulings.AccessDenied)
            return
        found = await messages.search(room.id, text=phrase, limit=200)
        paged = [message.id async for message in messages.iter_search(room.id, text=phrase, limit=2)]
        wanted = [post for post in room.visible_to(user_id) if post.is_whole and phrase in post.text]
        ids = {post.id for post in wanted}
        assert [message.id for message in found.messages if message.id in ids] == [post.id for post in wanted][::-1]
        assert paged == [message.id for message in found.messages]
        assert not any(message.author_id and message.id not in ids for message in found.messages)
        shown = {
            each.message_id: {name: set(users) for name, users in each.reaction_users.items()}
            for each in found.reactions
        }
        set_ones = {post.id: {name: users for name, users in post.reactions.items() if users} for post in wanted}
        assert shown == {post_id: reactions for post_id, reactions in set_ones.items() if reactions}

    @rule(
        data=st.data(),
        plans=st.lists(st.sampled_from(PACKED), min_size=2, max_size=4),
        halt=st.booleans(),
        cut=misfortunes,
        user_id=st.sampled_from([ADMIN, SECOND]),
    )
    def packing(self, data: st.DataObject, plans: list[Any], halt: bool, cut: Cut | None, user_id: int) -> None:  # noqa: FBT001
        """Calls of one person, and of the bot, as one request: each ends as it would alone."""
        b24 = self.world.people[user_id]
        world = self.world.only(user_id, b24.bot(self.world.bot.id, token=BOT_TOKEN))
        packed = [deed for plan in plans if (deed := plan(world, data.draw)) is not None]
        if packed:
            self.run(self.pack(b24, packed, halt=halt, cut=cut))

    async def pack(self, b24: BitrixChat, packed: list[Deed], *, halt: bool, cut: Cut | None) -> None:
        calls = [deed.call() for deed in packed]
        if REPLACED_IN_BATCH.search(str([call.request.params for call in calls])):
            with pytest.raises(InvalidParameter):
                b24.batch(calls, halt=halt)
            return
        if cut is not None and not all(deed.ruling().is_sure for deed in packed):
            cut = None
        self.portal.faults.add(*() if cut is None else [Fault(cut=cut)])
        result = await self.send_packed(b24.batch(calls, halt=halt), cut)
        if cut is Cut.AFTER:
            self.suppose(packed, halt=halt)
        if result is None:
            assert {call.outcome for call in calls} == {Outcome.UNKNOWN}
        else:
            self.settle_packed([(deed, result[call]) for deed, call in zip(packed, calls, strict=True)], cut, halt=halt)
        for deed in packed:
            await self.meet(deed.rooms)

    async def send_packed(self, batch: Call[BatchResult], cut: Cut | None) -> BatchResult | None:
        """Send a batch, which is repeated if all of its commands may be; None if it may have run."""
        if cut is None or batch.request.repeatable:
            return await batch
        with pytest.raises(OutcomeUnknown):
            await batch
        return None

    def suppose(self, packed: list[Deed], *, halt: bool) -> None:
        """Let a batch have run of which no answer tells."""
        for deed in packed:
            self.touched.update(deed.rooms)
            if deed.ruling().may_pass:
                deed.effect(None)
            elif halt:
                return

    def settle_packed(self, results: list[tuple[Deed, CommandResult[Any]]], cut: Cut | None, *, halt: bool) -> None:
        halted = False
        for deed, result in results:
            in_doubt = cut is not None and isinstance(result.error, OutcomeUnknown)
            if halted:
                assert in_doubt or isinstance(result.error, BatchHalted)
            elif in_doubt:
                assert not deed.ruling().may_pass
            else:
                self.settle(deed, result.value, result.error)
            halted = halted or (halt and result.error is not None)

    @precondition(lambda self: len(self.world.model.rooms) < MOST_ROOMS)
    @rule(data=st.data(), user_id=st.sampled_from([ADMIN, SECOND]), by_bot=st.booleans())
    def packing_a_room_with_its_message(self, data: st.DataObject, user_id: int, by_bot: bool) -> None:  # noqa: FBT001
        """A chat and what is said in it first, which addresses the chat by a reference."""
        b24 = self.world.people[user_id]
        world = self.world.only(user_id, b24.bot(self.world.bot.id, token=BOT_TOKEN))
        deed = (deeds.creating_by_bot if by_bot else deeds.creating_by_person)(world, data.draw)
        self.run(self.pack_a_room(b24, world, deed, by_bot=by_bot))

    async def pack_a_room(self, b24: BitrixChat, world: World, deed: Deed, *, by_bot: bool) -> None:
        created = deed.call()
        if REPLACED_IN_BATCH.search(str(created.request.params)):
            created.close()
            return
        self.world.model.said += 1
        text = f"in the same batch #{self.world.model.said:03}"
        if by_bot:
            sent = world.bot.chat.message.send(ref(created)["chat"]["dialogId"], text)
        else:
            sent = b24.im.message.add(ref(created), text)
        room, message = (await b24.batch([created, sent])).values()
        self.settle(deed, room, None)
        sender, message_id = (world.bot.id, message.id) if by_bot else (min(world.people), message)
        self.world.model.post(deed.rooms[0], sender, text, id=message_id)

    renaming = does(deeds.renaming)
    recolouring = does(deeds.recolouring)
    describing = does(deeds.describing)
    inviting = does(deeds.inviting)
    removing = does(deeds.removing)
    leaving = does(deeds.leaving)
    handing_over = does(deeds.handing_over)
    appointing = does(deeds.appointing)
    muting = does(deeds.muting)
    sending = does(deeds.sending)
    sending_more = does(deeds.sending)
    sending_again = does(deeds.sending_again)
    changing = does(deeds.changing)
    deleting = does(deeds.deleting)
    liking = does(deeds.liking)
    reacting = does(deeds.reacting)
    reading = does(deeds.reading)
    unreading = does(deeds.unreading)
    reading_all = does(deeds.reading_all)
    listing = does(deeds.listing)

    @invariant()
    def the_client_reads_what_the_model_holds(self) -> None:
        touched, self.touched = self.touched, set()
        self.run(readings.check(self.world, touched))

    async def answer(self, call: Any) -> Any:
        return await call

    async def perform(self, deed: Deed, cut: Cut | None = None) -> None:
        if cut is not None and deed.ruling().is_sure:
            self.portal.faults.add(Fault(cut=cut))
        else:
            cut = None
        call = deed.call()
        value, error = None, None
        try:
            value = await call
        except BitrixError as caught:
            error = caught
        assert not len(self.portal.faults)
        assert call.outcome is (Outcome.DONE if error is None else error.outcome)
        if isinstance(error, OutcomeUnknown) and cut is not None:
            self.settle_unknown(deed, call.request.safety, cut)
        else:
            self.settle(deed, value, error)
        await self.meet(deed.rooms)

    def settle(self, deed: Deed, value: Any, error: BitrixError | None) -> None:
        """Hold the end of a call against the ruling, and let it have its effect."""
        ruling = deed.ruling()
        self.touched.update(deed.rooms)
        if error is None:
            assert ruling.may_pass
            deed.effect(value)
        else:
            assert isinstance(error, ruling.refusals), error
            assert error.outcome is Outcome.REFUSED

    def settle_unknown(self, deed: Deed, safety: Safety, cut: Cut) -> None:
        """A lost answer: what may be repeated was, and is in doubt only where the repetition was refused."""
        ruling = deed.ruling()
        self.touched.update(deed.rooms)
        ran = cut is not Cut.BEFORE
        if ruling.may_pass:
            assert safety in ({Safety.CREATE, Safety.IDEMPOTENT} if ran else {Safety.CREATE})
        if ran and ruling.may_pass:
            deed.effect(None)

    async def meet(self, rooms: tuple[Room, ...]) -> None:
        """Learn the id of a private chat in which something has happened."""
        for room in rooms:
            if room.is_private and room.id is None:
                user_id = next(member for member in room.places if member in self.world.people)
                room.id = (await self.world.people[user_id].im.dialog.get(room.dialog_id(user_id))).id


# What fails is found again by its seed; shrinking fifty steps over sockets takes longer than reading them.
NO_SHRINKING: Final = [phase for phase in Phase if phase is not Phase.shrink]
FAST: Final = settings(
    max_examples=20,
    stateful_step_count=25,
    deadline=None,
    derandomize=True,
    phases=NO_SHRINKING,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)


def test_chats_and_messages_are_what_a_model_says_after_any_sequence_of_calls():
    run_state_machine_as_test(ChatsAndMessages, settings=FAST)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_chats_and_messages_are_what_a_model_says_after_many_long_sequences_of_calls():
    deep = settings(FAST, max_examples=100, stateful_step_count=50, derandomize=False)
    run_state_machine_as_test(ChatsAndMessages, settings=deep)
