"""One vocabulary, two dialects: what Python says as the portal wants to hear it, and back.

cattrs' defaults are wrong for answers written by PHP: `"N"` would be true, `None` the text `"None"`, `{"0": 1}`
the list `["0"]`. The hooks here know the portal's ways and refuse what stays ambiguous; a refusal costs the answer
only where a required field is concerned, any other field falls back to its default.
"""

import enum
import functools
import logging
import re
import types
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any, Final, TypeVar, Union, get_args, get_origin

import attrs
import cattrs
from cattrs.errors import IterableValidationError, IterableValidationNote
from cattrs.gen import make_dict_structure_fn, override

from bitrix_chat.enums import ChatType, Color
from bitrix_chat.errors import UnexpectedAnswer
from bitrix_chat.models.php_scalars import boolean, integer, moment, moment_or_none, number, text
from bitrix_chat.outcomes import Outcome
from bitrix_chat.rest.literal import NULL, Verbatim
from bitrix_chat.rest.reference import Reference

T = TypeVar("T")
Hook = Callable[[Any, Any], Any]

logger: Final = logging.getLogger("bitrix_chat")

_LAST_DIGITS: Final = re.compile(r"(?<=[a-z])[0-9]+$")


def camel_case(name: str) -> str:
    """Write a Python name as `imbot.v2` does: `date_create` becomes `dateCreate`."""
    head, *rest = name.split("_")
    return head + "".join(part.capitalize() for part in rest)


def snake_case(name: str) -> str:
    """Write a Python name as `im` does: `entity_data1` becomes `entity_data_1`."""
    return _LAST_DIGITS.sub(r"_\g<0>", name)


_TELLING: Final[Mapping[Any, frozenset[type]]] = {
    bool: frozenset({bool, int}),
    int: frozenset({int, float}),
    float: frozenset({int, float}),
    str: frozenset({int, float}),
    datetime: frozenset(),
}
"""Of which types an empty value still tells something: 0 is a number, but `false`, "", `[]` and `{}` are none."""
_TELLING_BESIDE_A_DEFAULT: Final = {
    **{kind: _TELLING[kind] for kind in (int, float, str)},
    bool: frozenset({bool, int, str}),  # PHP writes false as text: ""
}


def _unless_absent(hook: Hook, kind: Any, telling: frozenset[type], absent: Any) -> Hook:
    tells_by_itself = kind in telling

    def structure(value: Any, _: Any) -> Any:
        if type(value) is kind:
            return value if value or tells_by_itself else absent
        return hook(value, kind) if value or type(value) in telling else absent

    return structure


def _is_optional(annotation: Any) -> bool:
    return get_origin(annotation) in (Union, types.UnionType) and types.NoneType in get_args(annotation)


def _optional(converter: cattrs.Converter, annotation: Any) -> Hook:
    inner = [part for part in get_args(annotation) if part is not types.NoneType]
    target: Any = inner[0] if len(inner) == 1 else Union[tuple(inner)]  # noqa: UP007  # built at run time
    hook = moment_or_none if target is datetime else converter.get_structure_hook(target)
    telling = frozenset({dict}) if _is_object(target) else _TELLING.get(target, _TELLING[str])
    return _unless_absent(hook, target, telling, None)


def _is_object(annotation: Any) -> bool:
    return get_origin(annotation) is dict or attrs.has(annotation)


def _is_open_enum(annotation: Any) -> bool:
    if get_origin(annotation) not in (Union, types.UnionType):
        return False
    args = get_args(annotation)
    return len(args) == 2 and args[1] is str and isinstance(args[0], type) and issubclass(args[0], enum.StrEnum)


def _open_enum(_: cattrs.Converter, annotation: Any) -> Callable[[Any, Any], Any]:
    members: Mapping[str, enum.StrEnum] = {member.value: member for member in get_args(annotation)[0]}

    def structure(value: Any, _: Any) -> Any:
        return members.get(value, value) if isinstance(value, str) else text(value, str)

    return structure


