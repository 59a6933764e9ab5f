"""Row 52: over the rows of the matrix, nothing that a caller, a log or a reporter of errors sees holds a secret.

The emulator begins all its secrets with one word, and so does the bot's token here. Each fault tells the secrets of the
request back wherever it can: in a page, an error's text, a redirect, a status line.
"""

import asyncio
import gc
import logging
import pickle
import warnings
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Any, Final
from urllib.parse import quote

import aiohttp
import pytest

from bitrix_chat import BitrixChat, BitrixError, OAuthAuth, RetryPolicy, Token, WebhookAuth
from bitrix_chat.portal import Cut, Fault, Portal
from bitrix_chat.portal import Plan as PortalPlan
from bitrix_chat.rest.call import Call
from bitrix_chat.testing import on_virtual_clock
from tests.faults.matrix import Seen, row
from tests.faults.proxy import Proxy
from tests.faults.trouble import End, Moment, Trouble
from tests.leaks.searching import as_reporters_show_it, chain, sayings, shown
from tests.leaks.sinks import SECRET

BOT_TOKEN: Final = "emulated0123456789abcdef"
CLEAN: Final = "no secret seen"


def page(echo: str) -> str:
    return f"<html><body>Not found: {echo}</body></html>"


def refusing(status: int, code: str, text: str) -> Fault:
    return Fault(status=status, body={"error": code, "error_description": f"Wrong request: {text}"}, times=9)


def redirecting(status: int, location: str) -> Fault:
    return Fault(status=status, headers={"Location": location}, times=9)


def answering(text: str) -> Trouble:
    return Trouble(answer=text.encode(), moment=Moment.IDLE, end=End.FIN, times=9)


ROWS: Final[dict[str, Callable[[str], Fault | Trouble]]] = {
    "3: reset when accepted": lambda _: Trouble(moment=Moment.ACCEPT, times=9),
    "8: reset within the body": lambda _: Trouble(moment=Moment.BODY, after=5, times=9),
    "9: reset after the body": lambda _: Trouble(moment=Moment.REQUEST, times=9),
    "10: closed without an answer": lambda _: Trouble(moment=Moment.REQUEST, end=End.FIN, times=9),
    "13: no answer in time": lambda _: Trouble(moment=Moment.REQUEST, end=End.SILENCE, times=9),
    "16: body cut short": lambda _: Trouble(moment=Moment.ANSWER, after=-5, end=End.FIN, times=9),
    "19: page of HTML": lambda echo: Fault(body=page(echo), times=9),
    "20: no envelope": lambda echo: Fault(body={"request": echo}, times=9),
    "21: refusal with 200": lambda echo: refusing(200, "ERROR_ARGUMENT", echo),
    "22: 502": lambda echo: Fault(status=502, body=page(echo), times=9),
    "24: internal error": lambda echo: refusing(500, "INTERNAL_SERVER_ERROR", echo),
    "24: secret in an address": lambda echo: refusing(400, "WRONG_REQUEST", quote(echo, safe="")),
    "24: secret in the code": lambda echo: refusing(400, echo.replace("/", "-")[-60:], "Shelf"),
    "27: blocked": lambda echo: refusing(503, "OVERLOAD_LIMIT", echo),
    "30: unknown caller": lambda echo: refusing(401, "NO_AUTH_FOUND", echo),
    "47: no status": lambda echo: answering(f"HTTP/1.1 {echo}\r\n\r\n"),
    "47: no header": lambda echo: answering(f"HTTP/1.1 200 OK\r\n{echo}\r\n\r\n"),
    "47: no length": lambda echo: answering(f"HTTP/1.1 200 OK\r\nContent-Length: {echo}\r\n\r\n"),
    "49: redirect elsewhere": lambda echo: redirecting(302, f"https://stranger.example/{echo}"),
    "49: redirect with a secret as host": lambda echo: redirecting(307, f"//{echo}:443/"),
}


def secrets_of(text: str) -> list[str]:
    """Return where the secrets in a text stand, without repeating them."""
    return [text[max(0, found.start() - 60) : found.start()] for found in SECRET.finditer(text)]


