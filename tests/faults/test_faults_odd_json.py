"""Rows of the matrix in which the JSON that comes back is odd, or an error comes under status 200."""

import asyncio
from codecs import BOM_UTF8

import attrs
import pytest

from bitrix_chat import UnexpectedAnswer
from bitrix_chat.error_codes import error_class
from bitrix_chat.portal import Fault
from bitrix_chat.testing import on_virtual_clock
from tests.faults.matrix import Seen, row
from tests.faults.test_faults_pages import ADD, BOTH, QUIESCENCE, emulated, keyed, unkeyed

EMPTY_FORMS = {
    "{}": b"{}",
    "list": b'[{"result": 5}]',
    "null": b"null",
    "NaN": b"NaN",
    "text": b'"done"',
    "time alone": b'{"time": {"start": 1.5, "operating": 0}}',
    "empty error": b'{"error": "", "error_description": ""}',
    "mark": BOM_UTF8 + b"{}",
    "nothing": b"",
    "half a pair": b'{"result": "\xed\xa0\x80"}',
}
UNREADABLE_RESULTS = {"null": b"null", "NaN": b"NaN", "object": b"{}", "words": b'"a chat"', "infinity": b"1e999"}


def odd(form: str, *, execute: bool) -> Fault:
    return Fault(method=ADD, status=200, body=EMPTY_FORMS[form], execute=execute)


@row(20, fault="200 with JSON that says nothing, not run", expected="UNKNOWN", executions=0)
@pytest.mark.parametrize("form", EMPTY_FORMS)
@on_virtual_clock
async def test_json_without_result_or_error_proves_nothing(form: str, seen: Seen):
    error, executions = await unkeyed(odd(form, execute=False))
    assert isinstance(error.__cause__, UnexpectedAnswer)
    seen(error, executions=executions)


@row(20, fault="200 with JSON that says nothing, run", expected="UNKNOWN", executions=1)
@pytest.mark.parametrize("form", EMPTY_FORMS)
@on_virtual_clock
async def test_json_without_result_or_error_after_the_work_is_not_asked_for_again(form: str, seen: Seen):
    error, executions = await unkeyed(odd(form, execute=True))
    seen(error, executions=executions)


@row(20, fault="200 with JSON that says nothing, with a key", expected="UNKNOWN -> DONE", executions=1)
@pytest.mark.parametrize("execute", BOTH)
@pytest.mark.parametrize("form", EMPTY_FORMS)
@on_virtual_clock
async def test_behind_json_that_says_nothing_the_key_finds_or_makes_the_one_chat(form: str, execute, seen: Seen):
    *steps, executions = await keyed(odd(form, execute=execute), emulated())
    seen(*steps, executions=executions)


@row(20, fault="200 with a result that is no id", expected="DONE", executions=1)
@pytest.mark.parametrize("result", UNREADABLE_RESULTS)
@on_virtual_clock
async def test_a_result_that_is_no_id_is_a_typed_error(result: str, seen: Seen):
    async with emulated() as portal, portal.client() as b24:
        body = b'{"result": ' + UNREADABLE_RESULTS[result] + b"}"
        portal.faults.add(Fault(method=ADD, status=200, body=body, execute=True))
        call = b24.im.chat.add(title="Shelf")
        with pytest.raises(UnexpectedAnswer) as raised:
            await call
        assert raised.value.outcome is call.outcome
        seen(raised.value, executions=portal.executions[ADD])


@row(20, fault="200 with a result that is no id, with a key", expected="DONE", executions=1)
@pytest.mark.parametrize("result", UNREADABLE_RESULTS)
@on_virtual_clock
async def test_where_the_result_is_no_id_the_key_finds_the_chat(result: str, seen: Seen):
    async with emulated() as portal, portal.client(quiescence=QUIESCENCE) as b24:
        body = b'{"result": ' + UNREADABLE_RESULTS[result] + b"}"
        portal.faults.add(Fault(method=ADD, status=200, body=body, execute=True))
        call = b24.im.chat.add(title="Shelf", key="deal-1")
        assert [await call] == list(portal.chats)
        seen(call.outcome, executions=portal.executions[ADD])


@row(20, fault="200 with a byte order mark before the answer", expected="DONE", executions=1)
@on_virtual_clock
async def test_a_byte_order_mark_before_an_answer_is_passed_over(seen: Seen):
    async with emulated() as portal, portal.client() as b24:
        portal.faults.add(Fault(method=ADD, status=200, body=BOM_UTF8 + b'{"result": 7341}', execute=True))
        call = b24.im.chat.add(title="Shelf")
        assert await call == 7341
        seen(call.outcome, executions=portal.executions[ADD])


@row(21, fault="200 with a refusal", expected="REFUSED", executions=0)
@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("ACCESS_DENIED", 403),
        ("ERROR_METHOD_NOT_FOUND", 404),
        ("INVALID_CREDENTIALS", 401),
        ("NO_AUTH_FOUND", 401),
        ("insufficient_scope", 403),
        ("SOMETHING_NEW", 400),
    ],
)
@on_virtual_clock
async def test_a_refusal_is_told_by_its_code_whatever_the_status(code: str, status: int, seen: Seen):
    async with emulated() as portal, portal.client() as b24:
        refusal = Fault(method=ADD, status=200, body={"error": code, "error_description": "No."})
        portal.faults.add(refusal, attrs.evolve(refusal, status=status))
        errors = []
        for hits in (1, 2):
            call = b24.im.chat.add(title="Shelf")
            with pytest.raises(error_class(code)) as raised:
                await call
            assert raised.value.outcome is call.outcome
            assert portal.hits == hits
            errors.append(raised.value)
        with_200, with_status = errors
        assert (type(with_200), with_200.code, with_200.outcome) == (type(with_status), code, with_status.outcome)
        seen(with_200, executions=portal.executions[ADD])


@row(21, fault="200 with a limit", expected="DONE", executions=1)
@pytest.mark.parametrize(("code", "wait"), [("QUERY_LIMIT_EXCEEDED", 2.0), ("OPERATION_TIME_LIMIT", 60.0)])
@on_virtual_clock
async def test_a_limit_met_under_status_200_is_waited_out(code: str, wait: float, seen: Seen):
    loop = asyncio.get_running_loop()
    async with emulated() as portal, portal.client() as b24:
        portal.faults.add(Fault(method=ADD, status=200, body={"error": code, "error_description": "Later."}))
        began, call = loop.time(), b24.im.chat.add(title="Shelf")
        await call
        assert loop.time() - began == pytest.approx(wait, abs=0.5)
        seen(call.outcome, executions=portal.executions[ADD])


@row(21, fault="200 with a failure inside the portal", expected="UNKNOWN", executions=1)
@pytest.mark.parametrize("code", ["INTERNAL_SERVER_ERROR", "ERROR_UNEXPECTED_ANSWER"])
@on_virtual_clock
async def test_a_failure_inside_the_portal_under_status_200_is_no_refusal(code: str, seen: Seen):
    body = {"error": code, "error_description": "Failed."}
    error, executions = await unkeyed(Fault(method=ADD, status=200, body=body, execute=True))
    assert error.code == code
    seen(error, executions=executions)
