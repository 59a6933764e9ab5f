"""Dialogs as a member sees them, and the iterators over what pages there."""

from datetime import UTC, datetime

import pytest

from bitrix_chat.enums import SortOrder
from bitrix_chat.errors import CursorStalled, InvalidParameter
from bitrix_chat.models.dialog import ReadState
from bitrix_chat.resources.im import ImResource
from bitrix_chat.rest.reference import ref
from bitrix_chat.rest.request import Request, Response, Safety
from bitrix_chat.testing import ScriptedTransport

NOON = datetime(2031, 3, 4, 12, tzinfo=UTC)


def over(**answers):
    """Return a transport that answers the methods `im.dialog.*`, and the branch over it."""
    transport = ScriptedTransport({f"im.dialog.{name.replace('_', '.')}": answer for name, answer in answers.items()})
    return transport, ImResource(transport)


def sent(transport, name):
    return [request.params.get(name) for request in transport.requests]


async def ids_of(iterator):
    return [each.id async for each in iterator]


def refused(fault, method, *positional, **arguments):
    with pytest.raises(InvalidParameter, match=fault):
        method(*positional, **arguments)


def pages(*pages_of_ids):
    return [{"messages": [{"id": number} for number in page]} for page in pages_of_ids]


class TestDialogs:
    def test_get_answers_the_chat(self, im):
        call = im.dialog.get("chat12")
        assert call.request == Request("im.dialog.get", {"DIALOG_ID": "chat12"}, Safety.SAFE)
        assert call.decode({"id": "12", "dialog_id": "chat12"}).dialog_id == "chat12"

    def test_unread_names_the_message_to_begin_at(self, im):
        call = im.dialog.unread("31", 700)
        assert call.request == Request("im.dialog.unread", {"DIALOG_ID": "31", "MESSAGE_ID": 700}, Safety.IDEMPOTENT)
        assert call.decode(True) is True
        refused("`message_id` is 0", im.dialog.unread, "31", 0)

    def test_writing_names_the_dialog(self, im):
        call = im.dialog.writing("chat12")
        assert call.request == Request("im.dialog.writing", {"DIALOG_ID": "chat12"}, Safety.IDEMPOTENT)
        assert call.decode(True) is True

    def test_a_dialog_id_is_checked_everywhere(self, im):
        for method in (im.dialog.get, im.dialog.writing, im.dialog.read, im.dialog.users.list, im.dialog.messages.get):
            refused("`dialog_id` is 12, but a dialog id is text", method, 12)
        refused("`dialog_id` is 12, but a dialog id is text", im.dialog.unread, 12, 700)

    @pytest.mark.parametrize("value", ["sg7", "crm|deal|9"])
    def test_what_only_the_younger_methods_know_is_refused(self, im, value):
        methods = (im.dialog.get, im.dialog.writing, im.dialog.read, im.dialog.users.list, im.dialog.messages.get)
        for method in (*methods, im.message.add, im.recent.pin, im.recent.unread, im.recent.hide):
            refused("but here it is 'chat5', or '5' for a user", method, value)
        refused("but here it is 'chat5', or '5' for a user", im.dialog.unread, value, 700)
        refused("but here it is 'chat5', or '5' for a user", im.message.share, 700, value, type="CHAT")

    def test_a_chat_that_a_batch_creates_is_a_dialog(self, im):
        created = im.chat.add()
        assert im.dialog.get(ref(created)).request.params["DIALOG_ID"].call is created
        assert created.request


class TestRead:
    def test_the_branch_is_a_method(self, im):
        call = im.dialog.read("chat12", message_id=700)
        params = {"DIALOG_ID": "chat12", "MESSAGE_ID": 700}
        assert call.request == Request("im.dialog.read", params, Safety.IDEMPOTENT)
        up_to_now = im.dialog.read("chat12")
        assert up_to_now.request == Request("im.dialog.read", {"DIALOG_ID": "chat12"}, Safety.CREATE)
        refused("`message_id` is '700'", im.dialog.read, "chat12", message_id="700")

    def test_it_answers_how_far_is_read(self, im):
        call = im.dialog.read("chat12")
        raw = {"dialogId": "chat12", "chatId": 12, "lastId": "700", "counter": 3}
        assert call.decode(raw) == ReadState(dialog_id="chat12", chat_id=12, last_id=700, counter=3)
        assert call.request

    @pytest.mark.parametrize("raw", [False, None, []])
    def test_it_answers_none_where_nothing_was_read(self, im, raw):
        call = im.dialog.read("chat12")
        assert call.decode(raw) is None
        assert call.request

    def test_all_needs_nothing(self, im):
        call = im.dialog.read.all()
        assert call.request == Request("im.dialog.read.all", {}, Safety.CREATE)
        assert call.decode(True) is True


