"""Where the portal is, and the token of the bot that acts there."""

import os
from collections.abc import Mapping
from typing import Annotated, Final

from attrs import field, frozen
from cyclopts import Parameter

from bitrix_chat.cli.connection import Address
from bitrix_chat.cli.text_files import given

_TOKEN_VARIABLE: Final = "BITRIX24_BOT_TOKEN"  # noqa: S105  # a variable's name


@Parameter(name="*", group="Portal")
@frozen(kw_only=True)
class BotAddress(Address):
    """The options of commands that may act as a bot."""

    bot_token: Annotated[
        str | None,
        Parameter(
            allow_leading_hyphen=True,
            help="The token that the bot was registered with; needed with a webhook, not with OAuth. @FILE reads it "
            "from a file; without it the variable BITRIX24_BOT_TOKEN is taken.",
        ),
    ] = field(default=None, repr=False)

    def token_of_bot(self, environ: Mapping[str, str] = os.environ) -> str | None:
        """Return the bot's token, None where there is none."""
        return given("--bot-token", self.bot_token) or environ.get(_TOKEN_VARIABLE)
