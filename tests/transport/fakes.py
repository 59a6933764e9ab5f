"""Fakes for the layers below dispatch."""

import asyncio
from collections.abc import Callable
from typing import Any

from yarl import URL

from bitrix_chat.auth import Credentials
from bitrix_chat.errors import Outcome
from bitrix_chat.limits import Plan
from bitrix_chat.rest.request import Exchange, Request, Response, Safety
from bitrix_chat.transport.signing import Signed

UNLIMITED = Plan(1e9, 1e8)
CREDENTIALS = Credentials("https://acme.bitrix24.example/rest/")


class FakeSigning:
    """Answers by a function of the request, and notes what left, in order."""

    def __init__(self, answer: Callable[[Request], Any] | None = None, seconds: float = 1.0) -> None:
        self.answer = answer or (lambda request: request.params.get("number"))
        self.seconds = seconds
        self.sent: list[Any] = []
        self.flying = self.most_flying = 0
        self.renewals = self.arrivals = 0
        self.renewing: Callable[[], Any] | None = None

    async def endpoint(self) -> str:
        return CREDENTIALS.endpoint

    async def sign(self, request: Request, moved_to: str | None = None) -> Signed:
        return Signed(request, CREDENTIALS, CREDENTIALS.endpoint, URL(CREDENTIALS.endpoint), b"{}")

    def arrived(self, signed: Signed) -> None:
        self.arrivals += 1

    async def send(self, signed: Signed, on_write: Callable[[], None]) -> Response:
        self.sent.append(signed.request.params.get("number"))
        self.flying += 1
        self.most_flying = max(self.most_flying, self.flying)
        try:
            answer = self.answer(signed.request)
            if getattr(answer, "outcome", None) is not Outcome.NOT_SENT:
                on_write()
            await asyncio.sleep(self.seconds)
        finally:
            self.flying -= 1
        if isinstance(answer, BaseException):
            raise answer
        return answer if isinstance(answer, Response) else Response(answer)

    async def renew(self, rejected: Signed) -> Credentials:
        self.renewals += 1
        await asyncio.sleep(5)
        if self.renewing is not None:
            raise self.renewing()
        return CREDENTIALS


def exchange(
    number: int = 0, method: str = "im.chat.add", *, safety: Safety = Safety.CREATE, **options: Any
) -> Exchange:
    return Exchange(Request(method, {"number": number}, safety), **options)


def in_turn(*answers: Any) -> Callable[[Request], Any]:
    """Answer with each in turn, then with the request's number."""
    rest = list(answers)
    return lambda request: rest.pop(0) if rest else request.params.get("number")
