"""`im.notify.*`: what is sent to people, and what they do with it."""

import json

import pytest

NOTIFICATION_KEYS = {
    "id",
    "chat_id",
    "author_id",
    "date",
    "notify_type",
    "notify_module",
    "notify_event",
    "notify_tag",
    "notify_sub_tag",
    "notify_title",
    "setting_name",
    "text",
    "notify_read",
    "params",
}
ADDING = ["im.notify", "im.notify.personal.add", "im.notify.system.add"]


@pytest.fixture
def second(portal):
    """User 2's own webhook."""
    return portal.add_webhook(2)


@pytest.fixture
def notify(ask):
    async def notified(text="Lunch is ready", user_id=2, **params):
        return (await ask("im.notify", {"USER_ID": user_id, "MESSAGE": text} | params)).result

    return notified


@pytest.fixture
def listed(ask, second):
    async def shown(**params):
        return (await ask("im.notify.get", params, base=second)).result

    return shown


@pytest.fixture
def texts(listed):
    async def shown(**params):
        return [each["text"] for each in (await listed(**params))["notifications"]]

    return shown


async def test_a_notification_reaches_its_user_and_nobody_else(ask, notify, listed):
    notification_id = await notify()
    shown = await listed()
    assert shown.keys() == {"total_count", "total_unread_count", "chat_id", "notifications", "users"}
    (only,) = shown["notifications"]
    assert only.keys() == NOTIFICATION_KEYS
    assert (only["id"], only["text"], only["author_id"], only["notify_type"]) == (
        notification_id,
        "Lunch is ready",
        1,
        2,
    )
    assert (only["notify_read"], only["params"], only["chat_id"]) == ("N", None, shown["chat_id"])
    assert [user["id"] for user in shown["users"]] == [1]
    assert (await ask("im.notify.get")).result["notifications"] == []


@pytest.mark.parametrize(
    ("method", "extra", "author"),
    [
        ("im.notify", {}, 1),
        ("im.notify", {"TYPE": "SYSTEM"}, 0),
        ("im.notify.personal.add", {}, 1),
        ("im.notify.system.add", {}, 0),
    ],
)
async def test_who_notifies_depends_on_the_method_and_the_type(ask, listed, method, extra, author):
    await ask(method, {"user_id": "2", "message": "Hello"} | extra)
    shown = await listed()
    assert shown["notifications"][0]["author_id"] == author
    assert len(shown["users"]) == bool(author)


@pytest.mark.parametrize("method", ADDING)
@pytest.mark.parametrize(
    ("params", "code"),
    [
        ({"MESSAGE": "Hi"}, "USER_ID_EMPTY"),
        ({"MESSAGE": "Hi", "USER_ID": "-2"}, "USER_ID_EMPTY"),
        ({"USER_ID": 2, "MESSAGE": " "}, "MESSAGE_EMPTY"),
        ({"USER_ID": 2, "MESSAGE": "Hi", "ATTACH": "no json"}, "ATTACH_ERROR"),
        ({"USER_ID": 2, "MESSAGE": "Hi", "ATTACH": []}, "ATTACH_ERROR"),
        ({"USER_ID": 2, "MESSAGE": "Hi", "ATTACH": [{"MESSAGE": "x" * 60_000}]}, "ATTACH_OVERSIZE"),
    ],
)
async def test_what_lacks_a_user_or_a_text_or_a_sound_attachment_is_refused(ask, method, params, code, texts):
    assert (await ask(method, params)).error == (400, code)
    assert await texts() == []


async def test_an_attachment_may_be_json_text(notify, listed):
    attach = [{"MESSAGE": "More"}]
    await notify(ATTACH=json.dumps(attach))
    await notify(ATTACH=attach)
    assert [each["params"] for each in (await listed())["notifications"]] == [{"ATTACH": [{"BLOCKS": attach}]}] * 2


