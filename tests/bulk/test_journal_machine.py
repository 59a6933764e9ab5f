"""Random histories of a journal beside a dictionary: whatever was called, closed, cancelled or killed, they agree."""

import asyncio
import shutil
import tempfile
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from bitrix_chat import BitrixError
from bitrix_chat.bulk.journal import Ending, Intent, IntentState, Run
from bitrix_chat.bulk.sqlite_journal import SqliteJournal
from tests.contracts.dict_journal import Database, DictJournal

RUN = Run(method="imbot.v2.Chat.add", portal="portal.example", bot_id="17")
BEGAN = datetime(2031, 5, 6, tzinfo=UTC)

NUMBERS = st.integers(0, 8)
INTENTS = st.lists(
    st.builds(Intent, number=NUMBERS, key=st.none() | st.sampled_from("abcdef"), spec=st.sampled_from(["[1]", "[2]"])),
    max_size=6,
)
ENDINGS = st.lists(
    st.builds(
        Ending,
        number=NUMBERS,
        state=st.sampled_from(IntentState),
        chat_id=st.none() | st.integers(1, 2**40),
        error=st.none() | st.just('{"code":"X"}'),
    ),
    max_size=3,
)
MOMENTS = st.integers(0, 10**9).map(lambda microseconds: BEGAN + timedelta(microseconds=microseconds))
FACTS = st.none() | st.booleans()
OPERATIONS = st.one_of(
    st.builds(lambda intents: ("add", (intents,), {}), INTENTS),
    st.builds(
        lambda numbers, moment: ("departing", (sorted(numbers), moment, 1.5), {}),
        st.sets(NUMBERS, max_size=3),
        MOMENTS,
    ),
    st.builds(lambda endings: ("finish", (endings,), {}), ENDINGS),
    st.builds(lambda first, second: ("note", (), {"is_complete": first, "keeps_entities": second}), FACTS, FACTS),
)
TOGETHER = st.lists(OPERATIONS, min_size=1, max_size=8)


async def outcome(journal, operation):
    """Return what an operation gives, or of which kind it fails."""
    name, values, named = operation
    try:
        return await getattr(journal, name)(*values, **named)
    except BitrixError as error:
        return type(error)


class Histories(RuleBasedStateMachine):
    def __init__(self):
        super().__init__()
        self.runner = asyncio.Runner()
        self.folder = Path(tempfile.mkdtemp())
        self.lives = 0
        self.database = Database()
        self.journal = None
        self.open(self.folder / "run0.sqlite")

    def teardown(self):
        self.runner.run(self.journal.close())
        self.runner.close()
        shutil.rmtree(self.folder)

    def open(self, path):
        self.journal, self.model = SqliteJournal(path), DictJournal(self.database)
        stored = self.runner.run(self.journal.begin(RUN))
        assert stored == self.runner.run(self.model.begin(RUN))

    @rule(operation=OPERATIONS)
    def call(self, operation):
        said, expected = (self.runner.run(outcome(each, operation)) for each in (self.journal, self.model))
        assert said == expected

    @rule(operations=TOGETHER, cancelled=st.sets(st.integers(0, 7)), turns=st.integers(0, 3))
    def call_together(self, operations, cancelled, turns):
        async def run():
            tasks = [asyncio.create_task(outcome(self.journal, operation)) for operation in operations]
            await asyncio.sleep(0)  # all have called
            for _ in range(turns):
                await asyncio.sleep(0)
            for number in cancelled & set(range(len(tasks))):
                tasks[number].cancel()
            return await asyncio.gather(*tasks, return_exceptions=True)

        said = self.runner.run(run())
        for each, operation in zip(said, operations, strict=True):
            expected = self.runner.run(outcome(self.model, operation))
            assert isinstance(each, asyncio.CancelledError) or each == expected

    @rule()
    def close_and_begin_again(self):
        self.runner.run(self.journal.close())
        self.runner.run(self.model.close())
        self.open(self.journal.path)

    @rule(operations=TOGETHER | st.just([]), turns=st.integers(0, 6))
    def kill_and_begin_again(self, operations, turns):
        """Go on with the files as they are while operations are under way: a kill leaves what it finds."""
        self.lives += 1
        successor = self.folder / f"run{self.lives}.sqlite"
        self.runner.run(self.killed(successor, operations, turns))
        possible = [self.database.copy()]
        for operation in operations:
            self.runner.run(outcome(self.model, operation))
            possible.append(self.database.copy())
        found = self.runner.run(self.contents(successor))
        self.database = next(each for each in possible if (each.run, each.intents) == found)
        self.open(successor)

    @invariant()
    def they_agree(self):
        rows = self.runner.run(self.journal.read())
        assert {row.number: row for row in rows} == self.database.intents
        assert [row.number for row in rows] == sorted(self.database.intents)
        assert self.runner.run(self.journal.run()) == self.database.run

    async def killed(self, successor, operations, turns):
        tasks = [asyncio.create_task(outcome(self.journal, operation)) for operation in operations]
        for _ in range(turns):
            await asyncio.sleep(0)
        path = self.journal.path
        for ending in ("", "-wal"):
            with suppress(FileNotFoundError):
                shutil.copy(f"{path}{ending}", f"{successor}{ending}")
        await asyncio.gather(*tasks)
        await self.journal.close()

    async def contents(self, path):
        async with SqliteJournal.reading(path) as report:
            return await report.run(), {row.number: row for row in await report.read()}


def test_the_journal_and_a_dictionary_tell_the_same_history():
    run_state_machine_as_test(Histories, settings=settings(max_examples=40, stateful_step_count=25, deadline=None))
