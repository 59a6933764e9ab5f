"""Answers written by PHP become models, and what Python says becomes the words of a dialect."""

import types
from datetime import UTC, datetime, timedelta, timezone
from enum import StrEnum
from typing import Any, Union, get_args, get_origin

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bitrix_chat.converters import (
    CAMEL_ANSWERS,
    CAMEL_REQUESTS,
    SNAKE_ANSWERS,
    UPPER_ANSWERS,
    UPPER_REQUESTS,
    camel_case,
    decoder,
    snake_case,
    wire,
)
from bitrix_chat.enums import Background, BotType, ChatRole, ChatType, Color, EventMode, Gender
from bitrix_chat.errors import Outcome, UnexpectedAnswer
from bitrix_chat.models.bot import Bot, BotInfo, BotPage, Revision
from bitrix_chat.models.chat import Chat, ChatInfo
from bitrix_chat.models.counters import Counters
from bitrix_chat.models.dialog import FoundMessages, ReadState
from bitrix_chat.models.disk import SavedFile
from bitrix_chat.models.message import Message
from bitrix_chat.models.recent import RecentPage
from bitrix_chat.models.revision import ImRevision
from bitrix_chat.models.user import Profile, User
from bitrix_chat.rest.call import Call
from bitrix_chat.rest.reference import ref
from bitrix_chat.rest.request import Request

DIALECTS = {
    "camel": (CAMEL_ANSWERS, camel_case),
    "snake": (SNAKE_ANSWERS, snake_case),
    "upper": (UPPER_ANSWERS, str.upper),
}


def read(kind, raw, answers=CAMEL_ANSWERS):
    return decoder(answers, kind, "x.y")(raw)


def refusal(kind, raw, answers=CAMEL_ANSWERS):
    with pytest.raises(UnexpectedAnswer) as caught:
        read(kind, raw, answers)
    assert caught.value.outcome is Outcome.DONE
    assert caught.value.method == "x.y"
    return str(caught.value)


def a_chat(**keys):
    return read(Chat, {"id": 5, **keys})


def a_user(**keys):
    return read(User, {"id": 1, **keys})


class TestBooleans:
    @pytest.mark.parametrize("value", [True, "Y", 1, "1", "true", "TRUE"])
    def test_what_is_true(self, value):
        assert a_chat(extranet=value).extranet is True

    @pytest.mark.parametrize("value", [False, "N", 0, "0", "false", "FALSE", ""])
    def test_what_is_false(self, value):
        assert a_chat(textFieldEnabled=value).text_field_enabled is False

    @pytest.mark.parametrize(("value", "read_as"), [(False, False), ("N", False), (0, False), ("", None), (None, None)])
    def test_false_is_an_answer_where_none_is_possible(self, value, read_as):
        assert read(bool | None, value) is read_as

    @pytest.mark.parametrize("value", ["yes", 2, -1, 1.0, [], {}, "canary"])
    def test_what_is_neither_is_refused(self, value):
        assert refusal(bool, value).endswith("@ result")
        assert a_chat(textFieldEnabled=value).text_field_enabled is True


class TestIntegers:
    @pytest.mark.parametrize("value", [789, "789", " 789 ", 789.0])
    def test_what_is_a_whole_number(self, value):
        chat = a_chat(messageCount=value, owner=value)
        assert (chat.message_count, chat.owner) == (789, 789)
        assert type(chat.owner) is int

    def test_a_whole_number_may_be_negative(self):
        assert a_chat(messageCount="-1").message_count == -1

    @pytest.mark.parametrize("value", [True, "7 apples", "1_000", "7.5", 7.5, float("inf"), float("nan"), [7], {}])
    def test_what_is_none_is_refused(self, value):
        assert refusal(Chat, {"id": value}).endswith("expected int @ result.id")
        assert a_chat(owner=value, messageCount=value) == Chat(id=5)

    @pytest.mark.parametrize("value", [None, "", False])
    def test_an_absent_one_is_none(self, value):
        assert a_chat(lastId=value).last_id is None

    @pytest.mark.parametrize("value", ["", " ", False])
    def test_a_required_one_cannot_be_absent(self, value):
        assert refusal(Chat, {"id": value}).endswith("expected int @ result.id")

    @pytest.mark.parametrize("value", [0, "0", None, False, ""])
    def test_zero_says_that_there_is_no_parent(self, value):
        assert a_chat(parentChatId=value, parentMessageId=value).parent_chat_id is None


