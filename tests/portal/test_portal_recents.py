"""Reading and `im.recent.*`: counters that move, and the list of chats as each person has made it."""

import pytest


@pytest.fixture
async def ask(serve, clock):
    return await serve(clock=clock, sleep=clock.sleep)


@pytest.fixture
def boris(portal):
    return portal.add_webhook(user_id=2)


@pytest.fixture
async def chat(ask, portal):
    """A chat of user 1 and user 2, with nothing unread in it."""
    params = {"TITLE": "Orders", "USERS": [2], "ENTITY_TYPE": "ORDERS", "ENTITY_ID": "7"}
    return portal.chats[(await ask("im.chat.add", params)).result]


@pytest.fixture
def write(ask, chat, boris, clock):
    """Write as user 2, a minute later each time."""

    async def write(text="Hello", dialog_id=chat.dialog_id):
        clock.advance(60)
        return (await ask("im.message.add", {"DIALOG_ID": dialog_id, "MESSAGE": text}, base=boris)).result

    return write


@pytest.fixture
def counters(ask):
    async def counters(base=None):
        return (await ask("im.counters.get", base=base)).result

    return counters


@pytest.fixture
def recent(ask):
    """List the recent chats as ids."""

    async def recent(**params):
        return [item["id"] for item in (await ask("im.recent.get", params)).result]

    return recent


async def test_nothing_unread_is_empty_lists_and_zeros(counters, chat):
    kinds = ("ALL", "NOTIFY", "CHAT", "DIALOG", "LINES", "MESSENGER")
    lists = ("CHAT", "CHAT_MUTED", "CHAT_UNREAD", "LINES", "DIALOG", "DIALOG_UNREAD")
    assert await counters() == {"TYPE": dict.fromkeys(kinds, 0)} | {name: [] for name in lists}


async def test_a_message_raises_the_counters_of_the_others(counters, chat, write, boris):
    await write()
    await write()
    await write("Hi", dialog_id=1)
    shown = await counters()
    assert (shown["CHAT"], shown["DIALOG"]) == ({str(chat.id): 2}, {"2": 1})
    assert shown["TYPE"] == {"ALL": 3, "NOTIFY": 0, "CHAT": 2, "DIALOG": 1, "LINES": 0, "MESSENGER": 3}
    assert (await counters(boris))["TYPE"]["ALL"] == 0


async def test_reading_lowers_the_counter_and_never_goes_back(ask, chat, write):
    sent = [await write() for _ in range(3)]
    read = {"DIALOG_ID": chat.dialog_id}
    answer = (await ask("im.dialog.read", read | {"MESSAGE_ID": sent[1]})).result
    assert answer == {"dialogId": chat.dialog_id, "chatId": chat.id, "lastId": sent[1], "counter": 1}
    assert (await ask("im.dialog.read", read | {"MESSAGE_ID": sent[0]})).result["counter"] == 1
    assert (await ask("im.dialog.read", read)).result["counter"] == 0


async def test_answering_reads_what_is_there(ask, chat, write, counters):
    await write()
    await ask("im.message.add", {"DIALOG_ID": chat.dialog_id, "MESSAGE": "Thanks"})
    assert (await counters())["CHAT"] == []


async def test_a_dialog_that_one_is_not_in_is_not_read(ask, chat, portal):
    stranger = portal.add_webhook(user_id=9)
    assert (await ask("im.dialog.read", {"DIALOG_ID": chat.dialog_id}, base=stranger)).result is False
    assert (await ask("im.dialog.read", {"DIALOG_ID": "x"})).error == (400, "DIALOG_ID_EMPTY")


async def test_a_dialog_can_be_set_back_to_unread(ask, chat, write, counters):
    sent = [await write() for _ in range(3)]
    await ask("im.dialog.read", {"DIALOG_ID": chat.dialog_id})
    unread = {"DIALOG_ID": chat.dialog_id, "MESSAGE_ID": sent[1]}
    assert (await ask("im.dialog.unread", unread)).result is True
    assert (await counters())["CHAT"] == {str(chat.id): 2}
    assert (await ask("im.dialog.unread", unread | {"MESSAGE_ID": 0})).error == (400, "MESSAGE_ID_ERROR")
    assert (await ask("im.dialog.unread", unread | {"DIALOG_ID": ""})).error == (400, "DIALOG_ID_EMPTY")


