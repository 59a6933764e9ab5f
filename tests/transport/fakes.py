"""Fakes for the layers below dispatch."""

import asyncio
from collections.abc import Callable
from typing import Any

from yarl import URL

from bitrix_chat.auth import Credentials
from bitrix_chat.errors import Outcome, UnexpectedAnswer
from bitrix_chat.limits import STANDARD, MemoryRateLimiter, Plan
from bitrix_chat.rest.envelope import rest_error
from bitrix_chat.rest.query import parse
from bitrix_chat.rest.request import Exchange, Request, Response, Safety
from bitrix_chat.transport.dispatch import Dispatch
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


REFUSED = {"error": "ACCESS_DENIED", "error_description": "no"}
BLOCKED = {"error": "OPERATION_TIME_LIMIT", "error_description": "later"}
MISSING = object()
"""What `PackedPortal.run` returns for a command that the answer does not mention."""


class PackedPortal(FakeSigning):
    """Runs the commands of batches one after the other, and notes who left together and when.

    Attributes:
        run: gives the result of a command by its number; what is a dict is its error.
        troubles: what meets the next requests as a whole, in turn; None for nothing.
        groups: the numbers that left in each request.
        ran: every number as it ran.
        told: what answers say of the time beside how long a call took.
    """

    def __init__(self, run: Callable[[int], Any] | None = None, seconds: float = 0.1, troubles: Any = ()) -> None:
        super().__init__(seconds=seconds)
        self.run = run or (lambda number: number)
        self.troubles = list(troubles)
        self.groups: list[list[int]] = []
        self.methods: list[set[str]] = []
        self.times: list[float] = []
        self.origins: list[str | None] = []
        self.ran: list[int] = []
        self.told: dict[str, float] = {}

    async def sign(self, request: Request, moved_to: str | None = None) -> Signed:
        self.origin = moved_to
        return await super().sign(request, moved_to)

    async def send(self, signed: Signed, on_write: Callable[[], None]) -> Response:
        request = signed.request
        commands = commands_of(request)
        self._note(commands)
        self.flying += 1
        self.most_flying = max(self.most_flying, self.flying)
        trouble = self.troubles.pop(0) if self.troubles else None
        try:
            if getattr(trouble, "outcome", None) is not Outcome.NOT_SENT:
                on_write()
            await asyncio.sleep(self.seconds * len(commands))
        finally:
            self.flying -= 1
        if trouble is not None:
            raise trouble
        return self._answer(request, commands)

    def _note(self, commands: dict[str, tuple[str, int]]) -> None:
        self.groups.append([number for _, number in commands.values()])
        self.methods.append({method for method, _ in commands.values()})
        self.times.append(asyncio.get_running_loop().time())
        self.origins.append(self.origin)

    def _answer(self, request: Request, commands: dict[str, tuple[str, int]]) -> Response:
        self.ran += [number for _, number in commands.values()]
        results = {name: self.run(number) for name, (_, number) in commands.items()}
        time = {"duration": self.seconds, **self.told}
        if request.method != "batch":
            ((result,), method) = results.values(), request.method
            if isinstance(result, dict):
                raise rest_error(method, result)
            if result is MISSING:
                raise UnexpectedAnswer("no answer of the portal's", method=method)
            return Response(result, raw_time=time)
        errors = {name: result for name, result in results.items() if isinstance(result, dict)}
        done = {name: result for name, result in results.items() if name not in errors and result is not MISSING}
        parts = {"result": done, "result_error": errors, "result_time": dict.fromkeys(done, time)}
        return Response(parts, raw_time={"duration": self.seconds * len(commands)})

    @property
    def sizes(self) -> list[int]:
        """How many left in each request."""
        return [len(group) for group in self.groups]

    @property
    def order(self) -> list[int]:
        """The numbers as they left."""
        return [number for group in self.groups for number in group]


def commands_of(request: Request) -> dict[str, tuple[str, int]]:
    """The method and the number of each command, or of the one call that travels alone."""
    if request.method != "batch":
        return {"": (request.method, int(request.params["number"]))}
    written = {name: command.partition("?") for name, command in request.params["cmd"].items()}
    return {name: (method, int(parse(query)["number"])) for name, (method, _, query) in written.items()}


def queue_to(portal: PackedPortal, limiter: MemoryRateLimiter | Plan = STANDARD, **options: Any) -> Dispatch:
    """A queue in which calls may travel together."""
    limiter = MemoryRateLimiter(limiter) if isinstance(limiter, Plan) else limiter
    return Dispatch(portal, **{"limiter": limiter, "coalesce": True, **options})  # type: ignore[arg-type]


def start(queue: Dispatch, *exchanges: Exchange) -> list[asyncio.Task[Response]]:
    return [asyncio.create_task(queue.send(item)) for item in exchanges]


async def results(tasks: list[asyncio.Task[Response]]) -> list[Any]:
    return [answer.result for answer in await asyncio.gather(*tasks)]
