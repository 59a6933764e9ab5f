"""`im.search.*`: what is found, by whom, and in which pages."""

import pytest


@pytest.fixture
def guest(portal):
    return portal.add_webhook(user_id=portal.extranet_user_id)


async def test_users_are_found_by_the_beginnings_of_words_and_keyed_by_id(ask):
    found = (await ask("im.search.user.list", {"find": "cLA"})).result
    assert {user["first_name"] for user in found.values()} == {"Clara"}
    assert all(key == str(user["id"]) for key, user in found.items())
    assert list((await ask("im.search.user.list", {"FIND": "adler boris"})).result) == ["2"]
    assert (await ask("im.search.user.list", {"FIND": "oris"})).result == []


async def test_found_users_come_in_pages(serve):
    ask = await serve(users=9)
    page = await ask("im.search.user.list", {"FIND": "adler", "LIMIT": 3, "OFFSET": 6})
    assert (list(page.result), page.body["next"], page.body["total"]) == (["7", "8", "9"], 9, 10)
    last = await ask("im.search.user.list", {"FIND": "adler", "LIMIT": 3, "OFFSET": 9})
    assert (list(last.result), "next" in last.body) == (["10"], False)


async def test_the_dismissed_and_hidden_bots_are_not_found(ask, portal):
    gone = portal.users[portal.inactive_user_ids[0]]
    found = (await ask("im.search.user.list", {"FIND": gone.name})).result
    assert str(gone.id) not in found
    shown, hidden = await ask.bot("shown"), await ask.bot("hidden", isHidden=True)
    found = (await ask("im.search.user.list", {"FIND": "helper"})).result
    assert str(shown["botId"]) in found
    assert str(hidden["botId"]) not in found


async def test_a_guest_finds_nobody_and_no_department(ask, guest):
    assert (await ask("im.search.user.list", {"FIND": "anna"}, base=guest)).result == []
    assert (await ask("im.search.department.list", {"FIND": "sales"}, base=guest)).result == []


@pytest.mark.parametrize("kind", ["user", "chat", "department"])
@pytest.mark.parametrize("params", [{}, {"FIND": " a "}])
async def test_a_phrase_has_two_letters(ask, kind, params):
    assert (await ask(f"im.search.{kind}.list", params)).error == (400, "FIND_SHORT")


async def test_chats_are_found_by_their_members_and_open_ones_by_every_employee(ask, portal, guest):
    await ask("im.chat.add", {"TITLE": "Harvest plans"})
    await ask("im.chat.add", {"TITLE": "Harvest news", "TYPE": "OPEN"})

    async def titles(base):
        return [chat["name"] for chat in (await ask("im.search.chat.list", {"FIND": "harvest"}, base=base)).result]

    assert await titles(None) == ["Harvest plans", "Harvest news"]
    assert await titles(portal.add_webhook(user_id=2)) == ["Harvest news"]
    assert await titles(guest) == []


async def test_open_lines_are_looked_for_by_a_parameter_of_their_own(ask):
    await ask("im.chat.add", {"TITLE": "Visitor 7", "ENTITY_TYPE": "LINES", "ENTITY_ID": "7"})
    await ask("im.chat.add", {"TITLE": "Visitors"})
    assert [chat["name"] for chat in (await ask("im.search.chat.list", {"FIND": "visitor"})).result] == ["Visitors"]
    lines = await ask("im.search.chat.list", {"FIND_LINES": "visitor"})
    assert [chat["name"] for chat in lines.result] == ["Visitor 7"]
    assert lines.body["total"] == 1


async def test_departments_are_found_by_name(ask):
    found = await ask("im.search.department.list", {"FIND": "dev", "USER_DATA": "Y"})
    assert [department["id"] for department in found.result] == [3]
    assert found.result[0]["manager_user_data"]["id"] == 3
    assert found.body["total"] == 1


class TestHistory:
    async def test_the_latest_found_comes_first_and_only_once(self, ask):
        chat_id = (await ask("im.chat.add", {"TITLE": "Launch"})).result
        for dialog_id in (2, f"chat{chat_id}", "2"):
            assert (await ask("im.search.last.add", {"DIALOG_ID": dialog_id})).result is True
        user, chat = (await ask("im.search.last.get")).result
        assert (user["id"], user["type"], user["title"], user["user"]["id"]) == (2, "user", "Boris Adler", 2)
        assert (chat["id"], chat["type"], chat["title"], chat["chat"]["id"]) == (
            f"chat{chat_id}",
            "chat",
            "Launch",
            chat_id,
        )
        assert user["avatar"] == {"url": "", "color": "#29619b"}

    async def test_kinds_are_skipped_on_request(self, ask):
        plain = (await ask("im.chat.add")).result
        line = (await ask("im.chat.add", {"ENTITY_TYPE": "LINES", "ENTITY_ID": "7"})).result
        for dialog_id in ("2", f"chat{plain}", f"chat{line}"):
            await ask("im.search.last.add", {"DIALOG_ID": dialog_id})

        async def ids(**params):
            return [item["id"] for item in (await ask("im.search.last.get", params)).result]

        assert await ids() == [f"chat{line}", f"chat{plain}", 2]
        assert await ids(SKIP_OPENLINES="Y") == [f"chat{plain}", 2]
        assert await ids(SKIP_CHAT="Y") == [f"chat{line}", 2]
        assert await ids(SKIP_DIALOG="Y", SKIP_CHAT="N") == [f"chat{line}", f"chat{plain}"]

    async def test_what_was_forgotten_or_left_is_not_shown(self, ask, portal):
        chat_id = (await ask("im.chat.add", {"USERS": [2]})).result
        for dialog_id in ("2", "3", f"chat{chat_id}", "chat999"):
            await ask("im.search.last.add", {"DIALOG_ID": dialog_id})
        assert (await ask("im.search.last.delete", {"DIALOG_ID": 2})).result is True
        assert (await ask("im.search.last.delete", {"DIALOG_ID": "chat77"})).result is True
        await ask("im.chat.leave", {"CHAT_ID": chat_id})
        assert [item["id"] for item in (await ask("im.search.last.get")).result] == [3]
        assert (await ask("im.search.last.get", base=portal.add_webhook(user_id=2))).result == []

    @pytest.mark.parametrize("method", ["im.search.last.add", "im.search.last.delete"])
    @pytest.mark.parametrize("dialog_id", [None, "", "0", "room7", "chat"])
    async def test_a_dialog_has_to_be_named(self, ask, method, dialog_id):
        assert (await ask(method, {"DIALOG_ID": dialog_id})).error == (400, "DIALOG_ID_EMPTY")
