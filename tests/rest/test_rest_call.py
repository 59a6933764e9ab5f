"""A call is a coroutine that is sent at most once, and a value that can be looked at."""

import asyncio
import gc
import itertools
import warnings
from collections.abc import Coroutine

import pytest
from attrs import evolve

from bitrix_chat.errors import ConnectionLost, InvalidParameter, Outcome
from bitrix_chat.resources.general import GeneralResource
from bitrix_chat.rest.batch import named, pack
from bitrix_chat.rest.batch_result import BatchDecoder
from bitrix_chat.rest.call import Call
from bitrix_chat.rest.reference import ref
from bitrix_chat.rest.request import Request, Response


class TestAwaiting:
    async def test_await_sends_the_request_and_gives_the_decoded_result(self, make, transport):
        call = make("im.chat.add", {"TITLE": "Harbour"}, decode=lambda raw: f"chat{raw}")
        assert await call == "chat7"
        assert [exchange.request for exchange in transport.sent] == [Request("im.chat.add", {"TITLE": "Harbour"})]

    async def test_a_second_await_raises_and_sends_nothing(self, make, transport):
        call = make("im.chat.add")
        await call
        with pytest.raises(RuntimeError, match=r"im\.chat\.add: .*make a new one"):
            await call
        assert len(transport.sent) == 1

    async def test_gather_sends_equal_calls_each(self, make, transport):
        calls = [make("im.chat.add", {"TITLE": "Pier"}) for _ in range(3)]
        assert await asyncio.gather(*calls) == [7, 7, 7]
        assert len(transport.sent) == 3

    def test_calls_of_equal_requests_differ_by_identity(self, make):
        one, other = make(), make()
        assert one.request == other.request
        assert one != other
        assert len({one, other}) == 2

    async def test_create_task_takes_a_call(self, make):
        assert await asyncio.get_running_loop().create_task(make()) == 7

    async def test_a_task_group_takes_calls(self, make):
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(make()) for _ in range(2)]
        assert [task.result() for task in tasks] == [7, 7]

    async def test_wait_for_takes_a_call(self, make):
        assert await asyncio.wait_for(make(), 5) == 7

    async def test_wait_for_ends_a_call_that_takes_too_long(self, make, transport):
        transport.gate = asyncio.Event()
        call = make()
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(call, 0.01)
        assert call.outcome is Outcome.UNKNOWN

    def test_asyncio_run_takes_a_call(self, make):
        assert asyncio.run(make()) == 7

    def test_a_call_is_a_coroutine(self, make):
        call = make()
        assert isinstance(call, Coroutine)
        call.close()

    async def test_an_error_of_the_transport_reaches_whoever_awaits(self, make, transport):
        transport.answer = ConnectionLost("gone")
        call = make()
        with pytest.raises(ConnectionLost):
            await call
        assert call.outcome is Outcome.UNKNOWN

    async def test_a_coroutine_that_is_driven_by_hand_cannot_be_driven_again(self, make):
        call = make()
        call.send(None)
        with pytest.raises(StopIteration) as stop:
            call.send(None)
        assert stop.value.value == 7
        with pytest.raises(RuntimeError):
            call.send(None)

    async def test_awaiting_a_call_that_a_task_took_raises(self, make):
        call = make()
        task = asyncio.get_running_loop().create_task(call)
        await asyncio.sleep(0)
        with pytest.raises(RuntimeError, match="make a new one"):
            await call
        await task


class TestCancellation:
    async def test_a_task_that_is_cancelled_before_it_starts_sends_nothing(self, make, transport):
        call = make()
        task = asyncio.get_running_loop().create_task(call)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert transport.sent == []
        assert call.outcome is Outcome.NOT_SENT

    async def test_a_cancelled_call_keeps_the_outcome_that_is_written_down_later(self, make, transport):
        transport.gate = asyncio.Event()
        call = make()
        task = asyncio.get_running_loop().create_task(call)
        await asyncio.sleep(0.001)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert call.outcome is Outcome.UNKNOWN
        transport.sent[0].succeed(Response(9))
        assert call.outcome is Outcome.DONE
        assert call.response.result == 9

    async def test_an_exception_can_be_thrown_into_a_running_call(self, make, transport):
        transport.gate = asyncio.Event()
        call = make()
        call.send(None)
        with pytest.raises(KeyError):
            call.throw(KeyError("stop"))

    @pytest.mark.filterwarnings("ignore:the .type, exc, tb. signature:DeprecationWarning")
    def test_the_three_part_throw_works_as_for_a_coroutine(self, make):
        error = KeyError("stop")
        with pytest.raises(KeyError):
            make().throw(KeyError, error, None)

    async def test_close_stops_a_running_call(self, make):
        call = make()
        call.send(None)
        call.close()
        with pytest.raises(RuntimeError):
            call.send(None)

    async def test_a_closed_call_cannot_be_awaited(self, make, transport):
        call = make()
        call.close()
        call.close()
        with pytest.raises(RuntimeError, match="closed"):
            await call
        assert transport.sent == []
        assert call.outcome is Outcome.NOT_SENT


