"""How a request gets its address and its right to run: a strategy that a user can write in ten lines."""

from typing import Protocol, runtime_checkable

from attrs import field, frozen

from bitrix_chat.auth.addresses import rest_endpoint
from bitrix_chat.rest.secret import concealed_if_given
from bitrix_chat.rest.tracebacks import discreetly_made


@discreetly_made
@frozen
class Credentials:
    """Where requests go and what proves the caller.

    Attributes:
        endpoint: the REST address, a webhook's URL for example; it holds a secret then, so no repr shows it.
        token: the access token sent as `auth` in the body, None where the endpoint is proof enough.
    """

    endpoint: str = field(repr=False, converter=rest_endpoint)
    token: str | None = field(default=None, repr=False, converter=concealed_if_given)


@runtime_checkable
class AuthStrategy(Protocol):
    """Gives credentials to requests as they leave, and new ones when the portal calls a token expired."""

    async def credentials(self) -> Credentials:
        """Return what is valid now, waiting for a renewal that is under way."""
        ...

    async def renew(self, rejected: Credentials) -> Credentials:
        """Replace credentials that the portal answered `expired_token` to.

        Called once a rejected request, from many at a time: renew once, and return what is current
        where `rejected` is not current any more.

        Raises:
            ReauthorizationRequired: nobody but an administrator can help.
            TokenRefreshFailed: it did not work this time.
        """
        ...
