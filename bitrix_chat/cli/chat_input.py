"""Where the chats of `bitrix-chat bulk` come from: a file or stdin, whose bad rows are told before anything is sent."""

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from attrs import frozen

from bitrix_chat import InvalidParameter
from bitrix_chat.cli.chat_columns import AvatarFolder
from bitrix_chat.cli.chat_rows import BadRow, Format, Row, read_rows
from bitrix_chat.cli.text_files import MOST, decoded, read_file

if TYPE_CHECKING:
    from bitrix_chat import Call

_TOLD: Final = 20
"""Bad rows that are told, before the rest is only counted."""
_STDIN: Final = "-"
_FORMATS: Final[dict[str, Format]] = {".csv": "csv", ".json": "jsonl", ".jsonl": "jsonl", ".ndjson": "jsonl"}


@frozen
class ChatFile:
    """What holds the chats.

    Attributes:
        name: the path of a file, `-` for stdin.
        kind: its format; by the name's ending without it.
        key_column: which column is the key, if it is not called that.
        skip_bad: whether rows that are wrong are left out.
        avatars_anywhere: whether images may come from outside of the file's folder.
    """

    name: str
    kind: Format | None = None
    key_column: str | None = None
    skip_bad: bool = False
    avatars_anywhere: bool = False

    def rows(self, add: "Callable[..., Call[Any]]") -> list[Row]:
        """Read and check all of it, and tell on stderr what is wrong.

        Raises:
            InvalidParameter: it cannot be read, or has bad rows that are not to be skipped.
        """
        kind = self.kind or self._kind_by_name()
        is_stdin = self.name == _STDIN
        text = _stdin() if is_stdin else read_file("FILE", Path(self.name))
        folder = AvatarFolder(Path() if is_stdin else Path(self.name).parent, self.avatars_anywhere)
        rows = read_rows(text, kind, add, folder=folder, key_column=self.key_column)
        _tell(rows.bad)
        if rows.bad and not self.skip_bad:
            raise InvalidParameter(f"{_rows(rows.bad)} wrong, and nothing was sent: --skip-bad goes on without them")
        if rows.bad:
            print(f"bitrix-chat: {_rows(rows.bad)} left out", file=sys.stderr)
        return rows.good

    def _kind_by_name(self) -> Format:
        kind = _FORMATS.get(Path(self.name).suffix.lower())
        if kind is None:
            raise InvalidParameter("--format is needed where FILE ends neither in .csv nor in .jsonl")
        return kind


def _stdin() -> str:
    if sys.stdin is None:
        raise InvalidParameter("FILE: stdin is closed")
    return decoded("FILE", sys.stdin.buffer.read(MOST + 1))


def _tell(bad: Sequence[BadRow]) -> None:
    for row in bad[:_TOLD]:
        print(f"bitrix-chat: line {row.line}: {row.problem}", file=sys.stderr)
    if len(bad) > _TOLD:
        print(f"bitrix-chat: and {len(bad) - _TOLD:,} more", file=sys.stderr)


def _rows(bad: Sequence[BadRow]) -> str:
    return "1 row is" if len(bad) == 1 else f"{len(bad):,} rows are"
