"""What a request meets on its way: the moved host, the request limiter, a scripted fault, then the portal."""

import socket
import struct
from collections import deque
from collections.abc import Awaitable, Callable
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

_FATAL: Final = Answer(500, b"<html><body>Fatal error</body></html>", {"Content-Type": "text/html; charset=utf-8"})


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
        sleep: Callable[[float], Awaitable[object]],
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
        self._sleep = sleep

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
        answer = self._turned_away(request)
        if answer is None:
            fault = self.faults.take(incoming.method) if self.faults else None
            if fault is not None:
                return await self._with_fault(request, incoming, received, fault)
            answer = await self._execute(incoming)
        received.status = answer.status
        return sent(answer)

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

    async def _execute(self, incoming: Incoming, *, lingers: float = 0.0) -> Answer:
        try:
            if incoming.method.lower() == DOWNLOAD.name:
                return await self._download(incoming)
            return rest_answer(200, await self._call(incoming, lingers), xml=incoming.xml)
        except Refusal as refusal:
            headers = self._retry_after() if refusal.status == 429 else {}
            return rest_answer(refusal.status, refusal.as_body(), xml=incoming.xml, headers=headers)
        except FatalError:
            return _FATAL

    async def _call(self, incoming: Incoming, lingers: float) -> dict[str, Any]:
        method = self._rest.find(incoming.method)
        caller = self._gate.identify(incoming)
        if method is BATCH:
            outcome = await Batch(self._rest, caller, lingers=lingers).run(incoming.params)
        else:
            outcome = await self._rest.run(method, caller, incoming.params, lingers=lingers)
        return outcome.envelope()

    async def _download(self, incoming: Incoming) -> Answer:
        """Answer a signed link with the bytes of its file; here alone `token` is no mistake."""
        others = {name: value for name, value in incoming.params.items() if name != "token"}
        caller = self._gate.identify(attrs.evolve(incoming, params=others))
        file = (await self._rest.run(DOWNLOAD, caller, incoming.params)).result
        disposition = f"attachment; filename*=utf-8''{quote(file.name)}"
        return Answer(200, file.content, {"Content-Type": file.content_type, "Content-Disposition": disposition})

    async def _with_fault(
        self, request: web.BaseRequest, incoming: Incoming, received: Received, fault: Fault
    ) -> web.StreamResponse:
        await self._pause(fault.delay)
        answer = await self._execute(incoming, lingers=fault.lingers) if fault.executes else _FATAL
        await self._pause(fault.delay_after)
        if fault.answers:
            answer = Answer(*fault.answer())
        if fault.cut is Cut.TRUNCATE:
            return await truncated(request, answer)
        if fault.cut is not None:
            return reset(request)
        received.status = answer.status
        return sent(answer)

    async def _pause(self, seconds: float) -> None:
        if seconds:
            await self._sleep(seconds)


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
