"""`bitrix-chat call`: any method of the portal by its name."""

from typing import TYPE_CHECKING, Any

from bitrix_chat import InvalidParameter
from bitrix_chat.cli.answers import deliver, rehearse
from bitrix_chat.cli.connection import FROM_ENVIRONMENT, Connection
from bitrix_chat.cli.json_text import json_object

if TYPE_CHECKING:
    from bitrix_chat import BitrixChat, Call


async def call(
    method: str,
    /,
    *,
    params: str = "{}",
    dry_run: bool = False,
    connection: Connection = FROM_ENVIRONMENT,
) -> None:
    """Call any REST method once and print the portal's answer as JSON.

    Args:
        method: The method's name in its exact capitals, such as imbot.v2.Bot.list.
        params: Its parameters: JSON text, with double or single quotes, or the path of a .json file.
        dry_run: Print the request, its secrets masked, and send nothing.
        connection: Which portal, and as whom.
    """
    given = json_object("--params", params)
    async with connection.client() as b24:
        request = _made(b24, method, given)
        if dry_run:
            rehearse(request.request)
        else:
            await deliver(b24, request)


def _made(b24: "BitrixChat", method: str, params: dict[str, Any]) -> "Call[Any]":
    try:
        return b24.call(method, params)
    except InvalidParameter as error:
        problem = error.description.replace(repr(method), "METHOD", 1)  # what stands there may be a token
    raise InvalidParameter(problem)
