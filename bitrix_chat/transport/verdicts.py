"""What a lookup proves and what it leaves open, in words for whoever has called with a key."""

from typing import Final

from bitrix_chat.errors import BitrixError, ClientClosed, DeadlineExceeded, InvalidParameter, OutcomeUnknown
from bitrix_chat.outcomes import Outcome
from bitrix_chat.rest.evidence import LOOK_FIRST, attested, twin
from bitrix_chat.rest.request import Exchange, Request

NOT_SEEN: Final = (
    "a lookup finds nothing, which proves nothing here: it was never seen that this portal keeps the entity of"
    " imbot.v2.Chat.add"
)


def lacking(error: BitrixError) -> str:
    """Say that a lookup failed, and what it would have needed."""
    return f"the lookup by im.chat.get, which needs the scope im, failed ({error})"


def not_looked_up(request: Request, error: BitrixError) -> BitrixError:
    """Say that nothing was sent, since it could not be looked up first."""
    said = f"nothing was sent, since {lacking(error)}; a key that is surely new needs no lookup (`key_is_new`)"
    if isinstance(error, ClientClosed | DeadlineExceeded):
        said = error.description
    return _rewritten(error, said, request.method, Outcome.NOT_SENT)


def unresolved(request: Request, attempt: Exchange, why: str, seen: BitrixError | None) -> BitrixError:
    """Say that it cannot be told whether an attempt has run."""
    unknown = OutcomeUnknown(f"it may have run, and {why}; {LOOK_FIRST}", method=request.method)
    unknown.__cause__ = seen
    return attested(unknown, attempt)


def did_not_run(request: Request, seen: BitrixError | None) -> BitrixError:
    """Say that an attempt did not run, whatever was seen of it."""
    cause = seen.__cause__ if isinstance(seen, OutcomeUnknown) and isinstance(seen.__cause__, BitrixError) else seen
    error = BitrixError("no answer came") if cause is None else cause
    said = f"{error.description}; a lookup shows that it did not run"
    return _rewritten(error, said, request.method, Outcome.REFUSED_TEMPORARY)


def not_fetched(chat_id: int, error: BitrixError) -> BitrixError:
    """Say that the chat is there, and why it cannot be returned."""
    said = f"chat{chat_id} bears the key, and could not be fetched: {error.description}"
    failed = _rewritten(error, said, error.method, Outcome.DONE)
    failed.chat_id = chat_id
    return failed


def unsupported(request: Request) -> InvalidParameter:
    """Refuse a key where it would not be kept."""
    return InvalidParameter(
        "`key` is of no use here: this portal keeps no entity of chats that imbot.v2.Chat.add creates; create the chat"
        " by b24.im.chat.add, or without a key",
        method=request.method,
    )


def _rewritten(error: BitrixError, said: str, method: str | None, outcome: Outcome) -> BitrixError:
    other = twin(error)
    other.description, other.args, other.method, other.outcome = said, (said,), method, outcome
    return other
