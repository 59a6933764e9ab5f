"""A posted event is kept once and then answered; whatever else is posted is refused, counted, and runs nothing."""

import asyncio
import json
import logging
from urllib.parse import quote

import pytest

from bitrix_chat import InvalidParameter
from bitrix_chat.events.application_token import application_token_of_bot
from bitrix_chat.events.decode import decode_posted
from bitrix_chat.events.errors import EventStoreError, InboxFull
from bitrix_chat.events.php_forms import MAX_BYTES, MAX_PAIRS
from bitrix_chat.events.receiver import WebhookReceiver
from bitrix_chat.events.reception import Reception
from bitrix_chat.events.types import MessageAdded
from tests.events.event_bodies import (
    ALL_DATA,
    APPLICATION_TOKEN,
    BOTS_OWN_TOKEN,
    FORM,
    MEMBER,
    posted,
)
from tests.leaks.searching import as_reporters_show_it
from tests.leaks.sinks import SECRET

NOW = 1_772_600_000
MESSAGE = posted("ONIMBOTV2MESSAGEADD", ALL_DATA["ONIMBOTV2MESSAGEADD"])


class Keeper:
    """A store of as many events as it is told, which may fail."""

    def __init__(self, size=1000, failure=None):
        self.kept = {}
        self.lifetimes = []
        self.gate = None
        self._size = size
        self._failure = failure

    async def keep(self, key, body, *, ttl):
        if self.gate is not None:
            await self.gate.wait()
        if self._failure is not None:
            raise self._failure
        if key in self.kept:
            return False
        if len(self.kept) >= self._size:
            raise InboxFull("full")
        self.kept[key] = json.loads(json.dumps(body))
        self.lifetimes.append(ttl)
        return True


@pytest.fixture
def store():
    return Keeper()


def receiver(store, **options):
    return WebhookReceiver(**{"application_token": APPLICATION_TOKEN, "store": store} | options)


def message(**parts):
    return posted("ONIMBOTV2MESSAGEADD", ALL_DATA["ONIMBOTV2MESSAGEADD"], **parts)


def counted(door):
    return {reception.value: count for reception, count in door.counts.items() if count}


async def test_a_genuine_event_is_kept_before_it_is_answered(store):
    store.gate = asyncio.Event()
    door = receiver(store)
    answering = asyncio.ensure_future(door.handle(MESSAGE, FORM))
    await asyncio.sleep(0)
    assert not answering.done()
    store.gate.set()
    response = await answering
    assert (response.status, response.reason, response.reception) == (200, "OK", Reception.KEPT)
    (body,) = store.kept.values()
    assert isinstance(decode_posted(body), MessageAdded)
    assert decode_posted(body).message.text == "Ahoy & +1 50%"


async def test_what_is_kept_says_who_sent_it_and_holds_no_token(store):
    await receiver(store).handle(MESSAGE, FORM)
    assert SECRET.search(MESSAGE.decode())
    ((key, body),) = store.kept.items()
    assert body["auth"] == {"member_id": MEMBER, "domain": "acme.bitrix24.com"}
    assert not SECRET.search(key + json.dumps(body))


@pytest.mark.parametrize(
    "auth",
    [
        {"application_token": None},
        {"application_token": ""},
        {"application_token": "wrong"},
        {"application_token": APPLICATION_TOKEN[:-1]},
        {"application_token": APPLICATION_TOKEN + "0"},
        {"application_token": APPLICATION_TOKEN.upper()},
        {"application_token": [APPLICATION_TOKEN]},
        {"application_token": {"x": APPLICATION_TOKEN}},
        {"application_token": "é�"},
        {"application_token": BOTS_OWN_TOKEN},
    ],
)
async def test_a_forged_token_is_refused_without_a_word_of_why(store, auth):
    response = await (door := receiver(store)).handle(message(auth=auth), FORM)
    assert (response.status, response.reason) == (403, "Forbidden")
    assert counted(door) == {"forged": 1}
    assert store.kept == {}


async def test_the_token_of_the_bots_own_auth_proves_nothing(store):
    body = message().replace(APPLICATION_TOKEN.encode(), b"")
    genuine_inside = body.replace(BOTS_OWN_TOKEN.encode(), APPLICATION_TOKEN.encode())
    assert (await receiver(store).handle(genuine_inside, FORM)).status == 403
    assert store.kept == {}


