"""`bot.ensure`: the bot itself is registered or changed to what the code declares, and nothing else is written."""

import json
import traceback

import pytest

from bitrix_chat.enums import Background, Color, EventMode, Gender
from bitrix_chat.errors import (
    BotNotFound,
    BotNotOwned,
    BotNotRegistered,
    BotTokenRequired,
    ConnectionLost,
    InvalidParameter,
)
from bitrix_chat.events.command_spec import BotChange
from bitrix_chat.events.desired import DesiredBot
from bitrix_chat.portal import Cut, Fault
from bitrix_chat.transport.retrying import NO_RETRIES
from tests.events.registration_scenes import TOKEN, desired, ensure, told, writes_since

GIF = b"GIF89a\x10\0\x10\0"
PROPERTIES = {
    "last_name": "Bot",
    "work_position": "Forecasts",
    "color": "mint",
    "gender": "F",
    "avatar": GIF,
    "is_hidden": True,
    "is_reactions_enabled": False,
    "is_support_openline": True,
    "background_id": "teal",
}


async def test_a_bot_that_is_not_there_is_registered_and_told_as_new(portal, b24):
    ensured = await ensure(b24, desired(**PROPERTIES))
    assert ensured.is_new
    assert portal.bots[ensured.bot.id].code == "weather"
    assert portal.users[ensured.bot.id].name == "Weather Bot"
    assert told(ensured) == [
        ("code", None, "weather"),
        ("name", None, "Weather"),
        ("last_name", None, "Bot"),
        ("work_position", None, "Forecasts"),
        ("color", None, Color.MINT),
        ("gender", None, Gender.FEMALE),
        ("avatar", None, "an image"),
        ("is_hidden", None, True),
        ("is_reactions_enabled", None, False),
        ("is_support_openline", None, True),
        ("background_id", None, Background.TEAL),
    ]


async def test_registering_writes_once(portal, b24):
    written = writes_since(portal)
    await ensure(b24, desired(**PROPERTIES))
    assert written() == {"imbot.v2.Bot.register": 1}


async def test_a_second_time_only_reads_and_tells_of_nothing(portal, b24):
    first = await ensure(b24, desired(**PROPERTIES))
    written = writes_since(portal)
    second = await ensure(b24, desired(**PROPERTIES))
    assert written() == {}
    assert (second.is_new, second.changes, second.rewritten) == (False, (), ())
    assert second.bot.id == first.bot.id


@pytest.mark.parametrize(
    ("declared", "change"),
    [
        ({"name": "Rain"}, ("name", "Weather", "Rain")),
        ({"last_name": "Robot"}, ("last_name", "Bot", "Robot")),
        ({"work_position": "Climate"}, ("work_position", "Forecasts", "Climate")),
        ({"color": "RED"}, ("color", Color.MINT, Color.RED)),
        ({"gender": "m"}, ("gender", Gender.FEMALE, Gender.MALE)),
        ({"is_hidden": False}, ("is_hidden", True, False)),
        ({"is_reactions_enabled": True}, ("is_reactions_enabled", False, True)),
        ({"is_support_openline": False}, ("is_support_openline", True, False)),
        ({"background_id": "sky"}, ("background_id", Background.TEAL, Background.SKY)),
        ({"background_id": False}, ("background_id", Background.TEAL, None)),
    ],
)
async def test_each_field_that_differs_is_written_alone_and_told(portal, b24, declared, change):
    await ensure(b24, desired(**PROPERTIES))
    written = writes_since(portal)
    ensured = await ensure(b24, desired(**{**PROPERTIES, **declared}))
    assert told(ensured) == [change]
    assert written() == {"imbot.v2.Bot.update": 1}
    [sent] = [each.params["fields"] for each in portal.requests if each.method == "imbot.v2.Bot.update"]
    assert len(sent) == 1
    assert len(sent.get("properties", [0])) == 1
    assert (await ensure(b24, desired(**{**PROPERTIES, **declared}))).changes == ()


