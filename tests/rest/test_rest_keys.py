"""How a key travels, is looked up and is named in an error."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bitrix_chat import KEY_ENTITY_TYPE, Request, Safety
from bitrix_chat.errors import ConnectionLost, OutcomeUnknown, UnexpectedAnswer
from bitrix_chat.rest.evidence import attested, doubted, twin
from bitrix_chat.rest.keys import chat_key, created_id, echoes, fetch_of, found_id, key_of, marker_of
from bitrix_chat.rest.request import Exchange

KEY = chat_key("deal-7", is_new=False)
FETCH = Request("imbot.v2.Chat.get", {"botId": 4}, Safety.SAFE)
BOT_KEY = chat_key("deal-7", is_new=True, fetch=FETCH)


def test_the_entity_type_of_keys_stays_what_it_is():
    assert KEY_ENTITY_TYPE == "BITRIX_CHAT_KEY"


def test_a_key_is_looked_up_as_the_entity_that_it_becomes():
    assert KEY.lookup == Request("im.chat.get", {"ENTITY_TYPE": "BITRIX_CHAT_KEY", "ENTITY_ID": "deal-7"}, Safety.SAFE)


@pytest.mark.parametrize("answer", [None, False, [], {}, ""])
def test_what_php_calls_empty_is_nothing_found(answer):
    assert found_id(answer) is None


@pytest.mark.parametrize("answer", [{"ID": 5}, {"ID": "5"}])
def test_the_id_that_a_lookup_finds_is_a_number_or_digits(answer):
    assert found_id(answer) == 5


@pytest.mark.parametrize(
    "answer",
    [{"ID": "five"}, {"ID": 0}, {"ID": True}, {"ID": -1}, {"id": 5}, 5, "5", [5], {"ID": "9" * 20}, {"ID": 2**63}],
)
def test_an_answer_that_is_no_lookup_is_not_taken_for_nothing_found(answer):
    with pytest.raises(UnexpectedAnswer, match=r"im\.chat\.get: the lookup's answer holds no chat id"):
        found_id(answer)


@pytest.mark.parametrize(
    ("answer", "chat_id"),
    [
        (7, 7),
        ("7", 7),
        ({"chat": {"id": 7}}, 7),
        ({"chat": {}}, None),
        ({"chat": []}, None),
        (None, None),
        (True, None),
        (2**63 - 1, 2**63 - 1),
        (2**63, None),
        (str(2**63), None),
        ({"chat": {"id": 10**30}}, None),
    ],
)
def test_the_id_of_what_was_created_is_the_answer_or_stands_in_its_chat(answer, chat_id):
    assert created_id(answer) == chat_id


def test_a_bots_chat_is_fetched_by_its_dialog_id_and_a_users_is_its_id():
    assert fetch_of(KEY, 9) is None
    assert fetch_of(BOT_KEY, 9) == Request("imbot.v2.Chat.get", {"botId": 4, "dialogId": "chat9"}, Safety.SAFE)


@pytest.mark.parametrize(
    ("chat", "shown"),
    [
        ({"entityType": KEY_ENTITY_TYPE, "entityId": "deal-7"}, True),
        ({"entityType": KEY_ENTITY_TYPE, "entityId": "deal-8"}, False),
        ({"entityType": "", "entityId": "deal-7"}, False),
        ({}, False),
    ],
)
def test_an_answer_proves_that_the_key_is_kept_by_showing_both_halves(chat, shown):
    assert echoes(BOT_KEY, {"chat": chat}) is shown
    assert not echoes(BOT_KEY, None)


@pytest.mark.parametrize(
    ("request_", "marker"),
    [
        (Request("im.chat.add", {}, key=KEY), "deal-7"),
        (Request("im.chat.add", {"ENTITY_TYPE": "CRM", "ENTITY_ID": "DEAL|7"}), "CRM|DEAL|7"),
        (Request("imbot.v2.Chat.add", {"fields": {"entityType": "CRM", "entityId": "DEAL|7"}}), "CRM|DEAL|7"),
        (Request("im.message.add", {"TEMPLATE_ID": "uuid"}), "uuid"),
        (Request("imbot.v2.Chat.Message.send", {"fields": {"templateId": "uuid"}}), "uuid"),
        (Request("im.chat.add", {"ENTITY_TYPE": "CRM"}), None),
        (Request("im.chat.add"), None),
    ],
)
def test_the_marker_is_the_key_the_template_id_or_the_entity(request_, marker):
    assert marker_of(request_) == marker


def test_only_a_request_with_a_key_has_one():
    assert key_of(Request("im.chat.add", key=KEY)) is KEY
    with pytest.raises(ValueError, match=r"im\.chat\.add bears no key"):
        key_of(Request("im.chat.add"))


def test_what_has_a_key_is_not_repeated_without_a_look():
    assert Request("im.chat.add", {}, Safety.KEYED).repeatable
    assert not Request("im.chat.add", {}, Safety.KEYED, KEY).repeatable
    assert not Request("im.chat.add", {}, Safety.CREATE).repeatable


AT = datetime(2030, 1, 2, 3, 4, 5, tzinfo=UTC)


def sent(request: Request) -> Exchange:
    return Exchange(request, host="acme.bitrix24.example", sent_at=AT)


def test_an_unknown_outcome_names_method_host_time_and_marker():
    error = doubted(ConnectionLost("gone"), sent(Request("im.chat.add", {}, key=KEY)))

    assert isinstance(error, OutcomeUnknown)
    assert (error.method, error.host, error.sent_at, error.marker) == (
        "im.chat.add",
        "acme.bitrix24.example",
        AT,
        "deal-7",
    )
    assert str(error) == (
        "im.chat.add: it may have run (gone); a call with the same key finds out, and goes on from there "
        "[sent to acme.bitrix24.example at 2030-01-02T03:04:05+00:00 marked 'deal-7']"
    )
    assert isinstance(error.__cause__, ConnectionLost)


def test_a_command_of_a_batch_is_marked_by_itself_and_sent_with_the_batch():
    error = attested(OutcomeUnknown(), sent(Request("batch")), Request("im.chat.add", {}, key=KEY))
    assert (error.marker, error.sent_at) == ("deal-7", AT)


def test_evidence_once_written_stays():
    error = attested(OutcomeUnknown(), sent(Request("im.chat.add")))
    assert attested(error, Exchange(Request("im.chat.get"))).sent_at == AT


def test_other_errors_carry_no_evidence():
    error = ConnectionLost("gone")
    assert attested(error, sent(Request("im.chat.add"))) is error
    assert str(error) == "gone"


@given(st.text())
def test_a_twin_says_the_same_and_keeps_the_cause(text):
    error = OutcomeUnknown(text, method="im.chat.add")
    error.marker, error.__cause__ = "deal-7", ConnectionLost("gone")
    other = twin(error)
    assert other is not error
    assert (str(other), other.marker, other.__cause__) == (str(error), "deal-7", error.__cause__)
    assert other.__traceback__ is None
