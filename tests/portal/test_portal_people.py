"""People: how the messenger shows them, what they show of themselves, and the departments they work in."""

import pytest


@pytest.fixture
def guest(portal):
    """The webhook of a guest of the portal."""
    return portal.add_webhook(user_id=portal.extranet_user_id)


async def test_a_person_is_shown_in_snake_case_with_false_for_what_is_absent(ask, portal):
    shown = (await ask("im.user.get", {"id": 2})).result
    assert (shown["id"], shown["name"], shown["first_name"], shown["type"]) == (2, "Boris Adler", "Boris", "user")
    assert (shown["idle"], shown["absent"], shown["mobile_last_date"], shown["bot_data"]) == (False, False, False, None)
    assert (shown["departments"], shown["phones"]) == ([2], {"inner_phone": "102"})
    assert (await ask("im.user.get")).result["id"] == 1
    assert (await ask("im.user.get", {"ID": portal.extranet_user_id})).result["phones"] is False


async def test_a_bot_shows_what_it_is(ask):
    bot = await ask.bot()
    shown = (await ask("im.user.get", {"ID": bot["botId"]})).result
    assert (shown["type"], shown["external_auth_id"], shown["bot_data"]["code"]) == ("bot", "bot", "helper")
    assert shown["last_activity_date"] is False


async def test_an_id_that_is_none_or_unknown_is_refused(ask):
    assert (await ask("im.user.get", {"ID": "x"})).error == (400, "ID_EMPTY")
    assert (await ask("im.user.get", {"ID": 9999})).error == (400, "USER_NOT_EXISTS")


async def test_a_guest_knows_nobody_but_themselves(ask, guest, portal):
    own = portal.extranet_user_id
    assert (await ask("im.user.get", base=guest)).result["type"] == "extranet"
    assert (await ask("im.user.get", {"ID": 1}, base=guest)).error == (400, "ACCESS_DENIED")
    listed = (await ask("im.user.list.get", {"ID": [own, 1]}, base=guest)).result
    assert (listed[str(own)]["id"], listed["1"]) == (own, None)
    assert (await ask("im.dialog.get", {"DIALOG_ID": 1}, base=guest)).error == (400, "ACCESS_ERROR")


async def test_several_people_are_an_object_keyed_by_id_or_a_list_on_request(ask):
    assert list((await ask("im.user.list.get", {"ID": [3, "2", 9999, 2]})).result) == ["3", "2"]
    listed = (await ask("im.user.list.get", {"ID": "[3, 2]", "RESULT_TYPE": "array"})).result
    assert [user["id"] for user in listed] == [3, 2]
    assert (await ask("im.user.list.get", {"ID": [9999]})).result == []
    assert (await ask("im.user.list.get", {"ID": 3})).error == (400, "INVALID_FORMAT")


async def test_a_status_is_false_until_one_is_chosen(ask):
    assert (await ask("im.user.status.get")).result is False
    assert (await ask("im.user.get")).result["status"] == "online"
    assert (await ask("im.user.status.set", {"STATUS": "dnd"})).result is True
    assert (await ask("im.user.status.get")).result == "dnd"
    assert (await ask("im.user.get")).result["status"] == "dnd"
    assert (await ask("im.user.status.set", {"STATUS": "asleep"})).error == (400, "STATUS_ERROR")


@pytest.mark.parametrize(("params", "minutes"), [({}, 10), ({"AGO": 0}, 10), ({"AGO": "25"}, 25)])
async def test_idling_began_minutes_ago_and_ends(serve, clock, params, minutes):
    ask = await serve(clock=clock, sleep=clock.sleep)
    await ask("im.user.status.idle.start", params)
    assert ask.portal.users[1].idle_since == clock() - 60 * minutes
    assert (await ask("im.user.get")).result["idle"].endswith("+02:00")
    await ask("im.user.status.idle.end")
    assert (await ask("im.user.get")).result["idle"] is False


