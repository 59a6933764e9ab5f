"""Rows of the matrix in which a page comes in place of an answer, or the portal fails inside: nothing is proven."""

import asyncio

import pytest

from bitrix_chat import BitrixError, Outcome, OutcomeUnknown
from bitrix_chat.portal import Fault, Plan, Portal, PortalPolicy
from bitrix_chat.testing import on_virtual_clock
from tests.faults.matrix import Seen, row

ADD = "im.chat.add"
QUIESCENCE = 1.0
CANARY = "canary-of-the-page"
PAGE = f"<!doctype html><html><head><title>Sorry</title></head><body>{CANARY}</body></html>"
PAGES = [pytest.param(PAGE, id="maintenance"), pytest.param(f"<form action=/login>{CANARY}</form>", id="login")]
GATEWAY_STATUSES = [500, 502, 504]
BOTH = [pytest.param(False, id="not run"), pytest.param(True, id="run")]


def emulated(**options) -> Portal:
    return Portal(plan=Plan.UNLIMITED, execution_limit=0.5, **options)


def internal_error(status: int = 500, *, execute: bool) -> Fault:
    body = {"error": "INTERNAL_SERVER_ERROR", "error_description": "Internal server error"}
    return Fault(method=ADD, status=status, body=body, execute=execute)


async def unkeyed(fault: Fault) -> tuple[OutcomeUnknown, int]:
    """Create without a key; return what was raised, and the executions once nobody can be repeating it any more."""
    async with emulated() as portal, portal.client(quiescence=QUIESCENCE) as b24:
        portal.faults.add(fault)
        call = b24.im.chat.add(title="Shelf")
        with pytest.raises(OutcomeUnknown) as raised:
            await call
        await asyncio.sleep(60)
        error = raised.value
        assert error.outcome is call.outcome
        assert (error.method, error.host) == (ADD, portal.url.removeprefix("http://"))
        assert error.sent_at is not None
        assert error.host in str(error)
        assert CANARY not in f"{error}{error.__cause__}"
        assert portal.hits == 1
        return error, portal.executions[ADD]


async def keyed(fault: Fault, portal: Portal) -> tuple[Outcome, Outcome, int]:
    """Create with a key; return what was known while nobody could know, what in the end, and the executions."""
    loop = asyncio.get_running_loop()
    async with portal, portal.client(quiescence=QUIESCENCE) as b24:
        portal.faults.add(fault)
        began, call = loop.time(), b24.im.chat.add(title="Shelf", key="deal-1")
        creating = asyncio.create_task(call)
        await asyncio.sleep(QUIESCENCE / 2)
        meanwhile = call.outcome
        assert [await creating] == list(portal.chats)
        assert loop.time() - began >= QUIESCENCE
        return meanwhile, call.outcome, portal.executions[ADD]


@row(19, fault="200 with a page, not run", expected="UNKNOWN", executions=0)
@pytest.mark.parametrize("page", PAGES)
@on_virtual_clock
async def test_a_page_in_place_of_the_work_proves_nothing(page: str, seen: Seen):
    error, executions = await unkeyed(Fault(method=ADD, status=200, body=page))
    assert "HTTP 200 with HTML" in str(error)
    seen(error, executions=executions)


@row(19, fault="200 with a page, run", expected="UNKNOWN", executions=1)
@pytest.mark.parametrize("page", PAGES)
@on_virtual_clock
async def test_a_page_after_the_work_is_told_from_nothing_either(page: str, seen: Seen):
    error, executions = await unkeyed(Fault(method=ADD, status=200, body=page, execute=True))
    assert "HTTP 200 with HTML" in str(error)
    seen(error, executions=executions)


@row(19, fault="200 with a page, with a key", expected="UNKNOWN -> DONE", executions=1)
@pytest.mark.parametrize("execute", BOTH)
@on_virtual_clock
async def test_behind_a_page_the_key_finds_or_makes_the_one_chat(execute, seen: Seen):
    *steps, executions = await keyed(Fault(method=ADD, status=200, body=PAGE, execute=execute), emulated())
    seen(*steps, executions=executions)


@row(22, fault="a gateway's page, not run", expected="UNKNOWN", executions=0)
@pytest.mark.parametrize("status", GATEWAY_STATUSES)
@on_virtual_clock
async def test_a_gateways_page_proves_nothing(status: int, seen: Seen):
    error, executions = await unkeyed(Fault(method=ADD, status=status, body=PAGE))
    assert error.status == status
    seen(error, executions=executions)