@pytest.mark.parametrize(
    "body",
    [
        b"event=ONIMBOTV2MESSAGEADD",
        b"event=ONIMBOTV2MESSAGEADD&auth=" + APPLICATION_TOKEN.encode(),
        b"event=ONIMBOTV2MESSAGEADD&application_token=" + APPLICATION_TOKEN.encode(),
        b"event=ONIMBOTV2MESSAGEADD&auth[application_token][]=" + APPLICATION_TOKEN.encode(),
        b"event=ONIMBOTV2MESSAGEADD&auth[application_token]=%s&auth[application_token]=x" % APPLICATION_TOKEN.encode(),
        b"event=ONIMBOTV2MESSAGEADD&auth[application_token]=%s&auth=x" % APPLICATION_TOKEN.encode(),
        b"event=ONIMBOTV2MESSAGEADD&auth[application_token=" + APPLICATION_TOKEN.encode(),
    ],
)
async def test_a_token_in_any_other_place_or_shape_is_none(store, body):
    assert (await receiver(store).handle(body, FORM)).reception is Reception.FORGED


async def test_of_a_repeated_token_the_last_one_counts_as_in_php(store):
    body = b"event=X&auth[application_token]=wrong&auth[application_token]=" + APPLICATION_TOKEN.encode()
    assert (await receiver(store).handle(body, FORM)).status == 200


@pytest.mark.parametrize("token", ["", "  ", None, [], (), [""], ["a", " "], [None], 5, [5], b"token"])
def test_there_is_no_receiver_without_a_token(store, token):
    with pytest.raises(InvalidParameter, match="application_token"):
        receiver(store, application_token=token)


def test_the_token_cannot_be_forgotten(store):
    with pytest.raises(TypeError, match="application_token"):
        WebhookReceiver(store=store)


async def test_one_of_several_tokens_will_do(store):
    door = receiver(store, application_token=["other", APPLICATION_TOKEN])
    assert (await door.handle(MESSAGE, FORM)).status == 200


async def test_a_lookup_is_asked_by_the_member_id(store):
    asked = []

    async def lookup(member_id):
        asked.append(member_id)
        return APPLICATION_TOKEN

    assert (await receiver(store, application_token=lookup).handle(MESSAGE, FORM)).status == 200
    assert asked == [MEMBER]


@pytest.mark.parametrize("answer", [None, "", 5, [APPLICATION_TOKEN]])
async def test_an_unknown_member_is_refused(store, answer):
    async def lookup(_):
        return answer

    door = receiver(store, application_token=lookup)
    response = await door.handle(MESSAGE, FORM)
    assert (response.status, response.reason) == (403, "Forbidden")
    assert counted(door) == {"unknown_portal": 1}
    assert store.kept == {}


@pytest.mark.parametrize("member_id", ["", "../../etc/passwd", "a b", "x" * 65, ["a"], {"a": "b"}, "ä"])
async def test_a_member_id_that_can_be_none_is_not_looked_up(store, member_id):
    async def lookup(_):
        raise AssertionError("it was looked up")

    door = receiver(store, application_token=lookup)
    assert (await door.handle(message(auth={"member_id": member_id}), FORM)).reception is Reception.FORGED


async def test_another_token_than_the_members_is_forged(store):
    async def lookup(_):
        return "the other portal's"

    assert (await receiver(store, application_token=lookup).handle(MESSAGE, FORM)).reception is Reception.FORGED


@pytest.mark.parametrize(
    ("expected", "reception"),
    [
        ({"member_id": MEMBER}, Reception.KEPT),
        ({"domain": "ACME.bitrix24.com"}, Reception.KEPT),
        ({"member_id": "1" * 32}, Reception.WRONG_PORTAL),
        ({"domain": "other.bitrix24.com"}, Reception.WRONG_PORTAL),
        ({"member_id": MEMBER, "domain": "other.bitrix24.com"}, Reception.WRONG_PORTAL),
    ],
)
async def test_an_event_of_another_portal_is_refused_although_its_token_is_right(store, expected, reception):
    response = await receiver(store, **expected).handle(MESSAGE, FORM)
    assert response.reception is reception
    assert len(store.kept) == (reception is Reception.KEPT)


async def test_an_event_that_does_not_say_where_it_comes_from_is_of_the_wrong_portal(store):
    body = b"event=X&auth[application_token]=" + APPLICATION_TOKEN.encode()
    assert (await receiver(store, member_id=MEMBER).handle(body, FORM)).reception is Reception.WRONG_PORTAL


