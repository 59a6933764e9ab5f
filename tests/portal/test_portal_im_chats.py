"""`im.chat.*`: what a person's chat becomes, and what is dropped without a word."""

import base64

import pytest

from bitrix_chat.enums import Color
from bitrix_chat.portal import PortalPolicy

PNG = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x10\0\0\0\x10"
HUGE_PNG = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + (5001).to_bytes(4) + (10).to_bytes(4)


def encoded(image):
    return base64.b64encode(image).decode()


async def added(ask, **params):
    chat_id = (await ask("im.chat.add", params)).result
    return ask.portal.chats[chat_id]


async def test_the_answer_is_the_bare_id(ask, portal):
    chat_id = (await ask("im.chat.add", {"TITLE": "Plans"})).result
    assert type(chat_id) is int
    assert portal.chats[chat_id].title == "Plans"


async def test_nothing_is_required(ask):
    """The portal names the chat after its colour and a running number."""
    chat = await added(ask, COLOR="LIGHT_BLUE")
    assert chat.title == "Light blue chat №1"
    assert (await added(ask, COLOR="LIGHT_BLUE")).title == "Light blue chat №2"
    assert (chat.owner, chat.members) == (1, {1})


async def test_a_portal_without_chat_colours_names_chats_after_their_members(serve):
    ask = await serve(chat_colors=False)
    chat = await added(ask, COLOR="RED", USERS=[2])
    assert chat.title == "Chat with Boris Adler, Anna Adler"
    assert chat.color == Color.MARENGO


async def test_parameter_names_may_be_in_any_capitals(ask):
    chat = await added(ask, title="Plans", Users=[2], cOlOr="MINT")
    assert (chat.title, chat.members, chat.color) == ("Plans", {1, 2}, "mint")


async def test_unknown_dismissed_and_empty_users_are_dropped(ask, portal):
    users = [2, "3", 0, "", "0", None, 9999, -5, *portal.inactive_user_ids, portal.extranet_user_id]
    assert (await added(ask, USERS=users)).members == {1, 2, 3, portal.extranet_user_id}


@pytest.mark.parametrize(("users", "members"), [("[2,3]", {1, 2, 3}), ("2,3", {1}), (7, {1}), (True, {1})])
async def test_users_may_be_an_array_written_as_text(ask, users, members):
    assert (await added(ask, USERS=users)).members == members


@pytest.mark.parametrize("element", [2.5, [2], {"ID": 2}, True])
async def test_a_user_that_is_neither_number_nor_text_is_refused(ask, portal, element):
    assert (await ask("im.chat.add", {"USERS": [element]})).error == (400, "INVALID_FORMAT")
    assert not portal.chats


@pytest.mark.parametrize(
    ("kind", "stored"), [("OPEN", "open"), ("open", "chat"), ("CHAT", "chat"), ("CHANNEL", "chat")]
)
async def test_only_the_exact_word_opens_a_chat(ask, kind, stored):
    assert (await added(ask, TYPE=kind)).type == stored


@pytest.mark.parametrize("color", ["mint", "lightBlue", "#4ba984", "ORANGE", 7])
async def test_a_colour_in_another_spelling_leaves_the_choice_to_the_portal(serve, color):
    chosen = [(await added(await serve(seed=seed), COLOR=color)).color for seed in range(8)]
    assert len(set(chosen)) > 1


@pytest.mark.parametrize(
    ("avatar", "kept"),
    [
        (encoded(PNG), True),
        (encoded(HUGE_PNG), False),
        (encoded(b"%PDF-1.7"), False),
        ("data:image/png;base64," + encoded(PNG), False),
        ("17", True),
        (17, True),
        ("", False),
    ],
)
async def test_an_avatar_that_is_no_small_image_is_dropped(ask, avatar, kept):
    """A number is believed to be a file's id, whether there is one or not."""
    assert (await added(ask, AVATAR=avatar)).avatar is kept


async def test_an_avatar_given_as_an_array_kills_the_script(ask, portal, session):
    async with session.post(portal.webhook_url + "im.chat.add", json={"AVATAR": ["a.png", "AAAA"]}) as response:
        assert response.status == 500
        assert response.content_type == "text/html"
    assert not portal.chats
    assert not portal.executions


async def test_description_and_message_are_posted(ask):
    chat = await added(ask, DESCRIPTION=" About plans ", MESSAGE="Welcome", USERS=[2])
    assert chat.description == "About plans"
    assert [message.system for message in chat.messages] == [True, True, True, False, False]
    assert [(message.author, message.text) for message in chat.messages[-2:]] == [(1, "About plans"), (1, "Welcome")]


async def test_the_caller_owns_the_chat_whatever_is_asked(ask):
    assert (await added(ask, OWNER_ID=2, AUTHOR_ID=2, MANAGERS=[2], CHAT_ID=77)).owner == 1


