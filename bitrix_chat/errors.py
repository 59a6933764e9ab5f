"""What can go wrong, split first by what a caller acts on: did the portal answer?

    BitrixError
    ├── InvalidParameter            bad input; nothing was sent (also a ValueError)
    │   └── InvalidPortalUrl        not a webhook URL, portal or REST address
    │       └── InsecureUrl         http:// would show the secret to the network
    ├── WrongEventLoop              the client belongs to another loop, thread or process; nothing was sent
    ├── NoAnswerError               no answer that can be read
    │   ├── PortalUnreachable       no byte left: name or connection failed
    │   │   └── UntrustedCertificate    TLS did not prove that this is the portal
    │   ├── ConnectionLost          it broke after bytes had left
    │   ├── UnexpectedAnswer        bytes came back, but no Bitrix24 answer
    │   │   └── CursorStalled       a page led back to itself; iterating on would never end
    │   ├── DownloadFailed          the signed link did not give the whole file
    │   ├── DeadlineExceeded        `timeout=` ran out (also a TimeoutError)
    │   ├── OutcomeUnknown          a create that may or may not have run: look before repeating
    │   ├── ClientClosed            the client was closed before the call could leave
    │   ├── TokenRefreshFailed      the authorization server could not be asked; try again
    │   └── TokenStoreError         the token pair could not be read or saved
    └── RestError                   the portal answered with an error code
        ├── AuthError               who is calling
        │   ├── ExpiredToken
        │   ├── InvalidCredentials
        │   ├── PortalMismatch
        │   └── ReauthorizationRequired
        ├── PermissionDeniedError   who may do it
        │   ├── AccessDenied
        │   └── InsufficientScope
        ├── LimitError              how much
        │   ├── QueryLimitExceeded
        │   ├── OperationTimeLimit
        │   ├── PortalOverloaded
        │   └── BatchRefused
        ├── BotError                about the bot
        │   ├── BotNotFound
        │   ├── BotNotOwned
        │   ├── BotIdRequired
        │   ├── BotTokenRequired
        │   ├── BotNotRegistered
        │   └── CommandRefused
        ├── RequestError            about the request
        │   ├── MethodNotFound
        │   ├── WrongArgument
        │   ├── BatchHalted
        │   ├── ChatNotCreated
        │   ├── MessageRefused      its text, keyboard or attachment, or an event handler's veto
        │   ├── MessageInProgress   its template id is taken by a sending that has not ended
        │   ├── FileRefused
        │   ├── NothingChanged      it was already as asked
        │   ├── NotSubscribed
        │   └── NotFound
        └── PortalError             about the portal
            ├── ServerError         it failed inside; a write may have run
            ├── PortalDeleted
            └── UntrustedRedirect   it answers from an address that was not agreed; no token went there

Every error carries the `Outcome` of its request. A code that `error_codes` does not list is a plain `RestError`.
"""

import copy
from datetime import datetime
from typing import Any, ClassVar, Self

from bitrix_chat.outcomes import Outcome


class BitrixError(Exception):
    """Base of everything this package raises on purpose.

    Attributes:
        outcome: whether the request may have run.
        method: the REST method, None where no request was involved.
        code: the portal's error code, as text ("100" too), None without an answer.
        description: what happened, without parameters and secrets.
        status: the HTTP status, None without an answer.
        chat_id: the chat that is there all the same, None where none is known to be.
    """

    default_outcome: ClassVar[Outcome] = Outcome.REFUSED
    stays_behind: ClassVar[frozenset[str]] = frozenset()
    chat_id: int | None = None

    def __init__(
        self,
        description: str = "",
        *,
        method: str | None = None,
        code: str | None = None,
        status: int | None = None,
        outcome: Outcome | None = None,
    ) -> None:
        super().__init__(description)
        self.description = description
        self.method = method
        self.code = code
        self.status = status
        self.outcome = outcome or self.default_outcome

    def __copy__(self) -> Self:
        twin = type(self).__new__(type(self), *self.args)
        twin.args = self.args
        twin.__dict__.update(self.__dict__)
        return twin

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        twin = copy.copy(self)
        twin.__dict__.update(copy.deepcopy(self.__dict__, memo))
        return twin

    def __reduce__(self) -> tuple[Any, ...]:
        # Of what may hold secrets nothing travels; the class attribute, None, is what arrives.
        state = {name: value for name, value in self.__dict__.items() if name not in self.stays_behind}
        return type(self), self.args, state

    def __str__(self) -> str:
        return ": ".join(part for part in (self.method, self.code, self.description) if part)


