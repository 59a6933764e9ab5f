"""An application that comes and goes, and tells its handler."""

import pytest

from bitrix_chat.portal import DeliveryState


async def test_an_installation_brings_tokens_that_work(ask, portal, handler):
    before = portal.oauth
    delivery = await portal.install_application(handler.url, user_id=2)
    await portal.all_delivered()
    (post,) = handler.posts
    assert (delivery.state, delivery.event, delivery.bot_id) == (DeliveryState.ANSWERED, "ONAPPINSTALL", 0)
    assert post.keys() == {"event", "data", "ts", "auth"}
    assert post["data"] == {"VERSION": "1", "ACTIVE": "Y", "INSTALLED": "Y", "LANGUAGE_ID": "en"}
    auth = post["auth"]
    assert auth.keys() == {
        "access_token",
        "refresh_token",
        "expires_in",
        "scope",
        "status",
        "domain",
        "server_endpoint",
        "client_endpoint",
        "member_id",
        "application_token",
    }
    assert auth["access_token"] == portal.oauth.access_token != before.access_token
    assert (auth["member_id"], auth["application_token"]) == (before.member_id, portal.application_token)
    assert (await ask.with_token("profile", token=auth["access_token"])).result["ID"] == "2"


async def test_its_refresh_token_renews(portal, session, handler):
    await portal.install_application(handler.url)
    await portal.all_delivered()
    query = {
        "grant_type": "refresh_token",
        "client_id": portal.oauth.client_id,
        "client_secret": portal.oauth.client_secret,
        "refresh_token": handler.posts[0]["auth"]["refresh_token"],
    }
    async with session.get(f"{portal.authorization_server}/oauth/token/", params=query) as response:
        assert (response.status, (await response.json())["user_id"]) == (200, 1)


@pytest.mark.parametrize(("clean", "shown"), [(True, "1"), (False, "0")])
async def test_with_the_application_go_its_tokens(ask, portal, handler, clean, shown):
    token = portal.oauth.access_token
    await portal.uninstall_application(handler.url, clean=clean)
    await portal.all_delivered()
    (post,) = handler.posts
    assert (post["event"], post["data"]) == ("ONAPPUNINSTALL", {"LANGUAGE_ID": "en", "CLEAN": shown})
    assert post["auth"].keys() == {"domain", "server_endpoint", "client_endpoint", "member_id", "application_token"}
    assert (await ask.with_token("profile", token=token)).error == (401, "NO_AUTH_FOUND")