async def test_a_replayed_event_is_answered_as_before_and_kept_once(store):
    door = receiver(store, remember=60)
    assert [(await door.handle(MESSAGE, FORM)).status for _ in range(3)] == [200, 200, 200]
    assert counted(door) == {"kept": 1, "replayed": 2}
    assert len(store.kept) == 1
    assert store.lifetimes == [60]


async def test_an_event_is_the_same_in_another_order_spelling_and_with_other_tokens(store):
    pairs = MESSAGE.split(b"&")
    spelled = b"&".join(
        b"=".join(quote(part, safe="%+").encode() for part in pair.split(b"=", 1)) for pair in reversed(pairs)
    )
    renewed = MESSAGE.replace(b"access_token%5D=emulated", b"access_token%5D=emulat3d")
    added = MESSAGE + b"&shine=1&auth%5Bscope%5D=im&event_handler_id=99"
    assert renewed != MESSAGE
    door = receiver(store)
    for body in (MESSAGE, spelled, renewed, added):
        assert (await door.handle(body, FORM)).status == 200
    assert counted(door) == {"kept": 1, "replayed": 3}


@pytest.mark.parametrize(
    "other",
    [
        message(ts="1772600001"),
        message(auth={"member_id": "1" * 32}),
        posted("ONIMBOTV2MESSAGEUPDATE", ALL_DATA["ONIMBOTV2MESSAGEADD"]),
        posted("ONIMBOTV2MESSAGEADD", ALL_DATA["ONIMBOTV2MESSAGEADD"] | {"language": "de"}),
    ],
)
async def test_an_event_that_says_something_else_is_another_one(store, other):
    door = receiver(store)
    await door.handle(MESSAGE, FORM)
    assert (await door.handle(other, FORM)).reception is Reception.KEPT


@pytest.mark.parametrize(
    ("ts", "reception"),
    [
        (NOW, Reception.KEPT),
        (NOW - 60, Reception.KEPT),
        (NOW + 60, Reception.KEPT),
        (NOW - 61, Reception.TOO_OLD),
        (NOW + 61, Reception.TOO_OLD),
        ("", Reception.TOO_OLD),
        ("soon", Reception.TOO_OLD),
        (None, Reception.TOO_OLD),
        ([NOW], Reception.TOO_OLD),
    ],
)
async def test_an_event_of_another_time_is_refused_where_an_age_is_set(store, ts, reception):
    door = receiver(store, max_age=60, clock=lambda: NOW)
    assert (await door.handle(message(ts=ts), FORM)).reception is reception
    assert (await receiver(Keeper()).handle(message(ts=ts), FORM)).reception is Reception.KEPT


@pytest.mark.parametrize("times", [{"max_age": 0}, {"max_age": -1}, {"remember": 0}, {"max_age": 61, "remember": 60}])
def test_times_that_would_leave_a_gap_are_refused(store, times):
    with pytest.raises(InvalidParameter, match="max_age"):
        receiver(store, **times)


@pytest.mark.parametrize(
    ("body", "status", "reception"),
    [
        (MESSAGE + b"&x=" + b"x" * MAX_BYTES, 413, "too_large"),
        (MESSAGE + b"&x" * MAX_PAIRS, 400, "malformed"),
        (MESSAGE + b"&x" + b"[y]" * 17 + b"=1", 400, "malformed"),
        (MESSAGE + b"&" + b"x" * 513, 400, "malformed"),
        (b"", 400, "malformed"),
        (b"auth[application_token]=" + APPLICATION_TOKEN.encode(), 400, "malformed"),
        (b"event[]=X&auth[application_token]=" + APPLICATION_TOKEN.encode(), 400, "malformed"),
        (b'{"event": "ONIMBOTV2MESSAGEADD"}', 400, "malformed"),
    ],
)
async def test_a_body_that_no_portal_writes_is_refused(store, body, status, reception):
    door = receiver(store)
    assert (await door.handle(body, FORM)).status == status
    assert counted(door) == {reception: 1}
    assert store.kept == {}


@pytest.mark.parametrize(
    "content_type", [None, "", "application/json", "multipart/form-data", "text/plain", f"{FORM}; charset=utf-16"]
)
async def test_another_content_type_is_refused(store, content_type):
    response = await receiver(store).handle(MESSAGE, content_type)
    assert (response.status, response.reason) == (415, "Unsupported Media Type")


