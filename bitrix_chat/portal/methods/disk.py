"""`im.disk.*`: files that are on the drive already, and the folder of a chat."""

from typing import Any, Final

from bitrix_chat.portal.drive import DriveFile
from bitrix_chat.portal.file_views import committed_file_object, file_model
from bitrix_chat.portal.methods.arguments import ids_of, in_upper_case
from bitrix_chat.portal.methods.chats import accessible, chat_id_of, may_enter
from bitrix_chat.portal.methods.files import folder_of
from bitrix_chat.portal.methods.registry import Invocation, MethodTable
from bitrix_chat.portal.php import PhpValue, intval, strval
from bitrix_chat.portal.refusal import Refusal
from bitrix_chat.portal.state import Chat

METHODS: Final = MethodTable()

_SAVED: Final = "Saved files"


@METHODS.add("im.disk.folder.get", scope="im")
def folder_get(call: Invocation) -> dict[str, int]:
    """Tell the folder of a chat (REST method `im.disk.folder.get`)."""
    chat = accessible(call, chat_id_of(in_upper_case(call.params)))
    return {"ID": folder_of(call.state, chat).id}


@METHODS.add("im.disk.file.commit", scope="im")
def file_commit(call: Invocation) -> dict[str, Any]:
    """Post files of the drive (REST method `im.disk.file.commit`).

    UPLOAD_ID means files that were put into the chat's folder; FILE_ID, or DISK_ID, also files from elsewhere,
    which are copied there. What is not found is left out, unless nothing remains.
    """
    params = in_upper_case(call.params)
    chat = accessible(call, chat_id_of(params))
    uploads = _ids(params.get("UPLOAD_ID"))
    wanted = uploads + [file_id for name in ("FILE_ID", "DISK_ID") for file_id in _ids(params.get(name))]
    if not wanted:
        raise Refusal("FILES_ERROR", "List of files is not specified")
    committed = _committed(call, chat, wanted, uploads)
    if not committed:
        raise Refusal("SAVE_ERROR", "Error during saving file to chat")
    for file in committed.values():
        file.plain = params.get("AS_FILE") == "Y"
    message_id = call.state.post(chat, call.caller.user_id, strval(params.get("MESSAGE")).strip())
    call.state.drive.attach(message_id, committed.values())
    return {
        "FILES": {f"upload{number}": committed_file_object(call.state, file) for number, file in committed.items()},
        "DISK_ID": [str(file.id) for file in committed.values()],
        "FILE_MODELS": {f"upload{number}": file_model(file) for number, file in committed.items()},
        "MESSAGE_ID": message_id,
    }


def _ids(value: PhpValue) -> list[int]:
    """Read one id or an array of them."""
    ids = ids_of(value)
    return [intval(value)] * (intval(value) > 0) if ids is None else ids


def _committed(call: Invocation, chat: Chat, wanted: list[int], uploads: list[int]) -> dict[int, DriveFile]:
    """Return the files now in the chat's folder, by the id that was asked for."""
    folder = folder_of(call.state, chat)
    committed: dict[int, DriveFile] = {}
    for file_id in wanted:
        file = call.state.drive.files.get(file_id)
        if file is None or file_id in committed:
            continue
        if file.folder == folder:
            committed[file_id] = file
        elif file_id not in uploads and _readable(call, file):
            committed[file_id] = call.state.drive.copy(file, folder, call.caller.user_id)
    return committed


def _readable(call: Invocation, file: DriveFile) -> bool:
    chat = call.state.chat(file.folder.chat_id)
    if chat is None:
        return file.folder.user_id == call.caller.user_id
    return may_enter(call.state, chat, call.caller.user_id)


@METHODS.add("im.disk.file.delete", scope="im")
def file_delete(call: Invocation) -> bool:
    """Delete a file that the caller sent; true even if there was none (REST method `im.disk.file.delete`)."""
    params = in_upper_case(call.params)
    chat_id, file = chat_id_of(params), call.state.drive.files.get(_file_id(params))
    if file is not None and file.folder.chat_id == chat_id and file.author == call.caller.user_id:
        del call.state.drive.files[file.id]
    return True


@METHODS.add("im.disk.file.save", scope="im")
def file_save(call: Invocation) -> dict[str, Any]:
    """Copy a file of a chat into the caller's own storage (REST method `im.disk.file.save`)."""
    file = call.state.drive.files.get(_file_id(in_upper_case(call.params)))
    if file is None or not _readable(call, file):
        raise Refusal("FILE_SAVE_ERROR", "File ID can't be saved")
    folder = call.state.drive.storage_of(call.caller.user_id)
    saved = call.state.drive.copy(file, folder, call.caller.user_id)
    return {"folder": {"id": folder.id, "name": _SAVED}, "file": {"id": saved.id, "name": saved.name}}


def _file_id(params: dict[str, PhpValue]) -> int:
    file_id = intval(params.get("FILE_ID")) or intval(params.get("DISK_ID"))
    if file_id <= 0:
        raise Refusal("FILE_ID_EMPTY", "File ID can't be empty")
    return file_id