class TestUsers:
    def test_list_says_everything(self, im):
        call = im.dialog.users.list(
            "chat12", skip_external=True, skip_external_except_types=["email", "replica"], limit=200, offset=0
        )
        params = {
            "DIALOG_ID": "chat12",
            "SKIP_EXTERNAL": "Y",
            "SKIP_EXTERNAL_EXCEPT_TYPES": "email,replica",
            "LIMIT": 200,
            "OFFSET": 0,
        }
        assert call.request == Request("im.dialog.users.list", params, Safety.SAFE)
        assert [user.id for user in call.decode([{"id": 31}, {"id": "32", "phones": False}])] == [31, 32]

    def test_list_goes_on_from_a_user(self, im):
        assert im.dialog.users.list("chat12", last_id=0).request.params == {"DIALOG_ID": "chat12", "LAST_ID": 0}
        assert im.dialog.users.list("chat12", last_id=31).request.params["LAST_ID"] == 31

    def test_what_the_portal_would_cut_or_drop(self, im):
        for arguments, fault in (
            ({"limit": 201}, "`limit` is 201, but it is a whole number from 1 to 200"),
            ({"limit": 0}, "`limit` is 0"),
            ({"offset": -1}, "`offset` is -1"),
            ({"last_id": -1}, "`last_id` is -1"),
            ({"last_id": False}, "`last_id` is False"),
            ({"last_id": 5, "offset": 5}, "`last_id` and `offset` are given, but the portal heeds only one of them"),
            ({"skip_external": "Y"}, "`skip_external` is 'Y'"),
            ({"skip_external_except_types": "email"}, "`skip_external_except_types` is 'email', not a list of words"),
            ({"skip_external_except_types": 5}, "`skip_external_except_types` is 5, not a list of words"),
            ({"skip_external_except_types": ["email", ""]}, r"`skip_external_except_types\[1\]` is empty"),
        ):
            refused(fault, im.dialog.users.list, "chat12", **arguments)

    def test_no_types_are_left_out(self, im):
        request = im.dialog.users.list("chat12", skip_external_except_types=[]).request
        assert request.params == {"DIALOG_ID": "chat12"}

    async def test_the_iterator_follows_the_envelope(self):
        transport, im = over(users_list=[Response([{"id": 1}, {"id": 2}], next=2, total=3), Response([{"id": 3}])])
        members = im.dialog.users.iter_users("chat12", skip_external=False, skip_external_except_types=iter(["email"]))
        assert transport.requests == []
        assert await ids_of(members) == [1, 2, 3]
        assert sent(transport, "OFFSET") == [0, 2]
        assert sent(transport, "LIMIT") == [200, 200]
        assert sent(transport, "SKIP_EXTERNAL_EXCEPT_TYPES") == ["email", "email"]

    async def test_the_iterator_does_not_go_round_in_a_circle(self):
        _, im = over(users_list=Response([{"id": 1}], next=1))
        with pytest.raises(CursorStalled):
            await ids_of(im.dialog.users.iter_users("chat12", limit=1))


class TestMessages:
    def test_get_goes_on_from_a_message(self, im):
        call = im.dialog.messages.get("chat12", last_id=700, limit=50)
        params = {"DIALOG_ID": "chat12", "LAST_ID": 700, "LIMIT": 50}
        assert call.request == Request("im.dialog.messages.get", params, Safety.SAFE)
        page = call.decode({"chat_id": 12, "messages": [{"id": 699, "params": []}], "users": [], "files": []})
        assert (page.chat_id, page.messages[0].id, page.messages[0].params) == (12, 699, {})

    def test_zero_is_the_beginning(self, im):
        assert im.dialog.messages.get("chat12", first_id=0).request.params == {"DIALOG_ID": "chat12", "FIRST_ID": 0}

    def test_what_the_portal_would_cut_or_drop(self, im):
        for arguments, fault in (
            ({"limit": 51}, "`limit` is 51, but it is a whole number from 1 to 50"),
            ({"first_id": "0"}, "`first_id` is '0'"),
            ({"last_id": 7, "first_id": 0}, "`last_id` and `first_id` are given"),
        ):
            refused(fault, im.dialog.messages.get, "chat12", **arguments)

    async def test_the_iterator_begins_at_the_newest(self):
        transport, im = over(messages_get=pages([9, 8, 7], [6, 4], []))
        assert await ids_of(im.dialog.messages.iter_messages("chat12", limit=3)) == [9, 8, 7, 6, 4]
        assert sent(transport, "LAST_ID") == [None, 7, 4]
        assert sent(transport, "FIRST_ID") == [None] * 3

    async def test_the_iterator_begins_at_the_oldest_where_it_is_told_to(self):
        transport, im = over(messages_get=pages([6, 5, 4], [9, 7], []))
        assert await ids_of(im.dialog.messages.iter_messages("chat12", oldest_first=True)) == [4, 5, 6, 7, 9]
        assert sent(transport, "FIRST_ID") == [0, 6, 9]
        assert sent(transport, "LAST_ID") == [None] * 3
        assert sent(transport, "LIMIT") == [50] * 3

    @pytest.mark.parametrize("oldest_first", [True, False])
    async def test_a_message_that_is_shown_again_is_yielded_once(self, oldest_first):
        forwards = pages([1, 2], [2, 3], [3])
        backwards = pages([3, 2], [2, 1], [1])
        _, im = over(messages_get=forwards if oldest_first else backwards)
        messages = im.dialog.messages.iter_messages("chat12", oldest_first=oldest_first, limit=2)
        assert await ids_of(messages) == ([1, 2, 3] if oldest_first else [3, 2, 1])

    async def test_the_iterator_does_not_go_round_in_a_circle(self):
        _, im = over(messages_get=pages([9, 8], [9, 8]))
        messages = im.dialog.messages.iter_messages("chat12", limit=2)
        assert [(await anext(messages)).id, (await anext(messages)).id] == [9, 8]
        with pytest.raises(CursorStalled):
            await anext(messages)

    async def test_nothing_is_asked_before_it_is_needed(self):
        transport, im = over(messages_get=pages([9, 8]))
        messages = im.dialog.messages.iter_messages("chat12", limit=2)
        assert transport.requests == []
        assert (await anext(messages)).id == 9
        assert (await anext(messages)).id == 8
        assert len(transport.requests) == 1


