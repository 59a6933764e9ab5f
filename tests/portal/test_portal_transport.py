"""How requests are read and answers written: addresses, encodings, envelopes, a moved host, TLS."""

import asyncio
import json
import ssl
import urllib.request

import aiohttp
import pytest

from bitrix_chat.portal import Plan, Portal, PortalPolicy
from bitrix_chat.portal.http import php_json


@pytest.mark.parametrize("suffix", ["", "/", ".json", ".json/"])
@pytest.mark.parametrize("name", ["im.chat.add", "IM.Chat.ADD"])
async def test_a_legacy_method_is_found_in_any_capitals_with_or_without_a_suffix(ask, portal, name, suffix):
    assert (await ask(name + suffix)).result == 2
    assert portal.executions == {"im.chat.add": 1}


@pytest.mark.parametrize("name", ["IMBOT.v2.Revision.get", "imbot.V2.Revision.GET", "imbot.v2.Revision.get.json"])
async def test_a_controllers_module_and_action_may_be_in_any_capitals(ask, name):
    assert "rest" in (await ask(name)).result


@pytest.mark.parametrize(
    "name", ["imbot.v2.revision.get", "imbot.v2.REVISION.get", "imbot.v2.chat.add", "no.such", "imbot.v2", ""]
)
async def test_a_method_that_is_not_there_is_told_before_anyone_is_asked_who_they_are(ask, portal, name):
    for base in (None, f"{portal.url}/rest/1/guess/", f"{portal.url}/rest/"):
        refused = await ask(name, base=base)
        assert refused.error == (404, "ERROR_METHOD_NOT_FOUND")
        assert refused.body["error_description"] == "Method not found!"


async def test_an_unknown_action_of_a_known_controller_has_its_own_code(ask):
    refused = await ask("imbot.v2.Chat.paint")
    assert refused.error == (400, "22002")
    assert "paint" in refused.body["error_description"]


async def test_query_form_multipart_and_json_are_one(portal, session):
    url = portal.webhook_url + "im.chat.add"
    form = {"TITLE": "Form", "USERS[0]": "2", "USERS[]": "3"}
    multipart = aiohttp.FormData(form, default_to_multipart=True)
    multipart.add_field("TITLE_FILE", b"x", filename="x.png")
    ways = [
        session.get(url, params=form),
        session.post(url, data=form),
        session.post(url, data=multipart),
        session.post(url, json={"TITLE": "Form", "USERS": [2, 3]}),
        session.post(url, data=b"TITLE=Form&USERS[]=2&USERS[]=3", headers={"Content-Type": "text/plain"}),
        session.post(url, data=b'{"TITLE":"Form","USERS":"[2,3]"}', headers={"Content-Type": "application/x+json"}),
    ]
    for way in ways:
        async with way as response:
            assert response.status == 200
    assert [(chat.title, chat.members) for chat in portal.chats.values()] == [("Form", {1, 2, 3})] * len(ways)
    assert "TITLE_FILE" not in portal.requests[2].params


async def test_the_body_wins_over_the_query(portal, session):
    url = portal.webhook_url + "im.chat.add?TITLE=Query&COLOR=MINT"
    async with session.post(url, json={"TITLE": "Body"}):
        pass
    async with session.request("GET", url, data=b"TITLE=Body"):
        pass
    assert [chat.title for chat in portal.chats.values()] == ["Body", "Query"]
    assert {chat.color for chat in portal.chats.values()} == {"mint"}


@pytest.mark.parametrize(
    "body", [b"{", b'"text"', b"17", b"null", b"", b'{"TITLE": NaN}', b"\xff", b'{"TITLE": "\\ud800"}', b"[" * 100_000]
)
async def test_json_that_is_none_leaves_a_call_without_parameters(portal, session, body):
    """And the call runs: an empty chat is created."""
    headers = {"Content-Type": "application/json"}
    async with session.post(portal.webhook_url + "im.chat.add", data=body, headers=headers) as response:
        assert response.status == 200
    assert len(portal.chats) == 1
    assert portal.requests[0].params == {}


