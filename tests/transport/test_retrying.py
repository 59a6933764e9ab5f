"""Repetition by outcome, over a transport that answers by script, on virtual time."""

import asyncio
import pathlib
from typing import Any

import pytest

import bitrix_chat
from bitrix_chat.errors import (
    AccessDenied,
    BitrixError,
    ClientClosed,
    ConnectionLost,
    DeadlineExceeded,
    InvalidParameter,
    MessageInProgress,
    OperationTimeLimit,
    Outcome,
    OutcomeUnknown,
    PortalUnreachable,
    ServerError,
    UnexpectedAnswer,
    UntrustedCertificate,
)
from bitrix_chat.rest.request import Exchange, Response, Safety
from bitrix_chat.testing import on_virtual_clock
from bitrix_chat.transport.retrying import NO_RETRIES, Retrying, RetryPolicy
from tests.transport.fakes import exchange


class Inner:
    """Raises the given errors in turn, then answers."""

    def __init__(self, *errors: BitrixError, seconds: float = 0.0, sent: bool = False) -> None:
        self.errors, self.seconds, self.sent = list(errors), seconds, sent
        self.attempts = 0

    async def send(self, exchange: Exchange) -> Response:
        self.attempts += 1
        if self.sent:
            exchange.outcome = Outcome.UNKNOWN
        await asyncio.sleep(self.seconds)
        if self.errors:
            error = self.errors.pop(0)
            exchange.fail(error)
            raise error
        response = Response(1)
        exchange.succeed(response)
        return response


def retrying(inner: Inner, policy: RetryPolicy | None = None, timeout: float | None = None) -> Retrying:
    return Retrying(inner, policy or RetryPolicy(), timeout)


@on_virtual_clock
async def test_a_create_that_never_left_is_repeated_four_times_with_growing_pauses():
    inner, loop = Inner(*[PortalUnreachable("no route")] * 9), asyncio.get_running_loop()
    began = loop.time()

    with pytest.raises(PortalUnreachable):
        await retrying(inner).send(exchange())

    assert inner.attempts == 5
    assert 0.4 <= loop.time() - began <= 20


@on_virtual_clock
async def test_it_succeeds_when_a_repetition_does():
    inner = Inner(PortalUnreachable())

    assert (await retrying(inner).send(exchange())).result == 1


@pytest.mark.parametrize("error", [ConnectionLost, ServerError, UnexpectedAnswer])
@on_virtual_clock
async def test_a_create_of_unknown_outcome_is_never_sent_twice(error):
    cause, item = error("what was seen"), exchange()
    inner = Inner(cause)

    with pytest.raises(OutcomeUnknown, match="what was seen") as caught:
        await retrying(inner).send(item)

    assert inner.attempts == 1
    assert caught.value.__cause__ is cause
    assert caught.value.outcome is item.outcome is Outcome.UNKNOWN
    assert caught.value.method == "im.chat.add"


@pytest.mark.parametrize("safety", [Safety.SAFE, Safety.IDEMPOTENT, Safety.KEYED])
@on_virtual_clock
async def test_what_may_be_repeated_is_repeated_three_times_after_an_unknown_outcome(safety):
    inner = Inner(*[ConnectionLost("cut")] * 9)

    with pytest.raises(ConnectionLost):
        await retrying(inner).send(exchange(safety=safety))

    assert inner.attempts == 4


@pytest.mark.parametrize("error", [AccessDenied(), UntrustedCertificate()])
@on_virtual_clock
async def test_a_final_error_is_not_repeated(error):
    inner = Inner(error)

    with pytest.raises(type(error)):
        await retrying(inner).send(exchange(safety=Safety.SAFE))

    assert inner.attempts == 1


@on_virtual_clock
async def test_the_operating_limit_is_waited_for_as_often_as_it_takes():
    inner = Inner(*[OperationTimeLimit()] * 30)

    assert (await retrying(inner).send(exchange())).result == 1


@on_virtual_clock
async def test_retries_can_be_switched_off():
    inner = Inner(PortalUnreachable())

    with pytest.raises(PortalUnreachable):
        await retrying(inner, NO_RETRIES).send(exchange())


@on_virtual_clock
async def test_a_timeout_bounds_all_of_the_call():
    inner, loop = Inner(seconds=100), asyncio.get_running_loop()
    began = loop.time()

    with pytest.raises(DeadlineExceeded, match="not done within 5 s") as caught:
        await retrying(inner, timeout=5).send(exchange())

    assert loop.time() - began == 5
    assert caught.value.outcome is Outcome.NOT_SENT
    assert isinstance(caught.value, TimeoutError)


@on_virtual_clock
async def test_a_create_in_flight_at_its_deadline_is_of_unknown_outcome():
    with pytest.raises(OutcomeUnknown):
        await retrying(Inner(seconds=100, sent=True), timeout=5).send(exchange())


@on_virtual_clock
async def test_a_read_in_flight_at_its_deadline_just_ran_out_of_time():
    with pytest.raises(DeadlineExceeded) as caught:
        await retrying(Inner(seconds=100, sent=True), timeout=5).send(exchange(safety=Safety.SAFE))

    assert caught.value.outcome is Outcome.UNKNOWN


@on_virtual_clock
async def test_a_calls_own_timeout_overrides_the_clients():
    assert (await retrying(Inner(seconds=50), timeout=5).send(exchange(timeout=None))).result == 1
    with pytest.raises(DeadlineExceeded, match="within 1 s"):
        await retrying(Inner(seconds=50)).send(exchange(timeout=1))


