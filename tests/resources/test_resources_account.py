"""The portal, its directory and the calling application: `app`, `scope`, `server`, `method`, `event` and `user`."""

from datetime import UTC, datetime

import pytest

from bitrix_chat.enums import ApplicationStatus, EventDelivery, ImageSize, SortOrder
from bitrix_chat.errors import CursorStalled, InvalidParameter
from bitrix_chat.resources.app import AppResource
from bitrix_chat.resources.event import EventResource
from bitrix_chat.resources.general import MethodResource, ServerResource
from bitrix_chat.resources.user import UserResource
from bitrix_chat.rest.request import Request, Response, Safety
from bitrix_chat.testing.scripted import ScriptedTransport

HANDLER = "https://bots.example/events"


@pytest.fixture
def event():
    return EventResource(None)


@pytest.fixture
def user():
    return UserResource(None)


class TestPortal:
    def test_the_application_describes_itself(self):
        call = AppResource(None).info()
        assert call.request == Request("app.info", {}, Safety.SAFE)
        info = call.decode({"ID": "3", "STATUS": "L", "INSTALLED": True, "PAYMENT_EXPIRED": "N", "DAYS": None})
        assert (info.id, info.status, info.installed, info.payment_expired, info.days) == (
            3,
            ApplicationStatus.LOCAL,
            True,
            False,
            None,
        )

    def test_a_licence_unknown_here_stays_a_word(self):
        call = AppResource(None).info()
        assert call.request
        assert call.decode({"ID": 3, "STATUS": "S"}).status == "S"

    @pytest.mark.parametrize(("full", "params"), [(None, {}), (True, {"full": True}), (False, {"full": False})])
    def test_scopes_are_ones_own_or_all(self, general, full, params):
        call = general.scope(full=full)
        assert call.request == Request("scope", params, Safety.SAFE)
        assert call.decode(["im", "imbot"]) == ["im", "imbot"]

    def test_full_is_a_boolean(self, general):
        with pytest.raises(InvalidParameter, match="`full` is 1, but it is True or False"):
            general.scope(full=1)

    def test_the_portal_tells_its_time(self):
        call = ServerResource(None).time()
        assert call.request == Request("server.time", {}, Safety.SAFE)
        assert call.decode("2030-03-17T21:30:00+02:00") == datetime(2030, 3, 17, 19, 30, tzinfo=UTC)

    def test_a_method_exists_and_is_open_or_not(self):
        call = MethodResource(None).get("im.chat.add")
        assert call.request == Request("method.get", {"name": "im.chat.add"}, Safety.SAFE)
        found = call.decode({"isExisting": True, "isAvailable": False})
        assert (found.is_existing, found.is_available) == (True, False)

    def test_a_method_has_a_name(self):
        with pytest.raises(InvalidParameter, match="`name` is empty"):
            MethodResource(None).get("")


class TestEvent:
    def test_bind_takes_an_event_and_an_address(self, event):
        call = event.bind("ONUSERADD", HANDLER)
        assert call.request == Request("event.bind", {"event": "ONUSERADD", "handler": HANDLER}, Safety.IDEMPOTENT)
        assert call.decode(True) is True

    def test_bind_says_everything(self, event):
        call = event.bind(
            "ONUSERADD", HANDLER, auth_type=11, event_type="OFFLINE", auth_connector="house", min_timeout=0
        )
        assert call.request.params == {
            "event": "ONUSERADD",
            "handler": HANDLER,
            "auth_type": 11,
            "event_type": "offline",
            "auth_connector": "house",
            "options": {"minTimeout": 0},
        }

    def test_unbind_answers_how_many_there_were(self, event):
        call = event.unbind("ONUSERADD", HANDLER, auth_type=11, event_type=EventDelivery.ONLINE)
        params = {"event": "ONUSERADD", "handler": HANDLER, "auth_type": 11, "event_type": "online"}
        assert call.request == Request("event.unbind", params, Safety.IDEMPOTENT)
        assert [call.decode({"count": 1}), call.decode({"count": "0"})] == [1, 0]

    @pytest.mark.parametrize("name", ["bind", "unbind"])
    @pytest.mark.parametrize(
        ("arguments", "fault"),
        [
            ({"event": ""}, "`event` is empty"),
            ({"event": None}, "`event` is empty"),
            ({"handler": ""}, "`handler` is empty"),
            ({"handler": "bots.example/events"}, "`handler` is no address that begins with https:// or http://"),
            ({"handler": "ftp://bots.example"}, "`handler` is no address that begins with https:// or http://"),
            ({"handler": "https:///events"}, "`handler` is no address that begins with https:// or http://"),
            ({"auth_type": 0}, "`auth_type` is 0, but an id is a positive whole number"),
            ({"event_type": "later"}, "`event_type` is 'later', not one of online, offline"),
        ],
    )
    def test_what_the_portal_would_refuse_or_misread(self, event, name, arguments, fault):
        with pytest.raises(InvalidParameter) as caught:
            getattr(event, name)(**{"event": "ONUSERADD", "handler": HANDLER, **arguments})
        assert caught.value.description == fault

    @pytest.mark.parametrize("arguments", [{"auth_connector": ""}, {"min_timeout": -1}, {"min_timeout": True}])
    def test_bind_refuses_odd_options(self, event, arguments):
        with pytest.raises(InvalidParameter, match=f"`{next(iter(arguments))}` is "):
            event.bind("ONUSERADD", HANDLER, **arguments)

    def test_get_answers_the_handlers(self, event):
        call = event.get()
        assert call.request == Request("event.get", {}, Safety.SAFE)
        mine, delayed = call.decode(
            [
                {"event": "ONUSERADD", "handler": HANDLER, "auth_type": "0", "offline": 0},
                {"event": "ONUSERADD", "handler": "", "auth_type": "11", "offline": 1, "connector_id": "house"},
            ]
        )
        assert (mine.handler, mine.auth_type, mine.offline, mine.connector_id) == (HANDLER, None, False, None)
        assert (delayed.auth_type, delayed.offline, delayed.connector_id) == (11, True, "house")


