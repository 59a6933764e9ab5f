"""A happening is the same object whether it was fetched or posted, and nothing that a portal says raises."""

import copy
import json
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bitrix_chat.enums import Reaction
from bitrix_chat.events.decode import decode_polled, decode_posted
from bitrix_chat.events.php_forms import read_form
from bitrix_chat.events.types import (
    EVENT_CLASSES,
    AppInstalled,
    AppUninstalled,
    BotDeleted,
    CommandAdded,
    CommandContext,
    ContextOpened,
    JoinedChat,
    MessageAdded,
    MessageDeleted,
    ReactionAction,
    ReactionChanged,
    UnknownEvent,
    UserMessageAdded,
)
from tests.events.event_bodies import ALL_DATA, BOT, BOT_DATA, CHAT, MESSAGE, USER, polled, posted
from tests.leaks.sinks import SECRET

DATE = datetime(2026, 3, 4, 10, 30, tzinfo=timezone(timedelta(hours=2)))


def both(event_type, data):
    return decode_polled(polled(event_type, data)), decode_posted(read_form(posted(event_type, data)))


def read(event_type, **changes):
    return decode_polled(polled(event_type, ALL_DATA[event_type] | changes))


@pytest.mark.parametrize("event_type", ALL_DATA)
def test_every_event_is_the_same_object_from_the_queue_and_from_a_form(event_type):
    fetched, came = both(event_type, ALL_DATA[event_type])
    assert fetched == came
    assert type(fetched) is type(came) is EVENT_CLASSES[event_type]
    assert repr(fetched).replace("id=1001, date=None", "") == repr(came).replace(f"id=None, date={came.date!r}", "")


def test_every_class_has_an_event_here():
    assert set(EVENT_CLASSES) == set(ALL_DATA)


@pytest.mark.parametrize("event_type", ["onimbotv2messageadd", "OnImBotV2MessageAdd", " ONIMBOTV2MESSAGEADD"])
def test_the_name_of_an_event_may_have_any_case(event_type):
    fetched, came = both(event_type, ALL_DATA["ONIMBOTV2MESSAGEADD"])
    assert type(fetched) is type(came) is MessageAdded
    assert fetched.type == came.type == "ONIMBOTV2MESSAGEADD"


def test_what_was_fetched_knows_its_number_and_date_and_what_was_posted_when_it_was_posted():
    fetched = decode_polled(polled("ONIMBOTV2DELETE", {"bot": BOT}, event_id=77, date=DATE))
    came = decode_posted(read_form(posted("ONIMBOTV2DELETE", {"bot": BOT})))
    assert (fetched.id, fetched.date) == (77, DATE)
    assert (came.id, came.date) == (None, datetime(2026, 3, 4, 4, 53, 20, tzinfo=UTC))
    assert fetched == came


def test_a_date_without_a_time_zone_is_no_date():
    naive = datetime(2026, 3, 4)  # noqa: DTZ001  # that is what is tested
    assert decode_polled(polled("ONIMBOTV2DELETE", {"bot": BOT}, date=naive)).date is None


@pytest.mark.parametrize("ts", ["", "soon", "9" * 40, "9" * 5000, {"0": "1"}, None, "1e9"])
def test_a_timestamp_that_is_none_is_no_date(ts):
    assert decode_posted({"event": "ONIMBOTV2DELETE", "data": {"bot": {"id": "31"}}, "ts": ts}).date is None


def test_a_message_is_read_with_its_chat_its_author_and_its_bot():
    event = read("ONIMBOTV2MESSAGEADD")
    assert (event.message.id, event.message.author_id, event.message.text) == (501, 2, "Ahoy & +1 50%")
    assert (event.message.date, event.message.forward.chat_id) == (DATE, 5)
    assert (event.chat.id, event.chat.dialog_id, event.chat.data.name, event.dialog_id) == (
        8, "chat8", "Quay 3 & 4", "chat8",
    )  # fmt: skip
    assert (event.user.id, event.user.departments, event.user.phones) == (2, [1, 14], None)
    assert (event.bot.id, event.bot.code, event.bot.details.count_chat) == (31, "harbour", 4)
    assert [message.text for message in event.additional_messages] == ["0"]


def test_a_posted_event_knows_of_its_bot_only_id_and_code():
    event = decode_posted(read_form(posted("ONIMBOTV2DELETE", {"bot": BOT})))
    assert (event.bot.id, event.bot.code, event.bot.details) == (31, "harbour", None)
    assert isinstance(event, BotDeleted)
    assert event.dialog_id is None