async def test_two_chats_of_one_entity_are_two_chats(ask, portal):
    first = await added(ask, ENTITY_TYPE="CRM", ENTITY_ID="DEAL|7")
    second = await added(ask, ENTITY_TYPE="CRM", ENTITY_ID="DEAL|7")
    assert first.id < second.id
    found = await ask("im.chat.get", {"ENTITY_TYPE": "CRM", "ENTITY_ID": "DEAL|7"})
    assert found.result == {"ID": first.id}
    assert portal.executions["im.chat.add"] == 2


async def test_which_duplicate_is_found_is_a_policy(serve):
    ask = await serve(policy=PortalPolicy(duplicate_lookup="highest"))
    chats = [await added(ask, ENTITY_TYPE="CRM", ENTITY_ID="7") for _ in range(2)]
    found = await ask("im.chat.get", {"entity_type": "CRM", "entity_id": "7"})
    assert found.result == {"ID": chats[1].id}


async def test_a_chat_of_an_entity_has_no_greeting(ask):
    assert (await added(ask, ENTITY_TYPE="CRM", ENTITY_ID="DEAL|7")).messages == []


@pytest.mark.parametrize(
    "params",
    [{}, {"ENTITY_TYPE": "CRM"}, {"ENTITY_TYPE": "CRM", "ENTITY_ID": ""}, {"ENTITY_TYPE": "A", "ENTITY_ID": "1"}],
)
async def test_a_chat_that_is_not_found_is_null(ask, params):
    assert (await ask("im.chat.get", params)).result is None


@pytest.mark.parametrize("params", [{"ENTITY_TYPE": "T" * 51}, {"ENTITY_ID": "I" * 256}])
async def test_an_entity_too_long_is_refused(ask, portal, params):
    assert (await ask("im.chat.add", params)).error == (400, "WRONG_REQUEST")
    assert not portal.chats


async def test_a_chat_by_dialog_comes_in_snake_case(ask):
    chat = await added(ask, TITLE="Plans")
    shown = (await ask("im.chat.get", {"DIALOG_ID": chat.dialog_id})).result
    assert (shown["dialog_id"], shown["name"], shown["message_count"]) == (chat.dialog_id, "Plans", 2)
    assert (await ask("im.chat.get", {"DIALOG_ID": "7"})).error == (400, "DIALOG_ID_EMPTY")
    assert (await ask("im.chat.get", {"DIALOG_ID": "chat999"})).error == (403, "ACCESS_ERROR")


async def test_a_guest_creates_chats_alone_and_without_entity(ask, portal):
    guest = portal.add_webhook(user_id=portal.extranet_user_id)
    params = {"USERS": [2], "ENTITY_TYPE": "CRM", "ENTITY_ID": "7"}
    chat = portal.chats[(await ask("im.chat.add", params, base=guest)).result]
    assert (chat.members, chat.entity_type) == ({portal.extranet_user_id}, "")


async def test_titles_are_cut_at_255_characters_and_trimmed(ask):
    assert (await added(ask, TITLE=" " + "t" * 300)).title == "t" * 254


async def test_members_are_added_once(ask):
    chat = await added(ask)
    assert (await ask("im.chat.user.add", {"CHAT_ID": chat.id, "USERS": [2, 9999]})).result is True
    assert chat.members == {1, 2}
    assert (await ask("im.chat.user.add", {"CHAT_ID": chat.id, "USERS": [2]})).error == (400, "WRONG_REQUEST")
    assert (await ask("im.chat.user.add", {"USERS": [2]})).error == (400, "CHAT_ID_EMPTY")


async def test_messages_reach_members_only(ask, portal):
    chat = await added(ask, USERS=[2])
    assert (
        await ask("im.message.add", {"DIALOG_ID": chat.dialog_id, "MESSAGE": "Hello"})
    ).result == chat.last_message_id
    stranger = portal.add_webhook(user_id=3)
    sent = await ask("im.message.add", {"DIALOG_ID": chat.dialog_id, "MESSAGE": "Hello"}, base=stranger)
    assert sent.error == (403, "ACCESS_ERROR")
    assert (await ask("im.message.add", {"DIALOG_ID": chat.dialog_id})).error == (400, "MESSAGE_EMPTY")


async def test_a_template_id_makes_a_message_once(ask):
    chat = await added(ask)
    params = {"DIALOG_ID": chat.dialog_id, "MESSAGE": "Hi", "TEMPLATE_ID": "3f1e2d4c-5b6a-4789-8abc-def012345678"}
    first, again = [(await ask("im.message.add", params)).result for _ in range(2)]
    assert first == again
    assert [message.text for message in chat.messages].count("Hi") == 1


async def test_a_message_to_a_person_opens_a_private_chat(ask, portal):
    sent = [(await ask("im.message.add", {"DIALOG_ID": 2, "MESSAGE": "Hi"})).result for _ in range(2)]
    assert sent[0] < sent[1]
    assert [chat.type for chat in portal.chats.values()] == ["private"]
    assert (await ask("im.message.add", {"DIALOG_ID": 9999, "MESSAGE": "Hi"})).error == (400, "USER_NOT_FOUND")
