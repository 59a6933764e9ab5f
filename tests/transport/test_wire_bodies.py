"""Bodies that are not what they should be: too long, packed wrongly, or without end."""

import asyncio
import gzip
import subprocess
import sys
import traceback
import zlib

import pytest
from yarl import URL

from bitrix_chat.auth import AuthorizationServer
from bitrix_chat.errors import ConnectionLost, DownloadFailed, Outcome, TokenRefreshFailed, UnexpectedAnswer
from bitrix_chat.http.unpacking import ACCEPTED, Unpacking, unpacking
from bitrix_chat.transport.fetching import Leaving
from bitrix_chat.transport.wire import LONGEST_ANSWER, Reply, Wire
from tests.transport.raw_servers import SECRET, Script, after_reading, answering, server, whole_request

TEXT = b'{"result":"' + bytes(range(32, 34)) * 50_000 + b'"}'
GZIP = "Content-Encoding: gzip"
HEAD = "HTTP/1.1 200 OK"

CHILD = """
import asyncio, resource, sys
from yarl import URL
from bitrix_chat.auth import AuthorizationServer
from bitrix_chat.errors import BitrixError
from bitrix_chat.transport.fetching import Leaving
from bitrix_chat.transport.wire import Wire

async def post(wire, url):
    await wire.post(url, b"{}", lambda: None)

async def get(wire, url):
    async with wire.get(url, Leaving()) as download:
        async for _ in download.pieces:
            pass

async def refresh(_, url):
    await AuthorizationServer(str(url.origin())).refresh("app.1", "canary", "canary")

async def main(url, bomb):
    ask = {"post": post, "get": get, "refresh": refresh}[sys.argv[3]]
    wire = Wire()
    for address in (url, bomb):
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        try:
            await ask(wire, address)
            ending = "whole"
        except BitrixError as error:
            ending = type(error).__name__
    await wire.close()
    print(ending, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)

asyncio.run(main(URL(sys.argv[1]), URL(sys.argv[2])))
"""


def bomb() -> bytes:
    packer = zlib.compressobj(9, wbits=31)
    return b"".join(packer.compress(bytes(1_000_000)) for _ in range(300)) + packer.flush()


async def post(script: Script, **options: float) -> Reply:
    wire = Wire(**options)
    async with server(script) as url:
        try:
            return await wire.post(url, b"{}", lambda: None)
        finally:
            await wire.close()


async def memory_for(how: str, packed: bytes) -> tuple[str, int]:
    """Return how another process ended that asked for the packed body, and what its memory grew by, in KiB."""
    async with server(answering(b"{}")) as small, server(answering(packed, GZIP)) as large:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", CHILD, str(small), str(large), how, stdout=subprocess.PIPE
        )
        said, _ = await process.communicate()
    ending, grown = said.decode().split()
    return ending, int(grown)


@pytest.mark.parametrize(
    ("how", "ending"), [("post", "UnexpectedAnswer"), ("refresh", "TokenRefreshFailed"), ("get", "whole")]
)
async def test_three_hundred_megabytes_in_292_kb_of_gzip_cost_less_than_twenty_of_memory(how, ending):
    packed = bomb()
    assert len(packed) < 300_000

    ended, grown = await memory_for(how, packed)

    assert ended == ending
    assert grown < 20 << 10


async def test_an_answer_of_gzip_that_is_too_long_is_of_unknown_outcome():
    with pytest.raises(UnexpectedAnswer, match="longer than 16384 KiB") as caught:
        await post(answering(bomb(), GZIP))

    assert caught.value.outcome is Outcome.UNKNOWN
    assert caught.value.status == 200


@pytest.mark.parametrize(("size", "is_too_long"), [(LONGEST_ANSWER, False), (LONGEST_ANSWER + 1, True)])
async def test_a_plain_answer_is_read_up_to_the_cap_and_not_beyond(size, is_too_long):
    if is_too_long:
        with pytest.raises(UnexpectedAnswer, match="longer"):
            await post(answering(b"x" * size))
    else:
        assert len((await post(answering(b"x" * size))).body) == size


async def test_an_answer_that_drips_without_end_is_lost_when_its_time_is_over():
    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await whole_request(reader)
        writer.write(f"{HEAD}\r\n\r\n".encode())
        while not writer.is_closing():
            writer.write(b" ")
            await asyncio.sleep(0.01)

    with pytest.raises(ConnectionLost, match="no answer in time"):
        await post(script, answer_timeout=0.3)


PACKED = {
    "gzip": (gzip.compress(TEXT), "gzip"),
    "gzip by its old name": (gzip.compress(TEXT), "X-GZIP"),
    "gzip in two members": (gzip.compress(TEXT[:70_000]) + gzip.compress(TEXT[70_000:]), "gzip"),
    "deflate": (zlib.compress(TEXT), "deflate"),
    "bare deflate": (zlib.compress(TEXT)[2:-4], "deflate"),
    "identity": (TEXT, "identity"),
}


@pytest.mark.parametrize(("packed", "encoding"), PACKED.values(), ids=PACKED)
async def test_what_was_asked_for_is_unpacked(packed, encoding):
    assert (await post(answering(packed, f"Content-Encoding: {encoding}"))).body == TEXT


