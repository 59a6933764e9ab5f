"""Rows 39, 40 and 43: a batch is fifty outcomes, whatever the one answer looks like."""

from collections import Counter
from typing import Any

import pytest

from bitrix_chat import (
    BatchHalted,
    BatchRefused,
    BitrixChat,
    CommandResult,
    InvalidParameter,
    Outcome,
    OutcomeUnknown,
    UnexpectedAnswer,
)
from bitrix_chat.portal import Fault, Portal
from bitrix_chat.portal import Plan as PortalPlan
from bitrix_chat.rest.call import Call
from bitrix_chat.testing import on_virtual_clock
from tests.faults.matrix import Seen, row

TOO_LONG = {"TITLE": "Shelf", "ENTITY_TYPE": "X" * 51, "ENTITY_ID": "1"}
"""What the portal refuses, and the client's own method would not send."""


def emulated() -> Portal:
    return Portal(plan=PortalPlan.UNLIMITED)


def creations(b24: BitrixChat, count: int) -> list[Call[Any]]:
    return [b24.im.chat.add(title=f"Shelf {number}") for number in range(count)]


def with_a_refused_one(b24: BitrixChat, at: int) -> list[Call[Any]]:
    """Fifty creations, one of which the portal refuses."""
    calls = creations(b24, 49)
    calls.insert(at, b24.call("im.chat.add", TOO_LONG))
    return calls


def outcomes(results: Any) -> str:
    """Say how often which outcome came up, in the order of the first of each."""
    counted = Counter(result.outcome.name for result in results)
    return ", ".join(f"{count} {name}" for name, count in counted.items())


@row(39, fault="1 of 50 is refused", expected="49 DONE, 1 REFUSED", executions=49)
@pytest.mark.parametrize("at", [17, 49])
@on_virtual_clock
async def test_one_that_is_refused_costs_none_of_the_others_its_result(seen: Seen, at: int):
    async with emulated() as portal, portal.client() as b24:
        calls = with_a_refused_one(b24, at)
        results = await b24.batch(calls)

        (failed,) = results.failed
        assert failed is results[at]
        assert failed.error is not None
        assert (failed.error.code, failed.error.method) == ("WRONG_REQUEST", "im.chat.add")
        titles = {chat.id: chat.title for chat in portal.chats.values()}
        done = [results[number] for number in range(50) if number != at]
        assert [titles[result.value] for result in done] == [f"Shelf {number}" for number in range(49)]
        assert [call.outcome for call in calls] == [result.outcome for result in results]
        seen(outcomes([*done, failed]), executions=len(portal.chats))


@row(39, fault="1 of 50 is refused, halt", expected="17 DONE, 33 REFUSED", executions=17)
@on_virtual_clock
async def test_what_stands_behind_a_refused_one_of_a_halting_batch_says_that_it_did_not_run(seen: Seen):
    async with emulated() as portal, portal.client() as b24:
        results = await b24.batch(with_a_refused_one(b24, 17), halt=True)

        assert [result.value for result in results][:17] == list(portal.chats)
        assert {type(result.error) for result in list(results)[18:]} == {BatchHalted}
        seen(outcomes(results), executions=len(portal.chats))


async def answered(portal: Portal, answer: Any) -> tuple[CommandResult[int], CommandResult[int]]:
    """Create two chats by a batch whose answer is replaced by another one."""
    portal.faults.add(Fault(method="batch", body={"result": answer}, execute=True))
    async with portal.client() as b24:
        calls = creations(b24, 2)
        first, second = await b24.batch(calls)
        assert [call.outcome for call in calls] == [first.outcome, second.outcome]
    assert len(portal.chats) == 2
    return first, second


@row(40, fault="batch: PHP's empty arrays", expected="2 DONE")
@pytest.mark.parametrize("empty", [[], {}, None], ids=["list", "object", "null"])
@on_virtual_clock
async def test_an_empty_list_an_empty_object_and_null_all_say_that_nothing_failed(seen: Seen, empty: Any):
    async with emulated() as portal:
        others = {f"result_{part}": empty for part in ("error", "time", "total", "next")}
        results = await answered(portal, {"result": {"c0": 5, "c1": 7}, **others})
        assert [result.unwrap() for result in results] == [5, 7]
        seen(outcomes(results))


