"""Whatever the server is: a genuine event is kept, and strangers take neither its memory nor its time."""

import asyncio
import logging

import pytest

from bitrix_chat import InvalidParameter
from bitrix_chat.embedding import posted_bodies
from bitrix_chat.embedding.asgi import ReceiverEndpoint
from bitrix_chat.events.php_forms import MAX_BYTES
from bitrix_chat.events.reception import Reception
from tests.embedding.homes import EVENTS, status
from tests.events.event_bodies import ALL_DATA, posted
from tests.leaks.searching import as_reporters_show_it
from tests.leaks.sinks import SECRET

MESSAGE = posted("ONIMBOTV2MESSAGEADD", ALL_DATA["ONIMBOTV2MESSAGEADD"])
FORGED = posted("ONIMBOTV2MESSAGEADD", ALL_DATA["ONIMBOTV2MESSAGEADD"], auth={"application_token": "wrong"})


def counted(receiver):
    return {reception.value: count for reception, count in receiver.counts.items() if count}


async def kept(store):
    return len(await store.pending())


async def test_a_genuine_event_is_kept(home, door, store):
    async with home(door()) as served:
        assert await served.post(MESSAGE) == (200, "OK")
    assert await kept(store) == 1


async def test_a_forged_event_is_refused_without_a_reason(home, door, store):
    async with home(door()) as served:
        assert await served.post(FORGED) == (403, "Forbidden")
        assert await served.post(MESSAGE) == (200, "OK")
    assert await kept(store) == 1


async def test_another_content_type_is_refused(home, door, store):
    async with home(door()) as served:
        assert (await served.post(MESSAGE, "application/json"))[0] == 415
    assert await kept(store) == 0


async def test_events_are_posted_and_nothing_else(home, door):
    async with home(door()) as served:
        assert (await served.get(EVENTS))[0] == 405


async def test_a_body_that_says_it_is_too_large_is_refused_unread(home, door, receiver):
    async with home(door()) as served, served.raw(f"Content-Length: {MAX_BYTES + 1}") as (reader, _):
        assert await status(reader) == 413
    assert receiver.counts[Reception.TOO_LARGE] == 1


async def test_a_body_that_turns_out_too_large_is_refused_before_its_end(home, door, receiver):
    async with home(door()) as served, served.raw("Transfer-Encoding: chunked") as (reader, writer):
        writer.write(b"%x\r\n" % MAX_BYTES + bytes(MAX_BYTES) + b"\r\n")
        writer.write(b"1\r\nx\r\n")
        assert await status(reader) == 413
    assert receiver.counts[Reception.TOO_LARGE] == 1


async def test_a_body_as_large_as_allowed_is_read(home, door):
    body = MESSAGE + b"&x=" + b"x" * (MAX_BYTES - len(MESSAGE) - 3)
    async with home(door()) as served:
        assert (await served.post(body))[0] == 200


async def test_a_slow_body_is_given_up_and_counted_and_nothing_of_it_is_judged(home, door, receiver):
    body = MESSAGE + b"&"
    async with (
        home(door(timeout=0.1)) as served,
        served.raw(f"Content-Length: {len(body)}") as (reader, writer),
    ):
        writer.write(MESSAGE)
        assert await status(reader) == 408
    assert counted(receiver) == {"too_slow": 1}


@pytest.mark.parametrize("framing", [f"Content-Length: {len(MESSAGE) + 1}", "Transfer-Encoding: chunked"])
async def test_a_body_that_is_cut_off_is_counted_and_nothing_of_it_is_kept_and_nobody_is_woken(
    home, door, receiver, caplog, framing
):
    async with home(door()) as served:
        async with served.raw(framing) as (_, writer):
            if "chunked" in framing:
                writer.write(b"%x\r\n" % len(MESSAGE) + MESSAGE + b"\r\n")
            else:
                writer.write(MESSAGE)
            await writer.drain()
            await asyncio.sleep(0.05)
        await asyncio.sleep(0.05)
        assert counted(receiver) == {"malformed": 1}
        assert await served.post(MESSAGE) == (200, "OK")
    assert [record.message for record in caplog.records if record.levelno >= logging.WARNING] == []


async def test_chunks_that_are_none_are_refused(home, door, receiver):
    async with home(door(timeout=0.2)) as served, served.raw("Transfer-Encoding: chunked") as (reader, writer):
        writer.write(b"3\r\na=b\r\n")
        await asyncio.sleep(0.05)
        writer.write(b"what\r\n")
        assert await status(reader) in {400, 408}, "aiohttp takes them for the next request"
    assert counted(receiver) in ({"malformed": 1}, {"too_slow": 1})


async def test_bodies_that_arrive_together_share_a_bound(home, door, store, receiver, monkeypatch):
    monkeypatch.setattr(posted_bodies, "MAX_HELD", len(MESSAGE) + 10)
    async with home(door()) as served:
        async with served.raw("Content-Length: 1000") as (reader, writer):
            writer.write(b"x" * 100)
            await asyncio.sleep(0.05)
            assert (await served.post(MESSAGE))[0] == 503
            assert counted(receiver) == {"overloaded": 1}
            writer.write(b"x" * 900)
            assert await status(reader) == 400
        assert (await served.post(MESSAGE))[0] == 200
    assert await kept(store) == 1


async def test_a_connection_serves_many_events(home, door, store):
    async with home(door()) as served, served.raw(f"Content-Length: {len(MESSAGE)}") as (reader, writer):
        for ts in range(3):
            body = MESSAGE if not ts else posted("ONIMBOTV2MESSAGEADD", ALL_DATA["ONIMBOTV2MESSAGEADD"], ts=str(ts))
            if ts:
                head = f"POST {EVENTS} HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\n"
                writer.write(f"{head}Content-Length: {len(body)}\r\n\r\n".encode())
            writer.write(body)
            assert await status(reader) == 200
            await reader.readuntil(b"\r\n\r\n")
            assert await reader.readexactly(2) == b"OK"
    assert await kept(store) == 3


async def test_an_answer_that_is_cancelled_shows_no_body_in_its_traceback(receiver):
    arrived = asyncio.Event()

    async def receive():
        if arrived.is_set():
            await asyncio.Event().wait()
        arrived.set()
        return {"type": "http.request", "body": MESSAGE, "more_body": True}

    scope = {"type": "http", "method": "POST", "headers": []}
    answering = asyncio.ensure_future(ReceiverEndpoint(receiver)(scope, receive, None))
    await arrived.wait()
    await asyncio.sleep(0)
    answering.cancel()
    with pytest.raises(asyncio.CancelledError) as caught:
        await answering
    assert not SECRET.search(as_reporters_show_it(caught.value))


def test_a_timeout_is_a_length_of_time(door):
    with pytest.raises(InvalidParameter, match="timeout"):
        door(timeout=0)


async def test_the_endpoint_takes_no_web_sockets(receiver):
    with pytest.raises(RuntimeError, match="HTTP"):
        await ReceiverEndpoint(receiver)({"type": "websocket"}, None, None)


async def test_http_2_knows_no_connection_header(receiver):
    sent = []

    async def send(message):
        sent.append(message)

    for version in ("1.1", "2"):
        await ReceiverEndpoint(receiver)({"type": "http", "method": "PUT", "http_version": version}, None, send)
    assert [b"connection" in dict(message["headers"]) for message in sent[::2]] == [True, False]
    assert [message["status"] for message in sent[::2]] == [405, 405]
