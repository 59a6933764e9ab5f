"""A journal that many workers write to at a time: each has its own intents, and of two with the same one sends it."""

from collections.abc import Mapping, Sequence
from typing import Protocol, runtime_checkable

from bitrix_chat.bulk.errors import JournalError
from bitrix_chat.bulk.journal import Intent, IntentState, Journal, Run


class Overtaken(JournalError):
    """Another worker has sent, or ended, an intent since this one read it; here nothing of it was sent or written."""


@runtime_checkable
class SharedJournal(Protocol):
    """The intents of one run, for workers on any number of machines; `SharedRedisJournal` is one.

    Nobody takes it for himself. Whoever has the work to do adds intents, also while others already work; a worker that
    is given a key opens the `part` of that key and resumes it as if it were a whole journal; whoever follows counts.

    What a part promises beside what `Journal` does:

    - `begin` makes nothing and keeps nobody out. It returns the run, its `sent_at` that of this part's intents alone:
      what others send at this moment is none of its business.
    - `read` and `count` know this part's intents, under the numbers that they have in the whole; keys that are not
      there are left out.
    - `departing` commits only if each intent still is what this part has read last, or has made of it since. Of two
      workers with the same intent one has it leave; the other gets an `Overtaken`, and not a byte of his leaves.
      He finds it sent when he reads it again, with the time at which it left, and looks for it as after a kill.
    - `finish` commits only under the same condition: never over what another has sent since. It is refused with
      `Overtaken` otherwise, and whoever sent last writes the end.
    - An operation that is repeated because its answer got lost is done once, and knows itself again.
    - `add` is refused. `note` writes down what was learned of the portal, not whether the input is complete.
    - An intent's `uptime` is by the clock of the reader's own machine, whichever it was sent from.
    - `close` ends the part's use of it, and changes nothing for others.

    While one process has the same journal for itself, as a `Journal`, nothing may be added and nothing departs here:
    that is a `JournalInUse`.
    """

    async def join(self, run: Run) -> Run:
        """Make the journal if there is none, and return what it says of itself; whether that fits is the caller's.

        Raises:
            JournalError: it cannot be opened, or is no journal of this version.
            JournalInUse: a process has it for itself, and it is about to be made.
        """
        ...

    async def run(self) -> Run | None:
        """Return what the journal says of itself, None if there is none."""
        ...

    async def add(self, intents: Sequence[Intent]) -> Sequence[Intent]:
        """Commit those that are new, all or none, and return each as it is kept; as `Journal.add`.

        Raises:
            KeyReused: a key, or a number, is there with another spec.
            JournalInUse: a process has the journal for itself.
            JournalError: there is none; `join` first.
        """
        ...

    async def note(self, *, is_complete: bool | None = None, keeps_entities: bool | None = None) -> None:
        """Commit what was learned of the run; None leaves a fact as it is."""
        ...

    async def read(self, after: int = -1, limit: int = 500) -> Sequence[Intent]:
        """Return up to `limit` of all intents with numbers above `after`, in their order."""
        ...

    async def tally(self) -> Mapping[IntentState, int]:
        """Return how many intents are in each state, all states named; cheap, however many there are."""
        ...

    def part(self, keys: Sequence[str]) -> Journal:
        """Return a journal of the intents with these keys alone; nothing is asked of the store yet."""
        ...

    async def close(self) -> None:
        """Let go of connections; parts that were handed out cannot be used any more."""
        ...