def test_what_has_no_type_of_its_own_is_text_from_either_source():
    fetched, came = both("ONIMBOTV2CONTEXTGET", ALL_DATA["ONIMBOTV2CONTEXTGET"])
    assert isinstance(fetched, ContextOpened)
    assert fetched.context == came.context == {
        "entityId": "164", "isNew": "0", "tags": ["a", "b"], "more": {"ratio": "0.5", "whole": "2"},
    }  # fmt: skip
    fetched, came = both("ONIMBOTV2MESSAGEADD", ALL_DATA["ONIMBOTV2MESSAGEADD"])
    assert fetched.message.params == came.message.params == {
        "IS_EDITED": "Y",
        "LIKE": ["2", "5"],
        "KEYBOARD": [{"TEXT": "Yes", "COMMAND_ID": "7", "DISABLED": "0", "WIDTH": "1.5"}, {"TEXT": "No"}],
    }  # fmt: skip


def test_a_whole_number_has_no_fraction_as_php_writes_it():
    assert read("ONIMBOTV2CONTEXTGET", context={"whole": 2.0}).context == {"whole": "2"}


def test_raw_has_numbers_where_the_portal_sent_numbers():
    assert read("ONIMBOTV2CONTEXTGET").raw["context"]["entityId"] == 164


def test_a_command_is_read_with_its_name_its_parameters_and_where_it_was_given():
    event = read("ONIMBOTV2COMMANDADD")
    assert isinstance(event, CommandAdded)
    assert (event.command.id, event.command.name, event.command.command) == (7, "tide", "/tide")
    assert event.command.params == "today  at 5"
    assert event.command.context is CommandContext.TEXTAREA
    assert read("ONIMBOTV2COMMANDADD", command={"id": 7, "context": "voice"}).command.context == "voice"


def test_a_reaction_is_read_as_a_member_of_its_vocabulary_if_it_is_one():
    event = read("ONIMBOTV2REACTIONCHANGE")
    assert isinstance(event, ReactionChanged)
    assert event.reaction is Reaction.LIKE
    assert event.action is ReactionAction.ADD
    assert read("ONIMBOTV2REACTIONCHANGE", reaction="anchor", action="move").reaction == "anchor"


def test_events_of_the_application_are_read():
    installed, removed = read("ONAPPINSTALL"), read("ONAPPUNINSTALL")
    assert isinstance(installed, AppInstalled)
    assert (installed.version, installed.active, installed.installed, installed.language) == ("3", True, False, "en")
    assert isinstance(removed, AppUninstalled)
    assert removed.clean is True
    assert read("ONAPPUNINSTALL", CLEAN=0).clean is False


@pytest.mark.parametrize("user", [None, [], False, {}, {"name": "Ada"}, "odd"])
def test_nobody_did_it_where_the_portal_names_nobody(user):
    fetched, came = both("ONIMBOTV2JOINCHAT", ALL_DATA["ONIMBOTV2JOINCHAT"] | {"user": user})
    assert fetched.user is came.user is None


def test_the_dialog_is_known_from_beside_the_chat_too():
    chat = {name: value for name, value in CHAT.items() if name != "dialogId"}
    assert read("ONIMBOTV2JOINCHAT", chat=chat, dialogId="2").dialog_id == "2"
    assert read("ONIMBOTV2MESSAGEADD", chat=chat).dialog_id == "chat8"


@pytest.mark.parametrize(
    ("data", "fault"),
    [
        ({}, "result.bot"),
        ({"bot": {"id": "x"}}, "result.bot"),
        ({"bot": BOT, "chat": CHAT}, "result.message"),
        ({"bot": BOT, "chat": "8", "message": MESSAGE}, "result.chat"),
        ({"bot": BOT, "chat": CHAT, "message": {"id": None}}, "result.message"),
        ([], "result.bot"),
        ("1", "result.bot"),
        (None, "result.bot"),
    ],
)
def test_an_event_that_lacks_what_its_type_promises_is_unknown_and_says_why(data, fault):
    for event in (
        decode_polled(polled("ONIMBOTV2MESSAGEADD", data)),
        decode_posted({"event": "ONIMBOTV2MESSAGEADD", "data": data}),
    ):
        assert isinstance(event, UnknownEvent)
        assert event.type == "ONIMBOTV2MESSAGEADD"
        assert fault in event.fault


