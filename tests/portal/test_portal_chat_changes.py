"""`im.chat.*` on a chat that is there: its looks, its owner, who comes and who goes."""

import base64

import pytest

PNG = base64.b64encode(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x10\0\0\0\x10").decode()
HUGE_PNG = base64.b64encode(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + (5001).to_bytes(4) + (10).to_bytes(4)).decode()
STRANGER = 9


@pytest.fixture
async def chat(ask):
    """A red chat of the administrator with users 2 and 3 in it."""
    chat_id = (await ask("im.chat.add", {"TITLE": "Launch", "COLOR": "RED", "USERS": [2, 3]})).result
    return ask.portal.chats[chat_id]


@pytest.fixture
def as_user(ask):
    """Call a method as another user."""

    async def call(user_id, method, params):
        return await ask(method, params, base=ask.portal.add_webhook(user_id=user_id))

    return call


async def test_a_member_renames_the_chat_and_the_portal_says_so(chat, as_user):
    renamed = await as_user(2, "im.chat.updateTitle", {"chat_id": chat.id, "Title": f" {'t' * 300}"})
    assert renamed.result is True
    assert chat.title == "t" * 255
    assert chat.messages[-1].text == "Boris Adler changed the title of the chat"


async def test_a_dialog_id_does_for_a_chat_id(ask, chat):
    assert (await ask("im.chat.updateTitle", {"DIALOG_ID": chat.dialog_id, "TITLE": "Landing"})).result is True
    assert chat.title == "Landing"


@pytest.mark.parametrize("method", ["updateTitle", "updateColor", "updateAvatar", "setOwner", "leave", "mute"])
async def test_the_chat_has_to_be_named(ask, chat, method):
    fields = {"TITLE": "x", "COLOR": "MINT", "AVATAR": PNG, "USER_ID": 2}
    name = f"im.chat.{method}"
    assert (await ask(name, fields)).error == (400, "CHAT_ID_EMPTY")
    assert (await ask(name, fields | {"DIALOG_ID": "2"})).error == (400, "DIALOG_ID_EMPTY")


@pytest.mark.parametrize("method", ["updateTitle", "updateColor", "updateAvatar", "setOwner", "leave", "mute"])
async def test_a_stranger_has_no_access_to_a_closed_chat(chat, as_user, method):
    fields = {"CHAT_ID": chat.id, "TITLE": "x", "COLOR": "MINT", "AVATAR": PNG, "USER_ID": 2}
    assert (await as_user(STRANGER, f"im.chat.{method}", fields)).error == (403, "ACCESS_ERROR")
    assert (chat.title, chat.color, chat.avatar, chat.owner) == ("Launch", "red", False, 1)


async def test_an_empty_title_is_refused(ask, chat):
    assert (await ask("im.chat.updateTitle", {"CHAT_ID": chat.id, "TITLE": " "})).error == (400, "TITLE_EMPTY")


async def test_a_colour_that_is_none_or_the_one_there_is_is_refused(ask, chat):
    def recolour(color, chat_id=chat.id):
        return ask("im.chat.updateColor", {"CHAT_ID": chat_id, "COLOR": color})

    assert (await recolour("mint")).error == (400, "WRONG_COLOR")
    assert (await recolour("RED")).error == (400, "WRONG_REQUEST")
    assert (await recolour("MINT", 999)).error == (400, "WRONG_REQUEST")
    assert (await recolour("MINT")).result is True
    assert chat.color == "mint"


async def test_an_avatar_has_to_be_a_small_image(ask, chat):
    def dress(avatar, chat_id=chat.id):
        return ask("im.chat.updateAvatar", {"CHAT_ID": chat_id, "AVATAR": avatar})

    assert (await dress("bm8gaW1hZ2U=")).error == (400, "AVATAR_ERROR")
    assert (await dress(["a.png", PNG])).error == (400, "AVATAR_ERROR")
    assert "5000x5000" in (await dress(HUGE_PNG)).body["error_description"]
    assert (await dress(PNG, 999)).error == (400, "WRONG_REQUEST")
    assert chat.avatar is False
    assert (await dress(PNG)).result is True
    assert chat.avatar is True


@pytest.mark.parametrize(("entity", "status"), [("CRM", 403), ("SONET_GROUP", 403), ("MY_THING", 200)])
async def test_chats_of_deals_and_workgroups_look_as_those_do(ask, entity, status):
    chat_id = (await ask("im.chat.add", {"ENTITY_TYPE": entity, "ENTITY_ID": "7"})).result
    assert (await ask("im.chat.updateTitle", {"CHAT_ID": chat_id, "TITLE": "Other"})).status == status


async def test_only_the_owner_hands_the_chat_on_and_only_to_a_member(ask, chat, as_user):
    def hand_on(user_id):
        return {"CHAT_ID": chat.id, "USER_ID": user_id}

    assert (await as_user(2, "im.chat.setOwner", hand_on(3))).error == (400, "WRONG_REQUEST")
    assert (await ask("im.chat.setOwner", hand_on(STRANGER))).error == (400, "WRONG_REQUEST")
    assert (await ask("im.chat.setOwner", hand_on(0))).error == (400, "USER_ID_EMPTY")
    assert (await ask("im.chat.setOwner", hand_on("2"))).result is True
    assert (chat.owner, chat.managers) == (2, [2])


async def test_an_owner_who_leaves_hands_the_chat_on(ask, chat):
    assert (await ask("im.chat.leave", {"CHAT_ID": chat.id})).result is True
    assert (chat.members, chat.owner, chat.managers) == ({2, 3}, 2, [2])
    assert (await ask("im.chat.leave", {"CHAT_ID": chat.id})).error == (403, "ACCESS_ERROR")


async def test_nobody_leaves_the_general_chat(ask, portal):
    assert (await ask("im.chat.leave", {"CHAT_ID": 1})).error == (403, "ACCESS_ERROR")
    assert (await ask("im.chat.user.delete", {"CHAT_ID": 1, "USER_ID": 2})).error == (403, "ACCESS_ERROR")
    assert {1, 2} <= portal.general_chat.members


async def test_who_only_reads_an_open_chat_can_neither_leave_nor_bring_others_nor_mute(ask, portal, as_user):
    chat_id = (await ask("im.chat.add", {"TYPE": "OPEN"})).result
    params = {"CHAT_ID": chat_id, "USERS": [3]}
    assert (await as_user(2, "im.chat.leave", params)).error == (400, "ACCESS_DENIED_KICK")
    assert (await as_user(2, "im.chat.user.add", params)).error == (400, "ACCESS_DENIED_EXTEND")
    assert (await as_user(2, "im.chat.mute", params)).error == (403, "ACCESS_ERROR")
    assert (await as_user(2, "im.chat.user.list", params)).result == [1]
    assert portal.chats[chat_id].members == {1}


async def test_managers_remove_members_but_never_the_owner(ask, chat, as_user):
    def removing(user_id):
        return {"CHAT_ID": chat.id, "USER_ID": user_id}

    assert (await as_user(2, "im.chat.user.delete", removing(3))).error == (400, "ACCESS_DENIED_KICK")
    chat.managers.append(2)
    assert (await as_user(2, "im.chat.user.delete", removing(1))).error == (400, "ACCESS_DENIED_KICK")
    assert (await as_user(2, "im.chat.user.delete", removing(3))).result is True
    assert (await ask("im.chat.user.delete", removing(3))).error == (400, "USER_NOT_FOUND")
    assert (await ask("im.chat.user.delete", removing(0))).error == (400, "USER_ID_EMPTY")
    assert (chat.members, chat.messages[-1].text) == ({1, 2}, "Boris Adler removed Clara Adler")


async def test_removing_oneself_is_leaving(chat, as_user):
    assert (await as_user(3, "im.chat.user.delete", {"CHAT_ID": chat.id, "USER_ID": 3})).result is True
    assert (chat.members, chat.messages[-1].text) == ({1, 2}, "Clara Adler left the chat")


async def test_members_are_listed_as_they_joined(ask, chat):
    await ask("im.chat.user.add", {"CHAT_ID": chat.id, "USERS": [8, 5]})
    assert (await ask("im.chat.user.list", {"CHAT_ID": chat.id})).result == [2, 3, 1, 8, 5]
    assert (await ask("im.chat.user.list")).error == (400, "CHAT_ID_EMPTY")


@pytest.mark.parametrize(
    ("params", "hidden"), [({}, True), ({"HIDE_HISTORY": "Y"}, True), ({"HIDE_HISTORY": "N"}, False)]
)
async def test_newcomers_see_what_was_before_only_if_told(ask, chat, params, hidden):
    before = chat.last_message_id
    await ask("im.chat.user.add", {"CHAT_ID": chat.id, "USERS": [5]} | params)
    assert chat.relations[5].hidden_up_to == (before if hidden else 0)


async def test_nobody_is_added_to_a_private_chat(ask, portal):
    await ask("im.dialog.writing", {"DIALOG_ID": 2})
    private = max(portal.chats)
    assert (await ask("im.chat.user.add", {"CHAT_ID": private, "USERS": [3]})).error == (403, "ACCESS_ERROR")


async def test_muting_concerns_the_caller_alone_and_shows_as_a_map(ask, chat, as_user):
    async def mute_lists():
        params = {"DIALOG_ID": chat.dialog_id}
        return [
            (await call).result["mute_list"]
            for call in (ask("im.dialog.get", params), as_user(2, "im.dialog.get", params))
        ]

    assert (await ask("im.chat.mute", {"CHAT_ID": chat.id})).result is True
    assert await mute_lists() == [{"1": True}, []]
    assert (await ask("im.chat.mute", {"DIALOG_ID": chat.dialog_id, "MUTE": "N"})).result is True
    assert await mute_lists() == [[], []]
