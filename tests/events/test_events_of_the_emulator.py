"""What the emulator queues and posts, read by the client: two readings of one documentation agree."""

import pytest
from attrs import evolve

from bitrix_chat.events.application_token import application_token_of_bot
from bitrix_chat.events.decode import decode_polled, decode_posted
from bitrix_chat.events.installation import installation_of
from bitrix_chat.events.memory_store import MemoryEventStore
from bitrix_chat.events.php_forms import read_form
from bitrix_chat.events.receiver import WebhookReceiver
from bitrix_chat.events.reception import Reception
from bitrix_chat.events.types import (
    AppInstalled,
    AppUninstalled,
    BotEvent,
    ChatEvent,
    CommandAdded,
    JoinedChat,
    MessageAdded,
    MessageDeleted,
    MessageUpdated,
)
from tests.events.event_bodies import FORM
from tests.leaks.sinks import SECRET

NOWHERE = "http://127.0.0.1:9/events"  # the portal does not care whether anybody listens
TOKEN = "anchor-of-the-posted-bot"


@pytest.fixture
async def bots(b24):
    """A bot that fetches and one whose events are posted; both hear everything."""
    fetching = await b24.imbot.bot.register("fetching", name="F", type="supervisor", event_mode="fetch", token="anchor")
    hearing = await b24.imbot.bot.register(
        "posted", name="P", type="supervisor", event_mode="webhook", webhook_url=NOWHERE, token=TOKEN
    )
    return b24.bot(fetching.bot.id, token="anchor"), b24.bot(hearing.bot.id, token=TOKEN)


async def happenings(portal, bots):
    user = portal.user(2)
    chat_id = await user.create_chat("Quay 3 & 4", [bot.id for bot in bots])
    dialog = f"chat{chat_id}"
    message_id = await user.say(dialog, "Ahoy, [b]50%[/b] & more ✓")
    await user.edit(message_id, "0")
    await user.delete(message_id)
    await portal.all_delivered()


async def test_the_same_happenings_are_the_same_objects_from_the_queue_and_from_the_webhook(portal, bots):
    fetching, hearing = bots
    await happenings(portal, bots)
    fetched = [decode_polled(record) async for record in fetching.event.iter_events()]
    came = [decode_posted(read_form(delivery.body)) for delivery in portal.deliveries]
    assert [type(event) for event in fetched] == [JoinedChat, MessageAdded, MessageUpdated, MessageDeleted]
    assert fetched == [evolve(event, bot=fetched[0].bot) for event in came]
    assert {event.bot.id for event in came if isinstance(event, BotEvent)} == {hearing.id}


async def test_what_the_portal_posts_is_kept_once_by_the_token_of_its_bot(portal, bots):
    store = MemoryEventStore()
    door = WebhookReceiver(
        application_token=application_token_of_bot(TOKEN), store=store, member_id=portal.oauth.member_id, max_age=60
    )
    await happenings(portal, bots)
    for _ in range(2):
        for delivery in portal.deliveries:
            assert (await door.handle(delivery.body, FORM)).status == 200
    assert {name: count for name, count in door.counts.items() if count} == {
        Reception.KEPT: 4,
        Reception.REPLAYED: 4,
    }
    kept = [decode_posted(each.body) for each in await store.pending()]
    assert [type(event) for event in kept] == [JoinedChat, MessageAdded, MessageUpdated, MessageDeleted]
    assert len({event.dialog_id for event in kept if isinstance(event, ChatEvent)}) == 1


async def test_a_posted_command_is_answered_in_its_chat(portal, bots):
    _, hearing = bots
    await hearing.command.register("tide", title={"en": "The tide"})
    user = portal.user(2)
    chat_id = await user.create_chat("Quay", [hearing.id])
    await user.use_command(f"chat{chat_id}", "/tide at 5")
    await portal.all_delivered()
    events = [decode_posted(read_form(delivery.body)) for delivery in portal.deliveries]
    (command,) = [event for event in events if isinstance(event, CommandAdded)]
    assert (command.command.name, command.command.params, command.user.id) == ("tide", "at 5", 2)
    assert await command.bound_to(hearing).answer("High at noon") is True


async def test_an_installation_of_the_emulator_gives_an_auth_that_works(portal):
    await portal.install_application(NOWHERE, user_id=2)
    await portal.all_delivered()
    form = read_form(portal.deliveries[0].body)
    installation = installation_of(form, hosts=[portal.url, portal.authorization_server])
    assert isinstance(installation.event, AppInstalled)
    assert not SECRET.search(repr(installation))
    grant = portal.oauth
    auth = installation.auth(grant.client_id, grant.client_secret, authorization_server=portal.authorization_server)
    async with portal.client(auth) as b24:
        assert (await b24.profile()).id == 2
        portal.expire_tokens()
        assert (await b24.profile()).id == 2


async def test_the_removal_of_the_application_is_verified_by_its_token(portal):
    await portal.uninstall_application(NOWHERE, clean=True)
    await portal.all_delivered()
    door = WebhookReceiver(application_token=portal.application_token, store=(store := MemoryEventStore()))
    assert (await door.handle(portal.deliveries[0].body, FORM)).reception is Reception.KEPT
    (kept,) = await store.pending()
    assert decode_posted(kept.body) == AppUninstalled(clean=True, language="en")