class TestTexts:
    @pytest.mark.parametrize(("value", "text"), [("x", "x"), (5, "5"), (1.5, "1.5"), (None, ""), (False, ""), ("", "")])
    def test_what_is_a_text(self, value, text):
        assert a_chat(name=value).name == text

    @pytest.mark.parametrize("value", [None, False, ""])
    def test_an_absent_one_is_none_where_none_is_possible(self, value):
        chat = a_chat(avatar=value, color=value, role=value, backgroundId=value)
        assert (chat.avatar, chat.color, chat.role, chat.background_id) == (None, None, None, None)

    @pytest.mark.parametrize("value", [True, [], ["x"], {}])
    def test_what_is_none_is_refused(self, value):
        assert refusal(str, value).endswith("@ result")
        assert a_chat(name=value, role=value, messageType=value) == Chat(id=5)

    def test_a_number_is_a_text_where_a_text_is_promised(self):
        assert a_chat(dialogId=5, backgroundId=7).dialog_id == "5"
        assert a_chat(backgroundId=7).background_id == "7"


class TestDates:
    def test_a_date_keeps_the_portals_offset(self):
        moment = a_chat(dateCreate="2031-03-04T05:06:07+03:00").date_create
        assert moment == datetime(2031, 3, 4, 2, 6, 7, tzinfo=UTC)
        assert moment.utcoffset() == timedelta(hours=3)

    @pytest.mark.parametrize("value", [1_900_000_000, 1_900_000_000.0])
    def test_a_number_is_unix_seconds(self, value):
        assert a_chat(dateCreate=value).date_create == datetime(2030, 3, 17, 17, 46, 40, tzinfo=UTC)

    @pytest.mark.parametrize("value", [False, "", None, {}, []])
    def test_no_date_is_none(self, value):
        user = a_user(idle=value, lastActivityDate=value, absent=value, mobileLastDate=value, desktopLastDate=value)
        assert user == User(id=1)

    @pytest.mark.parametrize("value", [True, {"a": 1}, [1], "tomorrow", "04.03.2031", 1e300, float("nan")])
    def test_what_is_no_date_is_refused(self, value):
        assert "@ result" in refusal(datetime | None, value)
        assert a_user(idle=value).idle is None

    @pytest.mark.parametrize("value", ["1900000000", 1_900_000_000])
    def test_unix_seconds_may_be_a_text(self, value):
        assert read(datetime, value) == datetime(2030, 3, 17, 17, 46, 40, tzinfo=UTC)

    def test_eight_digits_are_a_day_and_no_seconds(self):
        assert read(datetime, "20310304") == datetime(2031, 3, 4)  # noqa: DTZ001  # naive is the point

    @pytest.mark.parametrize("value", [0, "0", "0000-00-00", "0000-00-00 00:00:00", "0000-00-00T00:00:00+00:00"])
    def test_the_zeros_of_the_database_are_none(self, value):
        assert read(datetime | None, value) is None

    def test_a_date_without_an_offset_stays_naive(self):
        assert a_chat(dateCreate="2031-03-04 05:06:07").date_create.tzinfo is None


class TestLists:
    @pytest.mark.parametrize("value", [[7, "9"], {"7": 7, "9": "9"}, {"0": 7, "2": 9}])
    def test_a_map_by_id_is_the_list_of_its_values(self, value):
        assert a_user(departments=value).departments == [7, 9]

    @pytest.mark.parametrize("value", [[], {}, None, False, ""])
    def test_an_absent_list_is_empty(self, value):
        assert a_user(departments=value).departments == []
        assert read(BotPage, {"bots": value, "users": value}) == BotPage()

    @pytest.mark.parametrize("value", [True, 0, 7, "7"])
    def test_what_is_no_list_is_refused(self, value):
        assert refusal(list[int], value).endswith("@ result")
        assert a_user(departments=value).departments == []

    def test_null_among_ids_and_models_is_no_element(self):
        assert read(list[int], [7, None, "9"]) == read(list[int], {"1": 7, "2": None, "3": 9}) == [7, 9]
        assert read(list[User], [None, {"id": 1}]) == [User(id=1)]

    def test_null_is_kept_where_it_may_be_meant(self):
        assert read(list[Any], [None, 1]) == [None, 1]
        assert read(list[dict[str, Any]], [None, {"a": None}]) == [{}, {"a": None}]

    def test_a_bad_element_is_named_by_its_place(self):
        assert refusal(list[User], [{"id": 1}, {"id": "canary"}]).endswith("expected int @ result[1].id")
        assert refusal(list[list[int]], {"17": [1, "x"]}).endswith("expected int @ result['17'][1]")


