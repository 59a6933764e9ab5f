"""What has left: each group flies in a task of ours, and what becomes of it is written down whoever still awaits it.

A group is what leaves in one HTTP request: one call, or several as the commands of a batch. It is signed as it leaves,
announced before its first byte, and judged by what was written and answered. What proves that nothing ran
(`QUERY_LIMIT_EXCEEDED`, `expired_token`) brings the whole group back to the ground; credentials that nobody can have
fail all who wait, at once; everything else is the outcome of its own call, as if it had left alone.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Final, Protocol

from attrs import define

from bitrix_chat.errors import (
    BatchRefused,
    BitrixError,
    ClientClosed,
    ConnectionLost,
    ExpiredToken,
    InvalidParameter,
    OperationTimeLimit,
    PortalOverloaded,
    QueryLimitExceeded,
    UnexpectedAnswer,
    UntrustedRedirect,
)
from bitrix_chat.outcomes import Outcome
from bitrix_chat.rest.evidence import doubted, twin
from bitrix_chat.rest.redaction import host_of
from bitrix_chat.rest.request import Request, Response
from bitrix_chat.rest.tracebacks import forget_frames
from bitrix_chat.transport.allowance import Allowance
from bitrix_chat.transport.announcing import Announcing, Objection, uptime
from bitrix_chat.transport.grouping import Grouping
from bitrix_chat.transport.groups import landed, own, refuses_batches, request_of, unwelcome
from bitrix_chat.transport.moving import Moved
from bitrix_chat.transport.signing import Signed, Signing
from bitrix_chat.transport.waiting import Ticket

logger: Final = logging.getLogger("bitrix_chat")

ORPHAN_GRACE: Final = 1.0
"""Seconds that closing gives to requests whose callers were cancelled."""

OnOrphan = Callable[[Request, Response | BitrixError], None]
"""Told what became of a request whose caller was cancelled after it had left."""


class Ground(Protocol):
    """Where groups leave from and may return to."""

    def put_back(self, group: list[Ticket]) -> None:
        """Take back a group that did not run, for a new slot."""
        ...

    def fail_waiting(self, error: Exception) -> None:
        """Tell all who wait what will meet each of them."""
        ...

    def schedule(self) -> None:
        """Look at the line again, since something has landed."""
        ...

    def pack_no_more(self) -> None:
        """Let every call leave on its own from now on: the portal takes no batch."""
        ...


@define(eq=False)
class _Flight:
    group: list[Ticket]
    ends_at: float | None


class Flights:
    """Sends groups and settles their tickets."""

    def __init__(
        self,
        signing: Signing,
        ground: Ground,
        grouping: Grouping,
        announcing: Announcing,
        on_orphan: OnOrphan | None,
    ) -> None:
        self._signing = signing
        self._ground = ground
        self._grouping = grouping
        self._announcing = announcing
        self._on_orphan = on_orphan
        self._flying: dict[asyncio.Task[None], _Flight] = {}
        self._renewals = 0
        self._closing = False

    def __len__(self) -> int:
        return len(self._flying)

    @property
    def renewing(self) -> bool:
        """Whether credentials are being renewed, so that nothing should leave."""
        return self._renewals > 0

    def launch(self, group: list[Ticket], allowance: Allowance, ends_at: float | None = None) -> None:
        """Send a group that was granted a slot; `ends_at` is when the portal may be done with it, if anybody knows."""
        for ticket in group:
            ticket.launched, ticket.left = True, False
        task = asyncio.get_running_loop().create_task(self._fly(group, allowance))
        self._flying[task] = _Flight(group, ends_at)

    def busy(self, now: float) -> list[float]:
        """Return the seconds that each group still needs of which that is known."""
        ends = (flight.ends_at for flight in self._flying.values())
        return [max(0.0, end - now) for end in ends if end is not None]

    async def close(self, grace: float) -> None:
        """Give what flies `grace` seconds to land, and end the rest as unknown.

        What nobody awaits any more is given a second at most, unless `on_orphan` wants to know.
        """
        self._closing = True
        try:
            if self._flying:
                await asyncio.wait(self._flying, timeout=grace if self._is_awaited() else min(grace, ORPHAN_GRACE))
        finally:
            rest = list(self._flying)
            for task in rest:
                task.cancel()
            await asyncio.gather(*rest, return_exceptions=True)

    def _is_awaited(self) -> bool:
        tickets = (ticket for flight in self._flying.values() for ticket in flight.group)
        return self._on_orphan is not None or any(not ticket.future.done() for ticket in tickets)

    async def _fly(self, group: list[Ticket], allowance: Allowance) -> None:
        try:
            await self._take_there(group, allowance)
        except asyncio.CancelledError:
            self._end_early(group)
            raise
        except Exception as error:  # noqa: BLE001  # a limiter, strategy or hook of the user's may raise anything
            self._settle_rest(group, _explained(group, error))
        finally:
            self._come_down(group, allowance)

    def _come_down(self, group: list[Ticket], allowance: Allowance) -> None:
        task = asyncio.current_task()
        if task is not None:
            self._flying.pop(task, None)
        self._grouping.came_down(group)
        self._ground.schedule()
        allowance.land(group)
        if not _has_left(group):
            try:
                allowance.limiter.release()
            except Exception:
                logger.exception("the limiter failed to take a slot back")

    async def _take_there(self, group: list[Ticket], allowance: Allowance) -> None:
        aboard, signed, latest = await self._ready(group)
        if signed is None:
            return
        sent_at = asyncio.get_running_loop().time()
        leaving = _Leaving(aboard, host_of(signed.endpoint), latest)
        try:
            response = await self._signing.send(signed, leaving)
        except QueryLimitExceeded as error:
            self._return(aboard, error)
            allowance.limiter.refuse(sent_at)
        except Moved as error:
            self._follow(aboard, error)
        except ExpiredToken as error:
            await self._renew(aboard, signed, error)
        except OperationTimeLimit as error:
            allowance.budget.refuse(signed.request.method, asyncio.get_running_loop().time())
            self._settle_rest(aboard, error)
        except PortalOverloaded as error:
            self._fail_everyone(aboard, error)
        except BitrixError as error:
            if leaving.is_late:
                self._put_back(aboard)
            else:
                self._end(aboard, error)
        else:
            self._land(aboard, signed, response, asyncio.get_running_loop().time() - sent_at)
            allowance.learn(signed.request, response)

    async def _ready(self, group: list[Ticket]) -> tuple[list[Ticket], Signed | None, float]:
        """Sign and announce a group, and return who is still aboard, and until when they may leave.

        There is no signature if it stays on the ground.
        """
        signed = await self._sign(group)
        if signed is None or _is_recalled(group):
            return group, None, 0.0
        try:
            latest = await self._announcing.announce(group)
        except Objection as objection:
            self._hold(group, objection)
            return group, None, 0.0
        aboard = [ticket for ticket in group if not ticket.recalled]
        if aboard and len(aboard) < len(group):
            signed = await self._sign(aboard)
        return aboard, signed if aboard else None, latest

    def _hold(self, group: list[Ticket], objection: Objection) -> None:
        """End what was objected to, and bring the others back to be formed anew."""
        for held, error in objection.held:
            self._settle_rest(held, error)
        self._put_back([ticket for ticket in group if not ticket.settled])

    async def _sign(self, group: list[Ticket]) -> Signed | None:
        try:
            return await self._signing.sign(request_of(group), group[0].exchange.moved_to)
        except InvalidParameter as error:
            self._settle_rest(group, error)
        except BitrixError as error:
            self._fail_everyone(group, error)
        return None

    def _end(self, group: list[Ticket], error: BitrixError) -> None:
        """Settle what an error ended, unless it is about the journey alone."""
        if refuses_batches(group, error):
            self._ground.pack_no_more()
            self._return(group, error)
        elif len(group) > 1 and not _has_left(group) and any(ticket.recalled for ticket in group):
            self._put_back([ticket for ticket in group if not ticket.recalled])
        else:
            if error.outcome is Outcome.UNKNOWN:
                self._grouping.got_lost(group)
            self._settle_rest(group, error)

    async def _renew(self, group: list[Ticket], signed: Signed, expired: ExpiredToken) -> None:
        """Replace the token and bring the group back; nothing leaves while that runs."""
        for ticket in group:
            ticket.exchange.outcome = Outcome.REFUSED_TEMPORARY
        for ticket in group:
            if ticket.exchange.renewed:
                refusal = twin(expired)
                refusal.outcome = Outcome.REFUSED
                self._settle_rest([ticket], refusal)
        group = [ticket for ticket in group if not ticket.settled]
        if not group:
            return
        self._renewals += 1
        try:
            await self._signing.renew(signed)
        except BitrixError as error:
            self._fail_everyone(group, error)
            return
        finally:
            self._renewals -= 1
        for ticket in group:
            ticket.exchange.renewed = True
        self._return(group, expired)

    def _follow(self, group: list[Ticket], moved: Moved) -> None:
        """Bring the group back, to be sent to where the portal has moved; once."""
        if any(ticket.exchange.moved_to is not None for ticket in group):
            error = UntrustedRedirect("the portal redirects once more from where it redirected to")
            self._settle_rest(group, error)
            return
        for ticket in group:
            ticket.exchange.moved_to = moved.origin
        self._return(group, moved)

    def _return(self, group: list[Ticket], refusal: BitrixError) -> None:
        for ticket in group:
            ticket.exchange.outcome = Outcome.REFUSED_TEMPORARY
            if ticket.future.done():
                self._tell_of_orphan(ticket, refusal)
        self._put_back(group)

    def _put_back(self, group: Sequence[Ticket]) -> None:
        self._ground.put_back([ticket for ticket in group if not ticket.future.done()])

    def _land(self, group: list[Ticket], signed: Signed, response: Response, elapsed: float) -> None:
        try:
            answers = list(landed(group, response))
        except UnexpectedAnswer as error:
            self._end(group, error)
            return
        left_out = unwelcome(answers)
        if left_out:
            self._grouping.got_lost(group)
            self._let_leave_alone(left_out)
        else:
            self._grouping.came_back(group)
        self._grouping.learn(answers, elapsed)
        for ticket, answer in answers:
            if ticket not in left_out:
                self.settle(ticket, answer)
        if group[0].exchange.moved_to is not None:
            self._signing.arrived(signed)

    def _let_leave_alone(self, group: list[Ticket]) -> None:
        for ticket in group:
            ticket.part()
        self._return(group, BatchRefused("the portal did not take it as a command of a batch"))

    def _fail_everyone(self, group: list[Ticket], error: BitrixError) -> None:
        self._settle_rest(group, error)
        self._ground.fail_waiting(error)

    def _end_early(self, group: list[Ticket]) -> None:
        for ticket in group:
            if not self._closing:
                self.settle(ticket, RuntimeError("a strategy or hook of the client cancelled itself"))
            elif ticket.exchange.outcome is Outcome.UNKNOWN:
                self.settle(ticket, ConnectionLost("the client was closed before the answer", method=ticket.method))
            else:
                self.settle(ticket, ClientClosed("the client was closed", method=ticket.method))

    def _settle_rest(self, group: Sequence[Ticket], error: Exception) -> None:
        for ticket in group:
            if not ticket.queued and not ticket.settled:
                self.settle(ticket, error if len(group) == 1 else own(error, ticket))

    def settle(self, ticket: Ticket, result: Response | Exception) -> None:
        """Write down what became of an exchange, and tell whoever awaits it."""
        if not ticket.settle(result):
            self._tell_of_orphan(ticket, result)

    def abandon(self, ticket: Ticket) -> None:
        """Let a caller go: its request stays on the ground if it still can, else its outcome is told as an orphan's."""
        ticket.recalled = not ticket.left
        if not ticket.future.done():
            ticket.future.cancel()
            if ticket.recalled and ticket.exchange.doubtful and ticket.exchange.error is not None:
                self._report(ticket, ticket.exchange.error)
        elif not ticket.future.cancelled():
            error = ticket.future.exception()
            self._tell_of_orphan(ticket, error if isinstance(error, Exception) else ticket.future.result())

    def _tell_of_orphan(self, ticket: Ticket, result: Response | Exception) -> None:
        if ticket.launched and (ticket.left or not ticket.recalled):
            self._report(ticket, result)

    def _report(self, ticket: Ticket, result: Response | Exception) -> None:
        request = ticket.exchange.request
        if isinstance(result, Exception):
            forget_frames(result)
        if ticket.exchange.doubtful and isinstance(result, BitrixError) and result.outcome is not Outcome.UNKNOWN:
            result = doubted(result, ticket.exchange)
        logger.info("%s: it ended after its caller was cancelled", request.method)
        if self._on_orphan is None or not isinstance(result, Response | BitrixError):
            return
        try:
            self._on_orphan(request, result)
        except Exception:
            logger.exception("%s: `on_orphan` failed", request.method)


