"""Offset paging of the legacy methods: `next` and `total` leave the result for the envelope."""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from bitrix_chat.portal.php import PhpValue, intval

_Item = TypeVar("_Item")


def limit_of(params: dict[str, PhpValue], default: int, maximum: int) -> int:
    """Read LIMIT; what is no positive number counts as absent, what is too much as the most there is."""
    limit = intval(params.get("LIMIT"))
    return min(limit, maximum) if limit > 0 else default


def page(
    params: dict[str, PhpValue],
    items: Sequence[_Item],
    show: Callable[[_Item], Any],
    *,
    default: int,
    maximum: int,
    key: Callable[[_Item], str] | None = None,
) -> dict[str, Any]:
    """Answer the page that OFFSET and LIMIT select, as a list, or with `key` as an object."""
    offset, limit = max(0, intval(params.get("OFFSET"))), limit_of(params, default, maximum)
    shown = items[offset : offset + limit]
    answer = {str(index) if key is None else key(item): show(item) for index, item in enumerate(shown)}
    answer["total"] = len(items)
    if offset + limit < len(items):
        answer["next"] = offset + limit
    return answer