@pytest.mark.parametrize("content_type", [FORM, FORM.upper(), f"{FORM}; charset=UTF-8", f'{FORM};charset="utf-8"'])
async def test_the_content_type_of_a_form_may_name_utf_8(store, content_type):
    assert (await receiver(store).handle(MESSAGE, content_type)).status == 200


async def test_a_full_inbox_is_told_and_takes_the_event_when_there_is_room():
    store = Keeper(size=1)
    door = receiver(store)
    await door.handle(MESSAGE, FORM)
    response = await door.handle(message(ts="1"), FORM)
    assert (response.status, response.reason) == (503, "Service Unavailable")
    store.kept.clear()
    assert (await door.handle(message(ts="1"), FORM)).status == 200
    assert counted(door) == {"kept": 2, "inbox_full": 1}


async def test_more_bodies_at_a_time_than_allowed_are_refused_at_once(store):
    store.gate = asyncio.Event()
    door = receiver(store, max_in_flight=2)
    waiting = [asyncio.ensure_future(door.handle(message(ts=str(number)), FORM)) for number in range(2)]
    await asyncio.sleep(0)
    assert (await door.handle(message(ts="3"), FORM)).status == 503
    store.gate.set()
    assert [response.status for response in await asyncio.gather(*waiting)] == [200, 200]
    assert (await door.handle(message(ts="3"), FORM)).status == 200


async def test_what_a_server_refuses_itself_is_counted(store):
    door = receiver(store)
    response = door.refused(Reception.TOO_SLOW)
    assert (response.status, response.reason) == (408, "Request Timeout")
    assert counted(door) == {"too_slow": 1}


@pytest.mark.parametrize("reception", [Reception.KEPT, Reception.REPLAYED])
def test_what_is_no_refusal_cannot_be_counted_as_one(store, reception):
    door = receiver(store)
    with pytest.raises(InvalidParameter, match=reception.value):
        door.refused(reception)
    assert counted(door) == {}


@pytest.mark.parametrize("failure", [EventStoreError("the disk is full"), OSError(28, "no space"), KeyError("x")])
async def test_an_event_that_could_not_be_kept_is_not_answered_by_200(failure, caplog):
    door = receiver(Keeper(failure=failure))
    with caplog.at_level(logging.ERROR, "bitrix_chat"):
        response = await door.handle(MESSAGE, FORM)
    assert (response.status, response.reason) == (500, "Internal Server Error")
    assert type(failure).__name__ in caplog.text
    assert __file__ in caplog.text
    assert not SECRET.search(caplog.text + as_reporters_show_it(failure))


async def test_a_lookup_that_fails_lets_nothing_in(store):
    async def lookup(_):
        raise OSError("the database is away")

    door = receiver(store, application_token=lookup)
    assert (await door.handle(MESSAGE, FORM)).status == 500
    assert store.kept == {}


async def test_a_cancelled_answer_shows_no_body_in_its_traceback(store):
    store.gate = asyncio.Event()
    answering = asyncio.ensure_future(receiver(store).handle(MESSAGE, FORM))
    await asyncio.sleep(0)
    answering.cancel()
    with pytest.raises(asyncio.CancelledError) as caught:
        await answering
    assert not SECRET.search(as_reporters_show_it(caught.value))


def test_a_receiver_shows_neither_token_nor_store(store):
    door = receiver(store, application_token=[APPLICATION_TOKEN])
    assert repr(door) == "<WebhookReceiver {}>"
    assert not SECRET.search(repr(vars(door)) + repr(vars(door._token)))


def test_a_webhooks_bot_has_the_beginning_of_its_token_behind_a_word_as_application_token():
    assert str(application_token_of_bot("anchor")) == "customanchor"
    assert str(application_token_of_bot("x" * 60)) == "custom" + "x" * 44
    assert "anchor" not in repr(application_token_of_bot("anchor"))
    with pytest.raises(InvalidParameter, match="token"):
        application_token_of_bot(" ")


async def test_an_event_without_a_class_is_kept_like_any_other(store):
    body = posted("ONCRMDEALADD", {"FIELDS": {"ID": 5}})
    assert (await receiver(store).handle(body, FORM)).status == 200
    (kept,) = store.kept.values()
    assert decode_posted(kept).raw == {"FIELDS": {"ID": "5"}}
