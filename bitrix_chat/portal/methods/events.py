"""`Event.get` and its like: fetching events, for a bot, for a user, or for both in one queue."""

from typing import Any, Final

from bitrix_chat.portal.event_log import LoggedEvent
from bitrix_chat.portal.event_views import event_object
from bitrix_chat.portal.methods.arguments import bound_int, is_yes
from bitrix_chat.portal.methods.chatbots import own_bot
from bitrix_chat.portal.methods.registry import Invocation, MethodTable
from bitrix_chat.portal.policy import PortalPolicy
from bitrix_chat.portal.refusal import Refusal

METHODS: Final = MethodTable()

_PAGE: Final = 100
_MAX_PAGE: Final = 1000


@METHODS.add("im.v2.Event.subscribe", scope="im")
def subscribe(call: Invocation) -> bool:
    """Begin to record what happens in the caller's chats (REST method `im.v2.Event.subscribe`)."""
    call.state.events.subscribers.add(call.caller.user_id)
    return True


@METHODS.add("im.v2.Event.unsubscribe", scope="im")
def unsubscribe(call: Invocation) -> bool:
    """Stop recording and drop what is pending (REST method `im.v2.Event.unsubscribe`)."""
    call.state.events.unsubscribe(call.caller.user_id)
    return True


@METHODS.add("im.v2.Event.get", scope="im")
def get(call: Invocation) -> dict[str, Any]:
    """Fetch the caller's events; without a subscription there are none (REST method `im.v2.Event.get`)."""
    return _fetched(call, frozenset({call.caller.user_id}))


@METHODS.add("imbot.v2.Event.get", scope="imbot")
def bot_get(call: Invocation) -> dict[str, Any]:
    """Fetch a bot's events, and the caller's own among them if wanted (REST method `imbot.v2.Event.get`)."""
    bot, user_id = own_bot(call), call.caller.user_id
    if not is_yes(call.params.get("withUserEvents")):
        return _fetched(call, frozenset({bot.id}))
    if "im" not in call.caller.scopes:
        raise Refusal("SCOPE_ERROR", "Scope error")
    if user_id not in call.state.events.subscribers:
        raise Refusal("USER_NOT_SUBSCRIBED", "User not subscribed")
    return _fetched(call, frozenset({bot.id, user_id}))


def _fetched(call: Invocation, recipients: frozenset[int]) -> dict[str, Any]:
    """Answer a page; it has more behind it, as far as the portal knows, whenever it is full."""
    offset = max(0, bound_int(call.params, "offset", 0))
    limit = min(max(1, bound_int(call.params, "limit", _PAGE)), _MAX_PAGE)
    events, policy = call.state.events.fetch(recipients, offset, limit), call.state.policy
    if policy.event_order == "shuffled":
        call.state.random.shuffle(events)
    return {
        "events": [event_object(call.state, event) for event in events],
        **_cursor(policy, events, offset),
        "hasMore": len(events) >= limit or policy.event_has_more == "always",
    }


def _cursor(policy: PortalPolicy, events: list[LoggedEvent], offset: int) -> dict[str, int | None]:
    """Say where to go on, in the words of the portal's age."""
    if policy.event_cursor == "lastEventId":
        return {"lastEventId": events[-1].id if events else None}
    if policy.event_cursor == "none":
        return {}
    return {"nextOffset": max(offset, events[-1].id + 1) if events else offset}