async def test_typing_shows_in_the_chat_and_opens_a_private_one(ask, portal):
    assert (await ask("im.dialog.writing", {"DIALOG_ID": 2})).result is True
    chat = portal.chats[max(portal.chats)]
    assert (chat.type, chat.members, chat.input_actions[1].code) == ("private", {1, 2}, "")
    assert (await ask("im.dialog.writing", {"DIALOG_ID": "sg7"})).error == (400, "DIALOG_ID_EMPTY")
    assert (await ask("im.dialog.writing", {"DIALOG_ID": "chat999"})).error == (403, "ACCESS_ERROR")


class TestDialogs:
    async def test_a_dialog_is_shown_with_its_rights_and_restrictions(self, ask):
        chat_id = (await ask("im.chat.add", {"TITLE": "Launch", "USERS": [2]})).result
        shown = (await ask("im.dialog.get", {"DIALOG_ID": f"chat{chat_id}"})).result
        assert (shown["dialog_id"], shown["name"], shown["role"]) == (f"chat{chat_id}", "Launch", "owner")
        assert (shown["restrictions"]["rename"], shown["permissions"]["manage_users_delete"]) == (True, "manager")
        assert (shown["entity_data_1"], shown["mute_list"], shown["entity_link"]) == ("", [], [])
        assert (shown["manager_list"], shown["user_counter"], shown["disk_folder_id"]) == ([1], 2, 0)

    async def test_a_private_dialog_is_named_after_the_other_on_both_sides(self, ask, portal):
        other_side = portal.add_webhook(user_id=2)
        mine = (await ask("im.dialog.get", {"DIALOG_ID": "2"})).result
        theirs = (await ask("im.dialog.get", {"DIALOG_ID": 1}, base=other_side)).result
        assert mine["id"] == theirs["id"]
        assert [(side["dialog_id"], side["name"]) for side in (mine, theirs)] == [
            ("2", "Boris Adler"),
            ("1", "Anna Adler"),
        ]
        assert (mine["message_type"], mine["restrictions"]["leave"]) == ("P", False)

    async def test_a_dialog_tells_what_the_caller_has_to_read_and_what_the_others_have_read(self, ask, portal):
        chat_id = (await ask("im.chat.add", {"USERS": [2, 3]})).result
        message = {"DIALOG_ID": f"chat{chat_id}", "MESSAGE": "Done"}
        message_id = (await ask("im.message.add", message, base=portal.add_webhook(user_id=2))).result
        shown = (await ask("im.dialog.get", {"DIALOG_ID": f"chat{chat_id}"})).result
        assert (shown["counter"], shown["unread_id"]) == (1, message_id)
        assert shown["last_id"] < message_id
        assert shown["last_message_views"] == {"message_id": message_id, "count_of_viewers": 0, "first_viewers": []}
        assert shown["readed_list"] == [
            {"user_id": 2, "user_name": "Boris Adler", "message_id": message_id, "date": None}
        ]
        theirs = await ask("im.dialog.get", {"DIALOG_ID": f"chat{chat_id}"}, base=portal.add_webhook(user_id=2))
        assert (theirs.result["counter"], theirs.result["unread_id"], theirs.result["last_id"]) == (0, 0, message_id)

    async def test_a_dialog_that_is_none_is_refused(self, ask):
        assert (await ask("im.dialog.get")).error == (400, "DIALOG_ID_EMPTY")
        assert (await ask("im.dialog.get", {"DIALOG_ID": "chat999"})).error == (403, "ACCESS_ERROR")
        assert (await ask("im.dialog.get", {"DIALOG_ID": 9999})).error == (400, "ACCESS_ERROR")

    async def test_members_come_in_pages_whose_numbers_are_in_the_envelope(self, ask):
        chat_id = (await ask("im.chat.add", {"USERS": [7, 4, 5]})).result
        dialog = {"DIALOG_ID": f"chat{chat_id}"}
        first = await ask("im.dialog.users.list", dialog | {"LIMIT": 2})
        assert ([user["id"] for user in first.result], first.body["next"], first.body["total"]) == ([7, 4], 2, 4)
        last = await ask("im.dialog.users.list", dialog | {"LIMIT": 2, "OFFSET": 2})
        assert [user["id"] for user in last.result] == [5, 1]
        assert "next" not in last.body
        assert (await ask("im.dialog.users.list", dialog | {"OFFSET": 9})).result == []

    async def test_members_after_an_id_come_without_numbers(self, ask):
        chat_id = (await ask("im.chat.add", {"USERS": [7, 4, 5]})).result
        page = await ask("im.dialog.users.list", {"DIALOG_ID": f"chat{chat_id}", "LAST_ID": 1, "LIMIT": 2})
        assert [user["id"] for user in page.result] == [4, 5]
        assert not {"next", "total"} & set(page.body)

    async def test_bots_are_external_unless_their_kind_is_excepted(self, ask):
        bot = await ask.bot()
        chat_id = (await ask("im.chat.add", {"USERS": [bot["botId"]]})).result
        dialog = {"DIALOG_ID": f"chat{chat_id}", "SKIP_EXTERNAL": "Y"}
        assert [user["id"] for user in (await ask("im.dialog.users.list", dialog)).result] == [1]
        with_bots = await ask("im.dialog.users.list", dialog | {"SKIP_EXTERNAL_EXCEPT_TYPES": "email, bot"})
        assert len(with_bots.result) == 2


