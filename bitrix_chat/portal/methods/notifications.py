"""`im.notify.*`, the writing half: notifying people, and what they do with a notification."""

import hashlib
from typing import Any, Final

from bitrix_chat.portal.message_parts import PartError, read_part
from bitrix_chat.portal.methods.arguments import in_upper_case, parsed
from bitrix_chat.portal.methods.registry import Invocation, MethodTable
from bitrix_chat.portal.notifications import NotifyType
from bitrix_chat.portal.php import PhpValue, intval, strval
from bitrix_chat.portal.refusal import Refusal

METHODS: Final = MethodTable()

_SCHEMA: Final = {
    "im": (
        "Chat and calls",
        {"message": "Private messages", "chat": "Group chats", "mention": "Mentions", "like": "Reactions"},
    ),
    "rest": ("Applications", {"rest_notify": "Notifications of applications"}),
}


@METHODS.add("im.notify", scope="im")
def notify(call: Invocation) -> int | bool:
    """Notify a user as the caller or as the portal; false if it reaches nobody (REST method `im.notify`)."""
    params = in_upper_case(call.params)
    return _notify(call, params, NotifyType.SYSTEM if params.get("TYPE") == "SYSTEM" else NotifyType.FROM)


@METHODS.add("im.notify.personal.add", scope="im")
def personal_add(call: Invocation) -> int | bool:
    """Notify a user as the caller (REST method `im.notify.personal.add`)."""
    return _notify(call, in_upper_case(call.params), NotifyType.FROM)


@METHODS.add("im.notify.system.add", scope="im")
def system_add(call: Invocation) -> int | bool:
    """Notify a user as the portal (REST method `im.notify.system.add`)."""
    return _notify(call, in_upper_case(call.params), NotifyType.SYSTEM)


def _notify(call: Invocation, params: dict[str, PhpValue], kind: NotifyType) -> int | bool:
    recipient, text = intval(params.get("USER_ID")), strval(params.get("MESSAGE")).strip()
    if recipient <= 0:
        raise Refusal("USER_ID_EMPTY", "User ID can't be empty")
    if not text:
        raise Refusal("MESSAGE_EMPTY", "Message can't be empty")
    attach, application = _attach(params.get("ATTACH")), _application(call, params)
    if not call.state.is_active(recipient):
        return False
    author = call.caller.user_id if kind is NotifyType.FROM else 0
    added = call.state.notifications.add(
        recipient,
        author,
        text,
        type=kind,
        tag=_tag(application, params.get("TAG")),
        sub_tag=_tag(application, params.get("SUB_TAG")),
        attach=attach,
    )
    return added.id


def _attach(value: PhpValue) -> PhpValue:
    """Read an attachment, which may be JSON text."""
    if value is None or value == "":
        return None
    try:
        return read_part("ATTACH", parsed(value))
    except PartError as error:
        if error.oversize:
            raise Refusal("ATTACH_OVERSIZE", "You have exceeded the maximum allowable size of attach") from None
        raise Refusal("ATTACH_ERROR", "Incorrect attach params") from None


def _application(call: Invocation, params: dict[str, PhpValue]) -> str:
    """Name the application whose tags these are; a webhook names its own with CLIENT_ID, or is nobody."""
    if not call.caller.via_webhook:
        return call.caller.client_id
    client_id = strval(params.get("CLIENT_ID"))
    return f"custom{client_id}" if client_id else ""


def _tag(application: str, value: PhpValue) -> str:
    """Keep the tags of applications apart."""
    tag = strval(value)
    key = hashlib.md5(application.encode(), usedforsecurity=False).hexdigest()[:5]
    return f"MP|{key}|{tag}" if tag else ""


@METHODS.add("im.notify.delete", scope="im")
def delete(call: Invocation) -> bool:
    """Delete the caller's notification by id, or everybody's by a tag; always true (REST method `im.notify.delete`)."""
    params = in_upper_case(call.params)
    application = _application(call, params)
    if not application:
        raise Refusal("ACCESS_DENIED", "Access denied! Client ID not specified", 403)
    notifications = call.state.notifications
    if (notification_id := intval(params.get("ID"))) > 0:
        own = notifications.own(call.caller.user_id, notification_id)
        notifications.delete([] if own is None else [own])
    elif tag := _tag(application, params.get("TAG")):
        notifications.delete(notifications.tagged(tag=tag))
    elif sub_tag := _tag(application, params.get("SUB_TAG")):
        notifications.delete(notifications.tagged(sub_tag=sub_tag))
    else:
        raise Refusal("PARAMS_ERROR", "Incorrect params")
    return True


@METHODS.add("im.notify.confirm", scope="im")
def confirm(call: Invocation) -> dict[str, list[str] | bool]:
    """Press a button of a notification, which is gone then (REST method `im.notify.confirm`)."""
    params = in_upper_case(call.params)
    notification_id, value = _id(params), strval(params.get("NOTIFY_VALUE"))
    if not value:
        raise Refusal("NOTIFY_VALUE_ERROR", "Notification Value can't be empty")
    own = call.state.notifications.own(call.caller.user_id, notification_id)
    if own is None or value not in own.buttons.values():
        return {"result_message": False}
    call.state.notifications.delete([own])
    return {"result_message": [title for title, each in own.buttons.items() if each == value]}


@METHODS.add("im.notify.answer", scope="im")
def answer(call: Invocation) -> dict[str, list[str] | bool]:
    """Answer a notification that takes answers, which is read then (REST method `im.notify.answer`)."""
    params = in_upper_case(call.params)
    notification_id, text = _id(params), strval(params.get("ANSWER_TEXT")).strip()
    if not text:
        raise Refusal("ANSWER_TEXT_ERROR", "ANSWER_TEXT can't be empty")
    own = call.state.notifications.own(call.caller.user_id, notification_id)
    if own is None or not own.takes_answers:
        return {"result_message": False}
    own.read = True
    own.answers.append(text)
    return {"result_message": ["The answer was sent"]}


def _id(params: dict[str, PhpValue]) -> int:
    notification_id = intval(params.get("NOTIFY_ID"))
    if notification_id <= 0:
        raise Refusal("ID_ERROR", "Notification ID can't be empty")
    return notification_id


@METHODS.add("im.notify.schema.get", scope="im")
def schema_get(_: Invocation) -> dict[str, Any]:
    """List the kinds of notifications by module (REST method `im.notify.schema.get`)."""
    return {
        module: {
            "NAME": name,
            "MODULE_ID": module,
            "LIST": [{"ID": f"{module}|{event}", "NAME": title} for event, title in kinds.items()],
        }
        for module, (name, kinds) in _SCHEMA.items()
    }
