"""Methods about the application, its events, its scopes, and the directory of people."""

import pytest

HANDLER = "https://bots.example/events"


@pytest.fixture
def app(ask):
    """Call a method as the application of the administrator."""
    return ask.with_token


@pytest.fixture
async def employees_app(ask, session, portal):
    """Call a method as the application of an employee who is no administrator."""
    grant = portal.oauth
    query = {
        "grant_type": "authorization_code",
        "client_id": grant.client_id,
        "client_secret": grant.client_secret,
        "code": portal.authorize(user_id=2),
    }
    async with session.get(f"{portal.authorization_server}/oauth/token/", params=query) as response:
        token = (await response.json())["access_token"]

    async def call(method, params=None):
        return await ask.with_token(method, params, token)

    return call


@pytest.mark.parametrize("method", ["app.info", "event.bind", "event.unbind", "event.get"])
async def test_a_webhook_stands_for_no_application(ask, method):
    refused = await ask(method, {"event": "ONIMBOTMESSAGEADD", "handler": HANDLER})
    assert refused.error == (403, "ACCESS_DENIED")
    assert refused.body["error_description"] == "Access denied! Application context required"


async def test_an_application_learns_about_itself(app, portal):
    info = (await app("app.info")).result
    assert (info["CODE"], info["INSTALLED"], info["DAYS"]) == (portal.oauth.client_id, True, None)
    assert {
        "ID",
        "VERSION",
        "STATUS",
        "PAYMENT_EXPIRED",
        "LANGUAGE_ID",
        "LICENSE",
        "LICENSE_TYPE",
        "LICENSE_FAMILY",
    } <= set(info)


class TestEvents:
    async def test_a_bound_handler_is_listed_until_it_is_unbound(self, app):
        binding = {"event": "onImBotMessageAdd", "handler": HANDLER, "auth_type": 2}
        assert (await app("event.bind", binding)).result is True
        assert (await app("event.get")).result == [
            {"event": "ONIMBOTMESSAGEADD", "handler": HANDLER, "auth_type": "2", "offline": 0}
        ]
        assert (await app("event.unbind", binding | {"handler": "https://bots.example/other"})).result == {"count": 0}
        assert (await app("event.unbind", binding)).result == {"count": 1}
        assert (await app("event.get")).result == []

    async def test_a_handler_is_bound_once(self, app):
        binding = {"EVENT": "ONAPPUPDATE", "HANDLER": HANDLER}
        await app("event.bind", binding)
        assert (await app("event.bind", binding)).error == (400, "ERROR_CORE")
        assert (await app("event.bind", binding | {"AUTH_TYPE": 3})).result is True

    async def test_unbinding_without_parameters_removes_all(self, app):
        for event in ("ONAPPUPDATE", "ONUSERADD"):
            await app("event.bind", {"event": event, "handler": HANDLER})
        assert (await app("event.unbind")).result == {"count": 2}

    async def test_an_offline_event_needs_no_handler_and_keeps_its_connector(self, app):
        offline = {"event": "ONUSERADD", "event_type": "offline", "auth_connector": "sync"}
        assert (await app("event.bind", offline)).result is True
        assert (await app("event.get")).result == [
            {"event": "ONUSERADD", "handler": "", "auth_type": "0", "offline": 1, "connector_id": "sync"}
        ]
        assert (await app("event.unbind", {"event": "ONUSERADD", "event_type": "online"})).result == {"count": 0}

    @pytest.mark.parametrize(
        ("params", "code"),
        [
            ({"handler": HANDLER}, "ERROR_ARGUMENT"),
            ({"event": "ONUSERADD"}, "ERROR_ARGUMENT"),
            ({"event": "ONMOONRISE", "handler": HANDLER}, "ERROR_EVENT_NOT_FOUND"),
            ({"event": "ONUSERADD", "handler": "ftp://bots.example"}, "ERROR_UNSUPPORTED_PROTOCOL"),
            ({"event": "ONUSERADD", "handler": "https://"}, "ERROR_WRONG_HANDLER_URL"),
        ],
    )
    async def test_a_binding_is_refused_by_its_code(self, app, params, code):
        assert (await app("event.bind", params)).error == (400, code)
        assert (await app("event.get")).result == []

    async def test_an_employee_binds_in_their_own_name_alone(self, employees_app):
        binding = {"event": "ONUSERADD", "handler": HANDLER}
        assert (await employees_app("event.bind", binding | {"auth_type": 1})).error == (403, "ACCESS_DENIED")
        offline = await employees_app("event.bind", binding | {"event_type": "offline"})
        assert offline.error == (403, "ACCESS_DENIED")
        assert (await employees_app("event.unbind", {"event_type": "offline"})).error == (403, "ACCESS_DENIED")
        assert (await employees_app("event.bind", binding)).result is True
        assert (await employees_app("event.get")).result[0]["auth_type"] == "2"

    async def test_which_events_there_are_depends_on_the_scopes(self, ask, portal):
        narrow = portal.add_webhook(scopes=["im"])
        assert "ONIMBOTMESSAGEADD" in (await ask("events")).result
        assert "ONIMBOTMESSAGEADD" not in (await ask("events", base=narrow)).result
        assert "ONIMBOTMESSAGEADD" in (await ask("events", {"FULL": "true"}, base=narrow)).result
        assert (await ask("events", {"SCOPE": "user"})).result == ["ONUSERADD"]


