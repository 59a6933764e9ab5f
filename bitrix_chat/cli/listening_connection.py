"""Which portal a listening command asks, and as which bot."""

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

from attrs import frozen
from cyclopts import Parameter

from bitrix_chat import InvalidParameter
from bitrix_chat.cli.bot_address import BotAddress
from bitrix_chat.cli.connection import PlanName, limiter

if TYPE_CHECKING:
    from bitrix_chat import BitrixChat
    from bitrix_chat.events.bot import BotClient


@Parameter(name="*", group="Portal")
@frozen(kw_only=True)
class ListeningConnection(BotAddress):
    """The options of a command that asks again and again, so that no `--timeout` makes sense."""

    plan: Annotated[
        PlanName | None,
        Parameter(help="The portal's plan, which sets how many requests it takes a second; standard by default."),
    ] = None

    def bot(self, b24: "BitrixChat", bot_id: int, environ: Mapping[str, str] = os.environ) -> "BotClient":
        """Return the bot that listens."""
        if bot_id < 1:
            raise InvalidParameter("--bot-id is at least 1")
        return b24.bot(bot_id, token=self.token_of_bot(environ))

    def _options(self) -> dict[str, Any]:
        return {"limiter": limiter(self.plan)}
