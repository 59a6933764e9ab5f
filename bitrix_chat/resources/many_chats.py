"""Creating many chats, for users and for bots alike: what differs is how one is created."""

from abc import abstractmethod
from typing import TYPE_CHECKING, Generic, Literal, TypeVar

if TYPE_CHECKING:
    from bitrix_chat.bulk.creator import Creator
    from bitrix_chat.bulk.job import BulkJob, Keeping
    from bitrix_chat.bulk.source import KeyOf, Specs

T = TypeVar("T")


class ManyChats(Generic[T]):
    """The part of a branch with `chat.add` that creates many; each job gives what `add` returns."""

    @abstractmethod
    def _creator(self) -> "Creator[T]":
        """Say how one chat is created."""

    def bulk(
        self,
        specs: "Specs",
        *,
        key: "KeyOf | None" = None,
        key_is_new: bool = False,
        journal: "Keeping | None" = None,
        on_error: Literal["collect", "stop"] = "collect",
        order: Literal["completion", "input"] = "completion",
        deadline: float | None = None,
    ) -> "BulkJob[T]":
        """Create many chats: within the limits, each once, as fast as they allow. The job begins when it is run.

        Args:
            specs: `ChatSpec`s, maps of their names, or titles, in any iterable or async iterable; they are pulled as
                there is room. With a journal, those of a collection are all written down before the first is sent.
            key: finds the key of a spec, by which there is one chat; the spec's own by default. Give one: what an
                answer that got lost has left behind can only be found by its key.
            key_is_new: the keys were surely never used, so that they need not be looked up first.
            journal: the path of a SQLite file, made if it is not there, or a `Journal` of your own; a run that was
                killed goes on from it by `resume`, or by the same call again.
            on_error: `collect` goes on after a chat that failed; `stop` sends nothing more and lets what flies land.
            order: results come as they end (`completion`), or as their specs were given (`input`).
            deadline: seconds after which nothing more leaves; what has not left by then is not started.

        Raises:
            InvalidParameter: an option is not what it should be.

        Source: `im.chat.add` or `imbot.v2.Chat.add`, whichever `add` is here.
        """
        from bitrix_chat.bulk.job import bulk_job  # noqa: PLC0415  # most programs create a chat now and then

        return bulk_job(
            self._creator(),
            specs,
            key=key,
            key_is_new=key_is_new,
            journal=journal,
            on_error=on_error,
            order=order,
            deadline=deadline,
        )

    def resume(
        self,
        journal: "Keeping",
        *,
        retry_failed: bool = False,
        on_error: Literal["collect", "stop"] = "collect",
        order: Literal["completion", "input"] = "completion",
        deadline: float | None = None,
    ) -> "BulkJob[T]":
        """Go on with a bulk run that was killed or stopped: nothing is created twice, and nothing is forgotten.

        What was under way is looked up by its key, and sent again only when the portal can no longer be working on it
        (the client's `quiescence`); what has no key is reported as unknown. Indexes are numbers in the journal.

        Args:
            journal: the path of its SQLite file, or a `Journal` of your own; all specs come from it.
            retry_failed: try those again that the portal has refused.
            on_error: as for `bulk`.
            order: as for `bulk`.
            deadline: as for `bulk`.

        Raises:
            InvalidParameter: an option is not what it should be.

        Source: `im.chat.add` or `imbot.v2.Chat.add`, whichever `add` is here.
        """
        from bitrix_chat.bulk.job import resumed_job  # noqa: PLC0415

        return resumed_job(
            self._creator(),
            journal,
            retry_failed=retry_failed,
            on_error=on_error,
            order=order,
            deadline=deadline,
        )