class InvalidParameter(BitrixError, ValueError):
    """A value the portal would refuse or silently drop; nothing was sent."""

    default_outcome = Outcome.NOT_SENT


class InvalidPortalUrl(InvalidParameter):
    """The text is no webhook URL, portal address or REST address."""


class InsecureUrl(InvalidPortalUrl):
    """`http://` would show the secret to the network; a loopback host may have it where the client allows that."""


class WrongEventLoop(BitrixError, RuntimeError):
    """The client was used before in another event loop, thread or process; nothing was sent. Make one for each."""

    default_outcome = Outcome.NOT_SENT


class NoAnswerError(BitrixError):
    """The portal gave no answer that can be read."""

    default_outcome = Outcome.UNKNOWN


class PortalUnreachable(NoAnswerError):
    """No byte left: the name did not resolve, or the connection failed."""

    default_outcome = Outcome.NOT_SENT


class UntrustedCertificate(PortalUnreachable):
    """TLS did not prove that this is the portal; nothing was sent, and a repetition would not help."""


class ConnectionLost(NoAnswerError):
    """The connection broke, or the time for one attempt ran out, after bytes had left."""


class UnexpectedAnswer(NoAnswerError):
    """The answer is HTML, cut off, no Bitrix24 envelope, or its result lacks what the method promises.

    Attributes:
        result: the raw result that could not be read, where the method ran (`outcome` is `DONE`): what a create has
            made may still be found in it. None without one. Neither `str` nor `repr` shows it, and it stays behind
            where the error is pickled.
    """

    stays_behind = frozenset({"result"})
    result: Any = None


class CursorStalled(UnexpectedAnswer):
    """A page named a cursor that was already used: iterating on would read the same pages without end."""

    default_outcome = Outcome.DONE


class DownloadFailed(NoAnswerError):
    """The signed link did not give the whole file: it expired, led elsewhere, or broke off."""


class DeadlineExceeded(NoAnswerError, TimeoutError):
    """`timeout=` ran out, or would before the limits allow the request; `outcome` tells whether it had left by then.

    Attributes:
        retry_at: when the portal's limits are expected to allow it, in UTC, if they are why; None otherwise.
    """

    default_outcome = Outcome.NOT_SENT
    retry_at: datetime | None = None


class OutcomeUnknown(NoAnswerError):
    """A request that must not be repeated may have run; `__cause__` tells what was seen.

    Look for what it should have made before sending it again: a call with the same `key` does that by itself.

    Attributes:
        marker: what tells it from others: the key, a message's template id, or the entity as `TYPE|ID`; None without.
        sent_at: when the last byte may have left, by this machine's clock, in UTC.
        host: the portal it was sent to.
    """

    marker: str | None = None
    sent_at: datetime | None = None
    host: str | None = None

    def __str__(self) -> str:
        parts = (
            f"sent to {self.host}" if self.host else "",
            f"at {self.sent_at.isoformat(timespec='seconds')}" if self.sent_at else "",
            f"marked {self.marker!r}" if self.marker else "",
        )
        said = " ".join(filter(None, parts))
        return f"{super().__str__()} [{said}]" if said else super().__str__()


class ClientClosed(NoAnswerError):
    """The client was closed before the call could leave, or while a file was being read."""

    default_outcome = Outcome.NOT_SENT


class TokenRefreshFailed(NoAnswerError):
    """The authorization server gave no usable answer; the call did not run, the next one asks again."""

    default_outcome = Outcome.REFUSED_TEMPORARY


