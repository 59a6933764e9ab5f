"""A journal as a user writes one over a store of their own; here that store is a dictionary."""

from attrs import define, evolve, field

from bitrix_chat.bulk.errors import JournalError, JournalInUse, KeyReused
from bitrix_chat.bulk.journal import IntentState


@define(eq=False)
class Database:
    """What outlives the journal object.

    Attributes:
        run: what was said at the first beginning.
        intents: by number.
        is_taken: whether somebody writes.
    """

    run: object = None
    intents: dict = field(factory=dict)
    is_taken: bool = False

    def copy(self):
        return Database(self.run, dict(self.intents))


@define(eq=False)
class DictJournal:
    """Every operation is one step without a wait, and so a transaction."""

    database: Database
    _is_open: bool = False

    async def begin(self, run):
        if self.database.is_taken:
            raise JournalInUse("somebody else writes to it")
        self.database.is_taken = self._is_open = True
        if self.database.run is None:
            self.database.run = run
        return self.database.run

    async def add(self, intents):
        self._check_open()
        after = dict(self.database.intents)
        kept = [self._place(after, intent) for intent in intents]
        self.database.intents = after
        return kept

    async def departing(self, numbers, sent_at, uptime):
        self._check_open()
        rows = self.database.intents
        if any(number not in rows or rows[number].state is IntentState.DONE for number in numbers):
            raise JournalError("one must not leave")
        for number in numbers:
            rows[number] = evolve(
                rows[number],
                state=IntentState.SENT,
                attempts=rows[number].attempts + 1,
                sent_at=sent_at,
                uptime=uptime,
            )
        if numbers:
            self.database.run = evolve(self.database.run, sent_at=sent_at)

    async def finish(self, endings):
        self._check_open()
        rows = self.database.intents
        if any(ending.number not in rows for ending in endings):
            raise JournalError("one is not there")
        for ending in endings:
            rows[ending.number] = evolve(
                rows[ending.number], state=ending.state, chat_id=ending.chat_id, error=ending.error
            )

    async def note(self, *, is_complete=None, keeps_entities=None):
        self._check_open()
        learned = {"is_complete": is_complete, "keeps_entities": keeps_entities}
        known = {name: value for name, value in learned.items() if value is not None}
        self.database.run = evolve(self.database.run, **known)

    async def read(self, after=-1, limit=500):
        self._check_open()
        return [self.database.intents[number] for number in sorted(self.database.intents) if number > after][:limit]

    async def count(self):
        self._check_open()
        return len(self.database.intents)

    async def close(self):
        if self._is_open:
            self.database.is_taken = self._is_open = False

    def _check_open(self):
        if not self._is_open:
            raise JournalError("it is closed")

    def _place(self, rows, intent):
        if intent.key is None:
            kept = rows.get(intent.number)
        else:
            kept = next((each for each in rows.values() if each.key == intent.key), None)
        if kept is None:
            kept = intent if intent.key is None else evolve(intent, number=max(rows, default=-1) + 1)
            rows[kept.number] = kept
        elif (kept.key, kept.spec) != (intent.key, intent.spec):
            error = KeyReused(f"{intent.key!r}, number {intent.number}, is another spec")
            error.key = intent.key
            raise error
        return kept
