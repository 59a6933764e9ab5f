"""Which portal a bulk run talks to, how much it may ask of it, and as which bot."""

import os
from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Annotated, Any

from attrs import frozen
from cyclopts import Parameter

from bitrix_chat import InvalidParameter, PermissionDeniedError, RequestError
from bitrix_chat.cli.bot_address import BotAddress
from bitrix_chat.cli.connection import PlanName, check_seconds, limiter
from bitrix_chat.cli.whole_numbers import WholeNumber

if TYPE_CHECKING:
    from bitrix_chat import BitrixChat
    from bitrix_chat.resources.im.chat import ChatResource as UserChats
    from bitrix_chat.resources.imbot.chat import ChatResource as BotChats
    from bitrix_chat.resources.imbot.handle import BotHandle

    Chats = UserChats | BotChats


@Parameter(name="*", group="Portal")
@frozen(kw_only=True)
class BulkConnection(BotAddress):
    """The options of a command that creates many chats; `--plan` means another thing there."""

    portal_plan: Annotated[
        PlanName | None,
        Parameter(help="The portal's plan, which sets how many requests it takes a second; standard by default."),
    ] = None
    operating_limit: Annotated[
        float | None,
        Parameter(
            help="Seconds that one method may work in ten minutes, 0 where there is no limit: 480 in the cloud, as "
            "without this option; self-hosted portals have 420 or none."
        ),
    ] = None
    max_in_flight: Annotated[
        WholeNumber | None, Parameter(help="How many requests may be on their way at a time; 16 by default.")
    ] = None
    quiescence: Annotated[
        float | None,
        Parameter(
            help="Seconds after which the portal can no longer be working on a request, so that a chat of unknown "
            "outcome that its key does not find may be created again; 120 by default."
        ),
    ] = None

    def chats(self, b24: "BitrixChat", bot_id: int | None, environ: Mapping[str, str] = os.environ) -> "Chats":
        """Return whose chats are created: a bot's, or without one the caller's."""
        if bot_id is not None:
            return self._bot(b24, bot_id, environ).chat
        if self.bot_token is not None:
            raise InvalidParameter("--bot-token needs --bot-id")
        return b24.im.chat

    async def check(
        self, b24: "BitrixChat", bot_id: int | None = None, environ: Mapping[str, str] = os.environ
    ) -> None:
        """Ask something small of the portal, since a run would wait for minutes for one that is not there.

        Of a bot it is the commands: only who may act for it may ask for them, while `imbot.v2.Bot.get` shows any bot.

        Raises:
            BitrixError: nobody answers, or it does not know the caller, or the bot is not theirs.
        """
        with suppress(PermissionDeniedError, RequestError):  # it answers, which is all that was asked
            await (b24.server.time() if bot_id is None else self._bot(b24, bot_id, environ).command.list())

    def _bot(self, b24: "BitrixChat", bot_id: int, environ: Mapping[str, str]) -> "BotHandle":
        return b24.bot(bot_id, token=self.token_of_bot(environ))

    def _options(self) -> dict[str, Any]:
        check_seconds("--quiescence", self.quiescence)
        if self.operating_limit is not None and not self.operating_limit >= 0:
            raise InvalidParameter("--operating-limit takes seconds, 0 or more")
        if self.max_in_flight is not None and self.max_in_flight < 1:
            raise InvalidParameter("--max-in-flight is at least 1")
        options: dict[str, Any] = {"limiter": limiter(self.portal_plan)}
        if self.operating_limit is not None:
            options["operating_limit"] = self.operating_limit or None
        if self.max_in_flight is not None:
            options["max_in_flight"] = self.max_in_flight
        if self.quiescence is not None:
            options["quiescence"] = self.quiescence
        return options
