"""A request and its answer as values: comparable, printable without secrets, and free of I/O."""

import enum
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from typing import Any, Literal, Protocol, runtime_checkable

from attrs import define, field, frozen

from bitrix_chat.errors import BitrixError
from bitrix_chat.models.time import Time
from bitrix_chat.outcomes import Outcome


class Safety(enum.Enum):
    """What repeating a request does when nobody knows whether it ran."""

    SAFE = "reads only"
    IDEMPOTENT = "a repetition changes nothing more"
    KEYED = "the portal or a lookup recognises a repetition"
    CREATE = "a repetition makes a second one"


def _names(params: Mapping[str, Any]) -> str:
    return "{" + ", ".join(map(str, params)) + "}"


@frozen(slots=True)
class Key:
    """By what one creation is told from another: the portal keeps it, and a lookup finds what was made under it.

    Attributes:
        value: the caller's key.
        lookup: finds the id of what bears the key.
        fetch: turns an id into the result of the creation, given its `dialogId`; None where the id is the result.
        is_new: the caller knows that nothing bears it yet.
    """

    value: str
    lookup: "Request"
    fetch: "Request | None" = None
    is_new: bool = False


@frozen(slots=True)
class Request:
    """One REST call in wire form.

    Attributes:
        method: the REST method in its exact capitals (`imbot.v2.Chat.add`).
        params: its parameters under the portal's names, JSON values only; a repr shows names alone.
        safety: what a repetition would do.
        key: by what a creation is recognised, None for all else.
    """

    method: str
    params: Mapping[str, Any] = field(factory=dict, repr=_names)
    safety: Safety = Safety.CREATE
    key: Key | None = None

    @property
    def repeatable(self) -> bool:
        """Whether it may be sent again at once when nobody knows whether it ran; what has a key is looked up first."""
        return self.key is None and self.safety is not Safety.CREATE


@frozen(slots=True)
class Response:
    """The portal's answer to one request.

    Attributes:
        result: the raw `result`, unknown keys included.
        next: the offset of the next page, where the method pages.
        total: how many rows there are; -1 where the portal does not know.
        raw_time: the raw `time` object.
    """

    result: Any = field(repr=False)
    next: int | None = None
    total: int | None = None
    raw_time: Mapping[str, Any] = field(factory=dict, repr=False)

    @property
    def time(self) -> Time:
        """The `time` object, typed."""
        return Time.of(self.raw_time)


class HasOutcome(Protocol):
    """Whatever knows an outcome."""

    @property
    def outcome(self) -> Outcome:
        """Whether it ran."""
        ...


@define(slots=True, eq=False)
class Exchange:
    """One request's way through the transport: the layers write down here what became of it.

    Attributes:
        request: what to send.
        timeout: seconds for all of it, waiting included; None for no bound, `default` for the client's.
        deadline: the loop time at which the timeout ends, set as the exchange begins.
        outcome: what is known so far; it goes on after the caller was cancelled.
        response: the answer, once it is here.
        error: what it failed with.
        place: where it stands in the queue, kept from one attempt to the next; 0 before the first.
        doubtful: whether an earlier attempt may have run, and would have changed something.
        renewed: whether credentials were already renewed for it.
        host: the portal it was sent to, None before.
        sent_at: when the last byte of its last attempt may have left, by this machine's clock; None before.
        left_at: the same by the loop's clock.
        moved_to: the host that the portal's redirect named and the client accepted, None without one.
        carrier: the batch it travels in, which knows its outcome until the answer is taken apart.
        alone: whether it is never to be packed with others.
        announce: awaited with all exchanges of a group that have the same one, before its first byte; if it raises,
            they are not sent.
    """

    request: Request
    timeout: float | Literal["default"] | None = "default"
    deadline: float | None = None
    outcome: Outcome = Outcome.NOT_SENT
    response: Response | None = None
    error: BitrixError | None = None
    place: int = 0
    doubtful: bool = False
    renewed: bool = False
    host: str | None = None
    sent_at: datetime | None = None
    left_at: float | None = None
    moved_to: str | None = None
    carrier: "HasOutcome | None" = None
    alone: bool = False
    announce: "Announce | None" = None

    @property
    def known(self) -> Outcome:
        """What is known over all attempts: as long as it is not done, an earlier one that may have run counts."""
        return Outcome.UNKNOWN if self.doubtful and self.outcome is not Outcome.DONE else self.outcome

    def succeed(self, response: Response) -> None:
        """Write down the answer."""
        self.outcome = Outcome.DONE
        self.response = response

    def fail(self, error: BitrixError) -> None:
        """Write down what it failed with."""
        self.outcome = error.outcome
        self.error = error


Announce = Callable[[Sequence[Exchange]], Awaitable[None]]
"""Told what is about to leave, in time to write it down."""


class Transport(Protocol):
    """A layer that takes an exchange to its answer."""

    async def send(self, exchange: Exchange) -> Response:
        """Return the answer, or raise a `BitrixError` with the outcome."""
        ...


@runtime_checkable
class Downloads(Protocol):
    """A transport that also fetches files through their signed links."""

    def download(self, link: str, *, timeout: float | None = None) -> AbstractAsyncContextManager[AsyncIterator[bytes]]:
        """Open the file behind a signed link; its bytes come in pieces, as the portal sends them.

        With `timeout` the last of them is here after so many seconds, or `DeadlineExceeded` is raised.
        """
        ...
