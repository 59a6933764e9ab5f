"""`bitrix-chat create-chat`: the fields as the portal names them in, its answer out."""

import sys
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from bitrix_chat.cli.answers import check_writable, deliver, rehearse
from bitrix_chat.cli.chat_fields import chat_fields
from bitrix_chat.cli.connection import FROM_ENVIRONMENT, Connection
from bitrix_chat.cli.json_text import json_object


async def create_chat(
    *,
    fields: str,
    out: Annotated[Path | None, Parameter(name="--out")] = None,
    dry_run: bool = False,
    connection: Connection = FROM_ENVIRONMENT,
) -> None:
    """Create a chat from its fields (im.chat.add) and print the portal's answer as JSON.

    Args:
        fields: The chat's fields: JSON text, with double or single quotes, or the path of a .json file; see
            chat-structure. Empty ones are left out.
        out: Write the answer into this file instead of printing it.
        dry_run: Print the request, its secrets masked, and send nothing.
        connection: Which portal, and as whom.
    """
    given = json_object("--fields", fields)
    check_writable(out)
    async with connection.client() as b24:
        chat = chat_fields(b24, given)
        call = chat.call(b24)
        _warn(chat.ignored)
        if dry_run:
            rehearse(call.request)
        else:
            await deliver(b24, call, out)


def _warn(ignored: tuple[str, ...]) -> None:
    if ignored:
        print(f"bitrix-chat: warning: the portal ignores {', '.join(map(repr, ignored))}", file=sys.stderr)
