"""`bitrix-chat bot chat add`: a group chat on behalf of a bot."""

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from bitrix_chat import InvalidParameter
from bitrix_chat.cli.answers import deliver, rehearse
from bitrix_chat.cli.connection import FROM_ENVIRONMENT, Connection
from bitrix_chat.cli.text_files import given

if TYPE_CHECKING:
    from bitrix_chat import BitrixChat, Call, ChatInfo, Entity


async def add(
    *,
    bot_id: int,
    bot_token: Annotated[str | None, Parameter(allow_leading_hyphen=True)] = None,
    title: str | None = None,
    description: str | None = None,
    color: str | None = None,
    avatar: Path | None = None,
    user_ids: Annotated[list[int] | None, Parameter(consume_multiple=1)] = None,
    owner_id: int | None = None,
    message: str | None = None,
    kind: Annotated[str | None, Parameter(name="--type")] = None,
    entity_type: str | None = None,
    entity_id: str | None = None,
    dry_run: bool = False,
    connection: Connection = FROM_ENVIRONMENT,
) -> None:
    """Create a group chat on behalf of a bot (imbot.v2.Chat.add) and print the portal's answer as JSON.

    Args:
        bot_id: The bot's id.
        bot_token: The token that the bot was registered with; needed with a webhook. @FILE reads it from a file;
            without it the variable BITRIX24_BOT_TOKEN is taken.
        title: At most 255 characters; the portal makes one up where it is missing.
        description: Also posted as a message.
        color: One of the 16 chat colours by name, such as mint or lightBlue; the portal chooses where it is missing.
        avatar: The path of an image of at most 5000x5000 pixels.
        user_ids: Members besides the bot, one or more.
        owner_id: The owner; the bot by default.
        message: The first message, which portals are known not to post.
        kind: chat for a closed chat, the default, or open.
        entity_type: What the chat belongs to, in words of your own; needs --entity-id.
        entity_id: Its id among its kind.
        dry_run: Print the request, its secrets masked, and send nothing.
        connection: Which portal, and as whom.
    """
    fields = {
        "title": title,
        "description": description,
        "color": color,
        "avatar": avatar,
        "user_ids": user_ids,
        "owner_id": owner_id,
        "message": message,
        "type": kind,
        "entity": _entity(entity_type, entity_id),
    }
    token = given("--bot-token", bot_token) or os.environ.get("BITRIX24_BOT_TOKEN") or None
    async with connection.client() as b24:
        call = _call(b24, bot_id, token, fields)
        if dry_run:
            rehearse(call.request)
        else:
            await deliver(b24, call)


def _entity(kind: str | None, of_id: str | None) -> "Entity | None":
    from bitrix_chat import Entity  # noqa: PLC0415  # not needed for help

    if kind is None and of_id is None:
        return None
    if kind is None or of_id is None:
        raise InvalidParameter("--entity-type and --entity-id need each other")
    return Entity(kind, of_id)


def _call(b24: "BitrixChat", bot_id: int, token: str | None, fields: dict[str, Any]) -> "Call[ChatInfo]":
    try:
        return b24.bot(bot_id, token=token).chat.add(**fields)
    except InvalidParameter as error:
        problem = re.sub(r"`([a-z_.]+)((?:\[\d+\])?)`", _as_option, error.description)
    raise InvalidParameter(problem)


def _as_option(name: re.Match[str]) -> str:
    return "--" + name[1].replace("_", "-").replace(".", "-")
