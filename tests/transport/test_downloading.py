"""Files through signed links, over real sockets: what is followed, what is not, and what an error may say."""

import asyncio
import contextlib
import traceback
from collections.abc import AsyncIterator

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from bitrix_chat import BitrixChat, MemoryRateLimiter, Plan, WebhookAuth
from bitrix_chat.errors import (
    AccessDenied,
    ClientClosed,
    DeadlineExceeded,
    DownloadFailed,
    InvalidParameter,
    Outcome,
    PortalUnreachable,
    TokenStoreError,
)
from bitrix_chat.rest.request import Downloads
from bitrix_chat.testing import on_virtual_clock
from bitrix_chat.transport.links import Links
from bitrix_chat.transport.retrying import RetryPolicy
from tests.transport.raw_servers import server

SECRET = "canary-webhook-secret"
CONTENT = bytes(range(256)) * 1000


class Portal:
    """A server that answers downloads as it is told, and counts them."""

    def __init__(self) -> None:
        self.answers: list[web.Response | Exception] = []
        self.paths: list[str] = []
        self.headers: list[dict[str, str]] = []
        self.server = TestServer(self._application())

    def _application(self) -> web.Application:
        application = web.Application()
        application.router.add_get("/{path:.*}", self._answer)
        return application

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        self.paths.append(request.path_qs)
        self.headers.append(dict(request.headers))
        return self.answers.pop(0) if self.answers else web.Response(body=CONTENT)

    @property
    def link(self) -> str:
        return f"{self.server.make_url('/')}rest/1/{SECRET}/download/?token=disk%7Ccanary-signature"


@pytest.fixture
async def portal() -> AsyncIterator[Portal]:
    portal = Portal()
    await portal.server.start_server()
    yield portal
    await portal.server.close()


@contextlib.asynccontextmanager
async def client(portal: Portal, **options) -> AsyncIterator[BitrixChat]:
    auth = WebhookAuth(f"{portal.server.make_url('/')}rest/1/{SECRET}/")
    options.setdefault("limiter", MemoryRateLimiter(Plan(1e9, 1e8)))
    async with BitrixChat(auth, allow_insecure_loopback=True, **options) as b24:
        yield b24


async def read(b24: BitrixChat, link: str, **bound: float) -> bytes:
    async with b24._transport.download(link, **bound) as pieces:
        return b"".join([piece async for piece in pieces])


async def failure(portal: Portal, kind: type[Exception], link: str | None = None, **options) -> str:
    async with client(portal, **options) as b24:
        with pytest.raises(kind) as caught:
            await read(b24, link or portal.link)
    told = "".join(traceback.format_exception(caught.value)) + repr(vars(caught.value))
    assert SECRET not in told
    assert "canary-signature" not in told
    return str(caught.value)


async def test_a_link_gives_the_bytes_as_they_are_and_keeps_its_signature_as_written(portal):
    async with client(portal) as b24:
        assert isinstance(b24._transport, Downloads)
        assert await read(b24, portal.link) == CONTENT
    assert portal.paths == [f"/rest/1/{SECRET}/download/?token=disk%7Ccanary-signature"]


async def test_a_redirect_on_the_same_portal_is_followed(portal):
    portal.answers = [web.Response(status=302, headers={"Location": "/upload/elsewhere?x=%7C"})]
    async with client(portal) as b24:
        assert await read(b24, portal.link) == CONTENT
    assert portal.paths[1] == "/upload/elsewhere?x=%7C"


async def test_redirects_without_end_are_given_up(portal):
    portal.answers = [web.Response(status=302, headers={"Location": "/again"}) for _ in range(9)]
    assert "more than 3 redirects" in await failure(portal, DownloadFailed)
    assert len(portal.paths) == 4


@pytest.mark.parametrize("location", ["http://stranger.example/file", "//stranger.example/file"])
async def test_a_redirect_to_a_host_that_was_not_agreed_is_refused_and_named(portal, location):
    portal.answers = [web.Response(status=302, headers={"Location": location})]
    assert "stranger.example" in await failure(portal, DownloadFailed)


async def test_a_link_to_another_host_is_never_asked_for(portal):
    said = await failure(portal, DownloadFailed, "http://stranger.example/?token=canary-signature")
    assert "download_hosts=['stranger.example']" in said
    assert portal.paths == []


async def test_a_host_that_the_caller_named_may_be_asked(portal):
    link = portal.link.replace("127.0.0.1", "localhost")
    async with client(portal, download_hosts=["localhost"]) as b24:
        assert await read(b24, link) == CONTENT


