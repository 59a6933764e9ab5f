"""Any answer to a batch comes apart into its commands, and what commands cannot say is refused before it leaves."""

import contextlib
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from bitrix_chat import BitrixChat, BitrixError, InvalidParameter, Outcome, UnexpectedAnswer, ref
from bitrix_chat.rest.accounting import is_in_progress, refused_for_time, times_of, work_of
from bitrix_chat.rest.batch import pack, unpack
from bitrix_chat.rest.call import Call
from bitrix_chat.rest.query import MAX_PAIRS, parse
from bitrix_chat.rest.reference import LOOKALIKE, Reference
from bitrix_chat.rest.request import Request, Response, Safety
from bitrix_chat.testing import ScriptedTransport
from tests.fuzz.json_strategies import ANY_JSON, damaged, effort

NAMES = ["c0", "c1", "c2", "0", "1"]
REQUESTS = {
    name: Request("im.chat.add", {"TITLE": "words"}, safety)
    for name, safety in zip(NAMES, [*Safety, Safety.CREATE], strict=True)
}
BY_NAME = st.dictionaries(st.sampled_from(NAMES), ANY_JSON) | st.lists(ANY_JSON, max_size=3)
ERRORS = st.dictionaries(
    st.sampled_from(NAMES),
    st.fixed_dictionaries(
        {"error": st.sampled_from(["ACCESS_DENIED", "OPERATION_TIME_LIMIT", "INTERNAL_SERVER_ERROR", ""])}
    ),
)
ANSWERS = st.fixed_dictionaries(
    {"result": BY_NAME, "result_error": ERRORS},
    optional={f"result_{part}": BY_NAME for part in ("time", "total", "next")},
)


def taken_apart(raw: Any, **options: bool) -> list[tuple[str, Response | BitrixError]]:
    try:
        return list(unpack(REQUESTS, Response(raw), **options))
    except UnexpectedAnswer:
        return []


@effort(16)
@given(damaged(ANSWERS) | ANSWERS | ANY_JSON, st.booleans(), st.booleans())
def test_any_batch_answer_has_one_ending_for_each_command_in_order(raw, halt, doubtful):
    endings = taken_apart(raw, halt=halt, doubtful=doubtful)

    assert [name for name, _ in endings] in ([], NAMES)
    for name, ending in endings:
        said = isinstance(ending, Response)
        assert said == (
            isinstance(raw["result"], dict | list) and name in keys(raw["result"]) if "result" in raw else False
        )
        if not said and doubtful and REQUESTS[name].safety is not Safety.SAFE:
            assert ending.outcome is Outcome.UNKNOWN


def keys(part: Any) -> set[str]:
    return set(part) if isinstance(part, dict) else {str(index) for index in range(len(part))}


@effort(16)
@given(damaged(ANSWERS) | ANY_JSON)
def test_any_batch_answer_is_accounted_for(raw):
    batch = Request("batch", {"cmd": dict.fromkeys(NAMES, "im.chat.add?TITLE=words")})

    for method, _ in times_of(batch, Response(raw)):
        assert method in {"batch", "im.chat.add"}
    assert set(refused_for_time(batch, Response(raw))) <= {"im.chat.add"}
    assert isinstance(is_in_progress(batch, Response(raw)), bool)


@effort(8)
@given(ANY_JSON)
def test_whatever_a_caller_calls_the_commands_of_a_batch_is_accounted_for(commands):
    assert work_of(Request("batch", {"cmd": commands}))["batch"] == 1


@effort(16)
@given(st.dictionaries(st.text(max_size=8), ANY_JSON, max_size=4))
def test_a_command_of_any_parameters_is_read_back_as_they_were_or_refused(params):
    try:
        call = b24().call("im.chat.add", params)
        assert call.request
        command = pack({"c0": call}).params["cmd"]["c0"]
    except InvalidParameter:
        return
    written = parse(command.partition("?")[2], max_pairs=MAX_PAIRS)
    assert texts(params) == texts(written)


def texts(value: Any) -> Any:
    """Write values as a query does: lists are maps by index, leaves are texts."""
    if isinstance(value, list):
        value = dict(enumerate(value))
    if isinstance(value, dict):
        return {str(key): texts(item) for key, item in value.items()}
    return ("Y" if value else "N") if isinstance(value, bool) else str(value)


def b24() -> BitrixChat:
    return BitrixChat.over(ScriptedTransport())


STEPS = st.lists(
    st.text(max_size=8) | st.integers() | st.sampled_from(["chat", "dialogId", "id", "result"]), max_size=5
)
METHODS = st.sampled_from(["im.chat.add", "im.chat.get", "imbot.v2.Chat.add", "profile", "crm.deal.add"])


@effort(16)
@given(METHODS, STEPS, METHODS, st.sampled_from(["DIALOG_ID", "dialogId", "CHAT_ID", "fields", "a[b]"]), st.booleans())
def test_a_reference_of_any_steps_is_one_for_the_portal_or_refused(source, steps, target, parameter, halt):
    first = b24().call(source)
    with contextlib.suppress(InvalidParameter):
        reference = stepped(first, steps)
        second = b24().call(target, {parameter: reference})
        assert second.request
        command = pack({"c0": first, "c1": second}, halt=halt).params["cmd"]["c1"]
        (written,) = parse(command.partition("?")[2]).values()
        assert LOOKALIKE.search(f"{written}[x]")
    assert first.request


def stepped(call: Call[Any], steps: list[Any]) -> Reference:
    reference = ref(call)
    for step in steps:
        reference = reference[step]
    return reference


@effort(8)
@given(st.text(st.sampled_from("$resultnexttotal[]c0 \n"), max_size=5000))
def test_looking_for_references_in_a_text_never_stalls(text):
    LOOKALIKE.search(text * 20)