def everything_of(error: BaseException) -> Iterator[str]:
    """Yield what an error and those behind it say, show, carry and pickle into."""
    yield from everything_shown(error)
    for each in chain(error):
        yield pickle.dumps(each).decode("latin-1")


def everything_shown(error: BaseException) -> Iterator[str]:
    yield from sayings(error)
    yield as_reporters_show_it(error)


def everything_logged(records: list[logging.LogRecord]) -> Iterator[str]:
    for record in records:
        yield f"{record.getMessage()} {record.args!r} {record.exc_text}"
        if record.exc_info and record.exc_info[1] is not None:
            yield from sayings(record.exc_info[1])


def everything_alive() -> Iterator[str]:
    """Yield what all objects of the library, of aiohttp's client and of asyncio say of themselves."""
    for each in gc.get_objects():
        kind = type(each)
        name = str(kind.__module__)
        if name.startswith("bitrix_chat.") and not name.startswith("bitrix_chat.portal"):
            yield f"{kind.__qualname__} {shown(each)}"
        elif isinstance(each, BitrixChat | aiohttp.ClientSession | asyncio.Task):
            yield f"{kind.__qualname__} {shown(each)} {each}"


def assert_clean(texts: Iterator[str]) -> None:
    assert [place for text in texts for place in secrets_of(text)] == []


@asynccontextmanager
async def behind_a_proxy(*, oauth: bool) -> AsyncIterator[tuple[Portal, Proxy, BitrixChat]]:
    async with Portal(plan=PortalPlan.UNLIMITED) as portal, Proxy(portal.url) as proxy:
        auth = application(portal, proxy) if oauth else WebhookAuth(proxy.url_of(portal.webhook_url))
        async with portal.client(auth, quiescence=1.0, retry=RetryPolicy(unsent=1, unknown=1)) as b24:
            yield portal, proxy, b24


def application(portal: Portal, proxy: Proxy) -> OAuthAuth:
    grant = portal.oauth
    token = Token(grant.access_token, grant.refresh_token, f"{proxy.url}/rest/")
    return OAuthAuth(grant.client_id, grant.client_secret, token, authorization_server=portal.url)


async def failure(call: Call[Any]) -> BitrixError:
    """Await a call that fails, and assert that it shows nothing itself."""
    try:
        await call
    except BitrixError as error:
        assert_clean(iter([repr(call), repr(call.sent), repr(call.response), repr(call.request)]))
        return error
    raise AssertionError("it did not fail")


async def assert_clean_failure(call: Call[Any]) -> None:
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        assert_clean(everything_of(await failure(call)))
    assert_clean(f"{warning.message} {warning.source!r}" for warning in warned)


KEYS: Final[tuple[dict[str, Any], ...]] = ({}, {"key": "shelf-1"}, {"key": "shelf-1", "key_is_new": True})


@row(52, fault="secrets told back", expected=CLEAN)
@pytest.mark.parametrize("name", ROWS)
@on_virtual_clock
async def test_no_row_shows_a_secret_to_anybody(seen: Seen, name: str, caplog: pytest.LogCaptureFixture):
    """A bot creates a chat, so that its token goes along with what proves the caller."""
    for oauth in (False, True):
        for key in KEYS:
            async with behind_a_proxy(oauth=oauth) as (portal, proxy, b24):
                told = [own_secret(portal, oauth=oauth)] + ([] if key else [BOT_TOKEN])  # a lookup bears no bot's token
                add(ROWS[name]("/".join(told)), portal, proxy)
                await assert_clean_failure(b24.bot(1, token=BOT_TOKEN).chat.add(title="Shelf", **key))
                if not key:
                    await assert_clean_failure(b24.batch([b24.bot(1, token=BOT_TOKEN).chat.get("chat1")]))
                    assert_clean(everything_alive())
    assert caplog.records
    assert_clean(everything_logged(caplog.records))
    seen(CLEAN)


def own_secret(portal: Portal, *, oauth: bool) -> str:
    return portal.oauth.access_token if oauth else portal.webhook_url.rstrip("/").rpartition("/")[2]


def add(happening: Fault | Trouble, portal: Portal, proxy: Proxy) -> None:
    if isinstance(happening, Fault):
        portal.faults.add(happening)
    else:
        proxy.add(happening)