class TestSearch:
    def test_search_says_everything(self, im):
        call = im.dialog.messages.search(
            12, text="rota", date_from=NOON, date_to=NOON, date=NOON, order="asc", limit=200, last_id=700
        )
        params = {
            "CHAT_ID": 12,
            "SEARCH_MESSAGE": "rota",
            "DATE_FROM": "2031-03-04T12:00:00+00:00",
            "DATE_TO": "2031-03-04T12:00:00+00:00",
            "DATE": "2031-03-04T12:00:00+00:00",
            "ORDER": {"ID": "ASC"},
            "LIMIT": 200,
            "LAST_ID": 700,
        }
        assert call.request == Request("im.dialog.messages.search", params, Safety.SAFE)
        assert call.decode({"messages": [{"id": 699, "chatId": 12, "chat_id": 12}]}).messages[0].chat_id == 12

    def test_a_chat_is_enough(self, im):
        assert im.dialog.messages.search(12).request.params == {"CHAT_ID": 12}

    def test_what_the_portal_would_refuse(self, im):
        for arguments, fault in (
            ({"chat_id": "chat12"}, "`chat_id` is 'chat12'"),
            ({"text": " ab "}, "`text` has 2 characters, the portal searches from 3 on"),
            ({"date": NOON.replace(tzinfo=None)}, "`date` has no time zone"),
            ({"date_from": "today"}, "`date_from` is 'today'"),
            ({"date_to": 5}, "`date_to` is 5"),
            ({"order": "ID"}, "`order` is 'ID', not one of ASC, DESC"),
            ({"limit": 201}, "`limit` is 201"),
            ({"last_id": "x"}, "`last_id` is 'x'"),
        ):
            refused(fault, im.dialog.messages.search, **{"chat_id": 12, **arguments})

    async def test_the_iterator_goes_on_from_the_last_message(self):
        transport, im = over(messages_search=pages([9, 5], [3], []))
        assert await ids_of(im.dialog.messages.iter_search(12, text="rota", limit=2)) == [9, 5, 3]
        assert sent(transport, "LAST_ID") == [None, 5, 3]
        assert sent(transport, "ORDER") == [{"ID": "DESC"}] * 3
        assert sent(transport, "SEARCH_MESSAGE") == ["rota"] * 3

    async def test_the_iterator_goes_upwards_too(self):
        transport, im = over(messages_search=pages([3, 5], [9], []))
        found = im.dialog.messages.iter_search(12, date_from=NOON, date_to=NOON, date=NOON, order=SortOrder.ASC)
        assert await ids_of(found) == [3, 5, 9]
        assert sent(transport, "LAST_ID") == [None, 5, 9]
        assert sent(transport, "LIMIT") == [200] * 3

    async def test_a_search_that_finds_nothing_ends_at_once(self):
        transport, im = over(messages_search=pages([]))
        assert await ids_of(im.dialog.messages.iter_search(12)) == []
        assert len(transport.requests) == 1

    def test_an_order_is_needed_to_go_on_in(self, im):
        refused("`order` is needed", im.dialog.messages.iter_search, 12, order=None)
