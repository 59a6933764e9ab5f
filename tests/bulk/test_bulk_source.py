"""Where specs come from: any iterable, pulled as there is room, with what is wrong in one being its own result."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from attrs import frozen

from bitrix_chat import BitrixChat, BulkState, ChatSpec, InvalidParameter, KeyReused, Outcome
from bitrix_chat.bulk import engine, lumps
from bitrix_chat.testing import on_virtual_clock
from tests.bulk.bulk_scenes import ADD, BOT_ADD, GET, belong, counts, keyed, registered, scene, scripted, titles


@frozen(kw_only=True)
class DealSpec(ChatSpec):
    deal_id: int


def generated(number: int) -> Iterator[str]:
    yield from titles(number)


async def generated_slowly(number: int) -> AsyncIterator[str]:
    for title in titles(number):
        await asyncio.sleep(0.01)
        yield title


class ProgressBar:
    """Wraps an iterator and tells a length, as progress bars do."""

    def __init__(self, wrapped: Any, total: int | None) -> None:
        self.wrapped, self.total = wrapped, total

    def __len__(self) -> int:
        return self.total  # type: ignore[return-value]  # so do they

    def __contains__(self, _: object) -> bool:
        return False

    def __iter__(self) -> Iterator[Any]:
        yield from self.wrapped


SOURCES = {
    "list": lambda: titles(30),
    "tuple": lambda: tuple(titles(30)),
    "deque": lambda: deque(titles(30)),
    "values": lambda: dict(enumerate(titles(30))).values(),
    "set": lambda: set(titles(30)),
    "generator": lambda: generated(30),
    "async generator": lambda: generated_slowly(30),
    "maps": lambda: [{"title": title} for title in titles(30)],
    "specs": lambda: [ChatSpec(title=title) for title in titles(30)],
    "progress bar": lambda: ProgressBar(generated(30), 30),
    "progress bar of nobody knows how many": lambda: ProgressBar(generated(30), None),
}


@pytest.mark.parametrize("has_journal", [False, True], ids=["alone", "with a journal"])
@pytest.mark.parametrize("source", SOURCES)
@on_virtual_clock
async def test_specs_come_from_any_iterable(source: str, has_journal, tmp_path: Path):
    async with scene() as (portal, b24):
        job = b24.im.chat.bulk(SOURCES[source](), journal=tmp_path / "run.sqlite" if has_journal else None)
        report = await job.run()

        assert counts(report) == {"DONE": 30}
        assert report.is_complete
        assert sorted(chat.title for chat in portal.chats.values()) == sorted(titles(30))
        assert belong(portal, report.done)


@on_virtual_clock
async def test_a_result_holds_the_very_spec_that_was_given():
    specs = [DealSpec(title=f"Deal {number}", deal_id=number) for number in range(5)]
    async with scene() as (_, b24):
        report = await b24.im.chat.bulk(specs, key=lambda spec: f"deal-{spec.deal_id}").run()

        assert all(result.spec is spec for result, spec in zip(report.done, specs, strict=True))
        assert [result.key for result in report.done] == [f"deal-{number}" for number in range(5)]


@on_virtual_clock
async def test_no_specs_are_a_run_without_a_request():
    async with scene() as (portal, b24):
        report = await b24.im.chat.bulk([]).run()

        assert (len(report), report.is_complete, portal.hits) == (0, True, 0)


@pytest.mark.parametrize(
    ("specs", "named"),
    [("Room", "str"), (b"Room", "bytes"), (ChatSpec(), "ChatSpec"), ({"title": "Room"}, "dict"), (7, "int")],
)
@on_virtual_clock
async def test_one_spec_where_many_are_asked_for_is_refused_at_once(specs: Any, named: str):
    with pytest.raises(InvalidParameter, match=f"`specs` is {named}"):
        BitrixChat.over(scripted()).im.chat.bulk(specs)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"key": "deal"}, "`key` is str, not a function"),
        ({"journal": 5}, "`journal` is int"),
        ({"journal": b"run.sqlite"}, "`journal` is bytes"),
        ({"on_error": "ignore"}, "`on_error` is 'ignore'"),
        ({"order": "random"}, "`order` is 'random'"),
        ({"order": ["input"]}, r"`order` is \['input'\]"),
        ({"deadline": 0}, "`deadline` is 0"),
        ({"deadline": -1}, "`deadline` is -1"),
        ({"deadline": True}, "`deadline` is True"),
        ({"deadline": "60"}, "`deadline` is '60'"),
        ({"deadline": float("nan")}, "`deadline` is nan"),
    ],
)
@on_virtual_clock
async def test_a_wrong_option_is_refused_at_once(options: dict[str, Any], message: str):
    with pytest.raises(InvalidParameter, match=message):
        BitrixChat.over(scripted()).im.chat.bulk(["Room"], **options)


WRONG = [
    ({"tittle": "Room"}, "no `tittle`"),
    ({"title": "x" * 256}, "256 characters"),
    ({"title": 7}, "`title` is int"),
    ({"title": "half \ud83d"}, "surrogate"),
    ({"owner_id": 5}, "`owner_id` is no part of a chat of im.chat.add"),
    ({"user_ids": "17"}, "`user_ids`"),
    ({"user_ids": [0]}, r"`user_ids\[0\]`"),
    ({"avatar": Path("/nowhere/face.png")}, "cannot be read"),
    ({"key": "k" * 256}, "256 characters"),
    ({"key": 7}, "`key` is int"),
    ({"key": ["a"]}, "`key` is list"),
    (7, "a spec is int"),
    (None, "a spec is NoneType"),
]


@pytest.mark.parametrize("has_journal", [False, True], ids=["alone", "with a journal"])
@on_virtual_clock
async def test_what_is_wrong_with_a_spec_is_its_result_and_the_others_go_on(has_journal, tmp_path: Path):
    specs: list[Any] = []
    for wrong, _ in WRONG:
        specs += [wrong, f"Room {len(specs)}"]
    async with scene() as (portal, b24):
        job = b24.im.chat.bulk(specs, journal=tmp_path / "run.sqlite" if has_journal else None)
        report = await job.run()

        assert [result.index for result in report.failed] == list(range(0, len(specs), 2))
        for result, (_, message) in zip(report.failed, WRONG, strict=True):
            assert isinstance(result.error, InvalidParameter)
            assert result.error.outcome is Outcome.NOT_SENT
            with pytest.raises(InvalidParameter, match=message):
                raise result.error
        assert [result.spec.title for result in report.done] == [f"Room {n}" for n in range(0, len(specs), 2)]
        assert belong(portal, report.done)
        assert len(portal.chats) == len(WRONG)


@on_virtual_clock
async def test_a_field_that_a_bots_chat_does_not_have_is_refused_by_name():
    async with scene() as (portal, b24):
        bot = await registered(b24)
        report = await bot.chat.bulk([{"copilot_main_role": "foreman"}, {"title": "Room", "owner_id": 4}]).run()

        assert "`copilot_main_role` is no part of a chat of imbot.v2.Chat.add" in str(report.failed[0].error)
        assert portal.chats[report.done[0].chat_id].owner == 4


@on_virtual_clock
async def test_endless_specs_are_pulled_as_results_are_taken_and_no_further():
    pulled = 0

    def endless() -> Iterator[str]:
        nonlocal pulled
        for number in count():
            pulled = number + 1
            yield f"Room {number}"

    transport = scripted()
    job = transport.client().im.chat.bulk(endless())
    results = aiter(job)
    for _ in range(10):
        await anext(results)
    await asyncio.sleep(1000)
    first, sent = pulled, len(transport.requests)
    await asyncio.sleep(1000)
    assert first == pulled <= engine.WINDOW + 10 + 1
    assert sent == len(transport.requests) <= pulled

    for _ in range(5000):
        await anext(results)
    assert 5010 <= pulled <= engine.WINDOW + 5010 + 1
    await results.aclose()  # type: ignore[attr-defined]
    assert counts(job.report)["DONE"] == len(transport.requests)
    assert job.report.results == job.report.not_started  # what succeeded was only counted


@on_virtual_clock
async def test_sending_pauses_while_nobody_takes_results_and_goes_on(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(engine, "WINDOW", 60)
    monkeypatch.setattr(lumps, "LUMP", 20)
    async with scene(cost=0.01) as (portal, b24):
        results = aiter(b24.im.chat.bulk(titles(200)))
        taken = [await anext(results)]
        await asyncio.sleep(100)
        assert len(portal.chats) == 60

        taken += [result async for result in results]
        assert len(portal.chats) == len(taken) == 200


@on_virtual_clock
async def test_a_key_that_comes_twice_with_an_equal_spec_is_one_chat_in_two_results():
    specs = [*keyed(10), *keyed(10)]
    async with scene() as (portal, b24):
        report = await b24.im.chat.bulk(specs).run()

        assert len(portal.chats) == 10
        ids = [result.chat_id for result in report.done]
        assert ids[:10] == ids[10:]


@pytest.mark.parametrize("has_journal", [False, True], ids=["alone", "with a journal"])
@on_virtual_clock
async def test_a_key_that_is_new_is_so_once(has_journal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(engine, "WINDOW", 60)
    monkeypatch.setattr(lumps, "LUMP", 20)
    specs = [*keyed(100), *keyed(3)]
    async with scene(cost=0.01) as (portal, b24):
        job = b24.im.chat.bulk(specs, key_is_new=True, journal=tmp_path / "run.sqlite" if has_journal else None)
        report = await job.run()

        assert len(portal.chats) == portal.executions[ADD] == 100
        assert portal.executions[GET] <= 3
        ids = [result.chat_id for result in report.results]
        assert ids[:3] == ids[100:]
        assert not report.failed


@pytest.mark.parametrize("has_journal", [False, True], ids=["alone", "with a journal"])
@on_virtual_clock
async def test_a_key_that_comes_again_for_another_chat_fails_there_alone(has_journal, tmp_path: Path):
    specs = [*keyed(3), ChatSpec(title="Cellar", key="room-1"), ChatSpec(title="Attic", key="attic")]
    async with scene() as (portal, b24):
        job = b24.im.chat.bulk(specs, journal=tmp_path / "run.sqlite" if has_journal else None)
        report = await job.run()

        assert counts(report) == {"DONE": 4, "FAILED": 1}
        [failed] = report.failed
        assert failed.index == 3
        assert isinstance(failed.error, KeyReused)
        assert failed.error.key == "room-1"
        assert belong(portal, report.done)


@on_virtual_clock
async def test_keys_that_are_known_from_before_are_found_by_packed_lookups():
    async with scene() as (portal, b24):
        first = await b24.im.chat.bulk(keyed(200), key_is_new=True).run()
        assert GET not in portal.executions
        hits = portal.hits
        again = await b24.im.chat.bulk(keyed(200)).run()

        assert portal.executions[ADD] == len(portal.chats) == 200
        assert [result.chat_id for result in again.done] == [result.chat_id for result in first.done]
        assert portal.executions[GET] == 200
        assert portal.hits - hits <= 20


@on_virtual_clock
async def test_a_bots_keys_that_are_known_from_before_give_the_whole_chat():
    async with scene() as (portal, b24):
        bot = await registered(b24)
        await bot.chat.bulk(keyed(20)).run()
        again = await bot.chat.bulk(keyed(20)).run()

        assert portal.executions[BOT_ADD] == len(portal.chats) == 20
        assert belong(portal, again.done)
        assert all(result.value and result.value.chat.id == result.chat_id for result in again.done)
        assert again.done[0].dialog_id == f"chat{again.done[0].chat_id}"


@on_virtual_clock
async def test_the_key_of_the_spec_itself_counts_unless_a_function_says_otherwise():
    async with scene() as (_, b24):
        own = await b24.im.chat.bulk(keyed(2)).run()
        named = await b24.im.chat.bulk(keyed(2), key=lambda spec: f"other-{spec.title}").run()
        without = await b24.im.chat.bulk(keyed(2), key=lambda _: None).run()

        assert [result.key for result in own.done] == ["room-0", "room-1"]
        assert [result.key for result in named.done] == ["other-Room 0", "other-Room 1"]
        assert [result.key for result in without.done] == [None, None]
        assert len({result.chat_id for each in (own, named, without) for result in each.done}) == 6


@on_virtual_clock
async def test_what_was_asked_for_is_what_is_there():
    spec = ChatSpec(title="🙂 100 % & #1 + $result[a][b]", description="Über", user_ids=(3, 4), message="a\r\nb\tc")
    async with scene() as (portal, b24):
        report = await b24.im.chat.bulk([spec, *titles(20)]).run()

        chat = portal.chats[report.results[0].chat_id]
        assert (chat.title, chat.description, {3, 4} <= set(chat.members)) == (spec.title, spec.description, True)
        assert chat.messages[-1].text == spec.message
        assert report.results[0].state is BulkState.DONE