class TestDropping:
    def dropped(self, use):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            use()
            gc.collect()
        return [str(warning.message) for warning in caught if warning.category is RuntimeWarning]

    def test_a_dropped_call_warns_and_names_its_method(self, make):
        assert self.dropped(lambda: make("imbot.v2.Chat.add")) == ["imbot.v2.Chat.add was never awaited"]

    def test_a_dropped_bounded_call_warns_once(self, make):
        assert self.dropped(lambda: make("im.chat.add").within(5)) == ["im.chat.add was never awaited"]

    @pytest.mark.parametrize(
        "use",
        [
            lambda call: call.request,
            lambda call: call.close(),
            lambda call: call.claim(),
            lambda call: pack({"a": call}),
            lambda call: BatchDecoder({"a": call}, halt=False),
            asyncio.run,
        ],
        ids=["inspected", "closed", "claimed", "packed", "in a batch", "awaited"],
    )
    def test_a_call_that_was_used_does_not_warn(self, make, use):
        assert self.dropped(lambda: use(make())) == []

    def test_a_reference_does_not_count_as_use(self, make):
        def refer():
            reference = ref(make("im.chat.add"))
            reference.dialog_id("c0")

        assert self.dropped(refer) == ["im.chat.add was never awaited"]


class TestInspecting:
    def test_an_unsent_call_has_no_outcome_to_speak_of_and_no_answer(self, make):
        call = make("im.chat.add", {"MESSAGE": "not for logs"})
        assert call.outcome is Outcome.NOT_SENT
        assert call.response is None
        assert repr(call) == "<Call im.chat.add: not sent>"
        assert call.request.method == "im.chat.add"

    async def test_the_raw_answer_stays_readable(self, make, transport):
        transport.answer = Response({"ID": 5}, next=50, total=51, raw_time={"duration": 0.5})
        call = make()
        await call
        assert call.outcome is Outcome.DONE
        assert call.response.result == {"ID": 5}
        assert (call.response.next, call.response.total, call.response.time.duration) == (50, 51, 0.5)
        assert repr(call) == "<Call im.chat.get: done>"

    def test_decode_is_a_plain_function(self, make):
        call = make(decode=len)
        assert call.decode([1, 2]) == 2
        assert call.request


def numbered():
    """Draw 1, 2 and so on into a request."""
    count = itertools.count(1)
    return lambda request: evolve(request, params={**request.params, "KEY": next(count)})


class TestDrawing:
    async def test_what_is_drawn_as_a_call_starts_is_sent_and_not_kept_in_its_request(self, make, transport):
        call = make("im.message.add", {"MESSAGE": "Ahoy"}, draw=numbered())
        await call
        assert transport.sent[0].request.params == {"MESSAGE": "Ahoy", "KEY": 1}
        assert call.request.params == {"MESSAGE": "Ahoy"}

    async def test_what_was_drawn_can_be_read_once_it_has_started(self, make):
        call = make("im.message.add", draw=numbered())
        assert call.sent is None
        await call
        assert call.sent.params == {"KEY": 1}

    async def test_inspecting_and_comparing_draws_nothing(self, make, transport):
        draw = numbered()
        one, other = make(draw=draw), make(draw=draw)
        assert one.request == other.request
        await other
        assert transport.sent[0].request.params == {"KEY": 1}

    async def test_a_batch_sends_what_its_calls_drew_as_they_were_packed(self, make, transport):
        transport.answer = Response({"result": {"c0": 5, "c1": 6}})
        draw = numbered()
        calls = [make("im.message.add", {"MESSAGE": "Ahoy"}, draw=draw) for _ in range(2)]
        batch = GeneralResource(transport).batch(calls)
        assert "KEY" not in str(batch.request.params)
        assert (await batch).values() == [5, 6]
        sent = transport.sent[0].request.params["cmd"]
        assert sent == {"c0": "im.message.add?MESSAGE=Ahoy&KEY=1", "c1": "im.message.add?MESSAGE=Ahoy&KEY=2"}


