"""How methods take their parameters: by the strict binder of the V2 controllers, or in any capitals.

The binder refuses with the code 100. Legacy methods cast whatever comes.
"""

import json

from bitrix_chat.portal.php import PhpValue, elements, intval, is_numeric, strval
from bitrix_chat.portal.refusal import Refusal


def bound_array(params: dict[str, PhpValue], name: str, *, required: bool = False) -> dict[str, PhpValue]:
    """Bind an array parameter of a controller.

    Raises:
        Refusal: 100, it is missing though required, or no array.
    """
    value = params.get(name)
    if value is None:
        if required:
            raise _missing(name)
        return {}
    if isinstance(value, list):
        return {str(index): element for index, element in enumerate(value)}
    if not isinstance(value, dict):
        raise _mismatch(name, value, "array")
    return value


def bound_text(params: dict[str, PhpValue], name: str) -> str:
    """Bind a required text parameter of a controller; an array is no text.

    Raises:
        Refusal: 100.
    """
    value = params.get(name)
    if value is None:
        raise _missing(name)
    if isinstance(value, list | dict):
        raise _mismatch(name, value, "string")
    return strval(value)


def bound_id(params: dict[str, PhpValue], name: str) -> int:
    """Bind a required number of a controller.

    Raises:
        Refusal: 100, it is missing or no number.
    """
    if params.get(name) is None:
        raise _missing(name)
    return bound_int(params, name, 0)


def bound_ids(params: dict[str, PhpValue], name: str) -> list[int]:
    """Bind a required array of numbers of a controller.

    Raises:
        Refusal: 100, it is missing or no array.
    """
    return [intval(element) for element in bound_array(params, name, required=True).values()]


def bound_int(params: dict[str, PhpValue], name: str, default: int) -> int:
    """Bind an optional number of a controller.

    Raises:
        Refusal: 100, it is no number.
    """
    value = params.get(name)
    if value is None:
        return default
    if not is_numeric(value):
        raise _mismatch(name, value, "int")
    return intval(value)


def _missing(name: str) -> Refusal:
    return Refusal("100", f"Could not find value for parameter {{{name}}}")


def _mismatch(name: str, value: PhpValue, wanted: str) -> Refusal:
    shown = strval(value)
    return Refusal(
        "100", f"Invalid value {{{shown}}} to match with parameter {{{name}}}. Should be value of type {wanted}."
    )


def either_spelling(fields: dict[str, PhpValue], name: str) -> PhpValue:
    """Read a field as lowerCamel or, if that is absent or null, as UPPER_SNAKE; no third spelling counts."""
    value = fields.get(name)
    return value if value is not None else fields.get(upper_snake(name))


def upper_snake(name: str) -> str:
    """Turn `entityType` into `ENTITY_TYPE`; upper-case text stays."""
    if name.isupper():
        return name
    return "".join(f"_{letter}" if letter.isupper() else letter.upper() for letter in name).lstrip("_")


def in_upper_case(params: dict[str, PhpValue]) -> dict[str, PhpValue]:
    """Read the names of legacy parameters in any capitals; of two spellings the last one counts."""
    return {name.upper(): value for name, value in params.items()}


def is_yes(value: PhpValue, *, default: bool = False) -> bool:
    """Read a boolean of `imbot.v2`: true, `Y`, `1` and `TRUE` are yes, everything else is no."""
    return default if value is None else strval(value).upper() in {"Y", "1", "TRUE"}


def parsed(value: PhpValue) -> PhpValue:
    """Read an array that legacy methods also take as the JSON text of one; other text counts as absent."""
    if not isinstance(value, str):
        return value
    try:
        inner: PhpValue = json.loads(value)
    except ValueError:
        return None
    return inner


def ids_of(value: PhpValue) -> list[int] | None:
    """Read a legacy list of ids, each once; None if it is no array."""
    value = parsed(value)
    if not isinstance(value, list | dict):
        return None
    return [number for number in dict.fromkeys(map(intval, elements(value))) if number > 0]
