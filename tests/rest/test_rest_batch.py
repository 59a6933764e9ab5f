"""Many calls as one request: what cannot be said in it is refused, and the answer comes apart again."""

import asyncio
import re
from typing import ClassVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bitrix_chat import errors
from bitrix_chat.enums import Color
from bitrix_chat.errors import InvalidParameter, Outcome, UnexpectedAnswer
from bitrix_chat.rest.accounting import duration_of, is_in_progress, refused_for_time, times_of, work_of
from bitrix_chat.rest.batch import MAX_COMMANDS, MAX_LEAVES, named, pack, unpack
from bitrix_chat.rest.batch_result import BatchDecoder
from bitrix_chat.rest.call import Call
from bitrix_chat.rest.query import parse
from bitrix_chat.rest.reference import LOOKALIKE, Reference, ref
from bitrix_chat.rest.request import Key, Request, Response, Safety


def call_of(method="im.chat.get", params=None, safety=Safety.CREATE, decode=lambda raw: raw):
    call = Call(Request(method, params or {}, safety), decode, transport=None)
    assert call.request  # inspected, so that it may be dropped
    return call


def command_of(call, *earlier, halt=False):
    """Return the last command as the portal parses it: its method and its parameters."""
    calls = named([*earlier, call])
    method, _, query = pack(calls, halt=halt).params["cmd"][f"c{len(earlier)}"].partition("?")
    return method, parse(query)


def refusal(call, *earlier, halt=False):
    with pytest.raises(InvalidParameter) as caught:
        pack(named([*earlier, call]), halt=halt)
    assert caught.value.outcome is Outcome.NOT_SENT
    return str(caught.value)


def php_map(items):
    """Write a map as PHP's json_encode does: a list when its keys are 0..n-1, and when it is empty."""
    return list(items.values()) if list(items) == [str(index) for index in range(len(items))] else items


