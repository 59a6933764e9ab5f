"""Chats of an entity: found by it whoever made them, and what they pay for it."""

import pytest

from bitrix_chat.portal import PortalPolicy

ENTITY = {"entityType": "SHELF", "entityId": "top-12"}
LOOKUP = {"ENTITY_TYPE": "SHELF", "ENTITY_ID": "top-12"}


@pytest.fixture
async def of_policy(serve):
    """Ask a portal of a policy, and add a chat of the entity by its bot."""

    async def start(policy):
        ask = await serve(policy=policy)
        bot = await ask.bot()
        return ask, (await ask("imbot.v2.Chat.add", bot | {"fields": ENTITY})).result["chat"], bot

    return start


@pytest.mark.parametrize(
    ("policy", "shown", "stored"),
    [
        ("kept", ("shelf", "SHELF", "top-12"), True),
        ("kept silently", ("chat", "", ""), True),
        ("dropped", ("chat", "", ""), False),
    ],
)
async def test_a_bots_chat_keeps_its_entity_or_does_not(of_policy, policy, shown, stored):
    ask, chat, _ = await of_policy(PortalPolicy(bot_chat_entities=policy))
    assert (chat["type"], chat["entityType"], chat["entityId"]) == shown
    assert (await ask("im.chat.get", LOOKUP)).result == ({"ID": chat["id"]} if stored else None)


@pytest.mark.parametrize(("policy", "messages"), [("kept", 0), ("kept silently", 0), ("dropped", 2)])
async def test_a_bots_chat_of_an_entity_has_no_greeting(of_policy, policy, messages):
    ask, chat, _ = await of_policy(PortalPolicy(bot_chat_entities=policy))
    assert len(ask.portal.chats[chat["id"]].messages) == messages


@pytest.mark.parametrize(("policy", "status"), [("kept", 400), ("kept silently", 400), ("dropped", 200)])
async def test_a_bots_chat_of_an_entity_refuses_its_update(of_policy, policy, status):
    ask, chat, bot = await of_policy(PortalPolicy(bot_chat_entities=policy))
    change = bot | {"dialogId": chat["dialogId"], "fields": {"title": "Renamed"}}
    assert (await ask("imbot.v2.Chat.update", change)).status == status


async def test_the_lookup_needs_no_scope_but_im(of_policy):
    ask, chat, _ = await of_policy(PortalPolicy())
    im, imbot = (ask.portal.add_webhook(scopes=[scope]) for scope in ("im", "imbot"))
    assert (await ask("im.chat.get", LOOKUP, base=im)).result == {"ID": chat["id"]}
    assert (await ask("im.chat.get", LOOKUP, base=imbot)).error == (403, "insufficient_scope")


@pytest.mark.parametrize("without", [{}, {"ENTITY_TYPE": "SHELF"}, {"ENTITY_ID": "top-12"}])
async def test_a_lookup_that_names_half_an_entity_finds_nothing(ask, without):
    await ask("im.chat.add", LOOKUP)
    assert (await ask("im.chat.get", without)).result is None
    assert (await ask("im.chat.get", LOOKUP | {"ENTITY_ID": "top-1"})).result is None


async def test_the_lookup_sees_chats_of_both_methods(of_policy):
    """Two chats of one entity are two chats, by whichever method."""
    ask, first, _ = await of_policy(PortalPolicy(duplicate_lookup="highest"))
    second = (await ask("im.chat.add", LOOKUP)).result
    assert second > first["id"]
    assert (await ask("im.chat.get", LOOKUP)).result == {"ID": second}
