"""What a request meets on its way: the moved host, the request limiter, a scripted fault, then the portal."""

import socket
import struct
from collections import deque
from typing import Any, Final, final
from urllib.parse import quote, urlsplit

import attrs
from aiohttp import web

from bitrix_chat.portal.auth import Gate
from bitrix_chat.portal.batch import Batch
from bitrix_chat.portal.faults import Cut, Fault, FaultScript
from bitrix_chat.portal.http import Answer, Incoming, read_incoming, rest_answer
from bitrix_chat.portal.limits import LeakyBucket
from bitrix_chat.portal.methods.files import DOWNLOAD
from bitrix_chat.portal.php import PhpValue
from bitrix_chat.portal.policy import PortalPolicy
from bitrix_chat.portal.refusal import FatalError, Refusal
from bitrix_chat.portal.rest import BATCH, RestServer
from bitrix_chat.portal.scripts import OvertimeError, Script, Scripts

_HTML: Final = {"Content-Type": "text/html; charset=utf-8"}
_FATAL: Final = Answer(500, b"<html><body>Fatal error</body></html>", _HTML)
_GIVEN_UP: Final = Answer(504, b"<html><body><h1>504 Gateway Time-out</h1></body></html>", _HTML)


@final
@attrs.define
class Received:
    """A REST request as it arrived; `status` is 0 while it is answered, and stays 0 if it never is."""

    method: str
    params: dict[str, PhpValue] = attrs.field(repr=False)
    transport: str
    user_agent: str
    status: int = 0


@final
class Front:
    """Handles REST requests and counts what happens to them."""

    def __init__(
        self,
        *,
        rest: RestServer,
        gate: Gate,
        bucket: LeakyBucket,
        policy: PortalPolicy,
        scripts: Scripts,
        keep: int,
    ) -> None:
        self.faults = FaultScript()
        self.received: deque[Received] = deque(maxlen=keep)
        self.moved_to: str | None = None
        self.hits = 0
        self.refused = 0
        self.max_in_flight = 0
        self._in_flight = 0
        self._rest = rest
        self._gate = gate
        self._bucket = bucket
        self._policy = policy
        self._scripts = scripts

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer one REST request."""
        self.hits += 1
        self._in_flight += 1
        self.max_in_flight = max(self.max_in_flight, self._in_flight)
        try:
            incoming = await read_incoming(request, self._policy.max_input_vars)
            return await self._respond(request, incoming)
        finally:
            self._in_flight -= 1

    async def _respond(self, request: web.BaseRequest, incoming: Incoming) -> web.StreamResponse:
        received = Received(
            incoming.method,
            incoming.params,
            "webhook" if incoming.webhook else "oauth",
            request.headers.get("User-Agent", ""),
        )
        self.received.append(received)
        turned_away = self._turned_away(request)
        if turned_away is not None:
            return _said(received, turned_away)
        fault = self.faults.take(incoming.method) if self.faults else None
        script = self._scripts.begin(lingers=0.0 if fault is None else fault.lingers)
        try:
            answer = await self._scripts.run(script, self._work(incoming, script, fault))
        except OvertimeError:
            return closed(request) if self._policy.overtime == "drop" else _said(received, _GIVEN_UP)
        if fault is None or fault.cut is None:
            return _said(received, answer)
        return await truncated(request, answer) if fault.cut is Cut.TRUNCATE else reset(request)

    async def _work(self, incoming: Incoming, script: Script, fault: Fault | None) -> Answer:
        if fault is None:
            return await self._execute(incoming, script)
        await script.work(fault.delay)
        answer = await self._execute(incoming, script) if fault.executes else _FATAL
        await script.work(fault.delay_after)
        return Answer(*fault.answer()) if fault.answers else answer

    def _turned_away(self, request: web.BaseRequest) -> Answer | None:
        """Answer in front of the portal: the moved host first, which counts no hit, then the limiter."""
        moved_to = self.moved_to
        if moved_to is not None and request.host != urlsplit(moved_to).netloc:
            return Answer(302, b"", {"Location": moved_to.rstrip("/") + request.path_qs})
        if self._bucket.admit():
            return None
        self.refused += 1
        body = {"error": "QUERY_LIMIT_EXCEEDED", "error_description": "Too many requests"}
        return rest_answer(503, body, headers=self._retry_after())

    def _retry_after(self) -> dict[str, str]:
        seconds = self._policy.retry_after
        return {} if seconds is None else {"Retry-After": f"{seconds:g}"}

    async def _execute(self, incoming: Incoming, script: Script) -> Answer:
        try:
            if incoming.method.lower() == DOWNLOAD.name:
                return await self._download(incoming, script)
            return rest_answer(200, await self._call(incoming, script), xml=incoming.xml)
        except Refusal as refusal:
            headers = self._retry_after() if refusal.status == 429 else {}
            return rest_answer(refusal.status, refusal.as_body(), xml=incoming.xml, headers=headers)
        except FatalError:
            return _FATAL

    async def _call(self, incoming: Incoming, script: Script) -> dict[str, Any]:
        method = self._rest.find(incoming.method)
        caller = self._gate.identify(incoming)
        if method is BATCH:
            outcome = await Batch(self._rest, caller, script).run(incoming.params)
        else:
            outcome = await self._rest.run(method, caller, incoming.params, script)
        return outcome.envelope()

    async def _download(self, incoming: Incoming, script: Script) -> Answer:
        """Answer a signed link with the bytes of its file; here alone `token` is no mistake."""
        others = {name: value for name, value in incoming.params.items() if name != "token"}
        caller = self._gate.identify(attrs.evolve(incoming, params=others))
        file = (await self._rest.run(DOWNLOAD, caller, incoming.params, script)).result
        disposition = f"attachment; filename*=utf-8''{quote(file.name)}"
        return Answer(200, file.content, {"Content-Type": file.content_type, "Content-Disposition": disposition})


def _said(received: Received, answer: Answer) -> web.Response:
    received.status = answer.status
    return sent(answer)


def sent(answer: Answer) -> web.Response:
    """Turn an answer into aiohttp's."""
    return web.Response(status=answer.status, body=answer.body, headers=answer.headers)


async def truncated(request: web.BaseRequest, answer: Answer) -> web.StreamResponse:
    """Promise the whole body, send half of it and close."""
    response = web.StreamResponse(status=answer.status, headers=answer.headers)
    response.content_length = len(answer.body)
    await response.prepare(request)
    await response.write(answer.body[: len(answer.body) // 2])
    if request.transport is not None:
        request.transport.close()
    return response


def reset(request: web.BaseRequest) -> web.StreamResponse:
    """Reset the connection (RST): without lingering, closing discards what was not sent."""
    transport = request.transport
    if transport is not None:
        plain = transport.get_extra_info("socket")
        if plain is not None:
            plain.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        transport.abort()
    return web.Response()


def closed(request: web.BaseRequest) -> web.StreamResponse:
    """Close the connection (FIN) without an answer."""
    if request.transport is not None:
        request.transport.close()
    return web.Response()