class TestWithin:
    @pytest.mark.parametrize("seconds", [2, 0.5, None])
    async def test_within_bounds_the_exchange(self, make, transport, seconds):
        await make("im.chat.get", {"ENTITY_ID": "7"}).within(seconds)
        assert transport.sent[0].timeout == seconds
        assert transport.sent[0].request.params == {"ENTITY_ID": "7"}

    async def test_without_within_the_client_decides(self, make, transport):
        await make()
        assert transport.sent[0].timeout == "default"

    @pytest.mark.parametrize("timeout", [0, -1, float("nan")])
    def test_a_timeout_that_is_not_more_than_nothing_is_refused(self, make, timeout):
        call = make()
        with pytest.raises(InvalidParameter, match=r"im\.chat\.get: `timeout` is .* more than 0"):
            call.within(timeout)
        call.close()

    async def test_the_bounded_call_is_the_call(self, make):
        call = make()
        assert call.within(5) is call
        await call
        with pytest.raises(RuntimeError, match="already awaited"):
            call.within(5)


class TestAlone:
    async def test_a_call_travels_alone_only_if_it_was_told_to(self, make, transport):
        await make()
        call = make()
        assert call.alone() is call
        await call
        assert [exchange.alone for exchange in transport.sent] == [False, True]
        with pytest.raises(RuntimeError, match="already awaited"):
            call.alone()

    async def test_whoever_wants_to_hear_of_a_departure_is_named_in_the_exchange(self, make, transport):
        async def announce(exchanges):
            raise AssertionError("the fake below announces nothing")

        await make()
        await make().announced(announce)
        assert [exchange.announce for exchange in transport.sent] == [None, announce]


class TestInABatch:
    def packed(self, make, transport, *calls, halt=False):
        commands = named(calls)
        decode = BatchDecoder(commands, halt=halt)
        return decode.carried_by(Call(Request("batch"), decode, transport))

    async def test_a_packed_call_cannot_be_awaited(self, make, transport):
        call = make()
        batch = self.packed(make, transport, call)
        with pytest.raises(RuntimeError, match="packed"):
            await call
        batch.close()

    async def test_calls_share_the_outcome_of_their_batch_until_their_own_is_known(self, make, transport):
        transport.gate = asyncio.Event()
        one, other = make(), make()
        batch = self.packed(make, transport, one, other)
        assert one.outcome is Outcome.NOT_SENT
        task = asyncio.get_running_loop().create_task(batch)
        await asyncio.sleep(0.001)
        assert one.outcome is Outcome.UNKNOWN
        transport.answer = Response({"result": {"c0": 1}, "result_error": {"c1": {"error": "ACCESS_DENIED"}}})
        transport.gate.set()
        await task
        assert (one.outcome, one.response.result) == (Outcome.DONE, 1)
        assert (other.outcome, other.response) == (Outcome.REFUSED, None)

    async def test_a_batch_that_ran_after_its_caller_was_cancelled_leaves_its_calls_unknown(self, make, transport):
        transport.gate = asyncio.Event()
        call = make()
        batch = self.packed(make, transport, call)
        task = asyncio.get_running_loop().create_task(batch)
        await asyncio.sleep(0.001)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        transport.sent[0].succeed(Response({"result": [], "result_error": {"c0": {"error": "ACCESS_DENIED"}}}))
        assert batch.outcome is Outcome.DONE
        assert (call.outcome, call.response) == (Outcome.UNKNOWN, None)

    async def test_a_bounded_batch_tells_its_calls_its_outcome(self, make, transport):
        transport.answer = ConnectionLost("gone")
        call = make()
        with pytest.raises(ConnectionLost):
            await self.packed(make, transport, call).within(5)
        assert call.outcome is Outcome.UNKNOWN

    async def test_an_answer_that_is_no_batch_answer_leaves_every_call_unknown(self, make, transport):
        call = make()
        with pytest.raises(Exception, match="batch"):
            await self.packed(make, transport, call)
        assert call.outcome is Outcome.UNKNOWN