class TestPack:
    def test_calls_become_query_strings_under_their_names(self):
        request = pack({"one": call_of("im.chat.add", {"TITLE": "Tea & cake #1"}), "two": call_of("server.time")})
        assert request.method == "batch"
        assert request.params == {
            "halt": 0,
            "cmd": {"one": "im.chat.add?TITLE=Tea%20%26%20cake%20%231", "two": "server.time"},
        }

    def test_halt_is_a_number_because_php_takes_the_word_false_for_true(self):
        assert pack({"a": call_of()}, halt=True).params["halt"] == 1

    @pytest.mark.parametrize("count", [0, MAX_COMMANDS + 1])
    def test_a_batch_holds_1_to_50_commands(self, count):
        with pytest.raises(InvalidParameter, match=f"batch: a batch holds 1 to 50 commands, not {count}"):
            pack(named([call_of() for _ in range(count)]))

    def test_50_commands_are_no_51(self):
        assert len(pack(named([call_of() for _ in range(MAX_COMMANDS)])).params["cmd"]) == 50

    @pytest.mark.parametrize("method", ["batch", "download", "upload", "Batch"])
    def test_methods_that_a_batch_may_not_hold_are_refused(self, method):
        assert refusal(call_of(method)) == f"{method}: cannot be a command of a batch; call it alone"

    def test_a_call_with_a_key_is_refused(self):
        call = Call(Request("im.chat.add", {}, key=Key("deal-1", Request("im.chat.get"))), lambda raw: raw, None)
        assert refusal(call) == (
            "im.chat.add: `key` is looked up before it is used, which a batch cannot do; call it alone"
        )

    @pytest.mark.parametrize(
        ("safeties", "riskiest"),
        [
            ([Safety.SAFE, Safety.SAFE], Safety.SAFE),
            ([Safety.SAFE, Safety.IDEMPOTENT], Safety.IDEMPOTENT),
            ([Safety.KEYED, Safety.IDEMPOTENT], Safety.KEYED),
            ([Safety.SAFE, Safety.CREATE, Safety.KEYED], Safety.CREATE),
        ],
    )
    def test_a_batch_is_as_risky_as_its_riskiest_command(self, safeties, riskiest):
        assert pack(named([call_of(safety=safety) for safety in safeties])).safety is riskiest

    @settings(deadline=None)
    @given(
        st.dictionaries(
            st.from_regex(r"[A-Za-z_]\w{0,5}", fullmatch=True).filter(str.isascii),
            st.text(st.characters(codec="utf-8"), max_size=30).filter(lambda text: not LOOKALIKE.search(text)),
            max_size=5,
        )
    )
    def test_texts_and_names_arrive_as_they_are(self, params):
        assert command_of(call_of("im.chat.add", params)) == ("im.chat.add", params)

    @pytest.mark.parametrize(
        ("value", "arrives"),
        [
            (5, "5"), (-1, "-1"), (1.5, "1.5"), (Color.LIGHT_BLUE, "lightBlue"), (Safety.SAFE, "reads only"),
            (True, "Y"), (False, "N"), ("", ""), ([1, "a"], {"0": "1", "1": "a"}), ((3,), {"0": "3"}),
            ({"a": {5: 6}}, {"a": {"5": "6"}}), ({">=ID": 1, "a b.c": 2}, {">=ID": "1", "a b.c": "2"}),
        ],
    )  # fmt: skip
    def test_values_are_written_as_the_portal_reads_them(self, value, arrives):
        assert command_of(call_of("im.chat.add", {"X": value})) == ("im.chat.add", {"X": arrives})

    @pytest.mark.parametrize("method", ["im.chat.add", "imbot.v2.Chat.add", "imopenlines.bot.x", "IM.chat.add"])
    def test_booleans_are_said_to_chat_methods(self, method):
        assert command_of(call_of(method, {"a": True}))[1] == {"a": "Y"}

    @pytest.mark.parametrize("method", ["user.get", "imconnector.list", "crm.deal.add"])
    def test_booleans_of_other_methods_are_refused(self, method):
        message = refusal(call_of(method, {"filter": {"ACTIVE": True}}))
        assert message == (
            f"{method}: `filter.ACTIVE` cannot be sent in a batch: it holds a boolean: "
            "write it as the method documents it, 'Y' or 1"
        )

    @pytest.mark.parametrize(
        ("value", "what"),
        [
            (None, "null"), ([], "an empty list"), ({}, "an empty map"), ((), "an empty list"), (b"x", "no JSON value"),
            ({1}, "no JSON value"), (float("nan"), "no JSON value"), (float("inf"), "no JSON value"),
            ("\ud83d", "surrogate"),
        ],
    )  # fmt: skip
    @pytest.mark.parametrize(
        ("wrap", "path"),
        [
            (lambda value: {"X": value}, "X"),
            (lambda value: {"fields": {"x": value}}, "fields.x"),
            (lambda value: {"USERS": [1, value]}, "USERS[1]"),
            (lambda value: {"a": [{"b": [value]}]}, "a[0].b[0]"),
        ],
    )
    def test_what_a_query_string_cannot_say_is_refused_by_its_place(self, value, what, wrap, path):
        message = refusal(call_of("im.chat.add", wrap(value)))
        assert message.startswith(f"im.chat.add: `{path}` cannot be sent in a batch: it holds ")
        assert what in message

    @pytest.mark.parametrize("name", ["a.b", "a b", " a", "a[b]", "a]", "", "a\0b", "\ud83d"])
    def test_names_that_php_would_change_are_refused(self, name):
        assert "the portal would change it" in refusal(call_of("im.chat.add", {name: 1}))

    @pytest.mark.parametrize("name", ["a]", "[", "", " ", "\0", " a"])
    def test_inner_names_that_php_would_change_are_refused(self, name):
        assert "the portal would change it" in refusal(call_of("im.chat.add", {"fields": {name: 1}}))

    def test_a_name_may_be_a_number(self):
        assert command_of(call_of("x.y", {5: "v"})) == ("x.y", {"5": "v"})

    def test_900_values_are_packed_and_901_are_refused(self):
        assert len(command_of(call_of("im.chat.add", {"USERS": list(range(MAX_LEAVES))}))[1]["USERS"]) == 900
        message = refusal(call_of("im.chat.add", {"USERS": list(range(MAX_LEAVES)), "TITLE": "x"}))
        assert message == "im.chat.add: 901 values are too many for a command of a batch (at most 900); call it alone"