async def test_who_is_not_there_gets_nothing_and_the_answer_is_false(notify, portal):
    for user_id in (9999, *portal.inactive_user_ids):
        assert await notify(user_id=user_id) is False


async def test_a_tag_belongs_to_its_application_and_replaces_what_had_it(ask, notify, texts, listed):
    await notify("one", TAG="LUNCH", SUB_TAG="DAILY", CLIENT_ID="canteen")
    await notify("other", TAG="LUNCH", CLIENT_ID="kitchen")
    await notify("two", TAG="LUNCH", SUB_TAG="DAILY", CLIENT_ID="canteen")
    assert await texts() == ["two", "other"]
    shown = (await listed())["notifications"]
    assert shown[0]["notify_tag"] != shown[1]["notify_tag"]
    assert [shown[0][key].partition("|")[0] for key in ("notify_tag", "notify_sub_tag")] == ["MP", "MP"]
    application = {"USER_ID": 2, "MESSAGE": "three", "TAG": "LUNCH"}
    await ask.with_token("im.notify", application)
    assert await texts() == ["three", "two", "other"]


async def test_pages_go_back_by_id_within_the_kind(portal, notify, texts, listed):
    ids = [await notify(f"note {number}") for number in range(4)]
    question = portal.add_notification(2, "Join?", buttons={"Join": "Y", "Stay away": "N"})
    assert await texts() == ["Join?", "note 3", "note 2", "note 1", "note 0"]
    assert await texts(LIMIT=2) == ["Join?", "note 3"]
    assert await texts(LAST_ID=question, LAST_TYPE=1, LIMIT=2) == ["note 3", "note 2"]
    assert await texts(LAST_ID=ids[2], LAST_TYPE=3) == ["note 1", "note 0"]
    assert "total_count" not in await listed(LAST_ID=ids[2], LAST_TYPE=3)


@pytest.mark.parametrize(
    ("params", "code"),
    [
        ({"LAST_ID": 5}, "LAST_ID_AND_LAST_TYPE"),
        ({"LAST_TYPE": 3}, "LAST_ID_AND_LAST_TYPE"),
        ({"LAST_ID": "five", "LAST_TYPE": 3}, "LAST_ID_STRING"),
    ],
)
async def test_a_cursor_is_a_number_with_its_kind(ask, params, code):
    assert (await ask("im.notify.get", params)).error == (400, code)


async def test_no_page_is_longer_than_fifty(notify, listed):
    for number in range(51):
        await notify(f"note {number}")
    shown = await listed(LIMIT=200)
    assert (len(shown["notifications"]), shown["total_count"], shown["total_unread_count"]) == (50, 51, 51)


@pytest.mark.parametrize(
    ("params", "unread"),
    [
        ({}, []),
        ({"ID": 2}, [3]),
        ({"ID": 2, "ONLY_CURRENT": "Y"}, [1, 3]),
        ({"ID": 2, "ACTION": "N"}, [1, 2, 3]),
    ],
)
async def test_reading_takes_the_older_ones_along_unless_told_not_to(ask, notify, listed, params, unread):
    for _ in range(3):
        await notify()
    assert (await ask("im.notify.read", params, base=ask.portal.add_webhook(2))).result is True
    shown = await listed()
    assert sorted(each["id"] for each in shown["notifications"] if each["notify_read"] == "N") == unread
    assert shown["total_unread_count"] == len(unread)


async def test_several_are_marked_at_once_and_back(ask, second, notify, listed):
    ids = [await notify() for _ in range(3)]
    for action, unread in (("Y", 1), ("N", 3)):
        marked = await ask("im.notify.read.list", {"IDS": ids[:2], "ACTION": action}, base=second)
        assert marked.result is True
        assert (await listed())["total_unread_count"] == unread
    for wrong in ({}, {"IDS": 5}, {"IDS": []}):
        assert (await ask("im.notify.read.list", wrong)).error == (400, "PARAMS_ERROR")