class TestMaps:
    @pytest.mark.parametrize("value", [[], {}, None, False, ""])
    def test_an_empty_list_is_an_empty_map(self, value):
        assert read(Message, {"id": 5, "params": value}) == Message(id=5)
        assert read(dict[int, int], value) == {}

    @pytest.mark.parametrize("value", [[], None, False, ""])
    def test_an_absent_object_is_none(self, value):
        assert a_chat(entityLink=value, permissions=value, lastMessageViews=value) == Chat(id=5)

    @pytest.mark.parametrize("value", [[], None, False, ""])
    def test_an_absent_map_is_none_where_none_is_possible(self, value):
        assert a_chat(public=value).public is None
        assert a_user(phones=value).phones is None

    def test_a_list_is_a_map_by_its_indices(self):
        assert read(Message, {"id": 5, "params": ["a", "b"]}).params == {"0": "a", "1": "b"}

    def test_a_map_keeps_what_it_holds(self):
        assert a_user(phones={"work_phone": "100", "inner": None}).phones == {"work_phone": "100", "inner": None}

    @pytest.mark.parametrize("value", [True, 5, "x"])
    def test_what_is_no_map_is_refused(self, value):
        assert refusal(dict[str, Any], value).endswith("@ result")
        assert read(Message, {"id": 5, "params": value}) == Message(id=5)
        assert a_chat(permissions=value) == Chat(id=5)

    def test_values_of_a_typed_map_are_read_and_named_by_their_keys(self):
        assert read(dict[str, int], {"a": "1", "b": 2}) == {"a": 1, "b": 2}
        assert read(dict[int, str], {"7": 1}) == {7: "1"}
        assert read(dict[str, int], ["5"]) == {"0": 5}
        assert refusal(dict[str, int], {"a": "canary"}).endswith("expected int @ result['a']")
        assert refusal(dict[int, int], {"a": 5}).endswith("@ result['a']")

    def test_null_in_a_typed_map_is_no_entry_unless_lists_are_promised(self):
        assert read(dict[int, int], {"7": None, "8": 1}) == {8: 1}
        assert read(dict[str, User], {"a": None}) == {}
        assert read(dict[int, list[int]], {"7": None}) == {7: []}


class TestOpenVocabularies:
    @pytest.mark.parametrize(("word", "member"), [("owner", ChatRole.OWNER), ("guest", ChatRole.GUEST)])
    def test_a_known_word_is_a_member(self, word, member):
        assert a_chat(role=word).role is member

    @pytest.mark.parametrize("word", ["steward", "Steward", "7"])
    def test_an_unknown_word_stays_a_text(self, word):
        role = a_chat(role=word).role
        assert (role, type(role)) == (word, str)

    @pytest.mark.parametrize("word", ["OWNER", "Owner"])
    def test_a_role_is_known_in_any_case(self, word):
        assert a_chat(role=word).role is ChatRole.OWNER

    def test_a_number_becomes_a_text(self):
        assert a_chat(role=7).role == "7"

    def test_every_vocabulary_of_the_models_is_open(self):
        bot = read(Bot, {"id": 1, "type": "bot", "eventMode": "webhook", "backgroundId": "sky"})
        assert (bot.type, bot.event_mode, bot.background_id) == (BotType.BOT, EventMode.WEBHOOK, Background.SKY)
        bot = read(Bot, {"id": 1, "type": "network", "eventMode": "push", "backgroundId": "dusk"})
        assert (bot.type, bot.event_mode, bot.background_id) == ("network", "push", "dusk")
        assert a_user(gender="F").gender is Gender.FEMALE