async def test_a_parameter_called_method_is_dropped(ask, portal):
    await ask("im.chat.add", {"method": "profile", "TITLE": "Kept"})
    assert portal.requests[0].params == {"TITLE": "Kept"}


async def test_a_parameter_called_token_is_taken_for_a_signed_link(ask, portal):
    refused = await ask("im.chat.add", {"token": "t"})
    assert refused.error == (403, "ACCESS_DENIED")
    assert not portal.chats


@pytest.mark.parametrize(("statuses", "status"), [("docs", 403), ("source", 401)])
async def test_documentation_and_source_disagree_about_statuses(serve, statuses, status):
    ask = await serve(policy=PortalPolicy(statuses=statuses))
    for base in (f"{ask.portal.url}/rest/1/guess/", ask.portal.webhook_url.replace("/1/", "/2/")):
        assert (await ask("profile", base=base)).error == (status, "INVALID_CREDENTIALS")
    narrow = ask.portal.add_webhook(scopes=["im"])
    refused = await ask("imbot.v2.Revision.get", base=narrow)
    assert refused.error == (status, "insufficient_scope")
    assert "webhook token" in refused.body["error_description"]
    assert (await ask("scope", base=narrow)).result == ["im"]


async def test_https_may_be_required_of_webhooks(serve):
    ask = await serve(policy=PortalPolicy(https_required=True))
    refused = await ask("profile")
    assert refused.error == (400, "INVALID_REQUEST")
    assert refused.body["error_description"] == "Https required."


async def test_an_error_has_neither_result_nor_time(ask):
    assert set((await ask("imbot.v2.Bot.get")).body) == {"error", "error_description"}


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ("a/b", r'"a\/b"'),
        ("<b>'&\"", r'"\u003Cb\u003E\u0027\u0026\u0022"'),
        ('back\\slash"', r'"back\\slash\u0022"'),
        ("\\", r'"\\"'),
        ("Чат 💬", '"Чат 💬"'),
        ({"a": [1, True, None]}, '{"a":[1,true,null]}'),
    ],
)
def test_json_is_written_as_php_writes_it(value, written):
    assert php_json(value).decode() == written
    assert json.loads(php_json(value)) == value


async def test_answers_are_json_with_a_charset(portal, session):
    async with session.get(portal.webhook_url + "server.time") as response:
        assert response.headers["Content-Type"] == "application/json; charset=utf-8"
        assert b"T" in await response.read()


async def test_xml_is_answered_to_those_who_ask_for_it(portal, session):
    async with session.get(portal.webhook_url + "profile.xml") as response:
        assert response.content_type == "text/xml"
        assert "<ID>1</ID><ADMIN>1</ADMIN>" in await response.text()
    async with session.get(portal.webhook_url + "scope.xml") as response:
        assert "<result><item>department</item>" in await response.text()


@pytest.mark.parametrize(
    ("result", "envelope"),
    [
        ({"items": [1], "next": "50", "total": -1}, {"result": {"items": [1]}, "next": 50, "total": -1}),
        ({"items": [1]}, {"result": {"items": [1]}}),
        (None, {"result": None}),
        ({"error": "", "error_description": "x"}, {"result": {"error": "", "error_description": "x"}}),
    ],
)
async def test_paging_leaves_the_result_for_the_envelope(portal, result, envelope):
    answer = portal._rest.outcome(result, 0.0, 0.0, None).envelope()
    assert list(answer)[-1] == "time"
    assert {key: value for key, value in answer.items() if key != "time"} == envelope


async def test_a_result_that_is_an_error_is_the_whole_answer(portal):
    result = {"error": "CODE", "error_description": "Text"}
    assert portal._rest.outcome(result, 0.0, 0.0, None).envelope() == result


async def test_a_form_without_a_boundary_has_no_fields(portal, session):
    headers = {"Content-Type": "multipart/form-data"}
    async with session.post(portal.webhook_url + "im.chat.add", data=b"TITLE=x", headers=headers) as response:
        assert response.status == 200
    assert portal.requests[0].params == {}


