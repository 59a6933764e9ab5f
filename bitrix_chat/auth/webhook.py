"""An inbound webhook is the simplest way in: its URL is address and proof at once, so the URL is the secret."""

from typing import NoReturn

from attrs import Factory, field, frozen

from bitrix_chat.auth.addresses import WebhookAddress, is_insecure, webhook_address
from bitrix_chat.auth.strategy import Credentials
from bitrix_chat.errors import InvalidCredentials
from bitrix_chat.rest.tracebacks import discreetly_made


def _credentials(auth: "WebhookAuth") -> Credentials:
    return Credentials(auth._address.endpoint)  # noqa: SLF001  # a default of the class itself


@discreetly_made
@frozen(repr=False)
class WebhookAuth:
    """Calls with the rights of the user who made the inbound webhook, for as long as it exists.

    Takes the URL as the portal shows it, a method name at its end or not. `http://` is accepted for
    loopback hosts only, by clients that allow it.

    Raises:
        InvalidPortalUrl: this is no inbound webhook's URL; the message says what is wrong with it.

    Source: documentation topic "Inbound webhooks" (local integrations).
    """

    _address: WebhookAddress = field(alias="url", converter=webhook_address)
    _credentials: Credentials = field(init=False, eq=False, default=Factory(_credentials, takes_self=True))

    @property
    def host(self) -> str:
        """The portal's host, with the port where it is not the scheme's own."""
        return self._address.host

    @property
    def user_id(self) -> int:
        """The user in whose name the webhook acts."""
        return self._address.user_id

    @property
    def is_insecure(self) -> bool:
        """Whether it goes over plain http, which a client takes with `allow_insecure_loopback=True` alone."""
        return is_insecure(self._address.endpoint)

    async def credentials(self) -> Credentials:
        """Return the webhook's address; there is no token beside it."""
        return self._credentials

    async def renew(self, rejected: Credentials) -> NoReturn:  # noqa: ARG002  # the protocol's parameter
        """Refuse, since a webhook does not expire.

        Raises:
            InvalidCredentials: always.
        """
        raise InvalidCredentials("a webhook has no token to renew; where it stopped working, make a new one")

    def __repr__(self) -> str:
        return f"WebhookAuth(host={self.host!r}, user_id={self.user_id})"