def _is_absent(value: Any) -> bool:
    return value is None or value is False or value == ""


def _structured(places: Iterable[tuple[str | int, Any]], hook: Hook, item: Any) -> Iterator[Any]:
    for place, element in places:
        try:
            structured = hook(element, item)
        except Exception as error:  # noqa: BLE001  # whatever a hook raises
            # In cattrs' way, so that the message names the place.
            error.add_note(IterableValidationNote("an element", place, item))
            raise IterableValidationError("an element", [error], list) from None
        yield structured


def _knows_null(item: Any) -> bool:
    # Where lists or maps are promised, null is an empty one; elsewhere an element is missing.
    return item is Any or _is_list(item) or _is_map(item)


def _is_list(annotation: Any) -> bool:
    return get_origin(annotation) is list


def _list(converter: cattrs.Converter, annotation: Any) -> Hook:
    (item,) = get_args(annotation)
    hook = converter.get_structure_hook(item)
    keeps_null = _knows_null(item)

    def structure(value: Any, _: Any) -> list[Any]:
        if _is_absent(value):
            return []
        if not isinstance(value, dict | list):
            raise TypeError("no list")
        places: Iterable[tuple[Any, Any]] = value.items() if isinstance(value, dict) else enumerate(value)
        if not keeps_null and None in (value.values() if isinstance(value, dict) else value):
            places = [place for place in places if place[1] is not None]
        return list(_structured(places, hook, item))

    return structure


def _is_map(annotation: Any) -> bool:
    return get_origin(annotation) is dict


def _map(converter: cattrs.Converter, annotation: Any) -> Hook:
    key_type, item = get_args(annotation)
    key_hook, hook = converter.get_structure_hook(key_type), converter.get_structure_hook(item)
    plain = key_type is str and item is Any
    keeps_null = _knows_null(item)

    def entry(pair: Any, _: Any) -> tuple[Any, Any]:
        return key_hook(str(pair[0]), key_type), hook(pair[1], item)

    def structure(value: Any, _: Any) -> dict[Any, Any]:
        if plain and type(value) is dict:
            return value
        if _is_absent(value):
            return {}
        if not isinstance(value, dict | list):
            raise TypeError("no map")
        places = value.items() if isinstance(value, dict) else enumerate(value)
        told = [(place[0], place) for place in places if keeps_null or place[1] is not None]
        return dict(_structured(told, entry, item))

    return structure


def _model(rename: Callable[[str], str], converter: cattrs.Converter, annotation: Any) -> Hook:
    attrs.resolve_types(annotation)
    rename = _OWN_DIALECTS.get(getattr(annotation, "DIALECT", ""), rename)
    attributes = {_wire_name(attribute, rename): attribute for attribute in attrs.fields(annotation)}
    hooks = {name: _own_hook(attribute, converter) for name, attribute in attributes.items()}
    overrides: dict[str, Any] = {
        attribute.name: override(rename=name, struct_hook=hooks[name]) for name, attribute in attributes.items()
    }
    build = make_dict_structure_fn(annotation, converter, **overrides)
    quick = _quick(annotation, attributes, hooks, converter)

    def structure(value: Any, target: Any) -> Any:
        if not isinstance(value, dict):
            raise TypeError(f"no {annotation.__name__} object")
        try:
            return quick(value)
        except Exception:  # noqa: BLE001  # whatever a hook raises
            # null is PHP's way to leave a key out; most fields know that by themselves.
            readable = {name: item for name, item in value.items() if item is not None}
        for name in attributes.keys() & readable.keys():
            attribute = attributes[name]
            hook = hooks[name] or converter.get_structure_hook(attribute.type)
            if _has_fallback(attribute) and not _reads(hook, readable[name], attribute.type):
                logger.debug("left out what cannot be read of %s.%s", annotation.__name__, attribute.name)
                readable[name] = _part(hook, readable[name], attribute)
        return build({name: item for name, item in readable.items() if item is not _NOTHING}, target)

    return structure


