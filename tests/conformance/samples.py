"""Valid values for documented parameters, and the smallest sets of them that the documentation lets one send."""

import base64
import struct
import uuid
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any, Final

from tests.conformance.catalogue import Parameter, examples, parameters, required_objects
from tests.conformance.deviations import DEMANDS
from tests.conformance.signatures import argument, flat

PNG: Final = b"\x89PNG\r\n\x1a\n" + struct.pack(">I4sIIBBBBBI", 13, b"IHDR", 2, 2, 8, 6, 0, 0, 0, 0)
_BY_NAME: Final[Mapping[str, Any]] = {
    "attach": [{"MESSAGE": "Text"}],
    "avatar": base64.b64encode(PNG).decode(),
    "command": "help",
    "content": base64.b64encode(b"content").decode(),
    "converttext": "Y",
    "dialogid": "chat5",
    "filter": {"ACTIVE": True},
    "forwardids": {str(uuid.UUID(int=8, version=4)): 7},
    "handler": "https://bots.example/handler/",
    "keyboard": [{"TEXT": "Button", "LINK": "https://bots.example/"}],
    "menu": [{"TEXT": "Item", "LINK": "https://bots.example/"}],
    "onlycurrent": "Y",
    "searchtypes": ["module|event"],
    "select": ["ID"],
    "templateid": str(uuid.UUID(int=7, version=4)),
    "webhookurl": "https://bots.example/webhook/",
}


def sample(parameter: Parameter, number: int) -> Any:
    """Return a valid value in the portal's form; texts, numbers and moments differ with the number."""
    says = parameter.says
    by_name = _BY_NAME.get(parameter.name.lower().replace("_", ""))
    if by_name is not None:
        return by_name
    if says.get("values"):
        return says["values"][0]
    if "map" in says:
        return {"en": f"Text {number}"}
    if says["type"] == "datetime" or "DATE" in parameter.name:
        return f"2026-03-{number + 1:02}T05:06:07+00:00"
    return _of_type(says, number)


def _of_type(says: Mapping[str, Any], number: int) -> Any:
    kind = says["type"]
    if kind == "string":
        return f"Text {number}"
    if kind == "integer" and "also_types" not in says:
        return min(number + 7, says.get("max", number + 7))
    return True if kind == "boolean" else [number + 7, number + 8]


@cache
def _shown(method: str) -> Mapping[str, Any]:
    shown: dict[str, Any] = {}
    for example in examples(method, "request"):
        shown = {**flat(method, example["body"] or {}), **shown}
    return shown


def value(method: str, path: str) -> Any:
    """Return a valid value: an example's where it has one."""
    parameter = parameters(method)[path]
    made = sample(parameter, list(parameters(method)).index(path))
    return made if parameter.name.lower() == "avatar" else _shown(method).get(path, made)


def least(method: str, *wanted: str, without: Iterable[str] = ()) -> dict[str, Any]:
    """Return the smallest body, by dotted paths, that is valid and has the wanted parameters in it."""
    chosen = [companion for path in wanted for companion in companions(method, path)]
    without = set(without)
    for path, parameter in parameters(method).items():
        if path not in chosen and path not in without and _is_needed(method, parameter, chosen):
            chosen += [companion for companion in companions(method, path) if companion not in chosen]
    chosen += [path for path in _demanded(method, chosen) if path not in without]
    chosen += [path for path in _first_of_required_objects(method, chosen) if path not in without]
    return {path: value(method, path) for path in parameters(method) if path in chosen and path not in without}


def companions(method: str, path: str) -> list[str]:
    """Return a parameter with those that have to go along with it."""
    says = parameters(method)[path].says
    together = [
        other
        for other in parameters(method)
        if other != path and argument(method, other) == argument(method, path) == "entity"
    ]
    present = [
        other
        for other, parameter in parameters(method).items()
        if path in parameter.says.get("required_when_present", ())
    ]
    return [path, *says.get("requires", ()), *together, *present]


def _is_needed(method: str, parameter: Parameter, chosen: list[str]) -> bool:
    if parameter.alternatives:
        return not set(parameter.alternatives) & set(chosen) and not _is_only_an_alternative(parameter)
    if parameter.says["required"]:
        return True
    condition = parameter.says.get("required_when", {})
    defaults = {path: each.says.get("default") for path, each in parameters(method).items()}
    return any(defaults[path] == value for path, value in condition.items() if path not in chosen)


def _demanded(method: str, chosen: list[str]) -> list[str]:
    some = DEMANDS.get(method, ())
    return [] if set(some) & set(chosen) else list(some[:1])


def _first_of_required_objects(method: str, chosen: list[str]) -> list[str]:
    # The portal wants the object, and some field has to be in it.
    return [
        next(path for path in parameters(method) if path.startswith(f"{container}."))
        for container in required_objects(method)
        if not any(path.startswith(f"{container}.") for path in chosen)
    ]


def _is_only_an_alternative(parameter: Parameter) -> bool:
    return "alternative_to" in parameter.says
