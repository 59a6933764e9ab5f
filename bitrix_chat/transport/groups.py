"""What leaves in one request: one call as it is, or several as the commands of a batch, and the answer taken apart."""

from collections.abc import Iterator, Sequence
from typing import Final

from bitrix_chat.errors import BatchRefused, BitrixError, MethodNotFound
from bitrix_chat.outcomes import Outcome
from bitrix_chat.rest.batch import answers
from bitrix_chat.rest.evidence import twin
from bitrix_chat.rest.request import Announce, Exchange, Request, Response, Safety
from bitrix_chat.transport.waiting import Ticket

Group = Sequence[Ticket]

_NAMES: Final = tuple(f"c{index}" for index in range(50))


def request_of(group: Group) -> Request:
    """Return the request that a group leaves in."""
    if len(group) == 1:
        return group[0].exchange.request
    # A batch is never repeated as such: each of its calls is, by its own class.
    return Request("batch", {"halt": 0, "cmd": _commands(group)}, Safety.CREATE)


def _commands(group: Group) -> dict[str, str | None]:
    return {name: ticket.command for name, ticket in zip(_NAMES, group, strict=False)}


def landed(group: Group, response: Response) -> Iterator[tuple[Ticket, Response | BitrixError]]:
    """Yield what became of each call.

    Raises:
        UnexpectedAnswer: the answer cannot be taken apart.
    """
    if len(group) == 1:
        yield group[0], response
        return
    requests = {name: ticket.exchange.request for name, ticket in zip(_NAMES, group, strict=False)}
    yield from zip(group, answers(requests, response), strict=True)


def refuses_batches(group: Group, error: BitrixError) -> bool:
    """Return whether a portal does not take the batch, which its callers know nothing of."""
    return len(group) > 1 and isinstance(error, MethodNotFound | BatchRefused) and error.outcome is Outcome.REFUSED


def unwelcome(answers: Sequence[tuple[Ticket, Response | BitrixError]]) -> list[Ticket]:
    """Return the calls that the portal did not take as commands, which their callers know nothing of."""
    if len(answers) == 1:
        return []
    return [ticket for ticket, answer in answers if isinstance(answer, BatchRefused)]


def own(error: Exception, ticket: Ticket) -> Exception:
    """Return an error of a whole group as that of one of its calls."""
    if not isinstance(error, BitrixError):
        return error
    copied = twin(error)
    copied.method = ticket.method
    return copied


def announcements(group: Group) -> list[tuple[Announce, list[Exchange]]]:
    """Return who wants to be told that calls leave, each with its calls."""
    told: dict[Announce, list[Exchange]] = {}
    for ticket in group:
        if ticket.exchange.announce is not None:
            told.setdefault(ticket.exchange.announce, []).append(ticket.exchange)
    return list(told.items())