async def test_the_full_scope_is_what_the_portal_knows(ask, portal):
    narrow = portal.add_webhook(scopes=["im"])
    assert (await ask("scope", base=narrow)).result == ["im"]
    assert set((await ask("scope", {"full": True}, base=narrow)).result) >= {"im", "imbot", "user"}


@pytest.mark.parametrize(
    ("name", "exists", "available"),
    [
        ("IM.CHAT.ADD", True, True),
        ("imbot.v2.Chat.add", True, False),
        ("imbot.v2.chat.add", False, False),
        ("profile", True, True),
        ("im.chat.bake", False, False),
        ("", False, False),
    ],
)
async def test_a_method_exists_and_is_available_or_not(ask, portal, name, exists, available):
    narrow = portal.add_webhook(scopes=["im"])
    assert (await ask("method.get", {"name": name}, base=narrow)).result == {
        "isExisting": exists,
        "isAvailable": available,
    }


async def test_the_server_tells_its_time_with_its_offset(serve, clock):
    ask = await serve(clock=clock, sleep=clock.sleep)
    assert (await ask("server.time")).result == "2027-01-15T10:00:00+02:00"


class TestDirectory:
    async def test_the_caller_is_shown_with_the_last_activity_as_text(self, serve, clock):
        ask = await serve(clock=clock, sleep=clock.sleep)
        own = (await ask("user.current")).result
        assert (own["ID"], own["ACTIVE"], own["IS_ONLINE"], own["UF_DEPARTMENT"]) == ("1", True, "Y", [1])
        assert (own["LAST_ACTIVITY_DATE"], own["DATE_REGISTER"]) == ("2027-01-15 08:00:00", "2027-01-15T00:00:00+02:00")

    async def test_people_come_fifty_a_page_without_bots(self, serve):
        ask = await serve(users=60)
        await ask.bot()
        first = await ask("user.get")
        assert ([user["ID"] for user in first.result], first.body["next"]) == ([str(n) for n in range(1, 51)], 50)
        rest = await ask("user.get", {"start": first.body["next"]})
        assert (len(rest.result), rest.body["total"], "next" in rest.body) == (14, 64, False)
        assert rest.result[-1]["USER_TYPE"] == "extranet"
        assert (rest.result[0]["TIMESTAMP_X"], rest.result[0]["LAST_ACTIVITY_DATE"]) == ({}, {})

    @pytest.mark.parametrize(
        ("params", "ids"),
        [
            ({"ID": 2}, [2]),
            ({"FILTER": {"ID": [2, 3]}}, [2, 3]),
            ({"FILTER": {"@ID": ["4"], "ACTIVE": True}}, [4]),
            ({"filter": {"NAME": "bo%"}}, [2]),
            ({"filter": {"NAME": "bo"}}, []),
            ({"filter": {"%NAME": "ar"}}, [3]),
            ({"filter": {"=%LAST_NAME": "%ler", "<=ID": 3}}, [1, 2, 3]),
            ({"filter": {"!%NAME": "a", "!ID": 6}}, [2, 8]),
            ({"filter": {">ID": 4, "<ID": "6"}}, [5]),
            ({"filter": {"ACTIVE": "N"}}, [6, 7]),
            ({"filter": {"USER_TYPE": "extranet"}}, [8]),
            ({"filter": {"NAME_SEARCH": "cla"}}, [3]),
            ({"UF_DEPARTMENT": 2, "ACTIVE": "Y", "SORT": "ID", "ORDER": "desc"}, [4, 2]),
            ({"SORT": "NAME", "ORDER": "DESC", "filter": {"<ID": 4}}, [3, 2, 1]),
            ({"filter": {"!@ID": [1, 2, 3, 4], "UNKNOWN": "x"}}, [5, 6, 7, 8]),
        ],
    )
    async def test_people_are_filtered_and_sorted(self, serve, params, ids):
        """Five at work (Anna, Boris, Clara, David, Elena), two dismissed (Felix, Galina), a guest (Hugo)."""
        ask = await serve(users=4)
        assert [int(user["ID"]) for user in (await ask("user.get", params)).result] == ids

    async def test_fields_are_selected(self, ask):
        def selected(*names):
            return ask("user.get", {"ID": 2, "select": list(names)})

        assert (await selected("NAME")).result == [{"ID": "2", "NAME": "Boris"}]
        assert "EMAIL" in (await selected("*")).result[0]

    async def test_a_guest_finds_themselves_alone(self, ask, portal):
        guest = portal.add_webhook(user_id=portal.extranet_user_id)
        found = (await ask("user.get", base=guest)).result
        assert [user["ID"] for user in found] == [str(portal.extranet_user_id)]
