"""A portal that was renamed: followed where that is agreed, by a POST of our own, and kept once a call succeeded."""

import asyncio
import logging
from urllib.parse import urlsplit

import pytest

from bitrix_chat import Outcome, OutcomeUnknown, UntrustedRedirect
from bitrix_chat.portal import Fault, Portal
from bitrix_chat.portal import Plan as PortalPlan
from bitrix_chat.testing import on_virtual_clock


def emulated() -> Portal:
    return Portal(plan=PortalPlan.UNLIMITED)


def elsewhere(portal: Portal) -> str:
    """The same socket by another name."""
    return portal.url.replace("127.0.0.1", "localhost")


@on_virtual_clock
async def test_a_move_that_the_caller_accepts_is_followed_reported_and_kept(caplog):
    reported: list[tuple[str, str]] = []
    async with emulated() as portal:
        old, new = urlsplit(portal.url).netloc, urlsplit(elsewhere(portal)).netloc
        async with portal.client(
            accept_move=lambda *hosts: hosts == (old, new), on_move=lambda *hosts: reported.append(hosts)
        ) as b24:
            portal.rename(elsewhere(portal))
            first = await b24.im.chat.add(title="Deal")
            hits = portal.hits
            await b24.im.chat.add(title="Deal")

        assert next(iter(portal.chats)) == first
        assert len(portal.chats) == 2
        assert (hits, portal.hits) == (2, 3)
        assert reported == [(old, new)]
        assert f"the portal {old} has moved to {new}" in caplog.text


@on_virtual_clock
async def test_a_move_that_nobody_accepts_sends_nothing_there():
    async with emulated() as portal, portal.client() as b24:
        portal.rename(elsewhere(portal))
        call = b24.im.chat.add(title="Deal")
        with pytest.raises(UntrustedRedirect, match="which nobody has agreed to") as caught:
            await call

        assert (caught.value.method, caught.value.location) == ("im.chat.add", "localhost")
        assert call.outcome is Outcome.REFUSED
        assert portal.hits == 1
        assert not portal.chats


@on_virtual_clock
async def test_a_move_is_kept_only_after_a_call_has_succeeded_there():
    reported: list[object] = []
    async with (
        emulated() as portal,
        portal.client(accept_move=lambda *_: True, on_move=lambda *hosts: reported.append(hosts)) as b24,
    ):
        portal.rename(elsewhere(portal))
        portal.faults.add(Fault(method="im.chat.add", status=400, body={"error": "WRONG_REQUEST"}))
        with pytest.raises(Exception, match="WRONG_REQUEST"):
            await b24.im.chat.add(title="Deal")
        portal.rename(None)
        await b24.im.chat.add(title="Deal")

        assert not reported
        assert portal.hits == 3


@on_virtual_clock
async def test_a_redirect_from_where_a_redirect_led_is_refused():
    async with emulated() as portal, portal.client(accept_move=lambda *_: True) as b24:
        portal.rename(elsewhere(portal))
        onward = f"https://third.example{urlsplit(portal.webhook_url).path}im.chat.add"
        portal.faults.add(Fault(method="im.chat.add", status=302, headers={"Location": onward}))
        with pytest.raises(UntrustedRedirect, match="redirects once more"):
            await b24.im.chat.add(title="Deal")
        assert not portal.chats


@on_virtual_clock
async def test_a_report_that_fails_harms_nothing(caplog):
    def fail(*_: str) -> None:
        raise KeyError("report")

    async with emulated() as portal, portal.client(accept_move=lambda *_: True, on_move=fail) as b24:
        portal.rename(elsewhere(portal))
        with caplog.at_level(logging.ERROR):
            assert await b24.im.chat.add(title="Deal") in portal.chats
        assert "`on_move` failed" in caplog.text


@on_virtual_clock
async def test_a_slow_answer_from_the_old_address_does_not_undo_a_move():
    reported: list[tuple[str, ...]] = []
    async with (
        emulated() as portal,
        portal.client(accept_move=lambda *_: True, on_move=lambda *hosts: reported.append(hosts)) as b24,
    ):
        old, new = urlsplit(portal.url).netloc, urlsplit(elsewhere(portal)).netloc
        portal.faults.add(Fault(method="profile", delay=5.0))
        slow = asyncio.create_task(b24.profile())
        await asyncio.sleep(1)
        portal.rename(elsewhere(portal))
        await b24.im.chat.add(title="Deal")
        await slow
        hits = portal.hits
        await b24.im.chat.add(title="Deal")
        assert portal.hits == hits + 1
        assert reported == [(old, new)]


@on_virtual_clock
async def test_a_portal_that_moves_back_is_reported_from_where_it_was():
    reported: list[tuple[str, ...]] = []
    async with (
        emulated() as portal,
        portal.client(accept_move=lambda *_: True, on_move=lambda *hosts: reported.append(hosts)) as b24,
    ):
        old, new = urlsplit(portal.url).netloc, urlsplit(elsewhere(portal)).netloc
        portal.rename(elsewhere(portal))
        await b24.profile()
        portal.rename(portal.url)
        await b24.profile()
        assert reported == [(old, new), (new, old)]


@on_virtual_clock
@pytest.mark.parametrize("status", [300, 303, 304, 305])
async def test_a_redirect_that_does_not_say_where_to_post_proves_nothing(status):
    async with emulated() as portal, portal.client(accept_move=lambda *_: True) as b24:
        there = f"{elsewhere(portal)}{urlsplit(portal.webhook_url).path}im.chat.add"
        portal.faults.add(Fault(method="im.chat.add", status=status, headers={"Location": there}, execute=True))
        with pytest.raises(OutcomeUnknown):
            await b24.im.chat.add(title="Deal")
        assert len(portal.chats) == 1