async def test_several_differences_are_one_request(portal, b24):
    await ensure(b24)
    written = writes_since(portal)
    ensured = await ensure(b24, desired(name="Rain", work_position="Climate", is_hidden=True))
    assert [change.field for change in ensured.changes] == ["name", "work_position", "is_hidden"]
    assert ensured.bot.is_hidden
    assert written() == {"imbot.v2.Bot.update": 1}


async def test_what_is_not_declared_stays(portal, b24):
    registered = await ensure(b24, desired(**PROPERTIES))
    assert (await ensure(b24, DesiredBot(code="weather", name="Weather", token=TOKEN))).changes == ()
    assert portal.bots[registered.bot.id].background_id == "teal"


async def test_a_new_bot_without_a_background_is_registered_without_one(portal, b24):
    ensured = await ensure(b24, desired(background_id=False))
    assert ("background_id", None, None) not in told(ensured)
    assert portal.bots[ensured.bot.id].background_id is None


async def test_an_image_is_given_to_a_bot_that_has_none(portal, b24):
    await ensure(b24)
    assert told(await ensure(b24, desired(avatar=GIF))) == [("avatar", None, "an image")]
    assert (await ensure(b24, desired(avatar=GIF))).changes == ()


async def test_the_event_mode_is_switched_both_ways(portal, b24):
    url = "https://bots.example/b24?key=canary-of-the-hook"
    await ensure(b24)
    webhook = await ensure(b24, desired(event_mode="webhook", webhook_url=url))
    assert told(webhook) == [("event_mode", EventMode.FETCH, EventMode.WEBHOOK)]
    assert webhook.rewritten == ("webhook_url",)
    assert portal.bots[webhook.bot.id].webhook_url == url
    fetch = await ensure(b24, desired(event_mode="fetch"))
    assert told(fetch) == [("event_mode", EventMode.WEBHOOK, EventMode.FETCH)]
    assert fetch.bot.event_mode is EventMode.FETCH


async def test_the_address_of_events_is_written_each_time_since_the_portal_never_tells_it(portal, b24):
    declared = desired(event_mode="webhook", webhook_url="https://bots.example/b24")
    new = await ensure(b24, declared)
    assert new.rewritten == (), "it was just registered with it"
    portal.bots[new.bot.id].webhook_url = "https://bots.example/old"
    again = await ensure(b24, declared)
    assert (again.changes, again.rewritten) == ((), ("webhook_url",))
    assert portal.bots[new.bot.id].webhook_url == "https://bots.example/b24"


async def test_without_rewriting_the_address_goes_along_with_a_change_alone(portal, b24):
    declared = {"event_mode": "webhook", "webhook_url": "https://bots.example/b24"}
    bot = portal.bots[(await ensure(b24, desired(**declared))).bot.id]
    bot.webhook_url = "https://bots.example/old"
    written = writes_since(portal)
    assert (await ensure(b24, desired(**declared), rewrite=False)).rewritten == ()
    assert written() == {}
    changed = await ensure(b24, desired(**declared, is_hidden=True), rewrite=False)
    assert changed.rewritten == ("webhook_url",)
    assert bot.webhook_url == "https://bots.example/b24"


async def test_a_bot_known_by_its_id_needs_no_code(portal, b24):
    bot_id = (await ensure(b24)).bot.id
    ensured = await ensure(b24, DesiredBot(name="Rain", token=TOKEN), bot_id=bot_id)
    assert told(ensured) == [("name", "Weather", "Rain")]
    assert ensured.bot.id == bot_id


async def test_a_bot_known_by_its_id_is_not_registered(portal, b24):
    written = writes_since(portal)
    with pytest.raises(BotNotFound):
        await ensure(b24, bot_id=4999)
    assert written() == {}