_NOTHING: Final = object()
_PLAIN: Final = frozenset({bool, int, str})
"""Of what a value that tells something is taken as it is, whatever the field says beside its type."""


def _quick(
    annotation: Any,
    attributes: "Mapping[str, attrs.Attribute[Any]]",
    hooks: Mapping[str, Hook | None],
    converter: cattrs.Converter,
) -> Callable[[dict[str, Any]], Any]:
    """Make what reads a whole object at once, or raises: half of the time of the code that can name each fault."""
    fields = [
        (name, each.alias or each.name, _plain(each), hooks[name] or converter.get_structure_hook(each.type), each.type)
        for name, each in attributes.items()
    ]

    def read(value: dict[str, Any]) -> Any:
        given: dict[str, Any] = {}
        for name, argument, plain, hook, kind in fields:
            item = value.get(name, _NOTHING)
            if item is not _NOTHING:
                given[argument] = item if item and type(item) is plain else hook(item, kind)
        return annotation(**given)

    return read


def _plain(attribute: "attrs.Attribute[Any]") -> type | None:
    parts = get_args(attribute.type) if _is_optional(attribute.type) else (attribute.type,)
    kinds = [part for part in parts if part is not types.NoneType]
    return kinds[0] if len(kinds) == 1 and "read" not in attribute.metadata and kinds[0] in _PLAIN else None


def _has_fallback(attribute: "attrs.Attribute[Any]") -> bool:
    return attribute.default is not attrs.NOTHING and not attribute.metadata.get("strict")


def _reads(hook: Hook, value: Any, kind: Any) -> bool:
    try:
        hook(value, kind)
    except Exception:  # noqa: BLE001  # whatever a hook raises
        return False
    return True


def _part(hook: Hook, value: Any, attribute: "attrs.Attribute[Any]") -> Any:
    """Return those elements of a list or map that can be read, of anything else nothing."""
    kind = attribute.type
    if not (_is_list(kind) or _is_map(kind)) or "read" in attribute.metadata or not isinstance(value, dict | list):
        return _NOTHING
    entries = value if isinstance(value, dict) else dict(enumerate(value))
    return {key: element for key, element in entries.items() if _reads(hook, {key: element}, kind)}


# Some objects keep their own spelling inside answers of another dialect: files are camelCase wherever they appear.
_OWN_DIALECTS: Final[Mapping[str, Callable[[str], str]]] = {"camel": camel_case, "upper": str.upper}


def _wire_name(attribute: "attrs.Attribute[Any]", rename: Callable[[str], str]) -> str:
    name: str = attribute.metadata.get("wire") or rename(attribute.name)
    return name


def _own_hook(attribute: "attrs.Attribute[Any]", converter: cattrs.Converter) -> Hook | None:
    """Return the hook that a field needs beside that of its type.

    Its metadata may hold `wire`, its name there, `read`, a function for what PHP writes in several forms, and
    `strict`: it is refused rather than read in part.
    """
    read, kind = attribute.metadata.get("read"), attribute.type
    if read is not None:
        return lambda value, _: read(value)
    if attribute.default is attrs.NOTHING or kind not in _TELLING_BESIDE_A_DEFAULT:
        return None
    return _unless_absent(converter.get_structure_hook(kind), kind, _TELLING_BESIDE_A_DEFAULT[kind], attribute.default)


def answers(rename: Callable[[str], str]) -> cattrs.Converter:
    """Make a converter for answers whose keys are `rename` of our names; unknown keys pass."""
    converter = cattrs.Converter()
    for kind, hook in ((bool, boolean), (int, integer), (float, number), (str, text), (datetime, moment)):
        converter.register_structure_hook(kind, hook)
    converter.register_structure_hook_factory(attrs.has, lambda kind, conv: _model(rename, conv, kind))
    for recognises, factory in (
        (_is_list, _list),
        (_is_map, _map),
        (_is_open_enum, _open_enum),
        (_is_optional, _optional),
    ):
        converter.register_structure_hook_factory(recognises, functools.partial(_swapped, factory))
    return converter


