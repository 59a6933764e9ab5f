"""Which portal a command talks to, and as whom."""

import math
import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, Literal

from attrs import field, frozen
from cyclopts import Parameter

from bitrix_chat import InvalidParameter
from bitrix_chat.cli.text_files import given

if TYPE_CHECKING:
    from bitrix_chat import BitrixChat


@Parameter(name="*", group="Portal")
@frozen(kw_only=True)
class Connection:
    """The options that every command has which talks to a portal."""

    url: Annotated[
        str | None,
        Parameter(
            allow_leading_hyphen=True,
            help="Webhook URL; or, with --token, the portal's domain. @FILE reads it from a file. Without it the "
            "environment tells: BITRIX24_WEBHOOK_URL, or the OAuth variables BITRIX24_CLIENT_ID, "
            "BITRIX24_CLIENT_SECRET and BITRIX24_TOKEN_FILE (or BITRIX24_ACCESS_TOKEN, BITRIX24_REFRESH_TOKEN, "
            "BITRIX24_CLIENT_ENDPOINT).",
        ),
    ] = field(default=None, repr=False)
    token: Annotated[
        str | None,
        Parameter(
            allow_leading_hyphen=True,
            help="Access token of an application, for a --url that is a domain. @FILE reads it from a file; without it "
            "the variable BITRIX24_TOKEN is taken.",
        ),
    ] = field(default=None, repr=False)
    timeout: Annotated[
        float | None,
        Parameter(help="Seconds for the whole call, waiting for the portal's limits included; no bound by default."),
    ] = None
    plan: Annotated[
        Literal["standard", "enterprise"] | None,
        Parameter(help="The portal's plan, which sets how many requests it takes a second; standard by default."),
    ] = None

    def client(self, environ: Mapping[str, str] = os.environ) -> "BitrixChat":
        """Make the client.

        Raises:
            InvalidParameter: the options contradict each other, or neither they nor the environment name a portal.
        """
        from bitrix_chat import BitrixChat  # noqa: PLC0415  # slow to import, and not needed for help
        from bitrix_chat.cli.credentials import auth_from  # noqa: PLC0415

        options = self._options()
        url = given("--url", self.url)
        if url is not None:
            return BitrixChat(auth_from(url, given("--token", self.token), environ), **options)
        if self.token is not None:
            raise InvalidParameter("--token needs --url with the portal's domain")
        return _client_of_environment(environ, options)

    def _options(self) -> dict[str, Any]:
        from bitrix_chat import ENTERPRISE, STANDARD  # noqa: PLC0415  # not needed for help

        if self.timeout is not None and not 0 < self.timeout < math.inf:
            raise InvalidParameter("--timeout takes seconds, more than 0")
        plan = {"standard": STANDARD, "enterprise": ENTERPRISE, None: None}[self.plan]
        # A portal on this very machine is the emulator, which speaks plain http.
        return {"timeout": self.timeout, "limiter": plan, "allow_insecure_loopback": True}


FROM_ENVIRONMENT = Connection()


def _client_of_environment(environ: Mapping[str, str], options: dict[str, Any]) -> "BitrixChat":
    from bitrix_chat import BitrixChat, InvalidPortalUrl  # noqa: PLC0415  # slow to import, and not needed for help

    try:
        return BitrixChat.from_env(environ, **options)
    except InvalidPortalUrl as error:
        raise InvalidParameter(f"the portal's address in the environment is wrong: {error.description}") from None
    except InvalidParameter as error:
        raise InvalidParameter(f"no portal is named: pass --url ({error.description})") from None