class TestTextThatLooksLikeAReference:
    @pytest.mark.parametrize("word", ["result", "next", "total", "time", "error"])
    @pytest.mark.parametrize("case", [str.lower, str.upper, str.title])
    @pytest.mark.parametrize(
        "text", ["${}[0]", "costs ${}[c0] today", "${}_sum[a][b]", "a${}x[[y]", "\n${}[é]", "${}\N{NO-BREAK SPACE}[a]"]
    )
    def test_it_is_refused_with_the_name_of_its_parameter(self, word, case, text):
        message = refusal(call_of("im.chat.add", {"MESSAGE": text.format(case(word))}))
        assert message == (
            "im.chat.add: `MESSAGE` cannot be sent in a batch: it holds text that the portal would take for a "
            "reference; call it alone"
        )

    @pytest.mark.parametrize(
        "text",
        ["price $total", "$result", "$result [a]", "$result[]", "$results are in", "[total]", "$price[usd]", "$time["],
    )
    def test_text_that_the_portal_leaves_alone_is_packed(self, text):
        assert command_of(call_of("im.chat.add", {"MESSAGE": text}))[1] == {"MESSAGE": text}

    @settings(deadline=None)
    @given(st.lists(st.sampled_from(["$result", "$Time", "$", "[", "]", "a", " ", "$next"]), max_size=9).map("".join))
    def test_it_is_recognised_as_the_portal_does(self, text):
        theirs = re.search(r"\$(result|next|total|time|error)\S*\[[^\]]+\]", text, re.IGNORECASE | re.ASCII)
        assert bool(LOOKALIKE.search(text)) == bool(theirs)

    @pytest.mark.timeout(20)
    def test_a_text_made_to_stall_the_search_does_not(self):
        assert LOOKALIKE.search("$result" * 1400 + "[" * 10_000) is None


