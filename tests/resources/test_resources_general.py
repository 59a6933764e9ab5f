"""Calls by name and batches: what is wrong with them is said before anything is sent."""

import pytest

from bitrix_chat import InvalidParameter, Safety
from bitrix_chat.resources.im import ImResource
from bitrix_chat.testing import ScriptedTransport


def test_a_call_of_another_client_is_refused_by_its_name(general):
    call = ImResource(ScriptedTransport()).chat.add(title="For the other portal")
    with pytest.raises(InvalidParameter, match="`deal` is a call of another client"):
        general.batch({"deal": call})
    assert call.request.method == "im.chat.add"


@pytest.mark.parametrize("halt", ["N", "false", None, 2])
def test_halt_is_a_boolean(general, halt):
    call = general.profile()
    with pytest.raises(InvalidParameter, match="`halt`"):
        general.batch([call], halt=halt)
    assert call.request.method == "profile"


def test_a_safety_class_is_one_of_the_four(general):
    with pytest.raises(InvalidParameter, match="`safety` is str"):
        general.call("im.chat.add", safety="SAFE")
    assert general.call("im.chat.add", safety=Safety.CREATE).request.safety is Safety.CREATE


@pytest.mark.parametrize(
    ("method", "safety"),
    [("im.chat.get", Safety.SAFE), ("im.chat.leave", Safety.IDEMPOTENT), ("crm.deal.add", Safety.CREATE)],
)
def test_a_call_by_name_knows_what_its_repetition_does(general, method, safety):
    assert general.call(method).request.safety is safety


def test_a_message_by_name_has_no_template_id_and_is_never_repeated(general):
    assert general.call("im.message.add", {"MESSAGE": "Ahoy"}).request.safety is Safety.CREATE