async def test_nobody_reads_for_another(ask, notify, listed):
    notification_id = await notify()
    await ask("im.notify.read", {"ID": notification_id})
    await ask("im.notify.read.list", {"IDS": [notification_id]})
    assert (await ask("im.notify.read.all")).result == {"result": True, "newCounter": 0}
    assert (await listed())["total_unread_count"] == 1


async def test_reading_all_leaves_what_waits_for_a_decision(ask, portal, second, notify):
    await notify()
    assert (await ask("im.notify.read.all", base=second)).result == {"result": True, "newCounter": 0}
    portal.add_notification(2, "Join?", buttons={"Join": "Y"})
    assert (await ask("im.notify.read.all", base=second)).result == {"result": True, "newCounter": 1}


async def test_a_decision_ends_the_question(ask, portal, second, texts, listed):
    question = portal.add_notification(2, "Join?", buttons={"Join": "Y", "Stay away": "N"})
    buttons = json.loads((await listed())["notifications"][0]["notify_buttons"])
    assert [button["VALUE"] for button in buttons] == ["Y", "N"]
    for params in ({"NOTIFY_VALUE": "Z"}, {"NOTIFY_VALUE": "Y", "NOTIFY_ID": question + 1}):
        answer = await ask("im.notify.confirm", {"NOTIFY_ID": question} | params, base=second)
        assert answer.result == {"result_message": False}
    answer = await ask("im.notify.confirm", {"NOTIFY_ID": question, "NOTIFY_VALUE": "Y"}, base=second)
    assert answer.result == {"result_message": ["Join"]}
    assert await texts() == []


async def test_an_answer_is_taken_where_it_is_welcome(ask, portal, second, notify, listed):
    open_one, closed = portal.add_notification(2, "How was it?", takes_answers=True), await notify()
    taken = await ask("im.notify.answer", {"NOTIFY_ID": open_one, "ANSWER_TEXT": "Fine"}, base=second)
    assert len(taken.result["result_message"]) == 1
    ignored = await ask("im.notify.answer", {"NOTIFY_ID": closed, "ANSWER_TEXT": "Fine"}, base=second)
    assert ignored.result == {"result_message": False}
    assert [each["notify_read"] for each in (await listed())["notifications"]] == ["N", "Y"]
    assert portal.notifications[open_one].answers == ["Fine"]


@pytest.mark.parametrize(
    ("method", "params", "code"),
    [
        ("im.notify.confirm", {"NOTIFY_VALUE": "Y"}, "ID_ERROR"),
        ("im.notify.confirm", {"NOTIFY_ID": 1}, "NOTIFY_VALUE_ERROR"),
        ("im.notify.answer", {"NOTIFY_ID": -1, "ANSWER_TEXT": "x"}, "ID_ERROR"),
        ("im.notify.answer", {"NOTIFY_ID": 1, "ANSWER_TEXT": " "}, "ANSWER_TEXT_ERROR"),
    ],
)
async def test_a_reaction_names_the_notification_and_what_to_say(ask, method, params, code):
    assert (await ask(method, params)).error == (400, code)


async def test_one_deletes_ones_own_by_id(ask, second, notify, texts):
    notification_id = await notify()
    params = {"ID": notification_id, "CLIENT_ID": "canteen"}
    assert (await ask("im.notify.delete", params)).result is True
    assert await texts() == ["Lunch is ready"], "it is not the caller's"
    assert (await ask("im.notify.delete", params, base=second)).result is True
    assert await texts() == []


