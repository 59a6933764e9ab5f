"""Answers made of the tables: a value for every documented field, in full, and as sparse as the pages allow."""

import itertools
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final

from attrs import define, field

from tests.conformance.catalogue import entities, examples, pages

_MOMENT: Final = re.compile(
    r"(?<!up)date|(create|update|delete)_?time|timestamp|last_login|^idle$|^absent$", re.IGNORECASE
)
_ID: Final = re.compile(r"(^ID|_ID|_id|Id|edBy)$")
_HELD: Final[Mapping[str, str]] = {
    "IS_ONLINE": "Y",
    "PERSONAL_BIRTHDAY": "2026-03-04T00:00:00+00:00",
    "actions": '[{"type": "download"}]',
    "lastMessageViews": '{"messageId": 7, "firstViewers": [], "countOfViewers": 1}',
    "auth_type": "15",
    "offline": "1",
    "notify_buttons": '[{"TITLE": "Yes", "VALUE": "Y"}]',
}
"""What is more than a text, as the examples show and no type says."""
_OF_OBJECTS: Final = frozenset({"files", "messagesAutoDeleteConfigs", "replaces", "stickers", "usersShort"})
"""Arrays of which no page says that they hold objects."""
_LEFT_OUT: Final = frozenset({"owner_only", "conditional", "method_response_only", "absent_in_events"})
_EMPTY: Final[Mapping[str, Any]] = {"empty_string_if_unset": "", "may_be_empty_object": {}, "false_in_events": False}
_NUMBERS: Final[Mapping[str, Callable[[int], Any]]] = {
    "integer": int,
    "double": float,
    "timestamp": float,
    "object": lambda _: {},
    "time": lambda _: {},
}


@define
class Node:
    """A place in an answer: what the pages say of it, and the fields below it."""

    says: dict[str, Any] = field(factory=dict)
    fields: dict[str, "Node"] = field(factory=dict)

    def add(self, fields: Iterable[Mapping[str, Any]]) -> None:
        """Add documented fields, or what another page says of the same ones."""
        for says in fields:
            node = self.fields.setdefault(says["name"], Node())
            node.learn(says)

    def learn(self, says: Mapping[str, Any]) -> None:
        """Keep what a page says of this place."""
        self.says |= {name: value for name, value in says.items() if name != "fields" and value is not None}
        self.add(says.get("fields", ()))

    @property
    def type(self) -> str:
        """The first documented type that is not null."""
        kinds = [kind for kind in (self.says.get("type") or "").split("|") if kind != "null"]
        return kinds[0] if kinds else ""

    def find(self, names: Iterable[str]) -> "Node":
        """Return the place below this one."""
        found = self
        for name in names:
            found = found.fields.setdefault(name, Node())
        return found


def answer_tree(method: str) -> Node:
    """Return the documented answer of a method: its own table, and the objects that are said to be in it."""
    root = Node()
    for says in pages()[method]["returns"]:
        path = says["name"].replace("[]", "").split(".")
        if path[0] == "result":
            root.find(path[1:]).learn(says | {"name": path[-1]})
    for each in entities():
        if each.get("method") == method:
            root.find(each["path"].split(".")[1:]).add(each["fields"])
    _fill(root)
    return root


def _fill(node: Node) -> None:
    name = node.type.removesuffix("[]")
    for each in entities():
        if each["name"] == f"v2.{name}" and name[:1].isupper():
            node.add(each["fields"])
    for child in node.fields.values():
        _fill(child)


def full(method: str) -> Any:
    """Make an answer with a distinct value for every documented field."""
    return _made(method, sparse=False)


def sparse(method: str) -> Any:
    """Make an answer in which whatever may be absent is absent, in the documented form of absence."""
    return _made(method, sparse=True)


def _made(method: str, *, sparse: bool) -> Any:
    root, shown = answer_tree(method), examples(method, "response")
    if not root.fields and shown:
        return shown[0]["body"]["result"]
    if seen := root.says.get("seen"):
        root.says["type"] = seen[0]
    return _shaped(root, "result", itertools.count(101), sparse=sparse)


def _shaped(node: Node, name: str, numbers: Iterator[int], *, sparse: bool) -> Any:
    if not node.fields:
        return _scalar(node, name, numbers)
    body: dict[str, Any] = {}
    spelled: dict[str, Any] = {}
    for child_name, child in node.fields.items():
        if sparse and _may_be_missing(child):
            continue
        made = _child(child, child_name, numbers, sparse=sparse)
        # The same field in two spellings (chatId, chat_id) has one value.
        body[child_name.replace("{id}", "7")] = spelled.setdefault(child_name.replace("_", "").lower(), made)
    return _in_its_shape(node, body)


def _child(node: Node, name: str, numbers: Iterator[int], *, sparse: bool) -> Any:
    absent = _absent(node) if sparse else None
    return _shaped(node, name, numbers, sparse=sparse) if absent is None else absent[0]


def _in_its_shape(node: Node, body: dict[str, Any]) -> Any:
    describes = node.says.get("fields_describe")
    if describes == "map_value_item":
        return {"7": [body]}
    if describes == "map_value":
        return {str(body.get("id", "7")): body}
    return [body] if describes == "item" or node.type == "array" or node.type.endswith("[]") else body


def _may_be_missing(node: Node) -> bool:
    says = node.says
    return bool(says.get("conditional") or says.get("absent_in_examples_of") or _LEFT_OUT & set(says.get("flags", ())))


def _absent(node: Node) -> tuple[Any] | None:
    says = node.says
    also = says.get("also", ())
    if says.get("nullable") or "null" in also or "null" in (says.get("type") or "").split("|"):
        return (None,)
    if "false" in also or says.get("boolean_literal") is False:
        return (False,)
    return next(((_EMPTY[flag],) for flag in says.get("flags", ()) if flag in _EMPTY), None)


def _scalar(node: Node, name: str, numbers: Iterator[int]) -> Any:
    number = next(numbers)
    if words := [_HELD[name]] if name in _HELD else node.says.get("values"):
        return words[0]
    if node.type.startswith("array") or node.type.endswith("[]"):
        return [{"id": number}] if name in _OF_OBJECTS else [number]
    if node.type == "boolean":
        return not _MOMENT.search(name)  # where it is a boolean, a moment is only ever false
    if node.type == "datetime" or (node.type == "string" and _MOMENT.search(name)):
        return f"2026-03-04T05:{number // 60 % 60:02}:{number % 60:02}+00:00"
    if node.type == "string" and not _ID.search(name):
        return f"text {number}"
    return _NUMBERS.get(node.type, str)(number)
