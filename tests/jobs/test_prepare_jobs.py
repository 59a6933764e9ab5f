"""`prepare_jobs`: everything is checked, then written down, and only then there are jobs."""

import pytest

from bitrix_chat import ChatSpec, InvalidParameter, KeyReused
from bitrix_chat.bulk.journal import Ending, IntentState
from bitrix_chat.jobs import prepare_jobs
from tests.jobs.dict_shared_journal import DictJournals

PORTAL, NAME = "acme.bitrix24.example", "import-7"


@pytest.fixture
def journals():
    return DictJournals()


@pytest.fixture
def prepare(journals):
    async def prepare(specs, **options):
        return await prepare_jobs(specs, **{"portal": PORTAL, "journal": NAME, "journals": journals, **options})

    return prepare


def keyed(*keys):
    return [ChatSpec(title=f"Room {key}", key=key) for key in keys]


async def end(journals, number, state):
    part = journals(NAME).part([each.key for each in journals.intents(NAME)])
    await part.read()
    await part.finish([Ending(number=number, state=state)])


async def test_every_chat_is_written_down_and_has_a_job(prepare, journals):
    jobs = await prepare(keyed("a", "b"))
    job = {"version": 1, "portal": PORTAL, "journal": NAME, "method": "im.chat.add", "bot": None}
    assert jobs == [{**job, "key": "a"}, {**job, "key": "b"}]
    assert [(each.key, each.state) for each in journals.intents(NAME)] == [
        ("a", IntentState.PENDING),
        ("b", IntentState.PENDING),
    ]
    assert journals.databases[NAME].run.is_complete


async def test_specs_come_as_for_bulk(prepare, journals):
    async def specs():
        yield {"title": "A", "key": "a"}
        yield ChatSpec(title="B", key="b")

    assert [job["key"] for job in await prepare(specs())] == ["a", "b"]


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"title": "No key"}, r"the spec at 2 \('No key'\) has no key"),
        ({"title": "T" * 256, "key": "c"}, "the spec at 2 is wrong: .*title"),
        ({"titel": "C", "key": "c"}, "the spec at 2 is wrong: a spec has no `titel`"),
        ({"title": "Other", "key": "A"}, "the spec at 2 is wrong: .*the key 'A' stands for another chat"),
        ({"title": "C", "key": "c", "owner_id": 5}, "the spec at 2 is wrong: .*`owner_id` is no part"),
    ],
)
async def test_a_wrong_spec_is_named_and_nothing_is_written(prepare, journals, wrong, said):
    with pytest.raises(InvalidParameter, match=said):
        await prepare([*keyed("a", "b"), wrong])
    assert journals.databases == {}


async def test_the_same_specs_again_add_nothing_and_give_jobs_to_what_has_not_ended(prepare, journals):
    await prepare(keyed("a", "b", "c", "d"))
    await end(journals, 0, IntentState.DONE)
    await end(journals, 1, IntentState.FAILED)
    await end(journals, 2, IntentState.UNKNOWN)
    assert [job["key"] for job in await prepare(keyed("a", "b", "c", "d"))] == ["c", "d"]
    assert len(journals.intents(NAME)) == 4


async def test_what_an_earlier_enqueuing_has_left_behind_gets_its_jobs_as_well(prepare):
    await prepare(keyed("a", "b"))
    assert [job["key"] for job in await prepare(keyed("c"))] == ["a", "b", "c"]
    assert [job["key"] for job in await prepare([])] == ["a", "b", "c"]


async def test_a_spec_that_comes_twice_is_one_job(prepare):
    assert len(await prepare(keyed("a", "a"))) == 1


async def test_another_chat_under_a_key_of_the_journal_is_refused(prepare, journals):
    await prepare(keyed("a"))
    with pytest.raises(KeyReused):
        await prepare([ChatSpec(title="Other", key="a"), ChatSpec(title="B", key="b")])
    assert [each.key for each in journals.intents(NAME)] == ["a"]


@pytest.mark.parametrize(
    ("options", "said"),
    [({"portal": "other.example"}, "about the portal acme"), ({"bot": 5}, "about the method im.chat.add")],
)
async def test_the_journal_of_another_is_refused(prepare, options, said):
    await prepare(keyed("a"))
    with pytest.raises(InvalidParameter, match=said):
        await prepare(keyed("b"), **options)


@pytest.mark.parametrize("options", [{"portal": ""}, {"journal": ""}])
async def test_a_job_needs_its_names(prepare, journals, options):
    with pytest.raises(InvalidParameter, match="is no text"):
        await prepare(keyed("a"), **options)
    assert journals.databases == {}