def _is_recalled(group: list[Ticket]) -> bool:
    return all(ticket.recalled for ticket in group)


def _has_left(group: list[Ticket]) -> bool:
    return any(ticket.left for ticket in group)


@define(eq=False)
class _Leaving:
    """Marks a group as left, or keeps it here at the last moment: whoever was told that nothing left has to be right.

    Attributes:
        is_late: whether it was kept since it was announced too long ago.
    """

    group: list[Ticket]
    host: str
    latest: float
    is_late: bool = False

    def __call__(self) -> None:
        if any(ticket.recalled for ticket in self.group):
            raise asyncio.InvalidStateError("the request was recalled")
        if self.latest < uptime() and not _has_left(self.group):
            self.is_late = True
            raise asyncio.InvalidStateError("the request was announced too long ago")
        now, at = asyncio.get_running_loop().time(), datetime.now(UTC)
        for ticket in self.group:
            ticket.left = True
            exchange = ticket.exchange
            exchange.outcome, exchange.host, exchange.left_at, exchange.sent_at = Outcome.UNKNOWN, self.host, now, at


def _explained(group: list[Ticket], error: Exception) -> Exception:
    if not _has_left(group):
        return error
    # Whatever it was, bytes had left; and its text may hold the address.
    return ConnectionLost(f"the exchange was broken by {type(error).__name__} after the request had left")