@pytest.mark.parametrize(("packed", "encoding"), PACKED.values(), ids=PACKED)
@pytest.mark.parametrize("size", [1, 7, 1 << 16])
def test_it_does_not_matter_where_the_network_cuts(packed, encoding, size):
    unpacked = unpacking(encoding)
    pieces = [piece for start in range(0, len(packed), size) for piece in unpacked.feed(packed[start : start + size])]
    unpacked.finish()

    assert b"".join(pieces) == TEXT
    assert max(map(len, pieces)) <= 1 << 16
    assert unpacked.fault == ""


async def test_an_empty_body_is_empty_however_it_was_said_to_be_packed():
    assert (await post(answering(b"", GZIP))).body == b""


WRONG = {
    "no gzip": (b"canary-of-a-body", "gzip"),
    "damaged gzip": (gzip.compress(TEXT)[:40] + b"canary" * 20, "gzip"),
    "gzip cut short": (gzip.compress(TEXT)[:-9], "gzip"),
    "gzip and something behind it": (gzip.compress(TEXT) + b"canary", "gzip"),
    "gzip of ten thousand members": (gzip.compress(b"") * 10_000, "gzip"),
    "deflate twice": (zlib.compress(TEXT) * 2, "deflate"),
    "brotli": (b"\x0b\x02\x80canary\x03", "br"),
    "gzip in gzip": (gzip.compress(gzip.compress(TEXT)), "gzip, gzip"),
}


@pytest.mark.parametrize(("packed", "encoding"), WRONG.values(), ids=WRONG)
async def test_a_body_packed_wrongly_is_an_unexpected_answer_of_unknown_outcome(packed, encoding):
    with pytest.raises(UnexpectedAnswer, match="packed") as caught:
        await post(answering(packed, f"Content-Encoding: {encoding}"))

    error = caught.value
    assert error.outcome is Outcome.UNKNOWN
    assert (error.__cause__, error.__context__) == (None, None)
    assert "canary" not in "".join(traceback.format_exception(error))


@pytest.mark.parametrize(("packed", "encoding"), WRONG.values(), ids=WRONG)
async def test_a_token_packed_wrongly_is_none_and_may_be_asked_for_again(packed, encoding):
    async with server(answering(packed, f"Content-Encoding: {encoding}")) as url:
        with pytest.raises(TokenRefreshFailed, match="packed"):
            await AuthorizationServer(str(url.origin())).refresh("app.1", "canary", "canary")


@pytest.mark.parametrize(("packed", "encoding"), WRONG.values(), ids=WRONG)
async def test_a_file_packed_wrongly_is_not_given_for_the_whole(packed, encoding):
    wire = Wire()
    async with server(answering(packed, f"Content-Encoding: {encoding}")) as url:
        with pytest.raises(DownloadFailed, match="packed"):
            await _file(wire, url)
        await wire.close()


async def test_a_file_that_was_packed_unasked_is_unpacked():
    wire = Wire()
    async with server(answering(gzip.compress(TEXT), GZIP)) as url:
        assert await _file(wire, url) == TEXT
        await wire.close()


async def _file(wire: Wire, url: URL) -> bytes:
    async with wire.get(url, Leaving()) as download:
        return b"".join([piece async for piece in download.pieces])


async def test_gzip_without_a_length_that_breaks_off_is_seen_for_what_it_is():
    with pytest.raises(UnexpectedAnswer, match="cut short"):
        await post(after_reading(f"{HEAD}\r\n{GZIP}\r\n\r\n".encode() + gzip.compress(TEXT)[:60]))


async def test_gzip_that_ends_before_its_length_is_a_lost_connection():
    packed = gzip.compress(TEXT)
    with pytest.raises(ConnectionLost):
        await post(after_reading(f"{HEAD}\r\n{GZIP}\r\nContent-Length: {len(packed)}\r\n\r\n".encode() + packed[:-5]))


async def test_only_what_can_be_unpacked_in_steps_is_asked_for_and_files_as_they_are():
    heads = []

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heads.append(await whole_request(reader))
        writer.write(f"{HEAD}\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{{}}".encode())

    wire = Wire()
    async with server(script) as url:
        await wire.post(url, b"{}", lambda: None)
        await _file(wire, url)
        with pytest.raises(TokenRefreshFailed):
            await AuthorizationServer(str(url.origin())).refresh("app.1", "canary", "canary")
        await wire.close()

    asked = [line for head in heads for line in head.decode().split("\r\n") if line.startswith("Accept-Encoding")]
    assert asked == [f"Accept-Encoding: {ACCEPTED}", "Accept-Encoding: identity", f"Accept-Encoding: {ACCEPTED}"]


def test_a_fault_is_told_once_and_nothing_is_read_after_it():
    unpacked = unpacking("gzip")
    assert list(unpacked.feed(b"no gzip at all")) == []
    fault = unpacked.fault
    unpacked.finish()

    assert (list(unpacked.feed(gzip.compress(TEXT))), unpacked.fault) == ([], fault)


def test_a_plain_body_has_no_end_of_its_own():
    plain = unpacking(None)
    plain.finish()

    assert (type(plain), plain.fault, list(plain.feed(b"x"))) == (Unpacking, "", [b"x"])


def test_neither_an_answer_nor_a_file_shows_what_it_holds():
    assert SECRET not in repr(Reply(302, SECRET.encode(), f"https://portal.example/{SECRET}"))