@pytest.mark.parametrize(
    ("declared", "fault"),
    [
        ({"type": "supervisor"}, "`type` is 'supervisor', but the bot's is 'bot' for ever"),
        ({"code": "climate"}, "`code` is 'climate', but the bot's is 'weather' for ever"),
    ],
)
async def test_what_a_bot_is_for_ever_is_not_changed_but_refused(portal, b24, declared, fault):
    bot_id = (await ensure(b24)).bot.id
    written = writes_since(portal)
    with pytest.raises(InvalidParameter, match=fault):
        await ensure(b24, desired(**declared, is_hidden=True), bot_id=bot_id)
    assert written() == {}


async def test_the_type_is_declared_for_a_new_bot(portal, b24):
    ensured = await ensure(b24, desired(type="personal"))
    assert ("type", None, "personal") in told(ensured)
    assert (await ensure(b24, desired(type="personal"))).changes == ()


@pytest.mark.parametrize(
    ("declared", "fault"),
    [
        ({"code": None}, "`code` is needed to find or register a bot"),
        ({"code": " "}, "`code` is empty"),
        ({"name": None}, "`name` is empty"),
        ({"event_mode": "webhook"}, "`webhook_url` is needed with event_mode='webhook'"),
        ({"is_hidden": "Y"}, "`is_hidden` is 'Y'"),
        ({"token": ""}, "`token` is empty"),
        ({"token": "t" * 41}, "`token` has 41 characters"),
        ({"last_name": 5}, "`last_name` is int, not text"),
    ],
)
async def test_a_declaration_that_the_portal_would_refuse_asks_it_nothing(portal, b24, declared, fault):
    with pytest.raises(InvalidParameter, match=fault):
        await ensure(b24, desired(**declared))
    assert portal.hits == 0


@pytest.mark.parametrize(
    ("declared", "fault"),
    [
        ({"name": " "}, "`name` is empty"),
        ({"color": "orange"}, "`color` is 'orange'"),
        ({"gender": "x"}, "`gender` is 'x'"),
        ({"type": "network"}, "`type` is 'network'"),
        ({"event_mode": "push"}, "`event_mode` is 'push'"),
        ({"background_id": "plaid"}, "`background_id` is 'plaid'"),
        ({"avatar": b"no image"}, "`avatar` is no image"),
    ],
)
def test_a_word_that_the_portal_does_not_know_is_refused_as_it_is_declared(declared, fault):
    with pytest.raises(InvalidParameter, match=fault):
        desired(**declared)


async def test_a_bot_of_somebody_else_is_left_alone(portal, b24):
    await ensure(b24)
    written = writes_since(portal)
    with pytest.raises(BotNotOwned):
        await ensure(b24, desired(token="another token", name="Rain"))
    assert written() == {}


async def test_a_webhook_without_a_token_is_refused_by_the_portal(b24):
    with pytest.raises(BotTokenRequired):
        await ensure(b24, desired(token=None))


async def test_a_registration_that_the_portal_refuses_is_raised(portal, b24):
    portal.faults.add(
        Fault(method="imbot.v2.Bot.register", status=400, body={"error": "BOT_LIMIT_EXCEEDED", "error_description": ""})
    )
    with pytest.raises(BotNotRegistered, match="BOT_LIMIT_EXCEEDED"):
        await ensure(b24)
    assert portal.bots == {}


@pytest.mark.parametrize("method", ["imbot.v2.Bot.register", "imbot.v2.Bot.update"])
async def test_after_a_failure_halfway_it_is_called_again_safely(portal, unlimited, method):
    async with portal.client(limiter=unlimited, retry=NO_RETRIES) as b24:
        if method == "imbot.v2.Bot.update":
            await ensure(b24, desired(name="Rain"))
        portal.faults.add(Fault(method=method, cut=Cut.AFTER))
        with pytest.raises(ConnectionLost):
            await ensure(b24)
        again = await ensure(b24)
    assert (again.is_new, again.changes) == (False, ())
    assert [bot.code for bot in portal.bots.values()] == ["weather"]