async def test_everything_can_be_read_at_once(ask, chat, write, counters):
    await write()
    await write("Hi", dialog_id=1)
    await ask("im.recent.unread", {"DIALOG_ID": chat.dialog_id})
    assert (await ask("im.dialog.read.all")).result is True
    shown = await counters()
    assert (shown["TYPE"]["ALL"], shown["CHAT_UNREAD"]) == (0, [])


async def test_a_muted_chat_counts_apart(ask, chat, write, counters):
    await ask("im.chat.mute", {"CHAT_ID": chat.id, "MUTE": "Y"})
    await write()
    shown = await counters()
    assert (shown["CHAT_MUTED"], shown["CHAT"], shown["TYPE"]["ALL"]) == ({str(chat.id): 1}, [], 0)


async def test_a_mark_counts_one_where_nothing_else_does(ask, chat, write, counters):
    await write()
    await write("Hi", dialog_id=1)
    await ask("im.dialog.read", {"DIALOG_ID": chat.dialog_id})
    for dialog_id in (chat.dialog_id, "2"):
        assert (await ask("im.recent.unread", {"DIALOG_ID": dialog_id})).result is True
    shown = await counters()
    assert (shown["CHAT_UNREAD"], shown["DIALOG_UNREAD"], shown["TYPE"]["MESSENGER"]) == ([chat.id], [2], 2)
    await ask("im.recent.unread", {"DIALOG_ID": chat.dialog_id, "ACTION": "N"})
    await ask("im.dialog.read", {"DIALOG_ID": 2})
    shown = await counters()
    assert (shown["CHAT_UNREAD"], shown["DIALOG_UNREAD"]) == ([], [])


async def test_notifications_count_too(portal, counters):
    portal.add_notification(1, "The door is open")
    sums = (await counters())["TYPE"]
    assert (sums["ALL"], sums["NOTIFY"], sums["MESSENGER"]) == (1, 1, 0)


async def test_a_newcomer_has_nothing_to_read_of_before(ask, portal, chat, write, counters):
    await write()
    await ask("im.chat.user.add", {"CHAT_ID": chat.id, "USERS": [3]})
    assert (await counters(portal.add_webhook(user_id=3)))["TYPE"]["ALL"] == 0


async def test_chats_come_by_their_last_message_and_pinned_ones_first(ask, recent, chat, write):
    await write()
    await write("Hi", dialog_id=1)
    assert await recent() == [2, chat.dialog_id]
    assert (await ask("im.recent.pin", {"DIALOG_ID": chat.dialog_id})).result is True
    assert await recent() == [chat.dialog_id, 2]
    await ask("im.recent.pin", {"DIALOG_ID": chat.dialog_id, "PIN": "N"})
    assert await recent() == [2, chat.dialog_id]


async def test_a_hidden_chat_comes_back_with_the_next_message(ask, recent, chat, write):
    await write()
    assert (await ask("im.recent.hide", {"DIALOG_ID": chat.dialog_id})).result is True
    assert await recent() == []
    await write()
    assert await recent() == [chat.dialog_id]


@pytest.mark.parametrize("method", ["im.recent.pin", "im.recent.unread", "im.recent.hide"])
async def test_the_list_takes_dialog_ids_only(ask, chat, portal, method):
    stranger = portal.add_webhook(user_id=9)
    assert (await ask(method, {"DIALOG_ID": "seven"})).error == (400, "DIALOG_ID_EMPTY")
    foreign = await ask(method, {"DIALOG_ID": chat.dialog_id}, base=stranger)
    assert foreign.body.get("error") == ("ACCESS_ERROR" if method == "im.recent.pin" else None)
    assert foreign.status == (400 if method == "im.recent.pin" else 200)


async def test_filters_leave_out_kinds_and_what_is_old(recent, chat, write, clock):
    await write()
    await write("Hi", dialog_id=1)
    assert await recent(SKIP_CHAT="Y") == [2]
    assert await recent(SKIP_DIALOG="Y") == [chat.dialog_id]
    assert await recent(ONLY_OPENLINES="Y") == []
    assert await recent(LAST_UPDATE="2027-01-15T10:02:00+02:00") == [2]
    assert await recent(LAST_SYNC_DATE="2027-01-15T10:01:00+02:00") == [2, chat.dialog_id]


