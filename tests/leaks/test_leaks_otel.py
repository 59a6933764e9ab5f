"""OpenTelemetry's own instrumentation of aiohttp: with the filter its spans hold no secret."""

import asyncio
import json

import aiohttp
import pytest
from opentelemetry.instrumentation.aiohttp_client import AioHttpClientInstrumentor, create_trace_config
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from yarl import URL

from bitrix_chat import BitrixChat, BitrixError, NoAnswerError, OAuthAuth, WebhookAuth
from bitrix_chat.auth import Token
from bitrix_chat.otel import url_filter
from bitrix_chat.portal import Cut, Fault
from tests.leaks.sinks import SECRET

SHOWN = {
    "https://acme.bitrix24.example/rest/1/s3cret/im.chat.add": "https://acme.bitrix24.example/rest/1/***/im.chat.add",
    "https://acme.bitrix24.example/rest/1/s3cret/": "https://acme.bitrix24.example/rest/1/***/",
    "https://acme.bitrix24.example/REST/1/s3cret": "https://acme.bitrix24.example/REST/1/***",
    "https://acme.bitrix24.example/rest/%31/s3cret/profile": "https://acme.bitrix24.example/rest/1/***/profile",
    "https://acme.bitrix24.example/rest/api/1/s3cret/x": "https://acme.bitrix24.example/rest/api/1/***/x",
    "https://acme.bitrix24.example/rest/im.chat.add?auth=s3cret": "https://acme.bitrix24.example/rest/im.chat.add",
    "https://acme.bitrix24.example:8443/rest/1/s3cret/x": "https://acme.bitrix24.example:8443/rest/1/***/x",
    "https://me:s3cret@acme.bitrix24.example/a#s3cret": "https://acme.bitrix24.example/a",
    "https://oauth.example/oauth/token/?client_secret=s3cret": "https://oauth.example/oauth/token/",
    "http://[s3cret": "***",
}


@pytest.mark.parametrize("address", SHOWN)
def test_an_address_keeps_what_opens_nothing(address):
    assert url_filter(address) == SHOWN[address]


def test_it_takes_what_the_instrumentation_passes():
    assert url_filter(URL("https://acme.bitrix24.example/rest/7/s3cret/profile?x=1")) == (
        "https://acme.bitrix24.example/rest/7/***/profile"
    )


@pytest.fixture
def spans():
    return InMemorySpanExporter()


@pytest.fixture
def tracers(spans):
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(spans))
    yield provider
    provider.shutdown()


def leaks(spans):
    texts = [span.to_json() for span in spans.get_finished_spans()]
    assert texts
    return any(SECRET.search(text) for text in texts)


async def use(portal, session):
    """Call by webhook and by OAuth, fail, upload, download and renew: all of it traced."""
    grant = portal.oauth
    token = Token(grant.access_token, grant.refresh_token, grant.client_endpoint)
    server = portal.authorization_server
    auth = OAuthAuth(grant.client_id, grant.client_secret, token, authorization_server=server, session=session)
    for strategy in (None, auth):
        async with portal.client(strategy, session=session, retry=None) as b24:
            chat_id = await b24.im.chat.add(title="Traced")
            uploaded = await b24.im.v2.file.upload(f"chat{chat_id}", name="notes.txt", content=b"notes")
            assert await b24.im.v2.file.read(f"chat{chat_id}", uploaded.file.id) == b"notes"
            portal.faults.add(Fault(method="im.chat.add", cut=Cut.AFTER))
            with pytest.raises(BitrixError):
                await b24.im.chat.add(title="Lost")
            portal.expire_tokens()
            await b24.profile()