class TestReferences:
    @pytest.mark.parametrize(
        ("earlier", "step", "written"),
        [
            ("im.chat.add", lambda r: r, "chat$result[c0]"),
            ("IM.Chat.Add", lambda r: r, "chat$result[c0]"),
            ("imbot.chat.add", lambda r: r, "chat$result[c0]"),
            ("im.chat.get", lambda r: r["ID"], "chat$result[c0][ID]"),
            ("im.dialog.get", lambda r: r["id"], "chat$result[c0][id]"),
            ("imbot.v2.Chat.add", lambda r: r["chat"]["dialogId"], "chat$result[c0][chat][id]"),
            ("imbot.v2.Chat.add", lambda r: r["chat"]["id"], "chat$result[c0][chat][id]"),
            ("im.dialog.read", lambda r: r["chatId"], "chat$result[c0][chatId]"),
            ("x.list", lambda r: r[0]["chatId"], "chat$result[c0][0][chatId]"),
        ],
    )
    @pytest.mark.parametrize(("method", "name"), [("imbot.v2.Chat.get", "dialogId"), ("im.dialog.get", "DIALOG_ID")])
    def test_a_dialog_id_embeds_the_number_of_a_chat_so_that_a_failure_names_no_chat(
        self, earlier, step, written, method, name
    ):
        created = call_of(earlier)
        assert command_of(call_of(method, {name: step(ref(created))}), created) == (method, {name: written})

    @pytest.mark.parametrize(
        ("earlier", "step"),
        [
            ("profile", lambda r: r["ID"]),
            ("imbot.v2.Bot.get", lambda r: r["users"][0]["id"]),
            ("imbot.v2.Chat.add", lambda r: r),
            ("im.message.add", lambda r: r),
        ],
    )
    def test_a_number_that_is_no_chats_is_not_written_as_one(self, earlier, step):
        before = call_of(earlier)
        written = command_of(call_of("imbot.v2.Chat.get", {"dialogId": step(ref(before))}), before)[1]["dialogId"]
        assert written.startswith("$result[c0]")
        refused = refusal(call_of("im.dialog.get", {"DIALOG_ID": step(ref(before))}), before)
        assert "use halt=True" in refused or "need not hold" in refused

    @pytest.mark.parametrize(
        ("earlier", "step"),
        [
            ("im.chat.get", lambda r: r["ID"]),
            ("im.chat.get", lambda r: r),
            ("im.chat.add", lambda r: r["ID"]),
            ("imbot.v2.Chat.add", lambda r: r["chat"]["ID"]),
            ("imbot.v2.Chat.get", lambda r: r),
        ],
    )
    @pytest.mark.parametrize("halt", [False, True])
    def test_what_an_answer_need_not_hold_is_never_a_whole_value(self, earlier, step, halt):
        before = call_of(earlier)
        calls = named([before, call_of("im.chat.user.add", {"CHAT_ID": step(ref(before)), "USERS": [1]})])
        with pytest.raises(errors.InvalidParameter, match="`CHAT_ID` refers to what the earlier answer need not hold"):
            pack(calls, halt=halt)

    def test_a_step_beyond_a_number_is_refused_where_the_portal_would_ignore_it(self):
        created = call_of("im.chat.add")
        refused = refusal(call_of("imbot.v2.Chat.get", {"dialogId": ref(created)["nope"]}), created)
        assert "need not hold" in refused

    def test_a_reference_is_no_text(self):
        with pytest.raises(TypeError, match="no text"):
            f"chat{ref(call_of())}"

    def test_a_whole_value_of_a_legacy_method_needs_halt(self):
        created = call_of("im.chat.add")
        added = call_of("im.chat.user.add", {"CHAT_ID": ref(created), "USERS": [1]})
        assert refusal(added, created) == (
            "im.chat.user.add: `CHAT_ID` refers to a whole value, which becomes 1 when the earlier command fails: "
            "use halt=True"
        )
        assert command_of(added, created, halt=True)[1] == {"CHAT_ID": "$result[c0]", "USERS": {"0": "1"}}

    @pytest.mark.parametrize("name", ["messageId", "commandId", "fileId", "userId"])
    @pytest.mark.parametrize("method", ["imbot.v2.Chat.Message.read", "im.v2.File.download"])
    def test_a_top_level_parameter_that_the_portal_type_checks_needs_no_halt(self, name, method):
        sent = call_of("imbot.v2.Chat.Message.send")
        written = command_of(call_of(method, {name: ref(sent)["id"]}), sent)[1]
        assert written == {name: "$result[c0][id]"}

    @pytest.mark.parametrize(
        "params",
        [
            lambda r: {"botId": r},
            lambda r: {"fields": {"ownerId": r}},
            lambda r: {"fields": {"userIds": [7, r]}},
            lambda r: {"fields": {"userId": r}},
        ],
    )
    def test_what_the_portal_casts_needs_halt_in_v2_too(self, params):
        before = call_of("imbot.v2.Bot.get")
        call = call_of("imbot.v2.Chat.add", params(ref(before)["bot"]["id"]))
        assert "use halt=True" in refusal(call, before)
        assert "c0" in str(command_of(call, before, halt=True))

    def test_a_reference_to_a_later_call_is_refused(self):
        later = call_of("im.chat.add")
        with pytest.raises(InvalidParameter, match="`DIALOG_ID` refers to a call that is not earlier in this batch"):
            pack(named([call_of("im.dialog.get", {"DIALOG_ID": ref(later)}), later]))

    def test_a_reference_to_itself_or_to_a_stranger_is_refused(self):
        assert "not earlier" in refusal(call_of("im.dialog.get", {"DIALOG_ID": ref(call_of("im.chat.add"))}))

    def test_a_reference_takes_the_name_its_call_has_in_the_batch(self):
        created = call_of("im.chat.add")
        request = pack({"room": created, "look": call_of("im.dialog.get", {"DIALOG_ID": ref(created)})})
        assert request.params["cmd"]["look"] == "im.dialog.get?DIALOG_ID=chat%24result%5Broom%5D"

    @pytest.mark.parametrize("key", ["", " ", "a b", "a[b", "a]", "\t"])
    def test_a_step_that_cannot_be_written_is_refused(self, key):
        with pytest.raises(InvalidParameter, match="a reference cannot step to"):
            ref(call_of())[key]

    def test_a_reference_is_not_walked_through_like_a_list(self):
        reference = ref(call_of())
        with pytest.raises(TypeError):
            iter(reference)
        with pytest.raises(TypeError):
            5 in reference  # noqa: B015

    def test_steps_make_new_references(self):
        call = call_of()
        reference = ref(call)["chat"][0]
        assert isinstance(reference, Reference)
        assert (reference.call, reference.path) == (call, ("chat", "0"))
        assert ref(call) != ref(call)