async def test_a_lost_answer_is_asked_for_again(portal, b24):
    portal.faults.add(Fault(method="imbot.v2.Bot.register", cut=Cut.AFTER))
    assert (await ensure(b24)).is_new
    assert len(portal.bots) == 1


async def test_a_dry_run_tells_what_a_registration_would_write(portal, b24):
    written = writes_since(portal)
    rehearsed = await ensure(b24, desired(**PROPERTIES), dry_run=True)
    assert written() == {}
    assert (rehearsed.is_new, rehearsed.bot.id, rehearsed.bot.code) == (True, 0, "weather")
    assert rehearsed.changes == (await ensure(b24, desired(**PROPERTIES))).changes


async def test_a_dry_run_tells_what_would_be_changed(portal, b24):
    await ensure(b24)
    changed = desired(name="Rain", event_mode="webhook", webhook_url="https://bots.example/b24")
    written = writes_since(portal)
    rehearsed = await ensure(b24, changed, dry_run=True)
    assert written() == {}
    performed = await ensure(b24, changed)
    assert (rehearsed.changes, rehearsed.rewritten) == (performed.changes, performed.rewritten)


async def test_the_callers_own_events_are_subscribed_once(portal, b24):
    declared = desired(with_user_events=True)
    first = await ensure(b24, declared)
    assert told(first)[-1] == ("with_user_events", False, True)
    written = writes_since(portal)
    assert (await ensure(b24, declared)).changes == ()
    assert written() == {}


async def test_a_dry_run_does_not_subscribe(portal, b24):
    await ensure(b24)
    written = writes_since(portal)
    assert told(await ensure(b24, desired(with_user_events=True), dry_run=True)) == [("with_user_events", False, True)]
    assert written() == {}


async def test_looking_for_a_subscription_acknowledges_no_event(portal, b24):
    ensured = await ensure(b24)
    bot = b24.bot(ensured.bot.id, token=TOKEN)
    await b24.im.message.add(str(ensured.bot.id), "Will it rain?")
    before = await bot.event.get()
    await ensure(b24, desired(with_user_events=True))
    assert before.events
    assert (await bot.event.get()).events == before.events


async def test_no_report_and_no_repr_shows_a_secret(b24):
    declared = desired(event_mode="webhook", webhook_url="https://bots.example/b24?key=canary-of-the-hook", avatar=GIF)
    ensured = await ensure(b24, declared)
    said = " ".join([repr(declared), repr(ensured), *map(str, ensured.changes)])
    assert "canary" not in said
    assert ("webhook_url", None, "***") in told(ensured)


def test_a_declaration_that_is_refused_shows_no_secret_in_its_traceback():
    with pytest.raises(InvalidParameter) as refused:
        DesiredBot(code="weather", token=TOKEN, color="orange")
    shown = "".join(traceback.TracebackException.from_exception(refused.value, capture_locals=True).format())
    assert TOKEN not in shown


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (BotChange(field="name", before="Weather", after="Rain"), "name: 'Weather' -> 'Rain'"),
        (BotChange(field="color", before=None, after=Color.RED), "color: nothing -> 'red'"),
        (BotChange(field="is_hidden", before=True, after=False), "is_hidden: True -> False"),
        (
            BotChange(field="title", before="Rain", after={"en": "Snow"}, command="/report"),
            "/report title: 'Rain' -> {'en': 'Snow'}",
        ),
        (BotChange(field="command", before=None, after="/report", command="/report"), "command: nothing -> '/report'"),
    ],
)
def test_a_change_says_what_became_of_what(change, sentence):
    assert str(change) == sentence


async def test_changes_can_be_written_as_json(b24):
    ensured = await ensure(b24, desired(**PROPERTIES))
    assert json.loads(json.dumps([change.after for change in ensured.changes]))[0] == "weather"
