"""A transport that answers by script."""

import pytest

from bitrix_chat import AccessDenied, Outcome, Response
from bitrix_chat.testing import ScriptedTransport


async def test_it_answers_by_method_and_remembers_what_was_sent():
    transport = ScriptedTransport({"im.chat.add": 5})
    b24 = transport.client()

    assert await b24.im.chat.add(title="A") == 5
    assert await b24.im.chat.add(title="B") == 5
    assert [request.params["TITLE"] for request in transport.sent("im.chat.add")] == ["A", "B"]


async def test_a_list_is_answered_from_in_turn_and_may_hold_errors():
    transport = ScriptedTransport({"im.chat.add": [AccessDenied("no"), 6]})
    b24 = transport.client()
    call = b24.im.chat.add(title="A")

    with pytest.raises(AccessDenied):
        await call
    assert call.outcome is Outcome.REFUSED
    assert await b24.im.chat.add(title="B") == 6
    with pytest.raises(LookupError, match="no further answer to im"):
        await b24.im.chat.add(title="C")


async def test_an_answer_may_depend_on_the_request_or_be_a_whole_response():
    transport = ScriptedTransport(
        {"im.chat.get": lambda request: {"ID": len(request.params["ENTITY_ID"])}, "method": Response([1], total=7)}
    )
    b24 = transport.client()
    call = b24.call("method")

    assert await call == [1]
    assert call.response is not None
    assert call.response.total == 7


async def test_a_method_without_an_answer_is_named():
    with pytest.raises(LookupError, match="no answer to profile"):
        await ScriptedTransport().client().profile()


async def test_its_client_closes_like_any_other():
    async with ScriptedTransport({"im.chat.add": 1}).client() as b24:
        assert await b24.im.chat.add() == 1