class TestNames:
    def test_a_list_is_named_by_position(self):
        calls = [call_of(), call_of()]
        assert named(calls) == {"c0": calls[0], "c1": calls[1]}

    def test_own_names_are_kept(self):
        call = call_of()
        assert named({"room_1": call, "чат": call}) == {"room_1": call, "чат": call}

    @pytest.mark.parametrize("name", ["", "0", "a b", "a]", "a-b", "a.b", 0])
    def test_names_that_brackets_do_not_keep_are_refused(self, name):
        with pytest.raises(InvalidParameter, match="batch: a command's name is letters, digits and _, not"):
            named({name: call_of()})


OUTCOME_OF_A_COMMAND = st.one_of(
    st.tuples(st.just("done"), st.none() | st.integers() | st.booleans() | st.lists(st.integers(), max_size=2)),
    st.tuples(st.just("refused"), st.sampled_from(["ACCESS_DENIED", "BOT_NOT_FOUND", "100", "menu_ERROR"])),
    st.tuples(st.just("skipped"), st.none()),
)
NAMES = st.sampled_from([str, lambda index: f"c{index}", lambda index: str(index + 1)])


@settings(deadline=None)
@given(st.lists(OUTCOME_OF_A_COMMAND, min_size=1, max_size=8), NAMES)
def test_every_command_gets_back_what_became_of_it(outcomes, name_of):
    requests = {name_of(index): Request(f"x.y{index}", {}, Safety.SAFE) for index in range(len(outcomes))}
    told = dict(zip(requests, outcomes, strict=True))
    done = {name: value for name, (kind, value) in told.items() if kind == "done"}
    refused = {
        name: {"error": value, "error_description": name} for name, (kind, value) in told.items() if kind == "refused"
    }
    parts = {
        "result": php_map(done),
        "result_error": php_map(refused),
        "result_time": php_map({name: {"duration": 1} for name in done}),
        "result_total": php_map(dict.fromkeys(done, 3)),
        "result_next": [],
    }
    answers = dict(unpack(requests, Response(parts)))
    assert list(answers) == list(requests)
    for index, (name, (kind, value)) in enumerate(told.items()):
        answer = answers[name]
        if kind == "done":
            assert answer == Response(value, None, 3, {"duration": 1})
        elif kind == "refused":
            assert (answer.code, answer.description, answer.method) == (value, name, f"x.y{index}")
            assert answer.outcome is Outcome.REFUSED
        else:
            assert type(answer) is errors.UnexpectedAnswer
            assert answer.outcome is Outcome.UNKNOWN


