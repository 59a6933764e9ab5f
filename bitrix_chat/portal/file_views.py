"""How answers show files: camelCase in every dialect, with addresses that only a browser's session opens."""

import hashlib
import json
from typing import Any, Final
from urllib.parse import urlencode

from bitrix_chat.portal.drive import DriveFile
from bitrix_chat.portal.state import PortalState
from bitrix_chat.portal.timing import iso

_SERVICE: Final = "/bitrix/services/main/ajax.php"
_OF_THE_UPLOAD: Final = ("status", "progress", "urlPreview", "urlShow", "urlDownload", "viewerAttrs", "mediaUrl")


def uploaded_file_object(state: PortalState, file: DriveFile) -> dict[str, Any]:
    """Show a file with its addresses, as `im` does."""
    image, show = _image(file), _address(state, file, "disk.api.file.showImage")
    download = _address(state, file, "disk.api.file.download")
    return {
        "id": file.id,
        "chatId": file.folder.chat_id,
        "date": iso(file.created_at),
        "type": file.kind,
        "name": file.name,
        "extension": file.extension,
        "size": len(file.content),
        "image": image,
        "status": "done",
        "progress": 100,
        "authorId": file.author,
        "authorName": state.users[file.author].name,
        "urlPreview": show if image else "",
        "urlShow": show if image else download,
        "urlDownload": download,
        "viewerAttrs": _viewer(file, download, image=bool(image)),
        "mediaUrl": {"preview": {"250": show}} if image else [],
        "isTranscribable": False,
        "isVideoNote": False,
        "isVoiceNote": False,
    }


def file_object(state: PortalState, file: DriveFile) -> dict[str, Any]:
    """Show a file without its addresses, as `imbot.v2` does."""
    return {key: value for key, value in uploaded_file_object(state, file).items() if key not in _OF_THE_UPLOAD}


def committed_file_object(state: PortalState, file: DriveFile) -> dict[str, Any]:
    """Show a file as `im.disk.file.commit` does: PHP encodes its date object as `{}`."""
    return uploaded_file_object(state, file) | {"date": {}}


def file_model(file: DriveFile) -> dict[str, Any]:
    """Show a file as the drive's own table has it: ids of people are text, dates are empty objects."""
    return {
        "id": file.id,
        "name": file.name,
        "createTime": {},
        "updateTime": {},
        "deleteTime": None,
        "code": "media_original" if file.image else "",
        "xmlId": None,
        "storageId": 1,
        "realObjectId": file.id,
        "parentId": file.folder.id,
        "deletedType": 0,
        "createdBy": str(file.author),
        "updatedBy": str(file.author),
        "deletedBy": "0",
        "uniqueCode": _digest(f"unique {file.id}".encode())[:20],
        "typeFile": 2 if file.image else 6,
        "globalContentVersion": 1,
        "fileId": file.id,
        "size": len(file.content),
        "etag": _digest(file.content),
        "links": {
            "download": _path(file, "disk.file.download"),
            "showInGrid": f"/bitrix/tools/disk/focus.php?objectId={file.id}&action=showObjectInGrid&ncc=1",
            "preview": _path(file, "disk.api.file.showImage") if file.image else "",
        },
    }


def _image(file: DriveFile) -> dict[str, int] | bool:
    """Show the size of an image; false for anything else."""
    size = file.image
    return False if size is None else {"height": size[1], "width": size[0]}


def _path(file: DriveFile, action: str) -> str:
    return f"{_SERVICE}?{urlencode({'action': action, 'SITE_ID': 's1', 'fileId': file.id, 'fileName': file.name})}"


def _address(state: PortalState, file: DriveFile, action: str) -> str:
    return state.links.portal + _path(file, action)


def _viewer(file: DriveFile, source: str, *, image: bool) -> dict[str, Any]:
    """The viewer's attributes keep numbers as text and their actions as JSON inside a string."""
    save = {"type": "copyToMe", "text": "Save to the drive", "params": {"fileId": str(file.id)}}
    return {
        "viewer": "",
        "viewerType": "image" if image else "unknown",
        "src": source,
        "viewerResized": "",
        "objectId": str(file.id),
        "viewerGroupBy": str(file.folder.chat_id),
        "imChatId": file.folder.chat_id,
        "title": file.name,
        "actions": json.dumps([{"type": "download"}, save]),
    }


def _digest(data: bytes) -> str:
    return hashlib.md5(data, usedforsecurity=False).hexdigest()
