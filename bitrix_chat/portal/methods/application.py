"""The application's own affairs, `app.info` and its event handlers: a webhook stands for none and is refused."""

from typing import Any, Final
from urllib.parse import urlsplit

import attrs

from bitrix_chat.portal.event_bindings import EventBinding
from bitrix_chat.portal.methods.arguments import in_upper_case
from bitrix_chat.portal.methods.registry import Invocation, MethodTable
from bitrix_chat.portal.php import PhpValue, intval, strval, truthy
from bitrix_chat.portal.refusal import Refusal

METHODS: Final = MethodTable()

_EVENTS: Final = {
    None: (
        "ONAPPUNINSTALL",
        "ONAPPINSTALL",
        "ONAPPUPDATE",
        "ONAPPPAYMENT",
        "ONAPPMETHODCONFIRM",
        "ONOFFLINEEVENT",
    ),
    "user": ("ONUSERADD",),
    "imbot": (
        "ONIMBOTMESSAGEADD",
        "ONIMBOTMESSAGEUPDATE",
        "ONIMBOTMESSAGEDELETE",
        "ONIMBOTJOINCHAT",
        "ONIMBOTDELETE",
        "ONIMCOMMANDADD",
        "ONIMBOTV2MESSAGEADD",
        "ONIMBOTV2MESSAGEUPDATE",
        "ONIMBOTV2MESSAGEDELETE",
        "ONIMBOTV2JOINCHAT",
        "ONIMBOTV2DELETE",
        "ONIMBOTV2CONTEXTGET",
        "ONIMBOTV2COMMANDADD",
        "ONIMBOTV2REACTIONCHANGE",
    ),
}


def _check_application(call: Invocation) -> None:
    if call.caller.via_webhook:
        raise _denied("Application context required")


def _denied(reason: str) -> Refusal:
    return Refusal("ACCESS_DENIED", f"Access denied! {reason}", 403)


@METHODS.add("app.info", scope=None)
def app_info(call: Invocation) -> dict[str, Any]:
    """Describe the application and the portal's licence (REST method `app.info`)."""
    _check_application(call)
    return {
        "ID": 1,
        "CODE": call.caller.client_id,
        "VERSION": 1,
        "STATUS": "L",
        "INSTALLED": True,
        "PAYMENT_EXPIRED": "N",
        "DAYS": None,
        "LANGUAGE_ID": "en",
        "LICENSE": "en_emulated",
        "LICENSE_TYPE": "emulated",
        "LICENSE_FAMILY": "emulated",
    }


@METHODS.add("events", scope=None)
def events(call: Invocation) -> list[str]:
    """List the events that the caller's scopes open, or those of SCOPE, or with FULL all (REST method `events`)."""
    params = in_upper_case(call.params)
    if truthy(params.get("FULL")):
        return [event for names in _EVENTS.values() for event in names]
    if params.get("SCOPE") is not None:
        return list(_EVENTS.get(strval(params["SCOPE"]) or None, ()))
    return _bindable(call)


def _bindable(call: Invocation) -> list[str]:
    return [
        event for scope, names in _EVENTS.items() if scope is None or scope in call.caller.scopes for event in names
    ]


@METHODS.add("event.bind", scope=None)
def event_bind(call: Invocation) -> bool:
    """Bind a handler to an event, once; in another's name only as an administrator (REST method `event.bind`)."""
    _check_application(call)
    params = in_upper_case(call.params)
    event = _required(params, "EVENT").upper()
    if event not in _bindable(call):
        raise Refusal("ERROR_EVENT_NOT_FOUND", "Event not found")
    binding = EventBinding(
        application=call.caller.client_id,
        event=event,
        handler="" if _is_offline(params) else _handler(params),
        auth_type=_auth_type(call, params, "binding"),
        offline=_is_offline(params),
        connector=strval(params.get("AUTH_CONNECTOR")),
    )
    if any(_is_same(binding, other) for other in call.state.event_bindings):
        raise Refusal("ERROR_CORE", "Unable to set event handler: Handler already binded")
    call.state.event_bindings.append(binding)
    return True


def _is_same(one: EventBinding, other: EventBinding) -> bool:
    return attrs.evolve(one, connector="") == attrs.evolve(other, connector="")


def _required(params: dict[str, PhpValue], name: str) -> str:
    value = strval(params.get(name)).strip()
    if not value:
        raise Refusal("ERROR_ARGUMENT", f"Argument '{name}' is null or empty", argument=name)
    return value


def _handler(params: dict[str, PhpValue]) -> str:
    handler = _required(params, "HANDLER")
    address = urlsplit(handler)
    if address.scheme not in {"http", "https"}:
        raise Refusal("ERROR_UNSUPPORTED_PROTOCOL", f"Unsupported event handler protocol ({address.scheme})")
    if not address.hostname:
        raise Refusal("ERROR_WRONG_HANDLER_URL", "Wrong handler URL")
    return handler


def _is_offline(params: dict[str, PhpValue]) -> bool:
    return strval(params.get("EVENT_TYPE")).lower() == "offline"


def _auth_type(call: Invocation, params: dict[str, PhpValue], doing: str) -> int:
    """Return in whose name the handler is called; only an administrator may name others or nobody."""
    own, wanted = call.caller.user_id, intval(params.get("AUTH_TYPE"))
    if call.state.users[own].admin:
        return wanted
    if _is_offline(params):
        raise _denied(f"Offline events {doing} requires administrator access rights")
    if wanted not in {0, own}:
        raise _denied(f"Event {doing} with AUTH_TYPE requires administrator access rights")
    return own


@METHODS.add("event.unbind", scope=None)
def event_unbind(call: Invocation) -> dict[str, int]:
    """Remove handlers and tell how many; what is not given does not select (REST method `event.unbind`)."""
    _check_application(call)
    params = in_upper_case(call.params)
    auth_type = _auth_type(call, params, "unbinding")
    event, handler = strval(params.get("EVENT")).upper(), strval(params.get("HANDLER"))
    gone = [
        binding
        for binding in call.state.event_bindings
        if binding.application == call.caller.client_id
        and event in {"", binding.event}
        and handler in {"", binding.handler}
        and auth_type in {0, binding.auth_type}
        and ("EVENT_TYPE" not in params or binding.offline is _is_offline(params))
    ]
    for binding in gone:
        call.state.event_bindings.remove(binding)
    return {"count": len(gone)}


@METHODS.add("event.get", scope=None)
def event_get(call: Invocation) -> list[dict[str, Any]]:
    """List the application's handlers; the user is text, `offline` a number (REST method `event.get`)."""
    _check_application(call)
    own = (binding for binding in call.state.event_bindings if binding.application == call.caller.client_id)
    return [_shown(binding) for binding in own]


def _shown(binding: EventBinding) -> dict[str, Any]:
    shown = {
        "event": binding.event,
        "handler": binding.handler,
        "auth_type": str(binding.auth_type),
        "offline": int(binding.offline),
    }
    return shown | ({"connector_id": binding.connector} if binding.connector else {})