class TestUnpack:
    def answers(self, result, *safeties, halt=False):
        requests = {f"c{index}": Request("im.chat.add", {}, safety) for index, safety in enumerate(safeties)}
        return [answer for _, answer in unpack(requests, Response(result), halt=halt)]

    @pytest.mark.parametrize("result", [None, [], True, 5, "x"])
    def test_what_is_no_batch_answer_is_refused(self, result):
        with pytest.raises(errors.UnexpectedAnswer, match="batch: the result is no batch result"):
            self.answers(result, Safety.SAFE)

    def test_a_missing_read_is_an_unexpected_answer_and_a_missing_create_an_unknown_outcome(self):
        read, created = self.answers({"result": [], "result_error": []}, Safety.SAFE, Safety.CREATE)
        assert type(read) is errors.UnexpectedAnswer
        assert type(created) is errors.OutcomeUnknown
        what = "it may have run (the batch answer does not mention this command); look before sending it again"
        assert str(created) == f"im.chat.add: {what}"
        assert type(created.__cause__) is errors.UnexpectedAnswer

    @pytest.mark.parametrize("parts", [{}, {"result": None, "result_error": "x", "result_time": 5}])
    def test_parts_of_an_odd_type_mention_nothing(self, parts):
        assert [type(answer) for answer in self.answers(parts, Safety.SAFE)] == [errors.UnexpectedAnswer]

    def test_a_refusal_that_is_no_object_mentions_nothing(self):
        assert [type(answer) for answer in self.answers({"result_error": {"c0": "no"}}, Safety.SAFE)] == [
            errors.UnexpectedAnswer
        ]

    def test_a_refusal_without_a_code_is_still_one(self):
        (answer,) = self.answers({"result_error": {"c0": {"error_description": "odd"}}}, Safety.CREATE)
        assert (type(answer), answer.code, answer.description) == (errors.RestError, "", "odd")

    @pytest.mark.parametrize(("safety", "kind"), [(Safety.SAFE, "ServerError"), (Safety.CREATE, "OutcomeUnknown")])
    def test_a_failure_inside_the_portal_is_told_as_for_a_call_alone(self, safety, kind):
        failure = {"error": "INTERNAL_SERVER_ERROR", "error_description": "Internal"}
        (answer,) = self.answers({"result_error": {"c0": failure}}, safety)
        assert type(answer).__name__ == kind
        assert answer.outcome is Outcome.UNKNOWN
        assert answer.code == "INTERNAL_SERVER_ERROR"

    def test_after_halt_the_later_commands_did_not_run(self):
        result = {"result": {"c0": 5}, "result_error": {"c1": {"error": "ACCESS_DENIED"}}}
        done, refused, halted = self.answers(result, *[Safety.CREATE] * 3, halt=True)
        assert (done.result, refused.code) == (5, "ACCESS_DENIED")
        assert type(halted) is errors.BatchHalted
        assert halted.outcome is Outcome.REFUSED

    def test_without_halt_a_later_missing_command_is_unknown(self):
        result = {"result": [], "result_error": {"c0": {"error": "ACCESS_DENIED"}}}
        assert type(self.answers(result, Safety.CREATE, Safety.CREATE)[1]) is errors.OutcomeUnknown

    def test_what_is_missing_before_the_failure_is_unknown_although_the_batch_halts(self):
        result = {"result": [], "result_error": {"c1": {"error": "ACCESS_DENIED"}}}
        assert type(self.answers(result, Safety.CREATE, Safety.CREATE, halt=True)[0]) is errors.OutcomeUnknown

    @pytest.mark.parametrize("safety", [Safety.SAFE, Safety.CREATE])
    def test_an_echoed_secret_is_masked_wherever_the_error_is_shown(self, safety):
        request = Request("imbot.v2.Chat.add", {"botToken": "canary-token"}, safety)
        failure = {"error": "INTERNAL_SERVER_ERROR", "error_description": "bad token canary-token!"}
        ((_, answer),) = unpack({"c0": request}, Response({"result_error": {"c0": failure}}))
        shown = [str(answer), repr(answer), str(answer.__cause__), repr(answer.__cause__)]
        assert not any("canary" in text for text in shown)
        assert "***" in str(answer)


