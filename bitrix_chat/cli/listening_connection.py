"""Which portal a listening command asks, and as which bot."""

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, Final

from attrs import field, frozen
from cyclopts import Parameter

from bitrix_chat import InvalidParameter
from bitrix_chat.cli.connection import Address, PlanName, limiter
from bitrix_chat.cli.text_files import given

if TYPE_CHECKING:
    from bitrix_chat import BitrixChat
    from bitrix_chat.events.bot import BotClient

_TOKEN_VARIABLE: Final = "BITRIX24_BOT_TOKEN"  # noqa: S105  # a variable's name


@Parameter(name="*", group="Portal")
@frozen(kw_only=True)
class ListeningConnection(Address):
    """The options of a command that asks again and again, so that no `--timeout` makes sense."""

    bot_token: Annotated[
        str | None,
        Parameter(
            allow_leading_hyphen=True,
            help="The token that the bot was registered with; needed with a webhook, not with OAuth. @FILE reads it "
            "from a file; without it the variable BITRIX24_BOT_TOKEN is taken.",
        ),
    ] = field(default=None, repr=False)
    plan: Annotated[
        PlanName | None,
        Parameter(help="The portal's plan, which sets how many requests it takes a second; standard by default."),
    ] = None

    def bot(self, b24: "BitrixChat", bot_id: int, environ: Mapping[str, str] = os.environ) -> "BotClient":
        """Return the bot that listens."""
        if bot_id < 1:
            raise InvalidParameter("--bot-id is at least 1")
        return b24.bot(bot_id, token=self.token_of_bot(environ))

    def token_of_bot(self, environ: Mapping[str, str] = os.environ) -> str | None:
        """Return the bot's token, None where there is none."""
        return given("--bot-token", self.bot_token) or environ.get(_TOKEN_VARIABLE)

    def _options(self) -> dict[str, Any]:
        return {"limiter": limiter(self.plan)}
