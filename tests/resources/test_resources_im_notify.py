"""Notifications: `im.notify` and below it."""

from datetime import UTC, datetime

import pytest

from bitrix_chat.enums import NotificationType
from bitrix_chat.errors import CursorStalled, InvalidParameter
from bitrix_chat.models.attachment import Attachment, MessageBlock
from bitrix_chat.resources.im.notify import NotifyResource
from bitrix_chat.rest.request import Request, Safety
from bitrix_chat.testing.scripted import ScriptedTransport

EVENING = datetime(2030, 3, 17, 19, 30, tzinfo=UTC)
MORNING = datetime(2030, 3, 18, 6, 0, tzinfo=UTC)


@pytest.fixture
def notify():
    return NotifyResource(None)


@pytest.fixture(params=["im.notify", "im.notify.personal.add", "im.notify.system.add"])
def sending(request, notify):
    """All ways of notifying: the REST method and ours."""
    ours = {
        "im.notify": notify,
        "im.notify.personal.add": notify.personal.add,
        "im.notify.system.add": notify.system.add,
    }
    return request.param, ours[request.param]


class TestSending:
    def test_takes_a_user_and_a_message(self, sending):
        method, send = sending
        assert send(11, "The lift works again").request == Request(
            method, {"USER_ID": 11, "MESSAGE": "The lift works again"}, Safety.CREATE
        )

    def test_says_everything(self, sending):
        method, send = sending
        call = send(
            11,
            "The lift works again",
            message_out="The lift works again.",
            tag="LIFT",
            sub_tag="LIFT|2",
            attach=Attachment([MessageBlock("Since noon")], color="#29619b"),
            client_id="house",
        )
        assert call.request == Request(
            method,
            {
                "USER_ID": 11,
                "MESSAGE": "The lift works again",
                "MESSAGE_OUT": "The lift works again.",
                "TAG": "LIFT",
                "SUB_TAG": "LIFT|2",
                "ATTACH": {"COLOR": "#29619b", "BLOCKS": [{"MESSAGE": "Since noon"}]},
                "CLIENT_ID": "house",
            },
        )

    def test_takes_an_attachment_as_the_portal_writes_it(self, sending):
        call = sending[1](11, "Look", attach=[{"MESSAGE": "Since noon"}])
        assert call.request.params["ATTACH"] == [{"MESSAGE": "Since noon"}]

    def test_answers_the_notifications_id_or_none_where_it_reached_nobody(self, sending):
        call = sending[1](11, "Look")
        assert call.request
        assert [call.decode(1417), call.decode("1417"), call.decode(False)] == [1417, 1417, None]

    @pytest.mark.parametrize(
        ("arguments", "fault"),
        [
            ({"user_id": 0}, "`user_id` is 0, but an id is a positive whole number"),
            ({"message": ""}, "`message` is empty"),
            ({"message_out": 5}, "`message_out` is int, not text"),
            ({"tag": ""}, "`tag` is empty"),
            ({"sub_tag": ""}, "`sub_tag` is empty"),
            ({"client_id": ""}, "`client_id` is empty"),
        ],
    )
    def test_refuses_what_the_portal_would_refuse_or_drop(self, sending, arguments, fault):
        with pytest.raises(InvalidParameter) as caught:
            sending[1](**{"user_id": 11, "message": "Look", **arguments})
        assert caught.value.description == fault

    @pytest.mark.parametrize("kind", [NotificationType.SYSTEM, "system", "SYSTEM"])
    def test_comes_in_the_portals_name_if_asked(self, notify, kind):
        assert notify(11, "Look", type=kind).request.params["TYPE"] == "SYSTEM"

    def test_comes_in_nobody_elses_name(self, notify):
        with pytest.raises(InvalidParameter, match="`type` is 'robot', not one of USER, SYSTEM"):
            notify(11, "Look", type="robot")


