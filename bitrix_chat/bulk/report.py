"""What became of a bulk run: a plain object that the run fills as it goes, so that no exception can take it away."""

import errno
import json
import os
import stat
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import MappingProxyType
from typing import Any, Generic, TextIO, TypeVar

from bitrix_chat.bulk.results import BulkResult, BulkState
from bitrix_chat.bulk.stored_errors import error_as_dict
from bitrix_chat.errors import BitrixError
from bitrix_chat.outcomes import Outcome
from bitrix_chat.rest.evidence import twin
from bitrix_chat.storage.owners import is_foreign

T = TypeVar("T")


class BulkFailures(ExceptionGroup[BitrixError]):
    """The errors of a bulk run, one for each chat that failed or may have been created; notes name the chats.

    Attributes:
        report: the report of the whole run; it stays behind where the error is pickled.
    """

    report: "BulkReport[Any] | None" = None

    def derive(self, excs: Sequence[BitrixError]) -> "BulkFailures":  # type: ignore[override]  # all of them are ours
        """Keep the report where `except*` splits the group."""
        part = BulkFailures(self.message, excs)
        part.report = self.report
        return part

    def __reduce__(self) -> tuple[Any, ...]:
        return BulkFailures, (self.message, self.exceptions)


class BulkReport(Generic[T]):
    """The results of a bulk run so far.

    The lists are in input order and made when they are asked for; `counts` costs nothing. While a job is iterated over,
    what succeeded is counted and left to whoever took it, so that memory stays flat; `run()` keeps every result.

    Attributes:
        is_complete: whether the whole input was taken.
    """

    def __init__(self) -> None:
        self.is_complete = False
        self._results: dict[int, BulkResult[T]] = {}
        self._counts: Counter[BulkState] = Counter()

    def add(self, result: BulkResult[T], *, is_kept: bool = True) -> None:
        """Count a result, in place of an earlier one of its index, and keep it unless told otherwise."""
        earlier = self._results.pop(result.index, None)
        if earlier is not None:
            self._counts[earlier.state] -= 1
        self._counts[result.state] += 1
        if is_kept:
            self._results[result.index] = result

    def __len__(self) -> int:
        return self._counts.total()

    @property
    def counts(self) -> Mapping[BulkState, int]:
        """How many chats ended in each state."""
        return MappingProxyType({state: self._counts[state] for state in BulkState})

    @property
    def results(self) -> list[BulkResult[T]]:
        """All results that were kept."""
        return [self._results[index] for index in sorted(self._results)]

    @property
    def done(self) -> list[BulkResult[T]]:
        """Chats that were created, or found by their key."""
        return self._in(BulkState.DONE)

    @property
    def failed(self) -> list[BulkResult[T]]:
        """Chats that surely were not created; each has its error."""
        return self._in(BulkState.FAILED)

    @property
    def unknown(self) -> list[BulkResult[T]]:
        """Chats that may have been created: look before creating them again."""
        return self._in(BulkState.UNKNOWN)

    @property
    def skipped(self) -> list[BulkResult[T]]:
        """Chats that the journal had as done before."""
        return self._in(BulkState.SKIPPED)

    @property
    def not_started(self) -> list[BulkResult[T]]:
        """Chats that were taken from the input and did not run; nothing is wrong with creating them later."""
        return self._in(BulkState.NOT_STARTED)

    def raise_for_failures(self) -> None:
        """Do nothing if no chat failed and none is unknown.

        Raises:
            BulkFailures: the errors of those that did and are, in input order; each has a note that names its chat.
        """
        ends = (BulkState.FAILED, BulkState.UNKNOWN)
        failures = [_noted(result) for result in self.results if result.state in ends]
        if not failures:
            return
        group = BulkFailures(str(self), failures)
        group.report = self
        raise group

    def to_jsonl(self, path: str | os.PathLike[str]) -> None:
        """Write one JSON object a line for each result that was kept, in input order.

        Each has `index`, `key`, `state`, `chat_id`, `title`, `attempts`, `elapsed`, and of the error `error` (its
        class), `code`, `description` and `outcome`. A file is replaced as a whole or not at all, and only its
        owner may read it: titles and keys name customers more often than not. Blocks for as long as the disk takes.

        Raises:
            OSError: it cannot be written.
        """
        with _replaced(Path(path)) as file:
            file.writelines(json.dumps(_row(result), ensure_ascii=False) + "\n" for result in self.results)

    def __str__(self) -> str:
        number = len(self)
        parts = [f"{count:,} {state.value}" for state, count in self.counts.items() if count]
        said = f"{number:,} chat{'' if number == 1 else 's'}"
        said = f"{said}: {', '.join(parts)}" if parts else said
        return said if self.is_complete else f"{said}; the run did not come to its end"

    def __repr__(self) -> str:
        return f"<BulkReport {self}>"

    def _in(self, state: BulkState) -> list[BulkResult[T]]:
        return [result for result in self.results if result.state is state]


def _noted(result: BulkResult[Any]) -> BitrixError:
    unnamed = BitrixError("no reason is known", outcome=Outcome.UNKNOWN)
    error = unnamed if result.error is None else twin(result.error)
    error.__notes__ = list(getattr(error, "__notes__", ()))  # a copy shares the list, and the result keeps its own
    error.add_note(f"chat {result.index} of the input" + ("" if result.key is None else f", key {result.key!r}"))
    return error


def _row(result: BulkResult[Any]) -> dict[str, Any]:
    error = {} if result.error is None else error_as_dict(result.error)
    title = result.spec.title
    return {
        "index": result.index,
        "key": result.key,
        "state": result.state.value,
        "chat_id": result.chat_id,
        "title": title if title is None else str(title),  # a spec that was refused may hold anything
        "attempts": result.attempts,
        "elapsed": round(result.elapsed, 3),
        **{name: error.get(name) for name in ("error", "code", "description", "outcome")},
    }


def refuse_foreign_link(path: Path) -> None:
    """Refuse to follow a symbolic link of somebody else, who would choose what is replaced.

    Raises:
        PermissionError: it is one.
    """
    if path.is_symlink() and is_foreign(path.lstat()):
        raise PermissionError(errno.EPERM, "it is a symbolic link of another user", str(path))


def _is_stream(path: Path) -> bool:
    try:
        return not stat.S_ISREG(path.stat().st_mode)
    except FileNotFoundError:
        return False


@contextmanager
def _replaced(path: Path) -> Iterator[TextIO]:
    """Open a file beside and move it to its place; a device or a pipe is written to as it is."""
    path = path.expanduser()
    refuse_foreign_link(path)
    if _is_stream(path):  # asked before it is resolved: what /dev/stdout leads to may have no name that can be opened
        with path.open("w", **_TEXT) as file:
            yield file
        return
    path = path.resolve()
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")  # mode 0600
    try:
        with open(descriptor, "w", **_TEXT) as file:  # noqa: PTH123  # of a descriptor
            yield file
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(path)
    except BaseException:
        with suppress(OSError):
            Path(name).unlink()
        raise


# Half of a surrogate pair, which no text file can hold, becomes its JSON escape.
_TEXT: dict[str, Any] = {"encoding": "utf-8", "errors": "backslashreplace", "newline": "\n"}