class TestBatchResult:
    def result(self, calls, parts, *, halt=False):
        commands = named(calls)
        decode = BatchDecoder(commands, halt=halt)
        return decode(parts)

    def test_results_are_had_by_position_by_name_and_in_order(self):
        result = self.result([call_of("im.chat.add", decode=str), call_of()], {"result": {"c0": 5, "c1": None}})
        assert len(result) == 2
        assert result[0] is result["c0"]
        assert result[-1].name == "c1"
        assert [command.name for command in result] == ["c0", "c1"]
        assert result.values() == ["5", None]
        assert result.failed == ()
        assert result[0].unwrap() == "5"
        assert result[0].method == "im.chat.add"
        assert result[0].outcome is Outcome.DONE
        assert result[1].response.result is None

    def test_a_name_or_position_that_is_none_raises_as_python_does(self):
        result = self.result([call_of()], {"result": {"c0": 1}})
        with pytest.raises(KeyError):
            result["nobody"]
        with pytest.raises(IndexError):
            result[1]

    def test_one_refused_command_fails_alone(self):
        parts = {"result": {"c1": 2}, "result_error": {"c0": {"error": "ACCESS_DENIED", "error_description": "No"}}}
        result = self.result([call_of(), call_of()], parts)
        assert result[1].unwrap() == 2
        assert result.failed == (result[0],)
        assert result[0].value is None
        assert result[0].outcome is Outcome.REFUSED
        with pytest.raises(errors.AccessDenied):
            result[0].unwrap()
        with pytest.raises(errors.AccessDenied):
            result.values()

    def test_an_answer_that_cannot_be_read_is_done_and_keeps_its_raw_form(self):
        def decode(raw):
            raise errors.UnexpectedAnswer("odd", outcome=Outcome.DONE)

        call = call_of(decode=decode)
        result = self.result([call], {"result": {"c0": {"strange": 1}}})
        assert result[0].outcome is Outcome.DONE
        assert result[0].response.result == {"strange": 1}
        assert result.failed == (result[0],)
        assert call.outcome is Outcome.DONE

    def test_an_answer_that_is_none_settles_every_call(self):
        calls = [call_of(), call_of()]
        with pytest.raises(errors.UnexpectedAnswer):
            self.result(calls, [])
        assert [call.outcome for call in calls] == [Outcome.UNKNOWN] * 2

    def test_the_same_call_cannot_be_in_a_batch_twice(self):
        call, other = call_of(), call_of()
        with pytest.raises(errors.InvalidParameter, match="the same call stands in it twice"):
            BatchDecoder(named([other, call, call]), halt=False)
        call.close()
        with pytest.raises(errors.InvalidParameter, match="`c1` was already awaited"):
            BatchDecoder(named([other, call]), halt=False)
        assert not other.is_claimed
        other.close()

    @pytest.mark.parametrize("calls", ["im.chat.add", 5, None, call_of])
    def test_what_is_no_list_of_calls_is_refused(self, calls):
        with pytest.raises(errors.InvalidParameter, match="`calls` is"):
            named(calls)

    def test_what_is_no_call_is_refused(self):
        with pytest.raises(errors.InvalidParameter, match="`c0` is str, not a call"):
            named(["im.chat.add"])

    def test_a_call_with_a_bound_of_its_own_is_refused(self):
        bounded = call_of().within(5)
        with pytest.raises(errors.InvalidParameter, match="`c0` has a bound of its own"):
            BatchDecoder(named([bounded]), halt=False)
        bounded.close()

    def test_a_result_is_found_by_its_call_and_keeps_its_type(self):
        first, second = call_of(), call_of()
        decode = BatchDecoder(named([first, second]), halt=False)
        result = decode({"result": {"c0": {"ID": 1}, "c1": {"ID": 2}}})
        assert result[second] is result["c1"] is result[1]
        with pytest.raises(KeyError):
            result["nobody"]

    def test_a_result_shows_no_raw_answer(self):
        result = self.result([call_of(decode=len)], {"result": {"c0": "canary"}})
        assert "canary" not in repr(result)

    async def test_settled_calls_know_their_own_answers(self):
        one, other = call_of(), call_of()
        self.result([one, other], {"result": {"c0": 1}, "result_error": {"c1": {"error": "QUERY_LIMIT_EXCEEDED"}}})
        assert (one.outcome, one.response.result) == (Outcome.DONE, 1)
        assert other.outcome is Outcome.REFUSED_TEMPORARY
        with pytest.raises(RuntimeError):
            await asyncio.wait_for(one, 1)


