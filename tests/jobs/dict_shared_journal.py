"""A shared journal as a user writes one over a store of their own; here that store is a dictionary."""

from collections import Counter

from attrs import define, evolve, field

from bitrix_chat.bulk.errors import JournalError
from bitrix_chat.bulk.journal import IntentState
from tests.contracts.dict_journal import Database, DictJournal


@define(eq=False)
class DictPart:
    """The intents of some keys; each operation is one step without a wait, and so a transaction."""

    database: Database
    keys: tuple
    seen: dict = field(factory=dict)

    async def begin(self, run):
        if self.database.run is None:
            raise JournalError("there is no such journal")
        return self.database.run

    async def departing(self, numbers, sent_at, uptime):
        self._check(numbers)
        for number in numbers:
            now = self.database.intents[number]
            left = evolve(now, state=IntentState.SENT, attempts=now.attempts + 1, sent_at=sent_at, uptime=uptime)
            self._write(left)

    async def finish(self, endings):
        self._check([ending.number for ending in endings])
        for ending in endings:
            known = {"state": ending.state, "chat_id": ending.chat_id, "error": ending.error}
            self._write(evolve(self.database.intents[ending.number], **known))

    async def note(self, *, is_complete=None, keeps_entities=None):
        if keeps_entities is not None:
            self.database.run = evolve(self.database.run, keeps_entities=keeps_entities)

    async def read(self, after=-1, limit=500):
        found = [each for number, each in sorted(self.database.intents.items()) if number > after]
        page = [each for each in found if each.key in self.keys][:limit]
        self.seen |= {each.number: each for each in page}
        return page

    async def count(self):
        return sum(each.key in self.keys for each in self.database.intents.values())

    async def add(self, intents):
        raise JournalError("a part takes nothing new")

    async def close(self):
        pass

    def _check(self, numbers):
        if any(self.database.intents[number] != self.seen.get(number) for number in numbers):
            raise JournalError("another worker has it")

    def _write(self, intent):
        self.database.intents[intent.number] = self.seen[intent.number] = intent


@define(eq=False)
class DictSharedJournal(DictJournal):
    """What many workers share."""

    async def join(self, run):
        self.database.run = self.database.run or run
        return self.database.run

    async def run(self):
        return self.database.run

    async def tally(self):
        counts = Counter(each.state for each in self.database.intents.values())
        return {state: counts[state] for state in IntentState}

    def part(self, keys):
        return DictPart(self.database, tuple(keys))

    def _check_open(self):
        if self.database.run is None:
            raise JournalError("join first")


@define(eq=False)
class DictJournals:
    """Opens journals by name; all of one name are one.

    Attributes:
        databases: what they hold.
    """

    databases: dict = field(factory=dict)

    def __call__(self, name):
        return DictSharedJournal(self.databases.setdefault(name, Database()))

    def intents(self, name):
        return sorted(self.databases[name].intents.values(), key=lambda each: each.number)
