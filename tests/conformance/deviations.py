"""Where we and the documentation part, on purpose: the one table, of which every line still has to be true."""

from collections.abc import Mapping
from typing import Final, Literal

from attrs import frozen

Check = Literal["parameters", "required", "types", "words", "bounds", "requests", "answers", "tables", "sparse"]


@frozen
class Deviation:
    """What a check finds for a method, word for word, and why that is right."""

    check: Check
    method: str
    what: str
    reason: str


DEVIATIONS: Final = (
    *(
        Deviation("parameters", "imbot.v2.Chat.add", f"{name}=: undocumented", "read and kept by today's portals")
        for name in ("type", "entity")
    ),
    *(
        Deviation("parameters", method, f"{name}=: undocumented", "becomes the chat's entity, which is looked up")
        for method in ("im.chat.add", "imbot.v2.Chat.add")
        for name in ("key", "key_is_new")
    ),
    Deviation("parameters", "im.message.add", "template_id=: undocumented", "the portal's one idempotency key"),
    *(
        Deviation("words", method, f"ENTITY_TYPE: {what}", "any text is a type; the page lists what means something")
        for method in ("im.chat.add", "im.chat.get")
        for what in ("takes any word", "other words")
    ),
    Deviation("words", "im.chat.add", "COPILOT_MAIN_ROLE: other words", "roles are open, and the page names one"),
    Deviation("required", "method.get", "name=: required by us", "without a name there is no question"),
    *(
        Deviation(
            "requests", "batch", f"example {number}: refused with InvalidParameter", "a user may lack a department"
        )
        for number in (2, 3)
    ),
    *(
        Deviation(
            "requests", "user.get", f"example {number}: refused with TypeError", "conditions belong into the filter"
        )
        for number in (0, 1)
    ),
    *(
        Deviation(
            "requests", "user.get", f"example {number}: sent otherwise", "`filter` for `FILTER`, as its table says"
        )
        for number in range(2, 8)
    ),
    *(
        Deviation(check, "im.user.list.get", what, "as a list, the users that are null would have lost their ids")
        for check, what in (
            ("parameters", "RESULT_TYPE: not sent"),
            ("requests", "example 0: sent otherwise"),
            ("requests", "example 1: sent otherwise"),
        )
    ),
)

DEMANDS: Final[Mapping[str, tuple[str, ...]]] = {
    "im.message.update": ("MESSAGE", "ATTACH", "KEYBOARD", "MENU", "URL_PREVIEW"),
    "im.notify.history.search": (
        "SEARCH_TEXT",
        "SEARCH_TYPE",
        "SEARCH_TYPES",
        "SEARCH_DATE",
        "SEARCH_DATE_FROM",
        "SEARCH_AUTHORS",
        "GROUP_TAG",
    ),
    "imbot.v2.Chat.Message.send": ("fields.message", "fields.attach", "fields.forwardIds"),
    "imbot.v2.Command.answer": ("fields.message", "fields.attach"),
    "method.get": ("name",),
}
"""One of these has to be given, although no page stars any: there would be nothing to send, to find or to ask."""


def expected(check: Check, method: str) -> set[str]:
    """Return what a check may find for a method, and has to."""
    return {each.what for each in DEVIATIONS if (each.check, each.method) == (check, method)}