def test_a_fault_repeats_nothing_of_what_could_not_be_read():
    data = {"bot": BOT, "chat": CHAT, "message": {"id": "canary-1", "date": "canary-2"}, "user": {"id": "canary-3"}}
    assert "canary" not in decode_polled(polled("ONIMBOTV2MESSAGEADD", data)).fault


def test_an_event_of_a_type_without_a_class_is_unknown_without_a_fault_and_keeps_its_data():
    data = {"chat": {"id": 8, "dialogId": "chat8"}, "pier": 4}
    event = decode_polled(polled("ONIMBOTV2PIERADD", data, event_id=5))
    assert event == UnknownEvent(type="ONIMBOTV2PIERADD", raw=data)
    assert (event.id, event.fault, event.raw, event.dialog_id) == (5, None, data, "chat8")


@pytest.mark.parametrize("raw", [{}, {"dialogId": 5}, {"chat": []}, {"chat": {"dialogId": ["chat8"]}}])
def test_an_unknown_event_belongs_to_no_dialog_where_it_names_none(raw):
    assert UnknownEvent(type="X", raw=raw).dialog_id is None


@pytest.mark.parametrize("form", [{}, {"event": ["A"]}, {"event": {"x": "1"}, "data": "1", "ts": []}, {"event": None}])
def test_a_form_that_is_no_event_is_an_unknown_one(form):
    assert decode_posted(form) == UnknownEvent(type="")


def test_an_odd_part_with_a_default_does_not_cost_the_event():
    event = read("ONIMBOTV2MESSAGEADD", user="odd", language=["en"], additionalMessages="none")
    assert (event.user, event.language, event.additional_messages) == (None, "", [])
    assert event.message.id == 501


def test_no_token_is_in_an_event_wherever_it_stood():
    body = posted("ONIMBOTV2MESSAGEADD", BOT_DATA["ONIMBOTV2MESSAGEADD"])
    assert SECRET.search(body.decode())
    event = decode_posted(read_form(body))
    assert not SECRET.search(json.dumps(event.raw) + repr(event))
    assert "auth" not in event.raw["bot"]
    legacy = {"BOT": {"31": {"AUTH": {"access_token": "emulated" + "0" * 20}, "BOT_ID": "31"}}}
    assert decode_posted({"event": "ONIMBOTMESSAGEADD", "data": legacy}).raw == {"BOT": {"31": {"BOT_ID": "31"}}}


def test_decoding_leaves_what_it_reads_as_it_was():
    data = copy.deepcopy(ALL_DATA["ONIMBOTV2MESSAGEADD"])
    decode_polled(polled("ONIMBOTV2MESSAGEADD", data))
    assert data == ALL_DATA["ONIMBOTV2MESSAGEADD"]


def test_data_as_deep_as_a_portal_can_write_them_are_read():
    deep: dict = {}
    for _ in range(500):
        deep = {"x": deep, "y": 1}
    event = read("ONIMBOTV2CONTEXTGET", context=deep)
    assert isinstance(event, ContextOpened)
    assert event.context["y"] == "1"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["id", "0", "auth", "x"]), inner),
    max_leaves=6,
)


@given(st.sampled_from(list(ALL_DATA)), st.data())
def test_no_event_raises_whatever_stands_in_its_place(event_type, data):
    """Any part of any event is replaced by any JSON."""
    raw = copy.deepcopy(ALL_DATA[event_type])
    place = raw
    while True:
        name = data.draw(st.sampled_from(list(place)))
        if not (isinstance(place[name], dict) and place[name]) or data.draw(st.booleans()):
            break
        place = place[name]
    place[name] = data.draw(JSON)
    fetched, came = decode_polled(polled(event_type, raw)), decode_posted({"event": event_type, "data": raw})
    assert fetched == came
    assert fetched.type == event_type


@given(JSON, JSON, JSON)
def test_no_form_raises(event_type, data, ts):
    decode_posted({"event": event_type, "data": data, "ts": ts})


def test_events_of_users_are_told_from_those_of_bots():
    event = read("ONIMV2MESSAGEADD")
    assert isinstance(event, UserMessageAdded)
    assert (event.user.name, event.dialog_id) == (USER["name"], "chat8")
    assert not isinstance(event, MessageAdded | MessageDeleted | JoinedChat)