class TestReading:
    @pytest.mark.parametrize(
        ("arguments", "params"),
        [
            ({}, {}),
            (
                {"last_id": 40, "last_type": 1, "limit": 50, "convert_text": True},
                {"LAST_ID": 40, "LAST_TYPE": 1, "LIMIT": 50, "CONVERT_TEXT": "Y"},
            ),
        ],
    )
    def test_get_asks_for_a_page(self, notify, arguments, params):
        call = notify.get(**arguments)
        assert call.request == Request("im.notify.get", params, Safety.SAFE)
        page = call.decode({"chat_id": 3, "total_count": 1, "notifications": [{"id": 40}], "users": []})
        assert (page.chat_id, page.total_count, page.notifications[0].id) == (3, 1, 40)

    @pytest.mark.parametrize(
        ("arguments", "fault"),
        [
            ({"last_id": 40}, "`last_id` and `last_type` are needed together"),
            ({"last_type": 1}, "`last_id` and `last_type` are needed together"),
            ({"last_id": 40, "last_type": 2}, "`last_type` is 2, not 1 or 3"),
            ({"last_id": 40, "last_type": True}, "`last_type` is True, not 1 or 3"),
            ({"last_id": "40", "last_type": 3}, "`last_id` is '40', but an id is a positive whole number"),
            ({"limit": 51}, "`limit` is 51, but it is a whole number from 1 to 50"),
            ({"convert_text": "Y"}, "`convert_text` is 'Y', but it is True or False"),
        ],
    )
    def test_get_refuses_what_the_portal_would(self, notify, arguments, fault):
        with pytest.raises(InvalidParameter) as caught:
            notify.get(**arguments)
        assert caught.value.description == fault

    async def test_all_are_read_page_by_page_with_the_type_of_the_last(self):
        transport = ScriptedTransport(
            {
                "im.notify.get": [
                    {"notifications": [{"id": 7, "notify_type": 1}, {"id": 5, "notify_type": 1}]},
                    {"notifications": [{"id": 9, "notify_type": 4}, {"id": 8, "notify_type": 2}]},
                    {"notifications": []},
                ]
            }
        )
        notifications = NotifyResource(transport).iter_notifications(limit=2, convert_text=False)
        assert [(await anext(notifications)).id, (await anext(notifications)).id] == [7, 5]
        assert len(transport.requests) == 1
        assert [each.id async for each in notifications] == [9, 8]
        assert [request.params for request in transport.requests] == [
            {"LIMIT": 2, "CONVERT_TEXT": "N"},
            {"LAST_ID": 5, "LAST_TYPE": 1, "LIMIT": 2, "CONVERT_TEXT": "N"},
            {"LAST_ID": 8, "LAST_TYPE": 3, "LIMIT": 2, "CONVERT_TEXT": "N"},
        ]

    async def test_a_page_that_comes_again_is_an_error(self):
        transport = ScriptedTransport({"im.notify.get": {"notifications": [{"id": 7, "notify_type": 4}]}})
        with pytest.raises(CursorStalled):
            [each async for each in NotifyResource(transport).iter_notifications()]
        assert len(transport.requests) == 2

    def test_the_kinds_come_by_module(self, notify):
        call = notify.schema.get()
        assert call.request == Request("im.notify.schema.get", {}, Safety.SAFE)
        schema = call.decode({"house": {"NAME": "House", "MODULE_ID": "house", "LIST": [{"ID": "house|lift"}]}})
        assert [kind.id for kind in schema["house"].kinds] == ["house|lift"]