class TestUser:
    def test_current_needs_nothing(self, user):
        call = user.current()
        assert call.request == Request("user.current", {}, Safety.SAFE)
        assert call.decode({"ID": "11", "NAME": "Ines"}).id == 11

    def test_get_needs_nothing(self, user):
        call = user.get()
        assert call.request == Request("user.get", {}, Safety.SAFE)
        assert [found.id for found in call.decode({"0": {"ID": "11"}, "1": {"ID": "12"}})] == [11, 12]

    def test_get_says_everything_and_keeps_conditions_as_they_are(self, user):
        call = user.get(
            filter={"ACTIVE": True, "@UF_DEPARTMENT": [4, 5], "PERSONAL_CITY": None},
            sort="LAST_NAME",
            order=SortOrder.DESC,
            select=iter(["NAME", "UF_*"]),
            admin_mode=True,
            image_resize=ImageSize.SMALL,
            start=50,
        )
        assert call.request.params == {
            "sort": "LAST_NAME",
            "order": "DESC",
            "FILTER": {"ACTIVE": True, "@UF_DEPARTMENT": [4, 5], "PERSONAL_CITY": None},
            "ADMIN_MODE": True,
            "select": ["ID", "NAME", "UF_*"],
            "IMAGE_RESIZE": "small",
            "start": 50,
        }

    @pytest.mark.parametrize("select", [["*"], ["NAME", "ID"]])
    def test_fields_that_hold_the_id_are_asked_for_as_they_are(self, user, select):
        assert user.get(select=select).request.params == {"select": select}

    def test_empty_conditions_and_fields_are_left_out_because_a_batch_cannot_say_them(self, user):
        assert user.get(filter={}, select=[]).request.params == {}

    @pytest.mark.parametrize(
        "arguments",
        [
            {"filter": [("ACTIVE", True)]},
            {"filter": {1: 2}},
            {"sort": ""},
            {"order": "up"},
            {"select": "NAME"},
            {"select": [""]},
            {"admin_mode": "Y"},
            {"image_resize": "huge"},
            {"start": -1},
        ],
    )
    def test_get_refuses_what_the_portal_would_misread(self, user, arguments):
        with pytest.raises(InvalidParameter, match=rf"`{next(iter(arguments))}(\[0\])?` is "):
            user.get(**arguments)

    async def test_all_are_read_in_pages_of_fifty_as_they_are_needed(self):
        transport = ScriptedTransport({"user.get": [Response([{"ID": "1"}], next=50), Response([{"ID": "2"}])]})
        people = UserResource(transport).iter_users(filter={"NAME": "I%"}, select=iter(["ID"]), sort="ID", order="asc")
        assert (await anext(people)).id == 1
        assert len(transport.requests) == 1
        assert [found.id async for found in people] == [2]
        asked = {"sort": "ID", "order": "ASC", "FILTER": {"NAME": "I%"}, "select": ["ID"]}
        assert [request.params for request in transport.requests] == [{**asked, "start": 0}, {**asked, "start": 50}]

    async def test_pages_that_lead_round_in_a_circle_are_an_error(self):
        transport = ScriptedTransport({"user.get": Response([{"ID": "1"}], next=0)})
        with pytest.raises(CursorStalled):
            [found async for found in UserResource(transport).iter_users()]
        assert len(transport.requests) == 1