class TokenStoreError(NoAnswerError):
    """The token pair could not be read or saved; a pair just received is kept in memory.

    Attributes:
        auth: the `OAuthAuth` that keeps a pair whose code is already spent, None anywhere else. It stays behind where
            the error is pickled.
    """

    default_outcome = Outcome.REFUSED_TEMPORARY
    stays_behind = frozenset({"auth"})
    auth: Any = None


class RestError(BitrixError):
    """The portal answered with an error."""


class AuthError(RestError):
    """The portal does not accept who is calling."""


class ExpiredToken(AuthError):
    """The access token's hour is over; OAuth renews it, a bare token cannot."""

    default_outcome = Outcome.REFUSED_TEMPORARY


class InvalidCredentials(AuthError):
    """The webhook, its user or the token is unknown to the portal."""


class PortalMismatch(AuthError):
    """The authorization belongs to another portal than the one it was asked of; nothing of it was kept."""


class ReauthorizationRequired(AuthError):
    """The refresh token is spent, revoked or was refused: an administrator has to authorize again."""


class PermissionDeniedError(RestError):
    """The caller is known, and may not do this."""


class AccessDenied(PermissionDeniedError):
    """The user, the bot or the portal's plan does not allow it."""


class InsufficientScope(PermissionDeniedError):
    """The webhook or application lacks a scope: `imbot` for bots, `im` for chats."""


class LimitError(RestError):
    """One of the portal's limits was met."""


class QueryLimitExceeded(LimitError):
    """Too many requests a second from this address (503); nothing ran."""

    default_outcome = Outcome.REFUSED_TEMPORARY


class OperationTimeLimit(LimitError):
    """The method has worked its seconds of these ten minutes (429); nothing ran."""

    default_outcome = Outcome.REFUSED_TEMPORARY


class PortalOverloaded(LimitError):
    """Bitrix24 blocked the portal's REST by hand; only its support can lift that."""


class BatchRefused(LimitError):
    """More than 50 commands, or a method that a batch may not hold."""


class BotError(RestError):
    """About the bot that should act."""


class BotNotFound(BotError):
    """The portal has no bot with this id or code."""


class BotNotOwned(BotError):
    """The bot belongs to another application, or the bot token is wrong: the portal does not tell which."""


class BotIdRequired(BotError):
    """The bot id is missing or no number."""


class BotTokenRequired(BotError):
    """With a webhook a bot acts only with its token: `b24.bot(id, token=...)`."""


class BotNotRegistered(BotError):
    """The portal refused the registration."""


class CommandRefused(BotError):
    """The portal does not take this command of a bot, or could not send its answer."""


class RequestError(RestError):
    """About the request itself."""


class MethodNotFound(RequestError):
    """No such method; the `imbot.v2` names need their exact capitals."""


class WrongArgument(RequestError):
    """A parameter is missing, of the wrong type or of a wrong value."""


class BatchHalted(RequestError):
    """The command did not run: an earlier one failed and the batch was told to stop there."""


class ChatNotCreated(RequestError):
    """The portal could not create the chat and gives no reason."""


class MessageRefused(RequestError):
    """The message was not posted: it is empty, its keyboard, menu or attachment is wrong or too large, or vetoed."""


class MessageInProgress(RequestError):
    """A message of this template id is being sent and has not ended; the portal forgets it after an hour."""

    default_outcome = Outcome.REFUSED_TEMPORARY


class FileRefused(RequestError):
    """The file was not taken; with `FILE_SEND_FAILED` it is stored, and only its message was not posted."""


class NothingChanged(RequestError):
    """It was already as asked: the reaction is set, or is not there."""


class NotSubscribed(RequestError):
    """The user has no subscription to messenger events: `b24.im.v2.event.subscribe()`."""


class NotFound(RequestError):
    """The chat, message, user, file or command is not there."""


class PortalError(RestError):
    """About the portal as a whole."""


class ServerError(PortalError):
    """The portal failed inside; whether a write ran cannot be told."""

    default_outcome = Outcome.UNKNOWN


class PortalDeleted(PortalError):
    """The portal was deleted or its public part is closed."""


class UntrustedRedirect(PortalError):
    """The portal answers from another address, which was not agreed; nothing ran, and no token went there.

    Attributes:
        location: the host it names, None where that is none.
    """

    location: str | None = None
