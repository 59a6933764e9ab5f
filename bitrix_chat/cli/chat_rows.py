"""Files of chats, as CSV or JSON Lines, read to the end before anything is sent; what is wrong is named by its line."""

import contextlib
import csv
import io
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, Literal, NoReturn

from attrs import field, frozen

from bitrix_chat import InvalidParameter
from bitrix_chat.cli.chat_columns import COLUMNS, AvatarFolder, spec_of
from bitrix_chat.cli.endings import printable

if TYPE_CHECKING:
    from bitrix_chat import Call, ChatSpec

Format = Literal["csv", "jsonl"]
_DELIMITERS: Final = ",;\t"
_SHOWN: Final = 40
"""Characters of a column's name that are repeated."""


@frozen
class Row:
    """A chat to create, and the line where it begins, from 1."""

    line: int
    spec: "ChatSpec"


@frozen
class BadRow:
    """A row that describes no chat, and why."""

    line: int
    problem: str


@frozen
class ChatRows:
    """All rows of a file, in its order."""

    good: list[Row] = field(factory=list)
    bad: list[BadRow] = field(factory=list)


_HERE: Final = AvatarFolder()
_Values = tuple[int, Mapping[str, Any]]


def read_rows(
    text: str,
    kind: Format,
    add: "Callable[..., Call[Any]]",
    *,
    folder: AvatarFolder = _HERE,
    key_column: str | None = None,
) -> ChatRows:
    """Read and check all rows.

    Args:
        text: the file.
        kind: its format.
        add: the method that will create the chats.
        folder: where avatars are.
        key_column: which column is the key, if it is not called that.

    Raises:
        InvalidParameter: the header of a CSV file is wrong.
    """
    read = _csv_rows if kind == "csv" else _json_rows
    rows = ChatRows()
    lines: dict[str, int] = {}
    for found in read(text, key_column):
        row = found if isinstance(found, BadRow) else _checked(found, add, folder, lines)
        if isinstance(row, BadRow):
            rows.bad.append(row)
        else:
            rows.good.append(row)
    return rows


def _checked(
    found: _Values, add: "Callable[..., Call[Any]]", folder: AvatarFolder, lines: dict[str, int]
) -> Row | BadRow:
    line, values = found
    try:
        spec = spec_of(values, add, folder)
    except InvalidParameter as error:
        return BadRow(line, error.description)
    # Databases compare without regard to case.
    first = line if spec.key is None else lines.setdefault(spec.key.casefold(), line)
    if first != line:
        return BadRow(line, f"key is the same as in line {first} (capitals do not tell keys apart)")
    return Row(line, spec)


def _csv_rows(text: str, key_column: str | None) -> Iterator[_Values | BadRow]:
    with _field_size(len(text)):
        rows = _cells(text, _delimiter(text))
        names = _header(next(rows, None), key_column)
        for row in rows:
            if isinstance(row, BadRow):
                yield row
                continue
            line, cells = row
            if len(cells) == len(names):
                yield line, dict(zip(names, cells, strict=True))
            else:
                yield BadRow(line, f"it has {len(cells)} columns, and the header {len(names)}")


def _cells(text: str, delimiter: str) -> Iterator[tuple[int, list[str]] | BadRow]:
    """Yield rows with the lines they begin at, since a quoted cell may hold line breaks; empty ones are passed over."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    while True:
        line = reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield BadRow(line, _quoting(error))
            continue
        if any("\0" in cell for cell in cells):
            yield BadRow(line, "it holds a NUL character")
        elif any(cell.strip() for cell in cells):
            yield line, cells


def _quoting(error: csv.Error) -> str:
    if "end of data" in str(error):
        return "a quote is opened and never closed"
    return "a closing quote is followed by something else; a quote within quotes is written twice"


def _delimiter(text: str) -> str:
    header = text.lstrip().partition("\n")[0]
    return max(_DELIMITERS, key=header.count)


def _header(row: tuple[int, Sequence[str]] | BadRow | None, key_column: str | None) -> list[str]:
    if row is None:
        raise InvalidParameter("the file is empty: its first line names the columns")
    if isinstance(row, BadRow):
        raise InvalidParameter(f"line {row.line}, the header: {row.problem}")
    line, cells = row
    names: list[str] = []
    for number, cell in enumerate(cells, 1):
        name = _column(cell.strip(), key_column)
        if name is None:
            raise InvalidParameter(f"line {line}: {_unknown(_repeated(cell, number))}")
        if name in names:
            raise InvalidParameter(f"line {line}: the column {name} is there twice")
        names.append(name)
    if key_column is not None and key_column not in {cell.strip() for cell in cells}:
        raise InvalidParameter("--key-column names a column that the header does not have")
    return names


def _column(name: str, key_column: str | None) -> str | None:
    if key_column is not None and name == key_column:
        return "key"
    return name.lower() if name.lower() in COLUMNS else None


def _unknown(what: str) -> str:
    return f"{what} is unknown; the columns are {', '.join(COLUMNS)}"


def _repeated(name: str, number: int) -> str:
    """Name a column, unless it may be an address: a file of secrets was mistaken for one of chats then."""
    name = printable(name)
    return f"column {number}" if not name or len(name) > _SHOWN or "/" in name else f"the column {name!r}"


@contextlib.contextmanager
def _field_size(characters: int) -> Iterator[None]:
    before = csv.field_size_limit(max(characters, 1))
    try:
        yield
    finally:
        csv.field_size_limit(before)


def _json_rows(text: str, key_column: str | None) -> Iterator[_Values | BadRow]:
    for line, content in enumerate(io.StringIO(text, newline=None), 1):
        if not content.strip():
            continue
        row = _json_row(line, content, key_column)
        if isinstance(row, BadRow) or any(_is_something(value) for value in row[1].values()):
            yield row


def _is_something(value: Any) -> bool:
    return bool(value.strip()) if isinstance(value, str) else value not in (None, [])


def _json_row(line: int, content: str, key_column: str | None) -> _Values | BadRow:
    try:
        pairs = json.loads(content.strip(), object_pairs_hook=_Pairs, parse_constant=_no_constant)
    except json.JSONDecodeError as error:
        return BadRow(line, f"it is no JSON (column {error.colno}: {error.msg})")
    except (ValueError, RecursionError):
        return BadRow(line, "it holds a value that JSON does not have")
    if not isinstance(pairs, _Pairs):
        return BadRow(line, "it is no JSON object: it has to look like {...}")
    return _json_values(line, pairs, key_column)


def _json_values(line: int, pairs: "_Pairs", key_column: str | None) -> _Values | BadRow:
    values: dict[str, Any] = {}
    for number, (given, value) in enumerate(_flat(pairs), 1):
        name = _column(given, key_column)
        if name is None:
            return BadRow(line, _unknown(_repeated(given, number)))
        if name in values:
            return BadRow(line, f"{name} is there twice")
        values[name] = value
    return line, values


def _flat(pairs: "_Pairs") -> Iterator[tuple[str, Any]]:
    """Write the entity, which a `ChatSpec` has in one, as the two columns that it is in CSV."""
    for name, value in pairs:
        if name == "entity" and isinstance(value, _Pairs):
            yield from ((f"entity_{part}", text) for part, text in value)
        else:
            yield name, value


class _Pairs(list[tuple[str, Any]]):
    """An object as it is written, names that are repeated included."""


def _no_constant(name: str) -> NoReturn:
    raise ValueError(name)