async def test_open_lines_are_a_kind_of_their_own(ask, recent, counters, portal, boris):
    params = {"USERS": [2], "ENTITY_TYPE": "LINES", "ENTITY_ID": "livechat|1"}
    line = portal.chats[(await ask("im.chat.add", params)).result]
    await ask("im.message.add", {"DIALOG_ID": line.dialog_id, "MESSAGE": "Help"}, base=boris)
    assert await recent(ONLY_OPENLINES="Y") == [line.dialog_id]
    assert await recent(SKIP_OPENLINES="Y") == []
    shown = await counters()
    assert (shown["LINES"], shown["TYPE"]["LINES"], shown["TYPE"]["CHAT"]) == ({str(line.id): 1}, 1, 0)
    assert (await ask("im.recent.get")).result[0]["lines"]["id"] == line.id


async def test_an_item_shows_the_chat_and_its_last_message(ask, chat, write, boris):
    await write("First")
    params = {"DIALOG_ID": chat.dialog_id, "MESSAGE": "Look", "ATTACH": [{"MESSAGE": "x"}]}
    sent = (await ask("im.message.add", params, base=boris)).result
    (item,) = (await ask("im.recent.get")).result
    assert (item["id"], item["chat_id"], item["type"], item["title"]) == (chat.dialog_id, chat.id, "chat", "Orders")
    assert (item["counter"], item["last_id"], item["pinned"], item["unread"]) == (2, 0, False, False)
    assert (item["user"], item["chat"]["role"], item["chat"]["name"]) == ({"id": 0}, "OWNER", "Orders")
    message = item["message"]
    assert (message["id"], message["text"], message["attach"], message["file"]) == (
        sent,
        "Look [Attachment]",
        True,
        False,
    )
    assert (message["author_id"], message["status"], message["sticker"], message["uuid"]) == (2, "received", None, None)
    await ask("im.dialog.read", {"DIALOG_ID": chat.dialog_id})
    (item,) = (await ask("im.recent.get")).result
    assert (item["counter"], item["last_id"], item["message"]["status"]) == (0, sent, "delivered")


async def test_a_private_item_is_the_person(ask, write):
    await write("Hi", dialog_id=1)
    (item,) = (await ask("im.recent.get", {"SKIP_CHAT": "Y"})).result
    assert (item["id"], item["type"], item["title"], item["user"]["id"]) == (2, "user", "Boris Adler", 2)


async def test_a_newcomer_with_a_hidden_history_sees_that_they_came(ask, portal, chat, write):
    await write()
    await ask("im.chat.user.add", {"CHAT_ID": chat.id, "USERS": [3], "HIDE_HISTORY": "Y"})
    (item,) = (await ask("im.recent.get", base=portal.add_webhook(user_id=3))).result
    assert (item["message"]["id"], item["counter"]) == (chat.messages[-1].id, 0)


async def test_a_message_that_was_taken_back_does_not_count(ask, chat, write, boris):
    sent = await write()
    await ask("im.message.delete", {"MESSAGE_ID": sent}, base=boris)
    await ask("im.dialog.unread", {"DIALOG_ID": chat.dialog_id, "MESSAGE_ID": 1})
    assert (await ask("im.counters.get")).result["TYPE"]["ALL"] == 0


async def test_pages_of_the_list_do_not_know_their_total(ask, write):
    for user_id in (3, 4, 5):
        await write("Hi", dialog_id=user_id)
    boris = ask.portal.add_webhook(user_id=2)
    first = await ask("im.recent.list", {"LIMIT": 2, "SKIP_CHAT": "Y"}, base=boris)
    assert [item["id"] for item in first.result["items"]] == [5, 4]
    assert (first.result["hasMore"], first.result["hasMorePages"]) == (True, True)
    assert (first.body["next"], first.body["total"]) == (2, -1)
    last = await ask("im.recent.list", {"LIMIT": 2, "SKIP_CHAT": "Y", "OFFSET": first.body["next"]}, base=boris)
    assert [item["id"] for item in last.result["items"]] == [3]
    assert ("next" in last.body, last.body["total"], last.result["hasMore"]) == (False, -1, False)
    date = first.result["items"][1]["message"]["date"]
    older = await ask("im.recent.list", {"SKIP_CHAT": "Y", "LAST_MESSAGE_DATE": date}, base=boris)
    assert [item["id"] for item in older.result["items"]] == [3]


async def test_the_list_can_show_the_unread_only(ask, chat, write):
    await write()
    await write("Hi", dialog_id=1)
    await ask("im.dialog.read", {"DIALOG_ID": 2})
    shown = (await ask("im.recent.list", {"UNREAD_ONLY": "Y"})).result["items"]
    assert [item["id"] for item in shown] == [chat.dialog_id]