class TestHistory:
    def test_search_takes_a_text(self, notify):
        call = notify.history.search("lift")
        assert call.request == Request("im.notify.history.search", {"SEARCH_TEXT": "lift"}, Safety.SAFE)
        page = call.decode({"chat_id": 3, "total_results": 9, "notifications": [{"id": 4}], "users": [{"id": 11}]})
        assert (page.chat_id, page.total_results, page.users[0].id) == (3, 9, 11)

    def test_search_says_everything(self, notify):
        call = notify.history.search(
            "lift",
            type="house|lift",
            types=["house|lift", "house|door"],
            date=EVENING,
            date_from=EVENING,
            date_to=MORNING,
            author_ids=[11],
            group_tag="LIFT|2",
            last_id=40,
            limit=50,
            convert_text=True,
        )
        assert call.request.params == {
            "SEARCH_TEXT": "lift",
            "SEARCH_TYPE": "house|lift",
            "SEARCH_TYPES": ["house|lift", "house|door"],
            "SEARCH_DATE": "2030-03-17T19:30:00+00:00",
            "SEARCH_DATE_FROM": "2030-03-17T19:30:00+00:00",
            "SEARCH_DATE_TO": "2030-03-18T06:00:00+00:00",
            "SEARCH_AUTHORS": [11],
            "GROUP_TAG": "LIFT|2",
            "LAST_ID": 40,
            "LIMIT": 50,
            "CONVERT_TEXT": "Y",
        }

    @pytest.mark.parametrize(
        ("arguments", "fault"),
        [
            ({}, "nothing to search by is given, `text` for example"),
            ({"types": [], "author_ids": [], "limit": 5}, "nothing to search by is given, `text` for example"),
            ({"text": "li"}, "`text` has 2 characters, the portal searches from 3 on"),
            ({"type": ""}, "`type` is empty"),
            ({"types": "house|lift"}, "`types` is 'house|lift', not a list of texts"),
            ({"types": 5}, "`types` is 5, not a list of texts"),
            ({"types": ["house|lift", ""]}, "`types[1]` is empty"),
            ({"date_from": EVENING}, "`date_from` and `date_to` are needed together"),
            ({"date_to": EVENING}, "`date_from` and `date_to` are needed together"),
            ({"author_ids": [0]}, "`author_ids[0]` is 0, but an id is a positive whole number"),
            ({"group_tag": ""}, "`group_tag` is empty"),
            ({"text": "lift", "last_id": 0}, "`last_id` is 0, but an id is a positive whole number"),
            ({"text": "lift", "limit": 51}, "`limit` is 51, but it is a whole number from 1 to 50"),
        ],
    )
    def test_search_refuses_what_the_portal_would(self, notify, arguments, fault):
        with pytest.raises(InvalidParameter) as caught:
            notify.history.search(**arguments)
        assert caught.value.description == fault

    def test_search_wants_a_time_zone(self, notify):
        with pytest.raises(InvalidParameter, match="`date` has no time zone"):
            notify.history.search(date=EVENING.replace(tzinfo=None))

    async def test_all_that_is_found_is_read_page_by_page(self):
        transport = ScriptedTransport(
            {
                "im.notify.history.search": [
                    {"notifications": [{"id": 9}, {"id": 6}]},
                    {"notifications": [{"id": 2}]},
                    {"notifications": []},
                ]
            }
        )
        found = NotifyResource(transport).history.iter_notifications(
            types=iter(["house|lift"]), author_ids=iter([11]), limit=2
        )
        assert [(await anext(found)).id, (await anext(found)).id] == [9, 6]
        assert len(transport.requests) == 1
        assert [each.id async for each in found] == [2]
        criteria = {"SEARCH_TYPES": ["house|lift"], "SEARCH_AUTHORS": [11], "LIMIT": 2}
        assert [request.params for request in transport.requests] == [
            criteria,
            {**criteria, "LAST_ID": 6},
            {**criteria, "LAST_ID": 2},
        ]

    async def test_a_page_that_comes_again_is_an_error(self):
        transport = ScriptedTransport({"im.notify.history.search": {"notifications": [{"id": 7}]}})
        with pytest.raises(CursorStalled):
            [each async for each in NotifyResource(transport).history.iter_notifications("lift")]
        assert len(transport.requests) == 2