async def test_time_may_come_in_whole_seconds(serve, clock):
    clock.time += 0.75
    for integers, kind in [(False, float), (True, int)]:
        ask = await serve(clock=clock, policy=PortalPolicy(integer_times=integers))
        time = (await ask("im.chat.add")).body["time"]
        assert isinstance(time["start"], kind)
        assert time["date_start"] == "2027-01-15T10:00:00+02:00"
        assert time["duration"] == (0.75 if integers else 0)


async def test_the_portal_tells_what_it_can_do(ask):
    names = (await ask("methods")).result
    assert {"im.chat.add", "imbot.v2.Chat.add", "profile"} <= set(names)


async def test_requests_are_remembered(portal, session):
    async with session.get(portal.webhook_url + "profile?a=1", headers={"User-Agent": "tester/1"}):
        pass
    received = portal.requests[-1]
    assert (received.method, received.params, received.transport) == ("profile", {"a": "1"}, "webhook")
    assert (received.user_agent, received.status) == ("tester/1", 200)


async def test_a_moved_portal_redirects_and_executes_nothing(ask, portal, session):
    new = portal.url.replace("127.0.0.1", "localhost")
    portal.rename(new)
    async with session.post(portal.webhook_url + "im.chat.add?a=1", allow_redirects=False) as response:
        assert response.status == 302
        assert response.headers["Location"] == portal.webhook_url.replace(portal.url, new) + "im.chat.add?a=1"
    assert not portal.chats
    assert portal.oauth.client_endpoint == f"{new}/rest/"
    moved = portal.webhook_url.replace(portal.url, new)
    assert (await ask("im.chat.add", {"TITLE": "Kept"}, base=moved)).status == 200, "the new name is this portal too"
    portal.rename(None)
    assert (await ask("profile")).status == 200


async def test_a_client_that_follows_the_redirect_loses_its_parameters(portal, session):
    portal.rename(portal.url.replace("127.0.0.1", "localhost"))
    async with session.post(portal.webhook_url + "im.chat.add", json={"TITLE": "Lost"}) as response:
        assert response.status == 200
    assert [chat.title == "Lost" for chat in portal.chats.values()] == [False]


async def test_https_with_a_throwaway_authority(serve, tmp_path):
    ask = await serve(tls=True, policy=PortalPolicy(https_required=True))
    url = ask.portal.webhook_url + "profile"
    assert url.startswith("https://")
    trusting = ssl.create_default_context(cafile=ask.portal.ca_file(tmp_path / "ca.pem"))
    async with aiohttp.ClientSession() as session:
        for context in (ask.portal.ssl_context(), trusting):
            async with session.get(url, ssl=context) as response:
                assert response.status == 200
        with pytest.raises(aiohttp.ClientConnectorCertificateError):
            await session.get(url)


async def test_without_tls_there_is_no_authority(portal):
    with pytest.raises(RuntimeError, match="tls=True"):
        portal.ssl_context()


async def test_everything_else_is_not_found(portal, session):
    async with session.get(f"{portal.url}/online/") as response:
        assert response.status == 404


def test_a_portal_in_a_thread_serves_those_who_block():
    with Portal(plan=Plan.UNLIMITED).in_thread() as portal:
        with urllib.request.urlopen(portal.webhook_url + "im.chat.add?TITLE=Sync") as response:  # noqa: S310
            assert response.status == 200
        portal.expire_tokens()
        assert [chat.title for chat in portal.chats.values()] == ["Sync"]
        assert repr(portal) == f"<Portal at {portal.url}>"
    assert repr(portal) == "<Portal not started>"


def test_a_portal_that_cannot_start_in_a_thread_leaves_none_behind():
    with Portal().in_thread() as portal:
        taken = int(portal.url.rpartition(":")[2])
        with pytest.raises(OSError, match="address already in use"), Portal(port=taken).in_thread():
            pass


async def test_the_default_clock_is_the_loops(serve, monkeypatch):
    """A loop with a virtual time thus drives limits and tokens."""
    ask = await serve()
    loop = asyncio.get_running_loop()
    before, now = ask.portal.now(), loop.time
    monkeypatch.setattr(loop, "time", lambda: now() + 3600)
    assert ask.portal.now() - before >= 3600
    assert (await ask.with_token("profile")).error == (401, "expired_token")