class TestDepartments:
    async def test_a_department_names_those_above_it_and_its_head(self, ask):
        shown = (await ask("im.department.get", {"ID": [4, 999, "2"]})).result
        assert [department["full_name"] for department in shown] == [
            "Quality / Development / Company",
            "Sales / Company",
        ]
        assert [department["manager_user_id"] for department in shown] == [0, 2]
        assert "manager_user_data" not in shown[0]
        with_heads = (await ask("im.department.get", {"ID": [4, 2], "USER_DATA": "Y"})).result
        assert with_heads[0]["manager_user_data"] is None
        assert with_heads[1]["manager_user_data"]["id"] == 2
        assert (await ask("im.department.get", {"ID": 2})).error == (400, "INVALID_FORMAT")

    async def test_heads_and_employees_are_objects_keyed_by_department(self, serve):
        ask = await serve(users=4)
        assert (await ask("im.department.managers.get", {"ID": [1, 2, 4]})).result == {"1": [1], "2": [2]}
        assert (await ask("im.department.employees.get", {"ID": [2, 3, 4]})).result == {
            "2": [2, 4],
            "3": [3, 5],
            "4": [],
        }
        people = (await ask("im.department.employees.get", {"ID": [3], "USER_DATA": "Y"})).result
        assert [user["name"] for user in people["3"]] == ["Clara Adler", "Elena Adler"]

    @pytest.mark.parametrize("method", ["im.department.managers.get", "im.department.employees.get"])
    async def test_no_department_is_an_error_and_an_unknown_one_an_empty_map(self, ask, method):
        assert (await ask(method)).error == (400, "ID_EMPTY")
        assert (await ask(method, {"ID": []})).error == (400, "ID_EMPTY")
        assert (await ask(method, {"ID": [999]})).result == []

    async def test_colleagues_come_in_pages_of_ten(self, serve):
        ask = await serve(users=30)
        seller = ask.portal.add_webhook(user_id=2)
        first = await ask("im.department.colleagues.list", base=seller)
        assert (len(first.result), first.result[0], first.body["next"], first.body["total"]) == (10, 4, 10, 14)
        rest = await ask("im.department.colleagues.list", {"OFFSET": 10, "USER_DATA": "Y"}, base=seller)
        assert [user["id"] for user in rest.result] == [24, 26, 28, 30]

    @pytest.mark.parametrize("method", ["get", "managers.get", "employees.get", "colleagues.list"])
    async def test_the_structure_is_not_for_guests(self, ask, guest, method):
        refused = await ask(f"im.department.{method}", {"ID": [1]}, base=guest)
        assert refused.error == (403, "ACCESS_ERROR")


async def test_the_revision_of_the_messenger_is_five_numbers(ask):
    revision = (await ask("im.revision.get")).result
    assert list(revision) == ["rest", "web", "mobile", "desktop", "im_revision_mobile"]
    assert all(type(number) is int for number in revision.values())
