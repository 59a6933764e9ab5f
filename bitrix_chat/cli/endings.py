"""How a command ends: an exit code a script can act on, and a sentence or two a person can."""

from typing import Final

from bitrix_chat import (
    AccessDenied,
    BitrixError,
    BotNotFound,
    BotNotOwned,
    BotTokenRequired,
    DeadlineExceeded,
    ExpiredToken,
    InsufficientScope,
    InvalidCredentials,
    InvalidParameter,
    JournalError,
    MethodNotFound,
    NotSubscribed,
    Outcome,
    OutcomeUnknown,
    PortalUnreachable,
    ReauthorizationRequired,
    RestError,
    UntrustedCertificate,
)
from bitrix_chat.cli.refusals import without_values
from bitrix_chat.events.errors import ConsumerBusy, EventStoreError

DONE: Final = 0
REFUSED: Final = 1
WRONG_USAGE: Final = 2
OUTCOME_UNKNOWN: Final = 3
NOT_REACHED: Final = 4
NOT_PRINTED: Final = 5
BUG: Final = 70
INTERRUPTED: Final = 130
PIPE_CLOSED: Final = 141

_OUTCOMES: Final = {
    Outcome.NOT_SENT: "Nothing was sent.",
    Outcome.REFUSED_TEMPORARY: "It did not run, and may work later.",
    Outcome.REFUSED: "The portal refused it, so it did not run.",
    Outcome.UNKNOWN: "It may have run: look for what it should have done before sending it again.",
    Outcome.DONE: "It ran, but its answer could not be read.",
}
_ADVICE: Final[tuple[tuple[type[BitrixError], str], ...]] = (
    (AccessDenied, "Check the rights of the webhook's or token's user, and the portal's plan."),
    (BotNotFound, "Check --bot-id."),
    (BotNotOwned, "Check --bot-id and --bot-token: the portal does not tell which of them is wrong."),
    (BotTokenRequired, "Pass --bot-token or set BITRIX24_BOT_TOKEN."),
    (DeadlineExceeded, "Give it a longer --timeout, or try again later."),
    (ExpiredToken, "Get a new access token, or use OAuth by the environment, which renews it."),
    (InsufficientScope, "Give the webhook or application the scope: im for chats, imbot for bots."),
    (InvalidCredentials, "Check the webhook URL or the token."),
    (MethodNotFound, "Check the method's name and its capitals."),
    (NotSubscribed, "Subscribe first: bitrix-chat im v2 event subscribe."),
    (ReauthorizationRequired, "Authorize the application again."),
    (UntrustedCertificate, "Check the address; SSL_CERT_FILE names a certificate authority of your own."),
    (PortalUnreachable, "Check the portal's address and the network."),
)


def exit_code(error: BitrixError) -> int:
    """Return the exit code of a failure; what may have run weighs more than who failed."""
    if isinstance(error, InvalidParameter | JournalError | ConsumerBusy | EventStoreError):
        return WRONG_USAGE
    if error.outcome is Outcome.UNKNOWN:
        return OUTCOME_UNKNOWN
    return REFUSED if isinstance(error, RestError) else NOT_REACHED


def sentence(error: BitrixError) -> str:
    """Return what happened, whether the request may have run, and what to do."""
    is_usage = isinstance(error, InvalidParameter)
    what = printable(without_values(error.description) if is_usage else str(error)).rstrip(".") + "."
    if isinstance(error, InvalidParameter | OutcomeUnknown):
        return what  # they say the rest themselves
    return " ".join(filter(None, (what, outcome_sentence(error.outcome), advice(error))))


def outcome_sentence(outcome: Outcome) -> str:
    """Return what an outcome means for whoever is about to repeat the command."""
    return _OUTCOMES[outcome]


def printable(text: str) -> str:
    """Return one line of text that does nothing to a terminal: parts of it come from the network."""
    return "".join(character for character in " ".join(text.split()) if character.isprintable())


def advice(error: BitrixError) -> str:
    """Return what to do about a failure, nothing where nobody knows."""
    if error.outcome is Outcome.UNKNOWN:
        return ""
    return next((advice for kind, advice in _ADVICE if isinstance(error, kind)), "")