async def test_an_application_deletes_everybodys_by_its_tags(ask, notify, texts):
    await notify("one", TAG="LUNCH", CLIENT_ID="canteen")
    await notify("two", SUB_TAG="DAILY", CLIENT_ID="canteen")
    await notify("three", SUB_TAG="DAILY", CLIENT_ID="kitchen")
    await ask("im.notify.delete", {"TAG": "LUNCH", "CLIENT_ID": "canteen"})
    assert await texts() == ["three", "two"]
    await ask("im.notify.delete", {"SUB_TAG": "DAILY", "CLIENT_ID": "canteen"})
    assert await texts() == ["three"]
    assert (await ask.with_token("im.notify.delete", {"SUB_TAG": "DAILY"})).result is True
    assert await texts() == ["three"]


async def test_a_deletion_needs_an_application_and_something_to_delete(ask):
    assert (await ask("im.notify.delete", {"ID": 1})).error == (403, "ACCESS_DENIED")
    assert (await ask("im.notify.delete", {"CLIENT_ID": "canteen"})).error == (400, "PARAMS_ERROR")


@pytest.mark.parametrize(
    ("params", "found"),
    [
        ({"SEARCH_TEXT": "SOUP"}, ["Soup again", "Soup"]),
        ({"SEARCH_AUTHORS": [3]}, ["Bread"]),
        ({"SEARCH_AUTHORS": [1], "SEARCH_TEXT": "again"}, ["Soup again"]),
        ({"SEARCH_TYPE": "rest|rest_notify"}, ["Bread", "Soup again", "Soup"]),
        ({"SEARCH_TYPES": ["im|like"]}, []),
        ({"GROUP_TAG": "MENU|2"}, ["Soup again"]),
        ({"SEARCH_DATE": "2027-01-16T23:00:00+02:00"}, ["Bread", "Soup again"]),
        ({"SEARCH_DATE_FROM": "2027-01-01", "SEARCH_DATE_TO": "2027-01-15T23:59:59+00:00"}, ["Soup"]),
    ],
)
async def test_a_search_finds_by_text_type_author_date_and_group(serve, clock, params, found):
    ask = await serve(clock=clock)
    await ask("im.notify", {"USER_ID": 2, "MESSAGE": "Soup"})
    clock.advance(24 * 3600)
    await ask("im.notify", {"USER_ID": 2, "MESSAGE": "Soup again", "SUB_TAG": "MENU|2", "CLIENT_ID": "canteen"})
    await ask("im.notify", {"USER_ID": 2, "MESSAGE": "Bread"}, base=ask.portal.add_webhook(3))
    answer = (await ask("im.notify.history.search", params, base=ask.portal.add_webhook(2))).result
    assert answer.keys() == {"chat_id", "total_results", "notifications", "users"}
    assert [each["text"] for each in answer["notifications"]] == found
    assert answer["total_results"] == len(found)


async def test_a_search_goes_on_behind_the_last_id(ask, second, notify):
    ids = [await notify() for _ in range(3)]
    params = {"SEARCH_TEXT": "lunch", "LIMIT": 1, "LAST_ID": ids[2]}
    answer = (await ask("im.notify.history.search", params, base=second)).result
    assert [each["id"] for each in answer["notifications"]] == [ids[1]]
    assert "total_results" not in answer


async def test_a_search_needs_three_letters_or_a_filter(ask):
    for short in ({}, {"SEARCH_TEXT": "so"}, {"SEARCH_DATE_FROM": "2027-01-01"}, {"SEARCH_DATE": "some day"}):
        assert (await ask("im.notify.history.search", short)).error == (400, "SEARCH_TEXT_ERROR")
    wrong = {"SEARCH_TEXT": "soup", "LAST_ID": "x"}
    assert (await ask("im.notify.history.search", wrong)).error == (400, "LAST_ID_STRING")


async def test_the_schema_names_every_kind_by_its_module(ask):
    schema = (await ask("im.notify.schema.get")).result
    for name, module in schema.items():
        assert module["MODULE_ID"] == name
        assert all(kind["ID"].startswith(f"{name}|") and kind["NAME"] for kind in module["LIST"])
    assert "rest|rest_notify" in [kind["ID"] for kind in schema["rest"]["LIST"]]
