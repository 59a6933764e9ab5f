"""OpenTelemetry's own instrumentation of aiohttp: with the filter its spans hold no secret."""

import json

import aiohttp
import pytest
from opentelemetry.instrumentation.aiohttp_client import AioHttpClientInstrumentor, create_trace_config
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from yarl import URL

from bitrix_chat import BitrixError, OAuthAuth
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