@pytest.mark.parametrize("link", ["", "/download", "ftp://127.0.0.1/x", "http://user@127.0.0.1/x", "http://[/x"])
async def test_what_is_no_link_to_a_file_is_refused(portal, link):
    async with client(portal) as b24:
        with pytest.raises(DownloadFailed):
            await read(b24, link)
    assert portal.paths == []


async def test_a_refusal_of_the_portal_becomes_its_error(portal):
    body = {"error": "ACCESS_DENIED", "error_description": f"Link check failed {SECRET}"}
    portal.answers = [web.json_response(body, status=403)]
    assert await failure(portal, AccessDenied) == "ACCESS_DENIED: Link check failed ***"


@pytest.mark.parametrize(
    "answer",
    [
        {"status": 404, "text": "<html>gone</html>"},
        {"status": 500, "body": b"x" * 100_000},
        {"status": 204},
        {"status": 400, "text": '{"result": true}'},
    ],
)
async def test_an_answer_without_the_file_fails_with_its_status(portal, answer):
    portal.answers = [web.Response(**answer)]
    assert f"HTTP {answer['status']}" in await failure(portal, DownloadFailed)


async def test_a_download_over_the_request_limit_waits_and_asks_again(portal):
    portal.answers = [web.json_response({"error": "QUERY_LIMIT_EXCEEDED"}, status=503)]
    limiter = MemoryRateLimiter(Plan(1e6, 1e6))
    async with client(portal, limiter=limiter) as b24:
        assert await read(b24, portal.link) == CONTENT
    assert limiter.pace < 1e6
    assert len(portal.paths) == 2


async def test_a_download_takes_a_slot_of_the_request_limit(portal):
    limiter = MemoryRateLimiter(Plan(2, 1e-9))
    async with client(portal, limiter=limiter) as b24:
        free = limiter.free()
        await read(b24, portal.link)
    assert limiter.free() == free - 1


async def test_an_unreachable_portal_is_told_as_one(portal):
    link = portal.link
    async with client(portal) as b24:
        await portal.server.close()
        with pytest.raises(PortalUnreachable):
            await read(b24, link)


async def test_what_the_reader_raises_comes_out_as_it_is(portal):
    async def stumble(b24: BitrixChat) -> None:
        async with b24._transport.download(portal.link) as pieces:
            async for _ in pieces:
                raise ZeroDivisionError

    async with client(portal) as b24:
        with pytest.raises(ZeroDivisionError):
            await stumble(b24)