@on_virtual_clock
async def test_a_repetition_that_would_miss_the_deadline_is_not_begun():
    inner = Inner(*[PortalUnreachable("no route")] * 9)
    policy = RetryPolicy(first=10, longest=10)

    with pytest.raises(PortalUnreachable):
        await retrying(inner, policy, timeout=5).send(exchange())

    assert inner.attempts == 1


@on_virtual_clock
async def test_cancelling_during_a_pause_ends_the_call_at_once():
    inner = Inner(*[PortalUnreachable()] * 9)
    task = asyncio.create_task(retrying(inner, RetryPolicy(first=5)).send(exchange()))
    await asyncio.sleep(1)

    task.cancel()

    with pytest.raises(asyncio.CancelledError):
        await task
    assert inner.attempts == 1


@pytest.mark.parametrize("repetition", range(1, 12))
def test_pauses_stay_within_their_bounds(repetition):
    policy = RetryPolicy()

    assert all(0.1 <= policy.pause(repetition) <= 5.0 for _ in range(100))


def test_only_one_module_imports_backoff():
    package = pathlib.Path(bitrix_chat.__file__).parent
    importers: list[Any] = [
        path.relative_to(package).as_posix()
        for path in package.rglob("*.py")
        if "import backoff" in path.read_text(encoding="utf-8")
    ]

    assert importers == ["transport/retrying.py"]


@pytest.mark.parametrize("last", [PortalUnreachable("no route"), AccessDenied("not there any more")])
@on_virtual_clock
async def test_an_earlier_attempt_that_may_have_run_is_not_forgotten(last):
    inner, item = Inner(ConnectionLost("cut"), *[last] * 9), exchange(safety=Safety.IDEMPOTENT)

    with pytest.raises(OutcomeUnknown) as caught:
        await retrying(inner).send(item)

    assert caught.value.__cause__ is last
    assert item.outcome is Outcome.UNKNOWN


@on_virtual_clock
async def test_a_read_has_nothing_to_forget():
    with pytest.raises(AccessDenied):
        await retrying(Inner(ConnectionLost("cut"), AccessDenied())).send(exchange(safety=Safety.SAFE))


@pytest.mark.parametrize("error", [ClientClosed("closed"), InvalidParameter("not finite")])
@on_virtual_clock
async def test_what_cannot_change_is_told_at_once(error):
    inner = Inner(error)

    with pytest.raises(type(error)):
        await retrying(inner).send(exchange())

    assert inner.attempts == 1


@on_virtual_clock
async def test_a_timeout_of_somebody_elses_stays_theirs():
    inner = Inner()

    async def fail(_: Exchange) -> Response:
        raise TimeoutError("the vault is slow")

    inner.send = fail

    with pytest.raises(TimeoutError, match="the vault is slow") as caught:
        await retrying(inner, timeout=30).send(exchange())

    assert type(caught.value) is TimeoutError


class InTheSameTurn(Inner):
    """Settles the exchange in the turn in which the caller's time runs out."""

    def __init__(self, result: Any) -> None:
        super().__init__()
        self.result = result

    async def send(self, exchange: Exchange) -> Response:
        try:
            await asyncio.sleep(100)
        finally:
            if isinstance(self.result, Response):
                exchange.succeed(self.result)
            else:
                exchange.fail(self.result)
        return Response(None)


@on_virtual_clock
async def test_an_answer_that_comes_as_the_time_runs_out_is_not_thrown_away():
    assert (await retrying(InTheSameTurn(Response(5)), timeout=1).send(exchange())).result == 5


@on_virtual_clock
async def test_a_refusal_that_comes_as_the_time_runs_out_is_the_truth():
    with pytest.raises(AccessDenied):
        await retrying(InTheSameTurn(AccessDenied("no")), timeout=1).send(exchange())


def in_progress() -> MessageInProgress:
    return MessageInProgress("", code="MESSAGE_DUPLICATED_BY_UUID", status=400)


@on_virtual_clock
async def test_a_message_whose_first_sending_has_not_ended_is_asked_for_until_it_has():
    lost = ConnectionLost("reset")
    inner = Inner(lost, in_progress(), in_progress(), in_progress())
    message = exchange(method="im.message.add", safety=Safety.KEYED)
    assert (await retrying(inner).send(message)).result == 1
    assert inner.attempts == 5
    assert message.outcome is Outcome.DONE


@on_virtual_clock
async def test_a_message_in_progress_for_longer_than_a_request_may_take_has_an_unknown_outcome():
    inner, loop = Inner(ConnectionLost("reset"), *[in_progress()] * 99), asyncio.get_running_loop()
    began = loop.time()
    with pytest.raises(OutcomeUnknown) as caught:
        await retrying(inner).send(exchange(method="im.message.add", safety=Safety.KEYED))
    assert isinstance(caught.value.__cause__, MessageInProgress)
    assert 60 < loop.time() - began <= 80


@on_virtual_clock
async def test_a_template_id_that_another_sending_holds_is_told_as_that():
    inner = Inner(*[in_progress()] * 99)
    with pytest.raises(MessageInProgress) as caught:
        await retrying(inner, NO_RETRIES).send(exchange(method="im.message.add", safety=Safety.KEYED))
    assert caught.value.outcome is Outcome.REFUSED_TEMPORARY
    assert inner.attempts == 1


def test_pauses_do_not_overflow_however_often_they_come():
    assert RetryPolicy(first=0.01, longest=0.05).pause(10_000) <= 0.05
