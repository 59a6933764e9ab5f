"""`Event.get`: what bots in fetch mode and subscribed users learn, and how they confirm it."""

import pytest

DAY = 24 * 3600
MESSAGE_KEYS = {"id", "chatId", "authorId", "date", "text", "isSystem", "uuid", "forward", "params", "viewedByOthers"}


@pytest.fixture
async def bot(ask):
    return await ask.bot()


@pytest.fixture
def fetch(ask, bot):
    async def fetched(**params):
        return (await ask("imbot.v2.Event.get", bot | params)).result

    return fetched


@pytest.fixture
def types(fetch):
    async def listed(**params):
        return [event["type"] for event in (await fetch(**params))["events"]]

    return listed


@pytest.fixture
async def chat(ask, portal, bot):
    """A group of user 1, with the bot in it; that it joined has been confirmed."""
    chat_id = (await ask("im.chat.add", {"TITLE": "Talk", "USERS": [bot["botId"], 2]})).result
    await ask("imbot.v2.Event.get", bot | {"offset": 1000})
    return portal.chats[chat_id]


def say(ask, dialog_id, text, **params):
    return ask("im.message.add", {"DIALOG_ID": dialog_id, "MESSAGE": text}, **params)


async def test_a_bot_learns_that_it_was_added(ask, bot, fetch):
    chat_id = (await ask("im.chat.add", {"TITLE": "Talk", "USERS": [bot["botId"]]})).result
    answer = await fetch()
    (event,) = answer["events"]
    assert (event["type"], answer["hasMore"], answer["nextOffset"]) == (
        "ONIMBOTV2JOINCHAT",
        False,
        event["eventId"] + 1,
    )
    data = event["data"]
    assert data.keys() == {"bot", "dialogId", "chat", "user", "language"}
    assert (data["dialogId"], data["chat"]["id"], data["user"]["id"]) == (f"chat{chat_id}", chat_id, 1)
    assert (data["bot"]["id"], data["bot"]["eventMode"]) == (bot["botId"], "fetch")
    assert not data["chat"].keys() & {"role", "muteList", "lastMessageId", "userCounter"}
    assert data["user"]["lastActivityDate"] is False


async def test_a_bot_learns_of_the_chats_it_makes_itself(ask, bot, fetch):
    await ask("imbot.v2.Chat.add", bot | {"fields": {"title": "Mine", "description": "About"}})
    assert [event["data"]["user"]["id"] for event in (await fetch())["events"]] == [bot["botId"]]


async def test_a_bot_added_later_learns_it_too(ask, bot, types):
    chat_id = (await ask("im.chat.add")).result
    assert await types() == []
    await ask("im.chat.user.add", {"CHAT_ID": chat_id, "USERS": [bot["botId"]]})
    assert await types() == ["ONIMBOTV2JOINCHAT"]


async def test_in_private_a_bot_hears_everything(ask, bot, fetch):
    message_id = (await say(ask, bot["botId"], "Hello")).result
    (event,) = (await fetch())["events"]
    assert event["type"] == "ONIMBOTV2MESSAGEADD"
    message, chat = event["data"]["message"], event["data"]["chat"]
    assert message.keys() >= MESSAGE_KEYS
    assert (message["id"], message["text"], message["authorId"], message["isSystem"]) == (message_id, "Hello", 1, False)
    assert (message["params"], message["forward"]) == ([], None), "an empty map is a list"
    assert (chat["dialogId"], chat["name"]) == ("1", event["data"]["user"]["name"])


async def test_in_a_group_a_bot_hears_where_it_is_named(ask, bot, chat, fetch):
    for text in ("Hello", f"[USER={bot['botId']}]Bot[/USER] hello", f"[USER={bot['botId']}0]Other[/USER]"):
        await say(ask, chat.dialog_id, text)
    assert [event["data"]["message"]["text"] for event in (await fetch())["events"]] == [
        f"[USER={bot['botId']}]Bot[/USER] hello"
    ]


async def test_a_supervisor_hears_all_of_its_chats_and_no_other(ask):
    bot = await ask.bot(code="watcher", type="supervisor")
    ids = [(await ask("im.chat.add", {"USERS": users})).result for users in ([bot["botId"]], [2])]
    for chat_id in ids:
        await say(ask, f"chat{chat_id}", "Hello")
    events = (await ask("imbot.v2.Event.get", bot)).result["events"]
    assert [(event["type"], event["data"]["chat"]["id"]) for event in events] == [
        ("ONIMBOTV2JOINCHAT", ids[0]),
        ("ONIMBOTV2MESSAGEADD", ids[0]),
    ]