async def test_a_download_that_breaks_off_fails_in_the_middle_of_the_pieces():
    async def half(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n" + b"x" * 10)
        writer.close()

    listening = await asyncio.start_server(half, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}/rest/1/{SECRET}/"
    async with listening, BitrixChat(WebhookAuth(url), allow_insecure_loopback=True) as b24:
        with pytest.raises(DownloadFailed, match="before the whole file was here"):
            await read(b24, f"{url}download/?token=x")


async def test_a_closed_client_downloads_nothing(portal):
    async with client(portal) as b24:
        pass
    with pytest.raises(ClientClosed):
        await read(b24, portal.link)
    assert portal.paths == []


async def test_closing_ends_a_download_that_waits_for_its_address():
    class Waiting:
        async def credentials(self):
            await asyncio.sleep(3600)

        async def renew(self, rejected):
            raise NotImplementedError

    b24 = BitrixChat(Waiting(), allow_insecure_loopback=True)
    reading = asyncio.create_task(b24._stack._dispatch.take_slot())
    await asyncio.sleep(0)
    await b24.close()
    with pytest.raises(ClientClosed):
        await reading


async def test_credentials_that_cannot_be_had_fail_the_download():
    class Broken:
        async def credentials(self):
            raise TokenStoreError("no such file")

        async def renew(self, rejected):
            raise NotImplementedError

    async with BitrixChat(Broken(), allow_insecure_loopback=True) as b24:
        with pytest.raises(TokenStoreError):
            await b24._stack._dispatch.take_slot()


@pytest.mark.parametrize(
    ("hosts", "fault"),
    [
        ("cdn.example", "is text"),
        (None, "is NoneType"),
        ([1], "holds int"),
        (["https://cdn.example/"], "is an address"),
        (["cdn.example/x"], "holds a path"),
        (["me@cdn.example"], "names a user"),
        (["*.example"], "is a pattern"),
        ([""], "is no host name"),
        (["cdn.example:99999"], "is no host name"),
        (["a b"], "is no host name"),
        (["xn--"], "is no host name"),
    ],
)
def test_what_names_no_host_is_refused_with_its_fault(hosts, fault):
    with pytest.raises(InvalidParameter, match=f"download_hosts.*{fault}"):
        BitrixChat(WebhookAuth("https://acme.bitrix24.com/rest/1/canary/"), download_hosts=hosts)


ENDPOINT = "https://acme.bitrix24.com/rest/1/canary/"
AGREED = Links(["CDN.Example", "пример.example", "port.example:8443"])


@pytest.mark.parametrize(
    ("link", "place"),
    [
        ("https://ACME.bitrix24.com/x", ("acme.bitrix24.com", 443)),
        ("https://cdn.example:9/x", ("cdn.example", 9)),
        ("https://пример.example/x", ("xn--e1afmkfd.example", 443)),
        ("https://XN--e1afmkfd.example/x", ("xn--e1afmkfd.example", 443)),
        ("https://port.example:8443/x", ("port.example", 8443)),
    ],
)
def test_hosts_are_compared_in_lower_case_and_idna(link, place):
    url = AGREED.agreed(link, ENDPOINT)
    assert (url.raw_host, url.port) == place


@pytest.mark.parametrize(
    "link",
    [
        "https://@acme.bitrix24.com/x",
        "https://:p@acme.bitrix24.com/x",
        "https://acme.bitrix24.com\\@stranger.example/x",
        "https://acme.bitrix24.com:8443/x",
        "https://port.example/x",
        "https://[::1]/x",
        "https://acme.bitrix24.com:99999/x",
        "https://xn--/x",
        "https://acme.bitrix24.com/\udcff",
        "https:///x",
        None,
    ],
)
def test_a_link_in_doubt_is_refused(link):
    with pytest.raises(DownloadFailed):
        AGREED.agreed(link, ENDPOINT)


@pytest.mark.parametrize("location", ["http://[/x", "http://127.0.0.1:99999/x", "//[::1", "https://xn--/"])
async def test_a_malformed_redirect_fails_the_download(portal, location):
    portal.answers = [web.Response(status=302, headers={"Location": location})]
    await failure(portal, DownloadFailed)


async def test_a_redirect_that_leads_nowhere_fails_the_download(portal):
    portal.answers = [web.Response(status=302)]
    assert "HTTP 302 without the file" in await failure(portal, DownloadFailed)


@contextlib.asynccontextmanager
async def raw(answer: bytes, *, stays: bool) -> AsyncIterator[str]:
    """A server that reads a request, says something, and then hangs or hangs up."""
    served: set[asyncio.Task[None] | None] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        served.add(asyncio.current_task())
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            await reader.readuntil(b"\r\n\r\n")
            writer.write(answer)
            if stays:
                await reader.read()
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()

    listening = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with listening:
        yield f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}/rest/1/{SECRET}/"
        await asyncio.gather(*filter(None, served))


HALF = b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nabc"


@pytest.mark.parametrize("answer", [HALF, b""], ids=["in the file", "before the answer"])
async def test_closing_the_client_ends_a_running_download(answer):
    async with raw(answer, stays=True) as url:
        b24 = BitrixChat(WebhookAuth(url), allow_insecure_loopback=True)
        reading = asyncio.create_task(read(b24, f"{url}download/?token=x"))
        await asyncio.sleep(0.1)
        await b24.close()
        with pytest.raises(ClientClosed) as caught:
            await asyncio.wait_for(reading, 5)
    assert caught.value.outcome is Outcome.UNKNOWN


@pytest.mark.parametrize("answer", [HALF, b""], ids=["in the file", "before the answer"])
async def test_a_download_is_bounded_by_its_timeout(answer):
    async with raw(answer, stays=True) as url, BitrixChat(WebhookAuth(url), allow_insecure_loopback=True) as b24:
        with pytest.raises(DeadlineExceeded) as caught:
            await read(b24, f"{url}download/?token=x", timeout=0.1)
    assert caught.value.outcome is Outcome.UNKNOWN


