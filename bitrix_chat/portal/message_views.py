"""How answers show messages: in camelCase with some keys twice, or in snake_case, and always who wrote them."""

from collections.abc import Iterable
from typing import Any

from bitrix_chat.portal.editing import chat_of
from bitrix_chat.portal.messages import LIKE, Forward, Message
from bitrix_chat.portal.reactions import shown_reaction
from bitrix_chat.portal.reading import is_unread, is_viewed_by_others, viewers
from bitrix_chat.portal.state import Chat, PortalState, User
from bitrix_chat.portal.timing import iso
from bitrix_chat.portal.views import bot_object, user_object


def message_object(state: PortalState, message: Message) -> dict[str, Any]:
    """Show a message as `imbot.v2` and its events do, to nobody in particular."""
    return {
        "id": message.id,
        "chatId": message.chat_id,
        "chat_id": message.chat_id,
        "authorId": message.byline,
        "author_id": message.byline,
        "date": iso(message.created_at),
        "text": message.text,
        "isSystem": message.system,
        "uuid": message.uuid,
        "forward": None if message.forward is None else _forward(message.forward),
        "params": _params(state, message),
        "viewedByOthers": is_viewed_by_others(chat_of(state, message), message),
    }


def personal_message_object(state: PortalState, message: Message, viewer: int) -> dict[str, Any]:
    """Show a message to somebody who may not have read it yet."""
    unread = is_unread(chat_of(state, message), message, viewer)
    return message_object(state, message) | {"unread": unread, "viewed": not unread}


def found_message_object(state: PortalState, message: Message, viewer: int) -> dict[str, Any]:
    """Show a message as the search does, with how many have seen it."""
    seen_by = sum(1 for _ in viewers(chat_of(state, message), message))
    return personal_message_object(state, message, viewer) | {"viewedCount": seen_by, "block": None}


def snake_message_object(state: PortalState, message: Message, viewer: int) -> dict[str, Any]:
    """Show a message as `im.dialog.messages.get` does."""
    return {
        "id": message.id,
        "chat_id": message.chat_id,
        "author_id": message.byline,
        "date": iso(message.created_at),
        "text": message.text,
        "unread": is_unread(chat_of(state, message), message, viewer),
        "uuid": message.uuid,
        "replaces": [],
        "params": _params(state, message),
        "disappearing_date": None,
    }


def _forward(forward: Forward) -> dict[str, Any]:
    return {
        "id": f"chat{forward.chat_id}/{forward.message_id}",
        "userId": forward.author,
        "chatId": forward.chat_id,
        "date": iso(forward.date),
    }


def _params(state: PortalState, message: Message) -> dict[str, Any] | list[Any]:
    """Show what the message carries; likes and files are parameters here, and nothing at all is `[]`."""
    likes = {LIKE: list(message.reactions[LIKE])} if LIKE in message.reactions else {}
    files = [file.id for file in state.drive.files_of(message.id)]
    return message.params | likes | ({"FILE_ID": files} if files else {}) or []


def reactions_object(message: Message, viewer: int) -> dict[str, Any]:
    """Show who reacted how."""
    users = {shown_reaction(name): list(users) for name, users in message.reactions.items()}
    return {
        "messageId": message.id,
        "reactionCounters": {name: len(each) for name, each in users.items()} or [],
        "reactionUsers": users or [],
        "ownReactions": [name for name, each in users.items() if viewer in each],
    }


def authors(state: PortalState, messages: Iterable[Message]) -> list[User]:
    """List those who wrote the messages, each once, in the order in which they first appear."""
    return [state.users[user_id] for user_id in dict.fromkeys(message.byline for message in messages) if user_id]


def whole_user_object(state: PortalState, user: User) -> dict[str, Any]:
    """Show a user in camelCase with the keys that `imbot.v2` leaves out."""
    shown, bot = user_object(user), state.bots.get(user.id)
    return shown | {
        "avatarHr": shown["avatar"],
        "network": False,
        "botData": None if bot is None else bot_object(bot, owned=False),
        "type": "user" if user.kind == "employee" else user.kind,
    }


def last_message_object(state: PortalState, chat: Chat, message: Message) -> dict[str, Any]:
    """Show the last message of a recent chat, in one line; an attachment is mentioned."""
    attached = "ATTACH" in message.params
    return {
        "id": message.id,
        "text": f"{message.text} [Attachment]".strip() if attached else message.text,
        "file": bool(state.drive.files_of(message.id)),
        "author_id": message.byline,
        "attach": attached,
        "date": iso(message.created_at),
        "status": "delivered" if is_viewed_by_others(chat, message) else "received",
        "sticker": None,
        "uuid": message.uuid,
    }