async def test_bots_do_not_hear_bots(ask, bot, chat, types):
    other = await ask.bot(code="other")
    await ask("im.chat.user.add", {"CHAT_ID": chat.id, "USERS": [other["botId"]]})
    fields = {"message": f"[USER={bot['botId']}]Bot[/USER] hello"}
    sent = await ask("imbot.v2.Chat.Message.send", other | {"dialogId": chat.dialog_id, "fields": fields})
    assert sent.status == 200
    assert await types() == []


async def test_a_bot_in_webhook_mode_has_nothing_to_fetch(ask):
    bot = await ask.bot(code="posted", eventMode="webhook", webhookUrl="https://bots.example/handler")
    await say(ask, bot["botId"], "Hello")
    assert (await ask("imbot.v2.Event.get", bot)).result["events"] == []


async def test_changes_and_deletions_follow(ask, bot, fetch):
    message_id = (await say(ask, bot["botId"], "Helo")).result
    await ask("im.message.update", {"MESSAGE_ID": message_id, "MESSAGE": "Hello"})
    await ask("im.message.delete", {"MESSAGE_ID": message_id})
    added, changed, deleted = (await fetch())["events"]
    assert [event["type"] for event in (changed, deleted)] == ["ONIMBOTV2MESSAGEUPDATE", "ONIMBOTV2MESSAGEDELETE"]
    assert [event["data"]["message"]["text"] for event in (added, changed)] == ["Helo", "Hello"], "each as it was"
    assert deleted["data"]["messageId"] == message_id
    assert "message" not in deleted["data"]


async def test_a_bot_learns_of_reactions_to_its_own_messages(ask, bot, chat, fetch):
    fields = {"message": "Done"}
    sent = await ask("imbot.v2.Chat.Message.send", bot | {"dialogId": chat.dialog_id, "fields": fields})
    other = (await say(ask, chat.dialog_id, "Thanks")).result
    for message_id in (sent.result["id"], other):
        assert (await ask("im.message.like", {"MESSAGE_ID": message_id})).result is True
    (event,) = (await fetch())["events"]
    assert event["type"] == "ONIMBOTV2REACTIONCHANGE"
    assert {key: event["data"][key] for key in ("reaction", "action")} == {"reaction": "like", "action": "add"}
    assert event["data"]["message"]["id"] == sent.result["id"]


async def test_a_bot_without_reactions_is_not_told(ask):
    bot = await ask.bot(code="stern", isReactionsEnabled="N")
    sent = await ask("imbot.v2.Chat.Message.send", bot | {"dialogId": "1", "fields": {"message": "Done"}})
    await ask("im.message.like", {"MESSAGE_ID": sent.result["id"]})
    assert (await ask("imbot.v2.Event.get", bot)).result["events"] == []


async def test_an_offset_confirms_and_nothing_else_does(ask, bot, fetch):
    ids = [(await say(ask, bot["botId"], str(number))).result for number in range(3)]
    first = await fetch(limit=2)
    assert (await fetch(limit=2)) == first
    assert [event["data"]["message"]["id"] for event in first["events"]] == ids[:2]
    assert first["hasMore"] is True
    last = await fetch(offset=first["nextOffset"], limit=2)
    assert [event["data"]["message"]["id"] for event in last["events"]] == ids[2:]
    assert last["hasMore"] is False
    assert len((await fetch())["events"]) == 1, "the first two are gone"
    done = await fetch(offset=last["nextOffset"])
    assert done == {"events": [], "nextOffset": last["nextOffset"], "hasMore": False}
    assert await fetch() == {"events": [], "nextOffset": 0, "hasMore": False}


async def test_a_full_page_promises_more_even_if_there_is_none(ask, bot, fetch):
    await say(ask, bot["botId"], "Hello")
    assert (await fetch(limit=1))["hasMore"] is True


@pytest.mark.parametrize(("limit", "size"), [(0, 1), (-5, 1), (1, 1), ("2", 2), (5000, 3)])
async def test_a_limit_is_bent_into_its_range(ask, bot, fetch, limit, size):
    for number in range(3):
        await say(ask, bot["botId"], str(number))
    assert len((await fetch(limit=limit, offset=-7))["events"]) == size


async def test_a_limit_or_an_offset_that_is_no_number_is_refused(ask, bot):
    for wrong in ({"limit": "many"}, {"offset": []}):
        assert (await ask("imbot.v2.Event.get", bot | wrong)).error == (400, "100")
        assert (await ask("im.v2.Event.get", wrong)).error == (400, "100")


