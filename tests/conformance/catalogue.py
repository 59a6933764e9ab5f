"""The documentation as data, read from the folder named by `BITRIX_CHAT_CATALOGUE`; nothing of it is kept here."""

import json
import os
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final

from attrs import frozen

FOLDER: Final = os.environ.get("BITRIX_CHAT_CATALOGUE")
GENERAL: Final = frozenset(
    [
        "app.info",
        "batch",
        "event.bind",
        "event.get",
        "event.unbind",
        "method.get",
        "profile",
        "scope",
        "server.time",
        "user.current",
        "user.get",
    ]
)
"""The methods we have besides all of `imbot.v2`, `im.v2` and `im`."""
GENERATIONS: Final = frozenset({"v2", "im"})


@frozen
class Parameter:
    """A documented parameter under its dotted path (`fields.properties.name`), with what the page says of it."""

    path: str
    says: Mapping[str, Any]

    @property
    def name(self) -> str:
        """The last segment of the path."""
        return self.path.rpartition(".")[2]

    @property
    def container(self) -> str:
        """What it lies in, empty at the top."""
        return self.path.rpartition(".")[0]

    @property
    def alternatives(self) -> tuple[str, ...]:
        """The parameters that make this one dispensable."""
        says = self.says
        others = [*says.get("required_unless", ()), *says.get("one_of", ()), says.get("alternative_to")]
        return tuple(path for path in others if path and path != self.path)

    @property
    def is_boolean(self) -> bool:
        """Whether it is true or false, in the spelling of either dialect."""
        return self.says["type"] == "boolean" or self.says.get("values") == ["Y", "N"]


@cache
def catalogue(name: str) -> Any:
    """Read one of the files; empty where no folder is named."""
    return json.loads(Path(FOLDER, f"{name}.json").read_text(encoding="utf-8")) if FOLDER else {}


@cache
def pages() -> Mapping[str, Mapping[str, Any]]:
    """Return the pages of all methods that we cover."""
    return {
        page["method"]: page
        for page in catalogue("methods")
        if page["generation"] in GENERATIONS or page["method"] in GENERAL
    }


def methods(*without: str) -> list[str]:
    """Return the names of all methods that we cover."""
    return [name for name in pages() if name not in without]


def counted() -> frozenset[str]:
    """Return the methods that belong to chats and bots, the general ones aside."""
    return frozenset(pages()) - GENERAL


@cache
def parameters(method: str) -> Mapping[str, Parameter]:
    """Return the documented parameters of a method that hold a value themselves, by their path."""
    return {each.path: each for each in _leaves(pages()[method]["params"], "")}


def containers(method: str) -> frozenset[str]:
    """Return the paths of the documented objects whose fields are parameters."""
    return frozenset(path for path, _ in _objects(pages()[method]["params"], ""))


def required_objects(method: str) -> list[str]:
    """Return the paths of such objects that have to be sent."""
    return [path for path, says in _objects(pages()[method]["params"], "") if says["required"]]


def _is_object(says: Mapping[str, Any]) -> bool:
    return bool(says.get("fields")) and "fields_open" not in says


def _objects(params: Any, prefix: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for says in filter(_is_object, params):
        yield prefix + says["name"], says
        yield from _objects(says["fields"], f"{prefix}{says['name']}.")


def _leaves(params: Any, prefix: str) -> Iterator[Parameter]:
    for says in params:
        path = prefix + says["name"]
        if _is_object(says):
            yield from _leaves(says["fields"], f"{path}.")
        else:
            yield Parameter(path, says)


def examples(method: str, kind: str) -> list[Mapping[str, Any]]:
    """Return a method's examples of a kind: request, response, error or fragment."""
    return [example for example in pages()[method]["examples"] if example["kind"] == kind]


def numbered_examples(kind: str, *without: str) -> list[tuple[str, int]]:
    """Return the places of all examples of a kind, as a method and a number."""
    return [(method, number) for method in methods(*without) for number in range(len(examples(method, kind)))]


def entities() -> list[Mapping[str, Any]]:
    """Return the documented objects."""
    found: list[Mapping[str, Any]] = catalogue("entities").get("entities", []) if FOLDER else []
    return found


def entity(name: str) -> Mapping[str, Any]:
    """Return one documented object."""
    (found,) = [each for each in entities() if each["name"] == name]
    return found


def error_codes(source: str) -> set[str]:
    """Return the error codes of a method, of the `system` or of the authorization server (`oauth`)."""
    codes = {
        code for code, entries in catalogue("errors").items() if any(entry["method"] == source for entry in entries)
    }
    return codes | {error["code"] for error in pages().get(source, {}).get("errors", ())}
