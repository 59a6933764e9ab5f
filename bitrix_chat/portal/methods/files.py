"""`imbot.v2.File.*` and `im.v2.File.*`: files into a chat and out of it, and the link behind `download`."""

import base64
import re
from typing import Any, Final

from bitrix_chat.portal.drive import DriveFile, Folder
from bitrix_chat.portal.file_views import file_object, uploaded_file_object
from bitrix_chat.portal.methods.arguments import bound_array, bound_id, bound_text
from bitrix_chat.portal.methods.chatbots import own_bot
from bitrix_chat.portal.methods.dialogs import dialog_of_bot, dialog_of_user
from bitrix_chat.portal.methods.registry import Invocation, Method, MethodTable
from bitrix_chat.portal.php import intval, strval
from bitrix_chat.portal.refusal import Refusal
from bitrix_chat.portal.state import Chat, PortalState

METHODS: Final = MethodTable()

_BASE64: Final = re.compile(r"[A-Za-z0-9+/]*={0,2}")
_WHITE: Final = re.compile(r"\s+")


@METHODS.add("imbot.v2.File.upload", scope="imbot")
def bot_file_upload(call: Invocation) -> dict[str, Any]:
    """Upload a file and post it as the bot (REST method `imbot.v2.File.upload`)."""
    bot = own_bot(call)
    chat = dialog_of_bot(call, bot, bound_text(call.params, "dialogId"))
    file, message_id = _upload(call, chat, bot.id)
    bot.counts["Message"] += 1
    return {"file": file_object(call.state, file)} | _place(chat, bot.id, message_id)


@METHODS.add("im.v2.File.upload", scope="im")
def file_upload(call: Invocation) -> dict[str, Any]:
    """Upload a file and post it as the caller (REST method `im.v2.File.upload`)."""
    chat = dialog_of_user(call, bound_text(call.params, "dialogId"))
    file, message_id = _upload(call, chat, call.caller.user_id)
    return {"file": uploaded_file_object(call.state, file)} | _place(chat, call.caller.user_id, message_id)


def _upload(call: Invocation, chat: Chat, author: int) -> tuple[DriveFile, int]:
    fields = bound_array(call.params, "fields", required=True)
    name, encoded = strval(fields.get("name")).strip(), strval(fields.get("content"))
    if not (name and encoded):
        raise Refusal("FILE_EMPTY", "File name and content are required")
    content = _decoded(encoded)
    if len(content) > call.state.policy.max_file_size:
        raise Refusal("FILE_TOO_LARGE", "File is too large")
    file = call.state.drive.add(folder_of(call.state, chat), name, content, author=author)
    message_id = call.state.post(chat, author, strval(fields.get("message")).strip())
    call.state.drive.attach(message_id, [file])
    return file, message_id


def _decoded(encoded: str) -> bytes:
    """Decode as PHP does when it is strict: white space is skipped, padding may be left out, nothing else may."""
    letters = _WHITE.sub("", encoded)
    data = letters.rstrip("=")
    padded = data + "=" * (-len(data) % 4)
    if not _BASE64.fullmatch(letters) or len(data) % 4 == 1 or letters not in {data, padded}:
        raise Refusal("FILE_INVALID_CONTENT", "Invalid base64 content")
    return base64.b64decode(padded)


def folder_of(state: PortalState, chat: Chat) -> Folder:
    """Return the chat's folder, which comes to be when it is first needed."""
    folder = state.drive.folder_of_chat(chat.id)
    chat.disk_folder_id = folder.id
    return folder


def _place(chat: Chat, viewer: int, message_id: int) -> dict[str, Any]:
    return {"messageId": message_id, "chatId": chat.id, "dialogId": chat.dialog_id_for(viewer)}


@METHODS.add("imbot.v2.File.download", scope="imbot")
def bot_file_download(call: Invocation) -> dict[str, str]:
    """Sign a link to a file of one of the bot's chats (REST method `imbot.v2.File.download`)."""
    bot = own_bot(call)
    file = _found(call)
    chat = call.state.chat(file.folder.chat_id)
    if chat is None or bot.id not in chat.members:
        raise Refusal("FILE_ACCESS_ERROR", "File access error")
    return {"downloadUrl": _link(call, "imbot", file)}


@METHODS.add("im.v2.File.download", scope="im")
def file_download(call: Invocation) -> dict[str, str]:
    """Sign a link to a file of a chat of the caller (REST method `im.v2.File.download`)."""
    chat = dialog_of_user(call, bound_text(call.params, "dialogId"))
    file = _found(call)
    if file.folder.chat_id != chat.id:
        raise Refusal("FILE_NOT_FOUND", "File not found")
    return {"downloadUrl": _link(call, "im", file)}


def _found(call: Invocation) -> DriveFile:
    file = call.state.drive.files.get(bound_id(call.params, "fileId"))
    if file is None:
        raise Refusal("FILE_NOT_FOUND", "File not found")
    return file


def _link(call: Invocation, scope: str, file: DriveFile) -> str:
    return call.state.links.download(
        scope=scope,
        query={"fileId": file.id},
        credential=call.caller.credential,
        path=call.caller.path,
        access_token=call.caller.access_token,
    )


def _opened(call: Invocation) -> DriveFile:
    """Return the file of a signed link, unless it was deleted since."""
    query = call.state.links.opened(call.params.get("token"), call.caller.credential)
    file = call.state.drive.files.get(intval(query.get("fileId")))
    if file is None:
        raise Refusal("FILE_NOT_FOUND", "File not found")
    return file


DOWNLOAD: Final = Method("download", None, _opened)
"""What a signed link calls; it is in no list of methods, and its answer is no JSON."""