async def test_events_are_kept_for_a_day(serve, clock):
    ask = await serve(clock=clock)
    bot = await ask.bot()
    await say(ask, bot["botId"], "old")
    clock.advance(DAY - 1)
    await say(ask, bot["botId"], "new")
    assert len((await ask("imbot.v2.Event.get", bot)).result["events"]) == 2
    clock.advance(1)
    events = (await ask("imbot.v2.Event.get", bot)).result["events"]
    assert [event["data"]["message"]["text"] for event in events] == ["new"]


async def test_a_user_learns_of_their_chats_once_subscribed(ask, portal, chat):
    await say(ask, chat.dialog_id, "before")
    assert (await ask("im.v2.Event.subscribe")).result is True
    await say(ask, chat.dialog_id, "own")
    await say(ask, chat.dialog_id, "other", base=portal.add_webhook(2))
    await say(ask, 3, "not mine", base=portal.add_webhook(2))
    events = (await ask("im.v2.Event.get")).result["events"]
    assert [(event["type"], event["data"]["message"]["text"]) for event in events] == [
        ("ONIMV2MESSAGEADD", "own"),
        ("ONIMV2MESSAGEADD", "other"),
    ]
    assert events[1]["data"].keys() == {"message", "chat", "user", "language"}


async def test_a_user_learns_that_they_were_added(ask, portal):
    second = portal.add_webhook(2)
    await ask("im.v2.Event.subscribe", base=second)
    chat_id = (await ask("im.chat.add", {"USERS": [2, 3]})).result
    (event,) = (await ask("im.v2.Event.get", base=second)).result["events"]
    assert (event["type"], event["data"]["dialogId"]) == ("ONIMV2JOINCHAT", f"chat{chat_id}")
    await ask("im.chat.user.add", {"CHAT_ID": chat_id, "USERS": [4]})
    assert len((await ask("im.v2.Event.get", base=second)).result["events"]) == 1


async def test_a_private_chat_is_known_by_whom_one_talks_to(ask, portal):
    await ask("im.v2.Event.subscribe")
    await say(ask, 1, "Hello", base=portal.add_webhook(2))
    (event,) = (await ask("im.v2.Event.get")).result["events"]
    assert event["data"]["chat"]["dialogId"] == "2"


async def test_the_end_of_a_subscription_drops_what_was_pending(ask, chat):
    await ask("im.v2.Event.subscribe")
    await say(ask, chat.dialog_id, "Hello")
    assert (await ask("im.v2.Event.unsubscribe")).result is True
    await say(ask, chat.dialog_id, "Anybody?")
    assert (await ask("im.v2.Event.get")).result == {"events": [], "nextOffset": 0, "hasMore": False}


async def test_a_bot_can_fetch_its_users_events_along(ask, bot, chat, fetch):
    assert (await ask("imbot.v2.Event.get", bot | {"withUserEvents": True})).error == (400, "USER_NOT_SUBSCRIBED")
    await ask("im.v2.Event.subscribe")
    await say(ask, chat.dialog_id, f"[USER={bot['botId']}]Bot[/USER] hello")
    both = await fetch(withUserEvents="Y")
    assert sorted(event["type"] for event in both["events"]) == ["ONIMBOTV2MESSAGEADD", "ONIMV2MESSAGEADD"]
    assert len((await fetch())["events"]) == 1
    await fetch(withUserEvents="Y", offset=both["nextOffset"])
    assert (await ask("im.v2.Event.get")).result["events"] == [], "both queues are confirmed"


async def test_user_events_need_the_scope_of_chats(ask, portal, bot):
    narrow = portal.add_webhook(1, {"imbot"})
    refused = await ask("imbot.v2.Event.get", bot | {"withUserEvents": True}, base=narrow)
    assert refused.error == (400, "SCOPE_ERROR")


async def test_a_bots_queue_is_its_owners(ask, bot):
    refused = await ask("imbot.v2.Event.get", {"botId": bot["botId"], "botToken": "guess"})
    assert refused.error == (400, "BOT_OWNERSHIP_ERROR")


async def test_the_queue_of_a_bot_goes_with_it(ask, portal, bot):
    await say(ask, bot["botId"], "Hello")
    await ask("imbot.v2.Bot.unregister", bot)
    assert (await ask("imbot.v2.Event.get", bot)).error == (400, "BOT_NOT_FOUND")
    assert (await ask("im.v2.Event.get")).result["events"] == []


async def test_what_an_owner_does_who_does_not_exist_is_told_without_them(ask, bot):
    await ask("im.v2.Event.subscribe")
    fields = {"ownerId": 9999, "userIds": [1], "description": "About"}
    await ask("imbot.v2.Chat.add", bot | {"fields": fields})
    events = (await ask("im.v2.Event.get")).result["events"]
    assert [event["data"]["user"] for event in events if event["type"] == "ONIMV2MESSAGEADD"] == [[]]