class TestModels:
    @pytest.mark.parametrize("kind", [Chat, User, Bot, Revision, ChatInfo, BotInfo, Profile])
    @pytest.mark.parametrize("raw", [None, [], True, 5, "x"])
    def test_what_is_no_object_is_refused(self, kind, raw):
        assert f"no {kind.__name__} object" in refusal(kind, raw)

    @pytest.mark.parametrize("raw", [{}, {"chat": None}])
    def test_a_required_key_cannot_be_missing_or_null(self, raw):
        assert refusal(ChatInfo, raw).endswith("required field missing @ result.chat")

    def test_null_is_a_key_left_out(self):
        nothing = dict.fromkeys([camel_case(field.name) for field in attrs.fields(Chat)])
        assert read(Chat, {**nothing, "id": 5}) == Chat(id=5)

    @pytest.mark.parametrize("kind", [Chat, User, Bot])
    def test_only_the_id_is_required(self, kind):
        assert read(kind, {"id": "5"}) == kind(id=5)

    def test_unknown_keys_pass(self):
        raw = {"chat": {"id": 5, "brandNew": {"a": 1}}, "recentConfig": {"chatId": 5}, "callInfo": None}
        assert read(ChatInfo, raw) == ChatInfo(chat=Chat(id=5))

    def test_all_faults_are_told_at_once(self):
        message = refusal(SavedFile, {"folder": {"id": "x"}, "file": {"id": 5, "name": []}, "extra": 1})
        assert message.endswith("unexpected shape: invalid value for type, expected int @ result.folder.id")
        message = refusal(SavedFile, {"folder": {"id": "x"}, "file": {"id": []}})
        assert message.startswith("x.y: done, but the answer has an unexpected shape: ")
        assert "@ result.folder.id; " in message
        assert message.endswith("@ result.file.id")

    @pytest.mark.parametrize("value", [["canary"], {"a": "canary"}])
    def test_no_value_is_repeated(self, value):
        with pytest.raises(UnexpectedAnswer) as caught:
            a_chat(id=value)
        assert "canary" not in repr(caught.value)
        assert caught.value.__context__ is None

    def test_a_result_that_is_no_object_is_read_too(self):
        assert read(int, "1417") == 1417
        assert refusal(int, "canary").endswith("invalid value @ result")
        assert read(list[int], {"1": 2}) == [2]
        assert read(float, "1.5") == 1.5
        assert read(float, 3) == 3.0
        for value in (True, [], None, "x", 10**400):
            assert "@ result" in refusal(float, value)

    def test_a_chat_names_its_colour(self):
        assert a_chat(color="#4ba984").color_name is Color.MINT
        assert a_chat(color="#123456").color_name is None
        assert a_chat(color="").color_name is None

    def test_a_profile_has_the_keys_of_the_database(self):
        raw = {"ID": "7", "ADMIN": False, "NAME": "Ada", "LAST_NAME": "King", "PERSONAL_GENDER": "", "TIME_ZONE": ""}
        assert read(Profile, raw, UPPER_ANSWERS) == Profile(id=7, name="Ada", last_name="King")

    @pytest.mark.parametrize(
        ("name", "camel"),
        [("id", "id"), ("date_create", "dateCreate"), ("entity_data1", "entityData1"), ("is_new", "isNew")],
    )
    def test_names_are_written_in_camel_case(self, name, camel):
        assert camel_case(name) == camel

    def test_im_parts_a_number_from_its_name(self):
        assert snake_case("entity_data1") == "entity_data_1"
        assert read(Chat, {"id": 5, "entity_data_1": "x"}, SNAKE_ANSWERS).entity_data1 == "x"


# Round trips: any model, said as the portal may say it, is read back.

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=4,
)
OFFSETS = st.integers(-12, 14).map(lambda hours: timezone(timedelta(hours=hours)))
PLAIN = {
    int: st.integers(min_value=1),
    bool: st.booleans(),
    str: st.text(max_size=8),
    datetime: st.datetimes(timezones=OFFSETS),
    Any: JSON,
}


def values_of(annotation, *, optional=False):
    """Make a strategy for what a model's field may hold; what would read as absent is not among it."""
    origin, args = get_origin(annotation), get_args(annotation)
    if origin in (Union, types.UnionType):
        some = [values_of(part, optional=True) for part in args if part is not types.NoneType]
        return st.one_of(*some, *([st.none()] if types.NoneType in args else []))
    if origin in (list, tuple):
        return st.lists(values_of(args[0]), max_size=3).map(origin)
    if origin is dict:
        return st.dictionaries(values_of(args[0]), values_of(args[1]), min_size=optional, max_size=3)
    if attrs.has(annotation):
        attrs.resolve_types(annotation)
        return st.builds(annotation, **{field.name: values_of(field.type) for field in attrs.fields(annotation)})
    if isinstance(annotation, type) and issubclass(annotation, StrEnum):
        return st.sampled_from(annotation)
    return st.text(min_size=1, max_size=8) if annotation is str and optional else PLAIN[annotation]