@pytest.mark.parametrize("whole", [b"HTTP/1.1 400 No\r\nContent-Length: 3000\r\n\r\n", b""], ids=["body", "head"])
@on_virtual_clock
async def test_what_comes_instead_of_a_file_may_not_drip_for_longer_than_an_answer(whole):
    async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(whole)
        for byte in b"HTTP/1.1 200 OK\r\nX: " + b"x" * 3000:
            writer.write(bytes([byte]))
            await asyncio.sleep(60)

    async with server(drip) as address:
        url = f"{address.origin()}/rest/1/{SECRET}/"
        async with BitrixChat(WebhookAuth(url), allow_insecure_loopback=True, retry=None) as b24:
            start = asyncio.get_running_loop().time()
            with pytest.raises(DownloadFailed, match="HTTP 400 without" if whole else "no answer in time") as caught:
                await read(b24, f"{url}download/?token=x")
            assert asyncio.get_running_loop().time() - start == pytest.approx(75, abs=5)
    assert SECRET not in "".join(traceback.format_exception(caught.value))


@on_virtual_clock
async def test_a_deadline_within_an_error_is_told_as_one():
    answer = b"HTTP/1.1 400 No\r\nContent-Length: 1000\r\n\r\nabc"
    async with raw(answer, stays=True) as url, BitrixChat(WebhookAuth(url), allow_insecure_loopback=True) as b24:
        with pytest.raises(DeadlineExceeded):
            await read(b24, f"{url}download/?token=x", timeout=20)


@on_virtual_clock
async def test_a_file_may_take_its_time():
    async def slow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n")
        for _ in range(9):
            await asyncio.sleep(60)
            writer.write(b"x")

    async with server(slow) as address:
        url = f"{address.origin()}/rest/1/{SECRET}/"
        async with BitrixChat(WebhookAuth(url), allow_insecure_loopback=True) as b24:
            assert await read(b24, f"{url}download/?token=x") == b"x" * 9


async def test_a_connection_that_closes_after_the_request_is_no_unreachable_portal():
    async with raw(b"", stays=False) as url, BitrixChat(WebhookAuth(url), allow_insecure_loopback=True) as b24:
        with pytest.raises(DownloadFailed, match="after the request had left"):
            await read(b24, f"{url}download/?token=x")


async def test_closing_wakes_a_download_that_waits_for_a_slot_and_costs_none(portal):
    limiter = MemoryRateLimiter(Plan(1, 1e-9))
    async with client(portal, limiter=limiter) as b24:
        await read(b24, portal.link)
        readings = [asyncio.create_task(read(b24, portal.link)) for _ in range(2)]
        await asyncio.sleep(0.01)
        await b24.close()
        assert [type(error) for error in await asyncio.gather(*readings, return_exceptions=True)] == [ClientClosed] * 2
    limiter.release()
    assert limiter.free() == 1
    assert len(portal.paths) == 1


async def test_a_slot_that_is_granted_to_a_closed_client_is_given_back(portal):
    limiter = MemoryRateLimiter(Plan(1, 1e-9))
    async with client(portal, limiter=limiter) as b24:
        dispatch = b24._stack._dispatch
        await dispatch.take_slot()
        waiting = asyncio.create_task(dispatch.take_slot())
        await asyncio.sleep(0)
        await b24.close()
        dispatch.give_back_slot()
        with pytest.raises(ClientClosed):
            await waiting
    assert limiter.free() == 1


async def test_a_download_that_never_left_is_repeated_and_costs_no_slot(portal):
    limiter = MemoryRateLimiter(Plan(9, 1e-9))
    policy = RetryPolicy(unsent=2, first=0.001, longest=0.001)
    async with client(portal, limiter=limiter, retry=policy) as b24:
        free = limiter.free()
        link = portal.link
        await portal.server.close()
        with pytest.raises(PortalUnreachable):
            await read(b24, link)
    assert limiter.free() == free


async def test_one_download_of_a_client_waits_at_the_limiter_at_a_time(portal):
    class Counting(MemoryRateLimiter):
        waiting = most = 0

        async def acquire(self) -> None:
            self.waiting += 1
            self.most = max(self.most, self.waiting)
            await asyncio.sleep(0)
            self.waiting -= 1

    limiter = Counting()
    async with client(portal, limiter=limiter) as b24:
        await asyncio.gather(*(read(b24, portal.link) for _ in range(5)))
    assert limiter.most == 1


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
async def test_headers_of_the_session_go_to_the_portal_alone(portal, host):
    headers = {"Authorization": "Bearer canary", "Cookie": "a=canary", "User-Agent": "mine"}
    async with (
        aiohttp.ClientSession(headers=headers) as session,
        client(portal, session=session, download_hosts=["localhost"]) as b24,
    ):
        await read(b24, portal.link.replace("127.0.0.1", host))
    sent = portal.headers[0]
    assert ("canary" in str(sent)) is (host == "127.0.0.1")
    assert (sent["User-Agent"], sent["Accept-Encoding"]) == ("mine", "identity")