class TestAccounting:
    """What a request makes the portal run, and what it says of the time."""

    @pytest.mark.parametrize("spelling", ["cmd", "CMD"])
    @pytest.mark.parametrize("write", [lambda commands: commands, lambda commands: list(commands.values())])
    def test_a_batch_is_the_work_of_its_commands(self, spelling, write):
        commands = write({"0": "im.chat.add?TITLE=x", "1": "im.chat.add", "2": "user.get?ID=1"})
        assert work_of(Request("batch", {spelling: commands})) == {"batch": 1, "im.chat.add": 2, "user.get": 1}

    @pytest.mark.parametrize("params", [{}, {"cmd": []}, {"cmd": {}}, {"cmd": None}, {"cmd": "x"}])
    def test_a_batch_without_commands_is_its_own_work(self, params):
        assert work_of(Request("batch", params)) == {"batch": 1}

    def test_any_other_request_is_one_of_its_method(self):
        assert work_of(Request("im.chat.add")) == {"im.chat.add": 1}

    def test_an_answer_tells_the_time_of_its_method(self):
        time = {"operating": 1.5}
        assert list(times_of(Request("im.chat.add"), Response(5, raw_time=time))) == [("im.chat.add", time)]

    @pytest.mark.parametrize(
        ("commands", "times"),
        [
            ({"a": "x.one?b=1", "b": "x.two"}, {"a": {"operating": 1}, "b": {"operating": 2}}),
            (["x.one", "x.two"], [{"operating": 1}, {"operating": 2}]),
        ],
    )
    def test_a_batch_tells_the_time_of_its_commands(self, commands, times):
        answer = Response({"result_time": times}, raw_time={"operating": 3})
        assert list(times_of(Request("batch", {"cmd": commands}), answer)) == [
            ("batch", {"operating": 3}),
            ("x.one", {"operating": 1}),
            ("x.two", {"operating": 2}),
        ]

    def test_a_gap_in_a_list_of_commands_is_no_fault(self):
        request = Request("batch", {"cmd": ["x.one", "x.two", "x.three"]})
        answer = Response({"result_time": {"1": {"operating": 2}}, "result_error": [{"error": "OPERATION_TIME_LIMIT"}]})
        assert list(times_of(request, answer)) == [("batch", {}), ("x.two", {"operating": 2})]
        assert list(refused_for_time(request, answer)) == ["x.one"]

    @pytest.mark.parametrize(
        "result", [None, [], {}, {"result_time": [], "result_error": []}, {"result_time": {"z": {}}}]
    )
    @pytest.mark.parametrize("params", [{}, {"cmd": {"a": "x.one"}}])
    def test_an_answer_may_tell_nothing(self, result, params):
        request = Request("batch", params)
        assert list(times_of(request, Response(result))) == [("batch", {})]
        assert list(refused_for_time(request, Response(result))) == []

    @pytest.mark.parametrize(
        ("time", "seconds"),
        [({"duration": 2}, 2.0), ({"duration": 0.5}, 0.5)]
        + [({"duration": odd}, 0.0) for odd in ("2", None, -1, 0, float("inf"), float("nan"))]
        + [({"duration": hostile}, 0.0) for hostile in (10**400, 1e300, 1e-320)]
        + [({}, 0.0)],
    )
    def test_what_a_call_took_is_a_number_of_seconds_or_nothing(self, time, seconds):
        assert duration_of(time) == seconds

    def test_commands_that_met_the_operating_limit_are_told(self):
        request = Request("batch", {"cmd": {"a": "x.one?p=1", "b": "x.two", "c": "x.three"}})
        failures = {"a": {"error": "OPERATION_TIME_LIMIT"}, "b": {"error": "ACCESS_DENIED"}, "c": "odd"}
        failures["stranger"] = {"error": "OPERATION_TIME_LIMIT"}
        assert list(refused_for_time(request, Response({"result_error": failures}))) == ["x.one"]

    def test_a_request_alone_is_told_by_its_own_error(self):
        assert list(refused_for_time(Request("im.chat.add"), Response({"result_error": {"a": {}}}))) == []


class TestARepeatedBatch:
    """What an earlier attempt may have done is not denied by what the repetition says."""

    REQUESTS: ClassVar = {
        "c0": Request("im.dialog.get", safety=Safety.SAFE),
        "c1": Request("im.chat.setOwner", safety=Safety.IDEMPOTENT),
        "c2": Request("im.message.add", safety=Safety.KEYED),
    }
    ANSWER: ClassVar = {"result": [], "result_error": {name: {"error": "WRONG_REQUEST"} for name in ("c0", "c1")}}

    def test_refusals_are_unknown_but_for_reads(self):
        errors = [error for _, error in unpack(self.REQUESTS, Response(self.ANSWER), halt=True, doubtful=True)]
        assert [error.outcome for error in errors] == [Outcome.REFUSED, Outcome.UNKNOWN, Outcome.UNKNOWN]

    def test_a_first_attempt_is_believed(self):
        errors = [error for _, error in unpack(self.REQUESTS, Response(self.ANSWER), halt=True)]
        assert {error.outcome for error in errors} == {Outcome.REFUSED}

    def test_what_is_unknown_already_stays_what_it_is(self):
        (_, error), *_ = unpack({"c2": self.REQUESTS["c2"]}, Response({"result": []}), doubtful=True)
        assert (type(error), error.outcome) == (UnexpectedAnswer, Outcome.UNKNOWN)

    @pytest.mark.parametrize(
        ("method", "result", "waits"),
        [
            ("batch", {"result_error": {"c2": {"error": "MESSAGE_DUPLICATED_BY_UUID"}}}, True),
            ("batch", {"result_error": [{"error": "ACCESS_DENIED"}, "rubbish"]}, False),
            ("batch", None, False),
            ("im.message.add", {"result_error": {"c2": {"error": "MESSAGE_DUPLICATED_BY_UUID"}}}, False),
        ],
    )
    def test_a_message_still_being_sent_shows_in_the_answer_of_a_batch(self, method, result, waits):
        assert is_in_progress(Request(method), Response(result)) is waits
