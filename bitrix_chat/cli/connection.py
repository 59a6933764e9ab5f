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
    from bitrix_chat import BitrixChat, Plan

PlanName = Literal["standard", "enterprise"]


@Parameter(name="*", group="Portal")
@frozen(kw_only=True)
class Address:
    """The options that say which portal it is, and who calls."""

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

    def client(self, environ: Mapping[str, str] = os.environ) -> "BitrixChat":
        """Make the client.

        Raises:
            InvalidParameter: the options contradict each other, or neither they nor the environment name a portal.
        """
        from bitrix_chat import BitrixChat  # noqa: PLC0415  # slow to import, and not needed for help
        from bitrix_chat.cli.credentials import auth_from  # noqa: PLC0415

        # A portal on this very machine is the emulator, which speaks plain http.
        options = {"allow_insecure_loopback": True, **self._options()}
        url = given("--url", self.url)
        if url is not None:
            return BitrixChat(auth_from(url, given("--token", self.token), environ), **options)
        if self.token is not None:
            raise InvalidParameter("--token needs --url with the portal's domain")
        return _client_of_environment(environ, options)

    def _options(self) -> dict[str, Any]:
        return {}


@Parameter(name="*", group="Portal")
@frozen(kw_only=True)
class Connection(Address):
    """The options of every command that sends one call."""

    timeout: Annotated[
        float | None,
        Parameter(help="Seconds for the whole call, waiting for the portal's limits included; no bound by default."),
    ] = None
    plan: Annotated[
        PlanName | None,
        Parameter(help="The portal's plan, which sets how many requests it takes a second; standard by default."),
    ] = None

    def _options(self) -> dict[str, Any]:
        check_seconds("--timeout", self.timeout)
        return {"timeout": self.timeout, "limiter": limiter(self.plan)}


FROM_ENVIRONMENT = Connection()


def check_seconds(option: str, value: float | None) -> None:
    """Refuse what is no number of seconds."""
    if value is not None and not 0 < value < math.inf:
        raise InvalidParameter(f"{option} takes seconds, more than 0")


def limiter(name: PlanName | None) -> "Plan | None":
    """Return the request limit of a plan; None for the default."""
    from bitrix_chat import ENTERPRISE, STANDARD  # noqa: PLC0415  # not needed for help

    return {"standard": STANDARD, "enterprise": ENTERPRISE, None: None}[name]


def _client_of_environment(environ: Mapping[str, str], options: dict[str, Any]) -> "BitrixChat":
    from bitrix_chat import BitrixChat, InvalidPortalUrl  # noqa: PLC0415  # slow to import, and not needed for help

    try:
        return BitrixChat.from_env(environ, **options)
    except InvalidPortalUrl as error:
        raise InvalidParameter(f"the portal's address in the environment is wrong: {error.description}") from None
    except InvalidParameter as error:
        raise InvalidParameter(f"no portal is named: pass --url ({error.description})") from None