@row(52, fault="signed link in an answer of another shape", expected=CLEAN)
@on_virtual_clock
async def test_a_signed_link_where_none_is_expected_stays_out_of_tracebacks_and_pickles(seen: Seen):
    """The error has it as `result`, for whoever asks, and nowhere else."""
    async with behind_a_proxy(oauth=False) as (portal, _, b24):
        link = f"https://portal.example/file?token={BOT_TOKEN}"
        portal.faults.add(Fault(method="imbot.v2.File.download", body={"result": {"downloadUrl": {"url": link}}}))
        error = await failure(b24.bot(1, token=BOT_TOKEN).file.download(5))
    assert_clean(iter([str(error), repr(error), pickle.dumps(error).decode("latin-1"), as_reporters_show_it(error)]))
    seen(CLEAN)


TOKEN_ANSWERS: Final[dict[str, Callable[[str], Fault]]] = {
    "29: page of HTML": lambda echo: Fault(method="oauth/token", status=502, body=page(echo)),
    "29: reset": lambda _: Fault(method="oauth/token", cut=Cut.AFTER),
    "29: cut short": lambda _: Fault(method="oauth/token", cut=Cut.TRUNCATE),
    "29: redirect": lambda echo: Fault(method="oauth/token", status=307, headers={"Location": f"https://{echo}/"}),
    "30: refused": lambda echo: Fault(
        method="oauth/token", status=400, body={"error": "invalid_grant", "error_description": echo}
    ),
    "30: secret in the code": lambda echo: Fault(method="oauth/token", status=400, body={"error": echo}),
}


@row(52, fault="secrets told back by the authorization server", expected=CLEAN)
@pytest.mark.parametrize("name", TOKEN_ANSWERS)
@pytest.mark.parametrize("told", ["client_secret", "refresh_token"])
@on_virtual_clock
async def test_a_renewal_that_fails_shows_none_of_what_it_was_paid_with(
    seen: Seen, name: str, told: str, caplog: pytest.LogCaptureFixture
):
    async with behind_a_proxy(oauth=True) as (portal, _, b24):
        portal.expire_tokens()
        portal.faults.add(TOKEN_ANSWERS[name](getattr(portal.oauth, told)))
        await assert_clean_failure(b24.im.chat.add(title="Shelf"))
        assert_clean(everything_alive())
    assert_clean(everything_logged(caplog.records))
    seen(CLEAN)


@row(52, fault="secrets in flight", expected=CLEAN)
@pytest.mark.parametrize("oauth", [False, True], ids=["webhook", "application"])
@on_virtual_clock
async def test_what_flies_waits_and_is_cancelled_shows_no_secret_either(
    seen: Seen, oauth, caplog: pytest.LogCaptureFixture
):
    asyncio.get_running_loop().set_debug(True)
    async with behind_a_proxy(oauth=oauth) as (_, proxy, b24):
        proxy.add(Trouble(moment=Moment.REQUEST, end=End.SILENCE, times=99))
        bot = b24.bot(1, token=BOT_TOKEN)
        tasks = [asyncio.create_task(bot.chat.add(title=f"Shelf {number}")) for number in range(30)]
        await asyncio.sleep(1)
        assert_clean(everything_alive())
        for task in tasks[::2]:
            task.cancel()
        await asyncio.sleep(1)
        assert_clean(everything_alive())
        await b24.close(1)
        for ending in await asyncio.gather(*tasks, return_exceptions=True):
            assert_clean(everything_of(ending))
    assert_clean(everything_logged(caplog.records))
    seen(CLEAN)


@row(52, fault="control: aiohttp alone", expected="secret seen")
@on_virtual_clock
async def test_what_aiohttp_raises_would_have_shown_the_webhook(seen: Seen):
    """It also shows that the search finds something where there is something."""
    async with Portal() as portal, aiohttp.ClientSession(raise_for_status=True) as session:
        portal.faults.add(Fault(status=502, body="<html>"))
        try:
            await session.post(f"{portal.webhook_url}im.chat.add", json={})
        except aiohttp.ClientResponseError as error:
            found = [place for text in everything_shown(error) for place in secrets_of(text)]
            del error.request_info  # whoever else searches this test finds nothing
            error.args = ()
    assert found
    seen("secret seen")