@st.composite
def said(draw, value, rename, annotation=None):
    """Say a value as the portal may: one of the forms that mean the same."""
    if attrs.has(type(value)):
        own = {"camel": camel_case, "upper": str.upper}.get(getattr(value, "DIALECT", None), rename)
        keys = {
            field.metadata.get("wire") or own(field.name): plainly(getattr(value, field.name))
            if "read" in field.metadata
            else draw(said(getattr(value, field.name), rename, field.type))
            for field in attrs.fields(type(value))
        }
        return {**draw(st.sampled_from([{}, {"brandNew": 1}, {"BRAND_NEW": None}])), **keys}
    return draw(st.sampled_from(forms_of(value, draw, rename, annotation)))


def plainly(value):
    """Say what has a reader of its own in the one form that is no different from it."""
    return attrs.asdict(value) if attrs.has(type(value)) else value


def forms_of(value, draw, rename, annotation):
    """Return the forms of a value that mean the same to the portal."""
    args = [part for part in get_args(annotation) if part is not types.NoneType]
    if isinstance(value, bool):
        return [True, "Y", 1, "1", "true"] if value else [False, "N", 0, "0", "false", ""]
    if isinstance(value, int | datetime):
        return [value, str(value)] if isinstance(value, int) else [value.isoformat(), value.isoformat(" ")]
    if isinstance(value, list):
        items = value if args == [Any] else [draw(said(item, rename)) for item in value]
        by_id = {f"1{index}": item for index, item in enumerate(items)}
        return [items, by_id] if items else [[], {}, None, False, ""]
    if isinstance(value, dict):
        as_list = list(value) == [str(index) for index in range(len(value))]
        return [list(value.values()) if as_list else value] if value else [[], {}, None, False, ""]
    return [None, False, ""] if value is None else [str(value)]


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize(
    "kind",
    [Chat, User, Bot, ChatInfo, BotInfo, BotPage, Revision, Profile, Counters, FoundMessages,
     ReadState, RecentPage, ImRevision],
)  # fmt: skip
@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_a_model_that_the_portal_says_is_read_back(dialect, kind, data):
    converter, rename = DIALECTS[dialect]
    model = data.draw(values_of(kind))
    raw = data.draw(said(model, rename))
    assert read(kind, raw, converter) == model


class TestRequests:
    @pytest.mark.parametrize(
        ("value", "camel", "upper"),
        [
            (Color.LIGHT_BLUE, "lightBlue", "LIGHT_BLUE"),
            (Color.RED, "red", "RED"),
            (ChatType.OPEN, "open", "OPEN"),
            (ChatType.CHAT, "chat", "CHAT"),
            (BotType.PERSONAL, "personal", "personal"),
            (Gender.FEMALE, "F", "F"),
            (True, True, "Y"),
            (False, False, "N"),
            (0, 0, 0),
            (1.5, 1.5, 1.5),
            ("", "", ""),
            ([], [], []),
            (timedelta(minutes=2), 120.0, 120.0),
            (datetime(2031, 3, 4, tzinfo=UTC), "2031-03-04T00:00:00+00:00", "2031-03-04T00:00:00+00:00"),
        ],
    )
    @pytest.mark.parametrize(
        "wrap", [lambda value: value, lambda value: [value], lambda value: {"a": [{"b": value}], "c": value}]
    )
    def test_every_word_is_said_in_its_dialect_at_every_depth(self, value, camel, upper, wrap):
        for converter, expected in ((CAMEL_REQUESTS, camel), (UPPER_REQUESTS, upper)):
            written = wire(converter, {"x": wrap(value)})
            assert written == {"x": wrap(expected)}
            assert repr(written) == repr({"x": wrap(expected)})

    def test_what_was_not_given_is_left_out(self):
        assert wire(CAMEL_REQUESTS, {"a": None, "b": 0, "c": "", "d": False}) == {"b": 0, "c": "", "d": False}

    @pytest.mark.parametrize("converter", [CAMEL_REQUESTS, UPPER_REQUESTS])
    def test_references_pass_to_the_batch_as_they_are(self, converter):
        call = Call(Request("im.chat.add"), str, transport=None)
        reference = ref(call)["chat"]
        params = wire(converter, {"a": reference, "b": [reference], "c": {"d": reference}})
        assert params["a"] is reference
        assert params["b"][0] is reference
        assert params["c"]["d"] is reference
        assert wire(converter, {"e": (reference,)})["e"][0] is reference
        call.close()
