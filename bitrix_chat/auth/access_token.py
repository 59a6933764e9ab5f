"""A bare access token is good for a test or one short job: an hour, and nothing to renew it with."""

from typing import NoReturn

from attrs import Factory, field, frozen

from bitrix_chat.auth.addresses import is_insecure, portal_endpoint
from bitrix_chat.auth.strategy import Credentials
from bitrix_chat.auth.token import secret_text
from bitrix_chat.errors import ReauthorizationRequired
from bitrix_chat.rest.secret import concealed
from bitrix_chat.rest.tracebacks import discreetly_made


def _credentials(auth: "AccessTokenAuth") -> Credentials:
    return Credentials(auth.endpoint, auth._access_token)  # noqa: SLF001  # a default of the class itself


@discreetly_made
@frozen
class AccessTokenAuth:
    """Calls with an access token got elsewhere, until the portal calls it expired (an hour after its issue).

    Attributes:
        endpoint: the portal's REST address; its domain alone may be passed.

    Raises:
        InvalidPortalUrl: the first argument is no portal address.
        InvalidParameter: the token is empty or holds white space.

    Source: documentation topic "OAuth 2.0".
    """

    endpoint: str = field(converter=portal_endpoint)
    _access_token: str = field(repr=False, converter=concealed, validator=secret_text)
    _credentials: Credentials = field(init=False, eq=False, repr=False, default=Factory(_credentials, takes_self=True))

    @property
    def is_insecure(self) -> bool:
        """Whether it goes over plain http, which a client takes with `allow_insecure_loopback=True` alone."""
        return is_insecure(self.endpoint)

    async def credentials(self) -> Credentials:
        """Return the address and the token, expired or not."""
        return self._credentials

    async def renew(self, rejected: Credentials) -> NoReturn:  # noqa: ARG002  # the protocol's parameter
        """Refuse, since there is no refresh token.

        Raises:
            ReauthorizationRequired: always.
        """
        raise ReauthorizationRequired(
            "a bare access token lives for an hour and cannot be renewed; get a new one, or use OAuthAuth"
        )
