"""Events as a portal tells them, by its queue and by its webhook; all of it is made up."""

from typing import Any

from bitrix_chat.models.event import EventRecord
from bitrix_chat.portal.php import build_query

# The word that the search for leaks looks for.
ACCESS_TOKEN = "emulated" + "ac" * 16
REFRESH_TOKEN = "emulated" + "4e" * 16
APPLICATION_TOKEN = "emulated" + "a9" * 12
BOTS_OWN_TOKEN = "emulated" + "b0" * 12
MEMBER = "0f" * 16

FORM = "application/x-www-form-urlencoded"

BOT = {"id": 31, "code": "harbour", "type": "bot", "isHidden": False, "eventMode": "fetch", "countChat": 4}
CHAT = {
    "id": 8,
    "dialogId": "chat8",
    "type": "chat",
    "messageType": "C",
    "name": "Quay 3 & 4",
    "owner": 2,
    "color": "#4ba984",
    "avatar": "",
    "extranet": False,
    "entityType": "",
    "entityLink": [],
    "diskFolderId": None,
    "permissions": {"manageUsersAdd": "member", "canPost": "none"},
    "parentChatId": 0,
    "isNew": True,
    "textFieldEnabled": "Y",
    "backgroundId": None,
}
USER = {
    "id": 2,
    "active": True,
    "name": "Ада Ли",
    "firstName": "Ада",
    "lastName": "Ли",
    "workPosition": "",
    "color": "#df532d",
    "gender": "F",
    "birthday": "",
    "extranet": False,
    "bot": False,
    "idle": False,
    "lastActivityDate": False,
    "absent": False,
    "departments": [1, 14],
    "phones": False,
    "type": "employee",
}
MESSAGE = {
    "id": 501,
    "chatId": 8,
    "chat_id": 8,
    "authorId": 2,
    "author_id": 2,
    "date": "2026-03-04T10:30:00+02:00",
    "text": "0",
    "isSystem": False,
    "uuid": None,
    "forward": None,
    "params": {},
    "viewedByOthers": False,
}
PARAMS = {
    "IS_EDITED": "Y",
    "LIKE": [2, 5],
    "URL_ID": [],
    "KEYBOARD": [{"TEXT": "Yes", "COMMAND_ID": 7, "DISABLED": False, "WIDTH": 1.5}, {"TEXT": "No"}],
    "2": {"x": None},
}
FORWARD = {"id": "chat5/7", "userId": 2, "chatId": 5, "date": "2026-03-04T10:29:00+02:00"}
COMMAND = {"id": 7, "command": "/tide", "params": "today  at 5", "context": "textarea"}
WHERE = {"chat": CHAT, "user": USER, "language": "en"}
SAID = {"message": MESSAGE, **WHERE}
RICH = {"message": {**MESSAGE, "text": "Ahoy & +1 50%", "uuid": "u-1", "forward": FORWARD, "params": PARAMS}, **WHERE}
REACTED = {"reaction": "like", "action": "add", **SAID}
CONTEXT = {"entityId": 164, "isNew": False, "tags": ["a", "b"], "more": {"ratio": 0.5, "whole": 2, "nothing": None}}

BOT_DATA: dict[str, dict[str, Any]] = {
    "ONIMBOTV2MESSAGEADD": {"bot": BOT, **RICH, "additionalMessages": [MESSAGE]},
    "ONIMBOTV2MESSAGEUPDATE": {"bot": BOT, **SAID},
    "ONIMBOTV2MESSAGEDELETE": {"bot": BOT, "messageId": 501, **WHERE},
    "ONIMBOTV2JOINCHAT": {"bot": BOT, "dialogId": "chat8", **WHERE},
    "ONIMBOTV2DELETE": {"bot": BOT, "language": "en"},
    "ONIMBOTV2CONTEXTGET": {"bot": BOT, "dialogId": "2", "context": CONTEXT, **WHERE},
    "ONIMBOTV2COMMANDADD": {"bot": BOT, "command": COMMAND, **SAID},
    "ONIMBOTV2REACTIONCHANGE": {"bot": BOT, **REACTED},
}
USER_DATA: dict[str, dict[str, Any]] = {
    "ONIMV2MESSAGEADD": RICH,
    "ONIMV2MESSAGEUPDATE": SAID,
    "ONIMV2MESSAGEDELETE": {"messageId": 501, **WHERE},
    "ONIMV2REACTIONCHANGE": REACTED,
    "ONIMV2JOINCHAT": {"dialogId": "chat8", **WHERE},
}
APP_DATA: dict[str, dict[str, Any]] = {
    "ONAPPINSTALL": {"VERSION": "3", "ACTIVE": "Y", "INSTALLED": "N", "LANGUAGE_ID": "en"},
    "ONAPPUNINSTALL": {"LANGUAGE_ID": "en", "CLEAN": 1},
}
ALL_DATA = BOT_DATA | USER_DATA | APP_DATA


def polled(event_type: str, data: Any, **fields: Any) -> EventRecord:
    """Return an event as a queue has it."""
    return EventRecord(event_id=fields.pop("event_id", 1001), type=event_type, data=data, **fields)


def posted(event_type: str, data: Any, **parts: Any) -> bytes:
    """Write an event as the portal posts it, by the emulator's own writer; `auth` is added to the usual one."""
    auth = {
        "domain": "acme.bitrix24.com",
        "member_id": MEMBER,
        "access_token": ACCESS_TOKEN,
        "application_token": APPLICATION_TOKEN,
        **parts.pop("auth", {}),
    }
    if isinstance(data, dict) and "bot" in data:
        bots_auth = {"access_token": ACCESS_TOKEN, "refresh_token": REFRESH_TOKEN, "application_token": BOTS_OWN_TOKEN}
        data = data | {"bot": {"id": data["bot"]["id"], "code": data["bot"]["code"], "auth": bots_auth}}
    form = {"event": event_type, "event_handler_id": 3, "data": data, "ts": "1772600000", "auth": auth, **parts}
    return build_query(form).encode()
