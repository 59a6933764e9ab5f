"""`im.dialog.messages.*`: what was said, page by page, and what can be found in it."""

import pytest

MESSAGE_KEYS = {"id", "chat_id", "author_id", "date", "text", "unread", "uuid", "replaces", "params"}


@pytest.fixture
async def ask(serve, clock):
    return await serve(clock=clock, sleep=clock.sleep)


@pytest.fixture
def boris(portal):
    return portal.add_webhook(user_id=2)


@pytest.fixture
async def chat(ask, portal):
    """A chat of an entity, which begins empty; user 2 is in it."""
    params = {"USERS": [2], "ENTITY_TYPE": "ORDERS", "ENTITY_ID": "7"}
    return portal.chats[(await ask("im.chat.add", params)).result]


@pytest.fixture
async def talk(ask, chat, boris, clock):
    """Thirty messages, an hour apart, of two people in turn."""
    ids = []
    for number in range(30):
        clock.advance(3600)
        params = {"DIALOG_ID": chat.dialog_id, "MESSAGE": f"Number {number}"}
        ids.append((await ask("im.message.add", params, base=boris if number % 2 else None)).result)
    return ids


@pytest.fixture
def page(ask, chat):
    async def page(**params):
        return (await ask("im.dialog.messages.get", {"DIALOG_ID": chat.dialog_id} | params)).result

    return page


@pytest.fixture
def find(ask, chat):
    async def find(**params):
        return (await ask("im.dialog.messages.search", {"CHAT_ID": chat.id} | params)).result

    return find


def ids(answer):
    return [message["id"] for message in answer["messages"]]


async def test_the_newest_come_first_and_last_id_pages_back(page, talk):
    newest = await page()
    assert ids(newest) == talk[:9:-1]
    assert ids(await page(LAST_ID=talk[10], LIMIT=4)) == talk[9:5:-1]
    assert ids(await page(LAST_ID=talk[0]))[:1] == ids(await page(FIRST_ID=0, LIMIT=1))


async def test_first_id_pages_forward_from_the_beginning(page, talk, chat):
    assert ids(await page(FIRST_ID=0, LIMIT=3)) == [chat.messages[0].id, *talk[:2]]
    assert ids(await page(FIRST_ID=talk[3], LIMIT=99)) == talk[4:]


async def test_a_message_has_every_key(page, talk, chat):
    answer = await page(LIMIT=2)
    assert set(answer) == {"chat_id", "messages", "users", "files"}
    assert set(answer["messages"][0]) == MESSAGE_KEYS | {"disappearing_date"}
    assert answer["messages"][1]["author_id"] == 1
    assert ({user["id"] for user in answer["users"]}, answer["files"]) == ({1, 2}, [])
    assert (answer["messages"][0]["params"], answer["messages"][0]["uuid"]) == ([], None)


async def test_a_message_shows_its_likes_and_what_is_unread(ask, page, boris, talk):
    await ask("im.message.like", {"MESSAGE_ID": talk[-2]}, base=boris)
    newest, liked = (await page(LIMIT=2))["messages"]
    assert (newest["unread"], liked["unread"], liked["params"]) == (True, False, {"LIKE": [2]})


@pytest.mark.parametrize(
    ("params", "status", "code"),
    [
        ({"DIALOG_ID": ""}, 400, "DIALOG_ID_EMPTY"),
        ({"DIALOG_ID": "chat999"}, 403, "ACCESS_ERROR"),
        ({"FIRST_ID": "first"}, 400, "FIRST_ID_STRING"),
        ({"LAST_ID": "last"}, 400, "LAST_ID_STRING"),
    ],
)
async def test_a_page_is_refused_by_its_code(ask, chat, params, status, code):
    whole = {"DIALOG_ID": chat.dialog_id} | params
    assert (await ask("im.dialog.messages.get", whole)).error == (status, code)


async def test_a_newcomer_may_be_kept_from_the_history(ask, portal, chat, talk):
    await ask("im.chat.user.add", {"CHAT_ID": chat.id, "USERS": [3], "HIDE_HISTORY": "Y"})
    clara = portal.add_webhook(user_id=3)
    shown = (await ask("im.dialog.messages.get", {"DIALOG_ID": chat.dialog_id}, base=clara)).result
    assert not set(ids(shown)) & set(talk)
    found = await ask("im.dialog.messages.search", {"CHAT_ID": chat.id, "SEARCH_MESSAGE": "number"}, base=clara)
    assert ids(found.result) == []
    assert (await ask("im.message.like", {"MESSAGE_ID": talk[0]}, base=clara)).error == (400, "WITHOUT_CHANGES")


async def test_a_text_is_found_in_any_capitals(find, talk):
    assert ids(await find(SEARCH_MESSAGE="NUMBER 2")) == [*talk[:19:-1], talk[2]]
    assert ids(await find(SEARCH_MESSAGE="nowhere")) == []


async def test_what_is_found_comes_in_pages_of_either_order(find, talk):
    assert ids(await find(SEARCH_MESSAGE="number", LIMIT=2)) == talk[:-3:-1]
    assert ids(await find(SEARCH_MESSAGE="number", LIMIT=2, LAST_ID=talk[5])) == [talk[4], talk[3]]
    ascending = {"SEARCH_MESSAGE": "number", "ORDER": {"ID": "ASC"}, "LIMIT": 2}
    assert ids(await find(**ascending)) == talk[:2]
    assert ids(await find(**ascending, LAST_ID=talk[5])) == talk[6:8]


async def test_dates_narrow_the_search(find, page, talk):
    dates = {message["id"]: message["date"] for message in (await page(LIMIT=50))["messages"]}
    span = {"DATE_FROM": dates[talk[3]], "DATE_TO": dates[talk[5]]}
    assert ids(await find(**span)) == [talk[5], talk[4], talk[3]]
    day = dates[talk[-1]][:10]
    assert ids(await find(DATE=day)) == [each for each in dates if dates[each].startswith(day)]


async def test_what_is_found_comes_with_all_about_it(ask, find, talk, chat):
    reply = {"DIALOG_ID": chat.dialog_id, "MESSAGE": "Indeed", "REPLY_ID": talk[1]}
    reply_id = (await ask("im.message.add", reply)).result
    await ask("im.message.like", {"MESSAGE_ID": reply_id})
    found = await find(SEARCH_MESSAGE="indeed")
    assert ids(found) == [reply_id]
    assert [message["id"] for message in found["additionalMessages"]] == [talk[1]]
    assert {user["id"] for user in found["users"]} == {1, 2}
    assert found["reactions"] == [
        {
            "messageId": reply_id,
            "reactionCounters": {"like": 1},
            "reactionUsers": {"like": [1]},
            "ownReactions": ["like"],
        }
    ]
    message = found["messages"][0]
    assert (message["viewedCount"], message["viewedByOthers"], message["block"]) == (0, False, None)


async def test_a_search_needs_a_chat_of_ones_own(ask, chat, portal):
    assert (await ask("im.dialog.messages.search")).error == (400, "CHAT_ID_EMPTY")
    stranger = portal.add_webhook(user_id=9)
    assert (await ask("im.dialog.messages.search", {"CHAT_ID": chat.id}, base=stranger)).error == (403, "ACCESS_ERROR")
