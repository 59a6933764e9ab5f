"""The waiting line as a data structure."""

import asyncio

from hypothesis import given
from hypothesis import strategies as st

from bitrix_chat.testing import on_virtual_clock
from bitrix_chat.transport.waiting import Ticket, WaitingLine
from tests.transport.fakes import exchange

METHODS = st.sampled_from(["im.chat.add", "im.chat.get", "profile"])


def anyone(_: Ticket) -> bool:
    return True


@given(st.data())
def test_tickets_leave_in_the_order_of_their_calls_whatever_is_taken_put_back_or_discarded(data):
    on_virtual_clock(_use)(data)


async def _use(data: st.DataObject) -> None:
    line, waiting, taken = WaitingLine(), [], []
    for number in range(data.draw(st.integers(1, 30))):
        action = data.draw(st.sampled_from(["push", "push", "take", "put back", "discard"]))
        if action == "push":
            ticket = Ticket(exchange(number, data.draw(METHODS)), asyncio.get_running_loop().create_future())
            line.push(ticket)
            waiting.append(ticket)
        elif action == "take" and (first := line.first(anyone)):
            line.take(first)
            assert first is waiting.pop(0)
            taken.append(first)
        elif action == "put back" and taken:
            line.put_back(taken)
            waiting = sorted([*waiting, *taken], key=lambda ticket: ticket.number)
            taken = []
        elif action == "discard" and waiting:
            gone = waiting.pop(data.draw(st.integers(0, len(waiting) - 1)))
            line.discard(gone)
            line.discard(gone)
        assert len(line) == len(waiting)
        assert list(line) == waiting


@given(st.lists(METHODS, min_size=1, max_size=20), METHODS)
def test_who_may_not_leave_lets_the_others_pass_in_order(methods, blocked):
    on_virtual_clock(_pass)(methods, blocked)


async def _pass(methods: list[str], blocked: str) -> None:
    line = WaitingLine()
    for number, method in enumerate(methods):
        line.push(Ticket(exchange(number, method), asyncio.get_running_loop().create_future()))

    left = []
    while ticket := line.first(lambda head: head.method != blocked):
        line.take(ticket)
        left.append(ticket.exchange.request.params["number"])

    assert left == [number for number, method in enumerate(methods) if method != blocked]
    assert len(line) == methods.count(blocked)
