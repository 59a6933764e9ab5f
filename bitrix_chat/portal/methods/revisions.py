"""The revisions of the messenger, by which clients tell what a portal can do."""

from typing import Final

from bitrix_chat.portal.methods.registry import Invocation, MethodTable

METHODS: Final = MethodTable()

_REVISION: Final = {"rest": 36, "web": 130, "mobile": 23, "desktop": 6}


@METHODS.add("imbot.v2.Revision.get", scope="imbot")
def bot_revision_get(_: Invocation) -> dict[str, int]:
    """Tell the API revisions; needs no bot (REST method `imbot.v2.Revision.get`)."""
    return dict(_REVISION)


@METHODS.add("im.revision.get", scope="im")
def revision_get(_: Invocation) -> dict[str, int]:
    """Tell the API revisions, that of the mobile messenger apart (REST method `im.revision.get`)."""
    return _REVISION | {"im_revision_mobile": 18}
