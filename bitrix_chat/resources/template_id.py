"""The one idempotency key that the portal knows: a message's template id, a lower-case UUIDv4."""

import re
import uuid
from collections.abc import Callable, Mapping
from typing import Any, Final

from attrs import evolve

from bitrix_chat.errors import InvalidParameter
from bitrix_chat.resources.resource import Draw
from bitrix_chat.rest.request import Request

_UUID4: Final = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")


def new_template_id() -> str:
    """Draw a template id."""
    return str(uuid.uuid4())


def template_id(name: str, value: str | None) -> str | None:
    """Return a template id that the portal takes for a key; it would ignore any other text."""
    return None if value is None else required_template_id(name, value)


def required_template_id(name: str, value: str) -> str:
    """Return a template id that has to be given."""
    if isinstance(value, str) and _UUID4.fullmatch(value):
        return value
    raise InvalidParameter(f"`{name}` is no lower-case UUIDv4, which alone the portal takes for a key: str(uuid4())")


def drawn_at(*path: str) -> Draw:
    """Make the function that puts a new template id at `path` of a request as its call starts."""
    return _changed_at(path, lambda _: new_template_id())


def drawn_keys_at(*path: str) -> Draw:
    """Make the function that gives each value of the list at `path` a new template id for a key."""
    return _changed_at(path, lambda values: {new_template_id(): value for value in values})


def in_turn(*draws: Draw) -> Draw:
    """Make the function that draws everything that the others draw."""

    def draw(request: Request) -> Request:
        for each in draws:
            request = each(request)
        return request

    return draw


def _changed_at(path: tuple[str, ...], change: Callable[[Any], Any]) -> Draw:
    def draw(request: Request) -> Request:
        return evolve(request, params=_changed(request.params, path, change))

    return draw


def _changed(params: Mapping[str, Any], path: tuple[str, ...], change: Callable[[Any], Any]) -> dict[str, Any]:
    name, *rest = path
    if rest:
        return {**params, name: _changed(params.get(name) or {}, tuple(rest), change)}
    return {**params, name: change(params.get(name))}
