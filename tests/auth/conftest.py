"""An authorization server of the tests' own: it rotates refresh tokens and counts those that are used twice."""

import asyncio
import traceback
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from bitrix_chat.auth import Token

PORTAL = "https://acme.bitrix24.com/rest/"


class Issuer:
    """Holds one chain of token pairs; `script` answers go first, and while `gate` is shut nothing is answered."""

    def __init__(self) -> None:
        self.url = ""
        self.generation = 1
        self.asked: list[tuple[str, dict[str, str]]] = []
        self.headers: list[dict[str, str]] = []
        self.spent_uses = 0
        self.script: deque[Callable[[], web.StreamResponse]] = deque()
        self.gate = asyncio.Event()
        self.gate.set()
        self.arrived = asyncio.Event()

    def token(self, generation: int | None = None) -> Token:
        number = self.generation if generation is None else generation
        return Token(f"canary-access-{number}", f"canary-refresh-{number}", PORTAL, "member-1", expires=number * 3600.0)

    def answer(self) -> dict[str, object]:
        token = self.token()
        return {
            "access_token": token.access_token,
            "refresh_token": token.refresh_token,
            "client_endpoint": PORTAL,
            "domain": "oauth.bitrix.info",
            "expires": int(token.expires or 0),
            "expires_in": "3600",
            "member_id": "member-1",
            "scope": "im,imbot",
            "user_id": "7",
        }

    async def handle(self, request: web.Request) -> web.StreamResponse:
        form = {name: str(value) for name, value in (request.query or await request.post()).items()}
        self.asked.append((request.method, form))
        self.headers.append(dict(request.headers))
        self.arrived.set()
        await self.gate.wait()
        if self.script:
            return self.script.popleft()()
        if form.get("grant_type") == "refresh_token" and form.get("refresh_token") != self.token().refresh_token:
            self.spent_uses += 1
            return web.json_response({"error": "invalid_grant"}, status=400)
        self.generation += 1
        return web.json_response(self.answer())


@pytest.fixture
async def issuer() -> AsyncIterator[Issuer]:
    issuer = Issuer()
    application = web.Application()
    application.router.add_route("*", "/oauth/token/", issuer.handle)
    async with TestServer(application) as server:
        issuer.url = str(server.make_url("/"))
        yield issuer


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _everything_said(error: BaseException) -> str:
    parts = [f"{part!s} {part!r} {part.args!r} {vars(part)!r} {type(part).__module__}" for part in _chain(error)]
    return "\n".join([*parts, *traceback.format_exception(error)])


@pytest.fixture
def everything_said() -> Callable[[BaseException], str]:
    """All text that an error and the errors behind it can bring into a log."""
    return _everything_said
