"""What a method's docstring says, in the words of the command line."""

import inspect
import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from attrs import field, frozen

from bitrix_chat import enums

_SECTION: Final = re.compile(r"(Args|Raises|Returns|Yields):\n")
_SOURCE: Final = re.compile(r"\s*\bSource: (.*)\Z", re.DOTALL)
_ENTRY: Final = re.compile(r"^    (\w+): ", re.MULTILINE)
_QUOTED: Final = re.compile(r"`([^`\n]+)`")
_ATTRIBUTE: Final = re.compile(r"\b(b24|bot)((?:\.[a-z]\w*)+)(?:\([^)]*\))?")
_ASSIGNED: Final = re.compile(r"(\w+)=(.+)")
_CONSTANT: Final = re.compile(r"\b(?:None|False|True)\b")
_CONSTANTS: Final = {"None": "null", "False": "false", "True": "true"}
_MEMBER: Final = re.compile(r"\b([A-Z]\w*)\.([A-Z_]+)\b")
_INSTEAD: Final = {
    "OutcomeUnknown": "exit code 3",
    "call.response.next": "`next`",
    "has_next_page": "`hasNextPage`",
    "next_offset": "`nextOffset`",
}
"""What Python shows and the command line does not, or under the portal's name."""


@frozen
class Documentation:
    """A docstring taken apart.

    Attributes:
        paragraphs: what it does, the summary first.
        arguments: what it says of each parameter.
        errors: what it says of each error.
        source: the REST method.
    """

    paragraphs: tuple[str, ...] = ()
    arguments: Mapping[str, str] = field(factory=dict)
    errors: Mapping[str, str] = field(factory=dict)
    source: str = ""

    def help(self, options: Mapping[str, str]) -> str:
        """Return the help of a command, as Markdown; `options` are its options by their parameters."""
        errors = [text for name, text in self.errors.items() if name != "InvalidParameter"]
        parts = [
            *map(_without_python, self.paragraphs),
            "\n".join(("It fails where:", "", *(f"- {text}" for text in errors))) if errors else "",
            f"REST method: {self.source}" if self.source else "",
        ]
        return in_options("\n\n".join(filter(None, parts)), options)


def documentation_of(function: Callable[..., Any]) -> Documentation:
    """Take a method's docstring apart."""
    text = inspect.getdoc(function) or ""
    found = _SOURCE.search(text)
    source = "" if found is None else _joined(found[1])
    paragraphs, sections = [], {}
    for paragraph in (text if found is None else text[: found.start()]).split("\n\n"):
        if heading := _SECTION.match(paragraph):
            sections[heading[1]] = _entries(paragraph[heading.end() :])
        elif paragraph.strip():
            paragraphs.append(_joined(paragraph))
    return Documentation(tuple(paragraphs), sections.get("Args", {}), sections.get("Raises", {}), source)


def group_help(kind: type, path: str) -> str:
    """Return the help of a branch: its class's, or its module's where the class tells no more than the path."""
    own = re.sub(rf"\A`[^`]*\b{re.escape(path)}\b[^`]*`[:,.;]?\s*", "", inspect.getdoc(kind) or "")
    says_nothing = not own or own.startswith("The branch ")
    text = (inspect.getdoc(inspect.getmodule(kind)) or "") if says_nothing else own
    return in_options(_capital(_joined(text.partition("\n\n")[0])), {})


def option_help(text: str, says: str, options: Mapping[str, str], *, is_file: bool) -> str:
    """Return the help of an option: what the docstring says of it, and how it is written."""
    if is_file:
        clauses = _without_python(text).rstrip(".")
        return in_options(f"{'; '.join(filter(None, (says, clauses)))}.", options)
    sentence = _capital(text).rstrip(".")
    return " ".join(filter(None, (f"{in_options(sentence, options)}." if sentence else "", says)))


def in_options(text: str, options: Mapping[str, str]) -> str:
    """Write a text with options in place of parameters, and commands in place of attributes."""
    text = _QUOTED.sub(lambda found: _quoted(found[1], options), text)
    text = _ATTRIBUTE.sub(lambda found: _command(found) if found[1] == "b24" else found[0], text)
    return _CONSTANT.sub(lambda found: _CONSTANTS[found[0]], text)


def _quoted(words: str, options: Mapping[str, str]) -> str:
    if words in _INSTEAD:
        return _INSTEAD[words]
    if words in options:
        return f"`{options[words]}`"
    words = _MEMBER.sub(lambda found: _member(found[1], found[2]), words)
    if found := _ATTRIBUTE.fullmatch(words):
        return f"`{_command(found)}`"
    found = _ASSIGNED.fullmatch(words)
    if found is None or found[1] not in options:
        return f"`{words}`"
    option = options[found[1]]
    switches = {"True": option, "False": f"--no-{option.removeprefix('--')}"}
    return f"`{switches.get(found[2], f'{option} {found[2]}')}`"


def _command(found: re.Match[str]) -> str:
    root = ("bot",) if found[1] == "bot" else ()
    return " ".join(("bitrix-chat", *root, *map(kebab, found[2].split(".")[1:])))


def _member(vocabulary: str, name: str) -> str:
    word = getattr(getattr(enums, vocabulary, None), name, f"{vocabulary}.{name}")
    return f'"{word}"'


def kebab(name: str) -> str:
    """Write a name as words of a command line are written."""
    return name.strip("_").replace("_", "-")


def _without_python(text: str) -> str:
    """Leave out how Python passes a file; on a command line it is a path."""
    if "pathlib" not in text:
        return text
    return "; ".join(clause for clause in re.split(r"[;:] ", text) if "pathlib" not in clause)


def _entries(text: str) -> dict[str, str]:
    _, *parts = _ENTRY.split(text)
    return {name: _joined(entry) for name, entry in zip(parts[::2], parts[1::2], strict=True)}


def _joined(text: str) -> str:
    return " ".join(text.split())


def said_by_name(name: str) -> str:
    """Return what the name of an id says of it, for those that no docstring speaks of."""
    of, _, kind = name.rpartition("_")
    words = of.replace("_", " ")
    return {"id": f"the number of the {words}", "ids": f"the numbers of the {words}s"}.get(kind, "") if of else ""


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