async def test_a_traced_session_with_the_filter_shows_no_secret(portal, spans, tracers):
    trace = create_trace_config(url_filter=url_filter, tracer_provider=tracers)
    async with aiohttp.ClientSession(trace_configs=[trace]) as session:
        await use(portal, session)
    assert not leaks(spans)
    methods = {
        json.loads(span.to_json())["attributes"]["http.url"].rpartition("/")[2] for span in spans.get_finished_spans()
    }
    assert methods >= {"im.chat.add", "profile"}


async def test_a_traced_session_without_it_shows_the_webhooks(portal, spans, tracers):
    async with aiohttp.ClientSession(trace_configs=[create_trace_config(tracer_provider=tracers)]) as session:
        await use(portal, session)
    assert leaks(spans)


async def test_the_instrumentor_with_the_filter_shows_no_secret(portal, spans, tracers):
    instrumentor = AioHttpClientInstrumentor()
    instrumentor.instrument(url_filter=url_filter, tracer_provider=tracers)
    try:
        await use(portal, None)
    finally:
        instrumentor.uninstrument()
    assert not leaks(spans)


async def test_the_instrumentor_counts_a_request_over_the_callers_session_once(portal, spans, tracers):
    instrumentor = AioHttpClientInstrumentor()
    instrumentor.instrument(url_filter=url_filter, tracer_provider=tracers)
    try:
        async with aiohttp.ClientSession() as session, portal.client(session=session) as b24:
            await b24.im.chat.add(title="Traced")
    finally:
        instrumentor.uninstrument()
    assert len(spans.get_finished_spans()) == portal.hits == 1


MALFORMED = {
    "status line": (b"GARBAGE nonsense\r\n\r\n", ["ClientResponseError"]),
    "header": (b"HTTP/1.1 200 OK\r\nX: " + b"a" * 100_000 + b"\r\n\r\n{}", ["ClientResponseError"]),
    "chunk size": (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", ["ClientResponseError"]),
    "length": (b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n{}", []),  # read after the span has ended
    "nothing": (b"", ["ServerDisconnectedError"]),
}
"""What a server answers, and what the span of the request then says of an error."""


@pytest.fixture
async def malformed():
    """Serve some bytes to everybody, and give a webhook's URL there."""
    url = f"http://127.0.0.1:{{}}/rest/1/emulated{'c0ffee' * 2}/"
    answer = bytearray()

    async def handle(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(bytes(answer))
        writer.close()

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    yield url.format(server.sockets[0].getsockname()[1]), answer
    server.close()


async def meet(url, session):
    """Call, and download, and see both fail."""
    auth = WebhookAuth(url)
    async with BitrixChat(auth, session=session, retry=None, allow_insecure_loopback=True) as b24:
        with pytest.raises(NoAnswerError):
            await b24.profile()
        with pytest.raises(NoAnswerError):
            await read(b24._transport.download(f"{url}download?token=emulated{'c0ffee' * 2}"))


async def read(opening):
    async with opening as pieces:
        return [piece async for piece in pieces]


async def meet_traced(url, tracers):
    trace = create_trace_config(url_filter=url_filter, tracer_provider=tracers)
    async with aiohttp.ClientSession(trace_configs=[trace]) as session:
        await meet(url, session)


async def meet_instrumented(url, tracers):
    instrumentor = AioHttpClientInstrumentor()
    instrumentor.instrument(url_filter=url_filter, tracer_provider=tracers)
    try:
        await meet(url, None)
    finally:
        instrumentor.uninstrument()


@pytest.mark.parametrize("meet_both", [meet_traced, meet_instrumented])
@pytest.mark.parametrize("part", MALFORMED)
async def test_the_error_of_a_malformed_answer_is_recorded_by_its_kind(malformed, spans, tracers, part, meet_both):
    url, answer = malformed
    answer += MALFORMED[part][0]
    await meet_both(url, tracers)
    assert not leaks(spans)
    for span in spans.get_finished_spans():
        assert [event.attributes["exception.message"] for event in span.events] == MALFORMED[part][1]
    assert len(spans.get_finished_spans()) == 2, "a call and a download"