@row(40, fault="batch: all refused, `result` is []", expected="2 REFUSED")
@pytest.mark.parametrize("empty", [[], {}], ids=["list", "object"])
@on_virtual_clock
async def test_an_empty_result_beside_errors_is_two_refusals(seen: Seen, empty: Any):
    async with emulated() as portal:
        refusal = {"error": "ACCESS_DENIED", "error_description": "No"}
        results = await answered(portal, {"result": empty, "result_error": {"c0": refusal, "c1": refusal}})
        assert [result.error and result.error.code for result in results] == ["ACCESS_DENIED"] * 2
        seen(outcomes(results))


@row(40, fault="batch: key missing", expected="1 DONE, 1 UNKNOWN")
@pytest.mark.parametrize("errors", [[], {}, {"c1": None}, {"c1": "ACCESS_DENIED"}, ["c1"]], ids=repr)
@on_virtual_clock
async def test_a_command_that_the_answer_does_not_tell_of_has_neither_failed_nor_been_done(seen: Seen, errors: Any):
    async with emulated() as portal:
        first, second = await answered(portal, {"result": {"c0": 5}, "result_error": errors})
        assert first.unwrap() == 5
        with pytest.raises(OutcomeUnknown) as raised:
            second.unwrap()
        assert raised.value.method == "im.chat.add"
        assert raised.value.host == portal.url.removeprefix("http://")
        assert raised.value.sent_at is not None
        seen(outcomes([first, second]))


@row(40, fault="batch: extra key", expected="2 DONE")
@on_virtual_clock
async def test_what_nobody_asked_for_is_passed_over(seen: Seen):
    async with emulated() as portal:
        extra = {"c2": 9, "": 11, "0": 13}
        results = await answered(
            portal, {"result": {"c0": 5, "c1": 7, **extra}, "result_error": {"c9": {"error": "X"}}}
        )
        assert [result.unwrap() for result in results] == [5, 7]
        seen(outcomes(results))


@row(40, fault="batch: no batch answer", expected="UNKNOWN")
@pytest.mark.parametrize("answer", [[], None, 5, "text", [1, 2]], ids=repr)
@on_virtual_clock
async def test_an_answer_that_is_none_of_a_batch_leaves_all_commands_unknown(seen: Seen, answer: Any):
    async with emulated() as portal, portal.client() as b24:
        portal.faults.add(Fault(method="batch", body={"result": answer}, execute=True))
        calls = creations(b24, 2)
        with pytest.raises((UnexpectedAnswer, OutcomeUnknown)) as raised:
            await b24.batch(calls)
        assert [call.outcome for call in calls] == [Outcome.UNKNOWN] * 2
        assert portal.executions["im.chat.add"] == 2
        seen(raised.value)


@row(43, fault="51 commands", expected="NOT_SENT -> 51 DONE", executions=51)
@on_virtual_clock
async def test_fifty_one_commands_are_refused_before_any_is_sent_and_can_be_sent_as_two_batches(seen: Seen):
    async with emulated() as portal, portal.client() as b24:
        calls = creations(b24, 51)
        with pytest.raises(InvalidParameter, match="1 to 50 commands, not 51") as raised:
            b24.batch(calls)
        assert {call.outcome for call in calls} == {Outcome.NOT_SENT}
        assert portal.hits == 0

        results = [*await b24.batch(calls[:50]), *await b24.batch(calls[50:])]
        assert [result.value for result in results] == list(portal.chats)
        seen(raised.value, outcomes(results), executions=portal.executions["im.chat.add"])


@row(43, fault="ERROR_BATCH_LENGTH_EXCEEDED", expected="48 DONE, 2 REFUSED", executions=48)
@on_virtual_clock
async def test_a_portal_that_takes_fewer_says_so_of_each_that_it_left_out(seen: Seen):
    with pytest.MonkeyPatch.context() as patches:
        patches.setattr("bitrix_chat.portal.batch._MAX_COMMANDS", 48)
        async with emulated() as portal, portal.client() as b24:
            results = await b24.batch(creations(b24, 50))

    assert len(results) == 50
    assert [result.value for result in results][:48] == list(portal.chats)
    assert {type(result.error) for result in results.failed} == {BatchRefused}
    assert {result.error and result.error.code for result in results.failed} == {"ERROR_BATCH_LENGTH_EXCEEDED"}
    seen(outcomes(results), executions=portal.executions["im.chat.add"])