def _swapped(factory: Callable[..., Any], kind: Any, converter: cattrs.Converter) -> Any:
    return factory(converter, kind)


CAMEL_ANSWERS: Final = answers(camel_case)
"""Answers of `imbot.v2` and `im.v2`."""
SNAKE_ANSWERS: Final = answers(snake_case)
"""Most answers of `im.*`."""
UPPER_ANSWERS: Final = answers(str.upper)
"""Answers with the keys of the database, such as `profile`."""


def decoder(converter: cattrs.Converter, kind: type[T], method: str) -> Callable[[Any], T]:
    """Make the function that turns the raw result of `method` into `kind`.

    The function raises `UnexpectedAnswer` with the outcome `DONE`: the method ran, and what it was to read is kept
    as the error's `result`.
    """
    # Made on first use: writing the code of a hook takes as long as importing a module.
    hook = functools.cache(functools.partial(converter.get_structure_hook, kind))

    def decode(raw: Any) -> T:
        try:
            result: T = hook()(raw, kind)
        except Exception as error:  # noqa: BLE001  # cattrs raises groups of whatever the hooks raise
            places = "; ".join(cattrs.transform_error(error, path="result"))
        else:
            return result
        unexpected = UnexpectedAnswer(
            f"done, but the answer has an unexpected shape: {places}", method=method, outcome=Outcome.DONE
        )
        unexpected.result = raw
        del raw  # reporters show the variables of frames, and what the portal wrote may hold anything
        raise unexpected

    return decode


def _as_it_is(value: T) -> T:
    return value


def _requests(colors: Callable[[Color], str], booleans: Callable[[bool], Any]) -> cattrs.Converter:
    converter = cattrs.Converter()
    converter.register_unstructure_hook(bool, booleans)
    converter.register_unstructure_hook(enum.StrEnum, lambda member: member.value)
    converter.register_unstructure_hook(Color, colors)
    converter.register_unstructure_hook(datetime, datetime.isoformat)
    converter.register_unstructure_hook(timedelta, timedelta.total_seconds)
    converter.register_unstructure_hook(Reference, _as_it_is)  # the batch writes it
    return converter


CAMEL_REQUESTS: Final = _requests(lambda color: color.value, lambda value: value)
"""Parameters of `imbot.v2` and `im.v2`: `lightBlue`, true."""
UPPER_REQUESTS: Final = _requests(lambda color: color.legacy_name, lambda value: "Y" if value else "N")
"""Parameters of `im.*`: `LIGHT_BLUE`, `Y`."""
UPPER_REQUESTS.register_unstructure_hook(ChatType, lambda kind: kind.name)


def wire(converter: cattrs.Converter, params: Mapping[str, Any]) -> dict[str, Any]:
    """Write parameters in a dialect; what was not given (None) is left out, inside maps too."""
    return {name: _wire(converter, value) for name, value in params.items() if value is not None}


def _wire(converter: cattrs.Converter, value: Any) -> Any:
    if value is NULL:
        return None
    kind = type(value)
    if kind is Verbatim:
        return value.value
    if kind is str or kind is int or kind is Reference:
        return value
    if kind is dict:
        return wire(converter, value)
    if kind is list:
        return list(value) if set(map(type, value)) == _INTEGERS else [_wire(converter, item) for item in value]
    return _word(converter, value) if isinstance(value, enum.Enum) else converter.unstructure(value)


@functools.lru_cache(maxsize=1024, typed=True)  # members of two vocabularies may be equal as texts
def _word(converter: cattrs.Converter, member: enum.Enum) -> Any:
    return converter.unstructure(member)


_INTEGERS: Final = {int}
