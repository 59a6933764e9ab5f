"""Calls that end badly: nothing a program can see of it holds a secret of the portal's."""

import asyncio
import gc
import logging
import warnings

import pytest

from bitrix_chat import STANDARD, BitrixError, OAuthAuth, ReauthorizationRequired
from bitrix_chat.auth import Token
from bitrix_chat.portal import Cut, Fault
from tests.leaks.searching import as_reporters_show_it
from tests.leaks.sinks import SECRET

BOT_TOKEN = "emulated" + "decade" * 4


def assert_clean(text):
    found = SECRET.search(text) is not None
    assert not found, "a secret is in it"


def oauth(portal):
    grant = portal.oauth
    token = Token(grant.access_token, grant.refresh_token, grant.client_endpoint)
    server = portal.authorization_server
    return OAuthAuth(grant.client_id, grant.client_secret, token, authorization_server=server)


def echo(portal, strategy="webhook"):
    """What a portal says that repeats all secrets of a call."""
    proof = portal.webhook_url.split("/")[-2] if strategy == "webhook" else portal.oauth.access_token
    return {"error": proof, "error_description": f"{proof} {BOT_TOKEN}"}


FAULTS = {
    "refused": lambda _, __: Fault(method=METHOD, status=403, body={"error": "ACCESS_DENIED"}),
    "echo": lambda portal, strategy: Fault(method=METHOD, status=400, body=echo(portal, strategy)),
    "limits": lambda _, __: Fault(method=METHOD, status=429, times=9, body={"error": "OVERLOAD_LIMIT"}),
    "HTML": lambda portal, _: Fault(method=METHOD, status=502, body=f"<html>{portal.webhook_url}</html>"),
    "no JSON": lambda portal, _: Fault(method=METHOD, body=portal.webhook_url),
    "odd result": lambda portal, _: Fault(method=METHOD, body={"result": {"chat": portal.webhook_url}}),
    "reset": lambda _, __: Fault(method=METHOD, cut=Cut.AFTER),
    "cut": lambda _, __: Fault(method=METHOD, cut=Cut.TRUNCATE),
    "redirect": lambda _, __: Fault(method=METHOD, status=302, headers={"Location": f"https://x.example/{BOT_TOKEN}"}),
    "late": lambda _, __: Fault(method=METHOD, delay_after=5.0),
}
METHOD = "imbot.v2.Chat.get"


async def ended(call):
    try:
        await call
    except BitrixError as error:
        return error
    raise AssertionError("it did not fail")


@pytest.mark.parametrize("strategy", ["webhook", "OAuth"])
@pytest.mark.parametrize("fault", FAULTS)
async def test_a_call_that_fails_shows_nothing(portal, unlimited, fault, strategy):
    portal.faults.add(FAULTS[fault](portal, strategy))
    async with portal.client(oauth(portal) if strategy == "OAuth" else None, limiter=unlimited, retry=None) as b24:
        call = b24.bot(1, token=BOT_TOKEN).chat.get("chat5").within(1.0)
        error = await ended(call)
        assert_clean(f"{error} {error!r} {error.args!r} {call!r}")
        assert_clean(as_reporters_show_it(error))


async def test_a_batch_that_repeats_its_parameters_shows_nothing(portal, unlimited):
    async with portal.client(oauth(portal), limiter=unlimited) as b24:
        said = f"{portal.oauth.access_token} {BOT_TOKEN}"
        refusals = {"a": {"error": "ACCESS_DENIED", "error_description": said}}
        answer = {"result": {"result": [], "result_error": refusals, "result_total": [], "result_next": []}}
        portal.faults.add(Fault(method="batch", body=answer))
        done = await b24.batch({"a": b24.bot(1, token=BOT_TOKEN).chat.get("chat5")})
        error = done.errors["a"] if hasattr(done, "errors") else done["a"]
        assert_clean(f"{done!r} {error} {error!r}")


async def test_a_refused_renewal_shows_nothing(portal, unlimited):
    async with portal.client(oauth(portal), limiter=unlimited) as b24:
        portal.expire_tokens()
        portal.revoke_refresh_tokens()
        error = await ended(b24.profile())
        assert isinstance(error, ReauthorizationRequired)
        assert_clean(as_reporters_show_it(error))


@pytest.mark.parametrize("fault", [Fault(status=404), Fault(cut=Cut.BEFORE), Fault(cut=Cut.TRUNCATE)])
async def test_a_download_that_fails_shows_nothing(portal, unlimited, fault):
    async with portal.client(oauth(portal), limiter=unlimited, retry=None) as b24:
        chat_id = await b24.im.chat.add(title="Files")
        uploaded = await b24.im.v2.file.upload(f"chat{chat_id}", name="notes.txt", content=b"notes" * 1000)
        link = await b24.im.v2.file.download(f"chat{chat_id}", uploaded.file.id)
        assert_clean(repr(link))
        portal.faults.add(Fault(method="download", status=fault.status, cut=fault.cut))
        error = await ended(b24.im.v2.file.read(f"chat{chat_id}", uploaded.file.id))
        assert_clean(as_reporters_show_it(error))


async def test_cancelled_calls_and_closing_show_nothing(portal, unlimited):
    told, complaints = [], []
    loop = asyncio.get_running_loop()
    loop.set_debug(True)
    loop.set_exception_handler(lambda _, context: complaints.append(context))
    portal.faults.add(Fault(method=METHOD, delay_after=0.2, status=400, body=echo(portal)))
    b24 = portal.client(limiter=unlimited, on_orphan=lambda request, result: told.append((request, result)))
    task = asyncio.create_task(b24.bot(1, token=BOT_TOKEN).chat.get("chat5"))
    await asyncio.sleep(0.1)  # the answer takes twice as long
    assert portal.requests
    assert_clean(" ".join(map(repr, asyncio.all_tasks())))
    task.cancel()
    cancelled = (await asyncio.gather(task, return_exceptions=True))[0]
    assert_clean(as_reporters_show_it(cancelled))
    await b24.close(5.0)
    ((request, result),) = told
    assert_clean(f"{request!r} {result!r} {result} {as_reporters_show_it(result)} {complaints!r}")
    assert_clean(as_reporters_show_it(await ended(b24.profile())))


async def test_a_hook_that_fails_is_told_where_and_shows_nothing(portal, unlimited):
    async def departing(requests):
        raise LookupError(f"{len(requests)} unknown")

    async with portal.client(limiter=unlimited, departing=departing) as b24:
        with pytest.raises(LookupError, match="1 unknown") as caught:
            await b24.bot(1, token=BOT_TOKEN).chat.get("chat5")
        text = as_reporters_show_it(caught.value)
        assert_clean(text)
        assert "in departing" in text


async def test_a_call_that_nobody_awaits_warns_without_its_parameters(portal):
    async with portal.client() as b24:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            b24.bot(1, token=BOT_TOKEN).chat.get("chat5")
            gc.collect()
    (warning,) = caught
    assert_clean(f"{warning.message} {warning.source!r}")


async def test_the_log_of_every_level_names_methods_and_hosts_alone(portal, caplog):
    with caplog.at_level(1):
        async with portal.client(oauth(portal), limiter=STANDARD) as b24:
            portal.expire_tokens()
            await b24.profile()
            await ended(b24.bot(1, token=BOT_TOKEN).chat.get("chat5"))
    records = [record for record in caplog.records if record.name == "bitrix_chat"]
    assert records
    assert {record.levelno for record in records} >= {logging.DEBUG}
    assert_clean(caplog.text)