class TestMarking:
    @pytest.mark.parametrize(
        ("arguments", "params", "safety"),
        [
            ({}, {}, Safety.CREATE),
            ({"notification_id": 40}, {"ID": 40}, Safety.IDEMPOTENT),
            (
                {"notification_id": 40, "read": False, "only_current": True},
                {"ID": 40, "ACTION": "N", "ONLY_CURRENT": "Y"},
                Safety.IDEMPOTENT,
            ),
        ],
    )
    def test_read_marks_one_and_the_older_ones(self, notify, arguments, params, safety):
        """Without an id, a repetition marks what came meanwhile."""
        call = notify.read(**arguments)
        assert call.request == Request("im.notify.read", params, safety)
        assert call.decode(True) is True

    def test_read_refuses_what_is_no_id(self, notify):
        with pytest.raises(InvalidParameter, match="`notification_id` is 0"):
            notify.read(0)

    def test_several_are_marked_by_their_ids(self, notify):
        call = notify.read.list((40, 41), read=True)
        assert call.request == Request("im.notify.read.list", {"IDS": [40, 41], "ACTION": "Y"}, Safety.IDEMPOTENT)
        assert call.decode(True) is True
        with pytest.raises(InvalidParameter, match="`notification_ids` is empty"):
            notify.read.list([])

    def test_all_are_marked(self, notify):
        call = notify.read.all()
        assert call.request == Request("im.notify.read.all", {}, Safety.CREATE)
        left = call.decode({"result": True, "newCounter": "2"})
        assert (left.result, left.new_counter) == (True, 2)


class TestActing:
    @pytest.mark.parametrize(
        ("name", "value", "param"), [("confirm", "Y", "NOTIFY_VALUE"), ("answer", "On my way", "ANSWER_TEXT")]
    )
    def test_a_notification_is_decided_or_answered(self, notify, name, value, param):
        call = getattr(notify, name)(40, value)
        assert call.request == Request(f"im.notify.{name}", {"NOTIFY_ID": 40, param: value}, Safety.CREATE)
        assert call.decode({"result_message": ["Thank you"]}) == ["Thank you"]
        assert call.decode({"result_message": False}) is None

    @pytest.mark.parametrize("name", ["confirm", "answer"])
    def test_an_empty_decision_or_answer_is_refused(self, notify, name):
        with pytest.raises(InvalidParameter, match=r"`(value|text)` is empty"):
            getattr(notify, name)(40, "")
        with pytest.raises(InvalidParameter, match="`notification_id` is 0"):
            getattr(notify, name)(0, "Y")

    @pytest.mark.parametrize(
        ("arguments", "params"),
        [
            ({"notification_id": 40}, {"ID": 40}),
            ({"tag": "LIFT", "client_id": "house"}, {"TAG": "LIFT", "CLIENT_ID": "house"}),
            ({"sub_tag": "LIFT|2"}, {"SUB_TAG": "LIFT|2"}),
        ],
    )
    def test_delete_names_one_or_a_tag(self, notify, arguments, params):
        call = notify.delete(**arguments)
        assert call.request == Request("im.notify.delete", params, Safety.IDEMPOTENT)
        assert call.decode(True) is True

    @pytest.mark.parametrize("arguments", [{}, {"notification_id": 40, "tag": "LIFT"}, {"client_id": "house"}])
    def test_delete_wants_exactly_one_name(self, notify, arguments):
        with pytest.raises(InvalidParameter, match="exactly one of `notification_id`, `tag`, `sub_tag` is needed"):
            notify.delete(**arguments)

    @pytest.mark.parametrize("arguments", [{"tag": ""}, {"sub_tag": ""}, {"notification_id": 4, "client_id": ""}])
    def test_delete_refuses_an_empty_name(self, notify, arguments):
        with pytest.raises(InvalidParameter, match="is empty"):
            notify.delete(**arguments)