@row(22, fault="a gateway's page, run", expected="UNKNOWN", executions=1)
@pytest.mark.parametrize("status", GATEWAY_STATUSES)
@on_virtual_clock
async def test_a_gateways_page_after_the_work_is_not_asked_for_again(status: int, seen: Seen):
    error, executions = await unkeyed(Fault(method=ADD, status=status, body=PAGE, execute=True))
    seen(error, executions=executions)


@row(22, fault="a gateway's page, with a key", expected="UNKNOWN -> DONE", executions=1)
@pytest.mark.parametrize("execute", BOTH)
@pytest.mark.parametrize("status", GATEWAY_STATUSES)
@on_virtual_clock
async def test_behind_a_gateways_page_the_key_finds_or_makes_the_one_chat(status: int, execute, seen: Seen):
    *steps, executions = await keyed(Fault(method=ADD, status=status, body=PAGE, execute=execute), emulated())
    seen(*steps, executions=executions)


@row(22, fault="504 while the portal works on, with a key", expected="UNKNOWN -> DONE", executions=1)
@on_virtual_clock
async def test_what_the_portal_finishes_after_the_gateway_gave_up_is_found_and_not_made_again(seen: Seen):
    late = Fault(method=ADD, delay=0.9)  # the gateway gives up after 0.5 s, the last look is at 1 s
    *steps, executions = await keyed(late, emulated(policy=PortalPolicy(overtime_completes=True)))
    seen(*steps, executions=executions)


@row(23, fault="503 with a page, not run", expected="UNKNOWN", executions=0)
@on_virtual_clock
async def test_a_503_without_a_code_is_no_proof_of_a_refusal(seen: Seen):
    error, executions = await unkeyed(Fault(method=ADD, status=503, body=PAGE))
    assert "HTTP 503 with HTML" in str(error)
    seen(error, executions=executions)


@row(23, fault="503 with a page, run", expected="UNKNOWN", executions=1)
@on_virtual_clock
async def test_a_503_without_a_code_after_the_work_is_not_asked_for_again(seen: Seen):
    error, executions = await unkeyed(Fault(method=ADD, status=503, body=PAGE, execute=True))
    seen(error, executions=executions)


@row(23, fault="503 with a page, with a key", expected="UNKNOWN -> DONE", executions=1)
@pytest.mark.parametrize("execute", BOTH)
@on_virtual_clock
async def test_behind_a_503_the_key_finds_or_makes_the_one_chat(execute, seen: Seen):
    *steps, executions = await keyed(Fault(method=ADD, status=503, body=PAGE, execute=execute), emulated())
    seen(*steps, executions=executions)


@row(23, fault="503 with a page, to a method that reads", expected="DONE", executions=1)
@on_virtual_clock
async def test_what_only_reads_is_repeated_after_a_503(seen: Seen):
    async with emulated() as portal, portal.client() as b24:
        portal.faults.add(Fault(method="profile", status=503, body=PAGE, times=3))
        call = b24.profile()
        await call
        assert portal.hits == 4
        seen(call.outcome, executions=portal.executions["profile"])


@row(24, fault="500 with a failure inside the portal, not run", expected="UNKNOWN", executions=0)
@on_virtual_clock
async def test_a_failure_inside_the_portal_proves_nothing(seen: Seen):
    error, executions = await unkeyed(internal_error(execute=False))
    assert isinstance(error.__cause__, BitrixError)
    assert (error.code, error.status) == ("INTERNAL_SERVER_ERROR", 500)
    seen(error, executions=executions)


@row(24, fault="500 with a failure inside the portal, run", expected="UNKNOWN", executions=1)
@on_virtual_clock
async def test_a_failure_inside_the_portal_after_the_work_is_not_asked_for_again(seen: Seen):
    error, executions = await unkeyed(internal_error(execute=True))
    seen(error, executions=executions)


@row(24, fault="500 with a failure inside the portal, with a key", expected="UNKNOWN -> DONE", executions=1)
@pytest.mark.parametrize("execute", BOTH)
@on_virtual_clock
async def test_behind_a_failure_inside_the_portal_the_key_finds_or_makes_the_one_chat(execute, seen: Seen):
    *steps, executions = await keyed(internal_error(execute=execute), emulated())
    seen(*steps, executions=executions)
