"""What clients share to keep the limits of one portal together, and with whom: a loop, a host, or machines."""

from typing import Protocol, runtime_checkable

from bitrix_chat.auth.stores import TokenStore
from bitrix_chat.limits.bucket import Plan
from bitrix_chat.limits.limiter import RateLimiter
from bitrix_chat.limits.operating import OperatingBudget
from bitrix_chat.limits.sharing import shared_budget, shared_limiter


@runtime_checkable
class Sharing(Protocol):
    """Hands out what all who share are to use for one portal; asked within the event loop, before the first request."""

    def limiter(self, portal: str, plan: Plan | None, egress: str) -> RateLimiter:
        """Return the request limiter of one portal's host, for one source address.

        Args:
            portal: the portal's host.
            plan: its limit; `STANDARD` until somebody says one.
            egress: names the source address, where there are several; the portal counts each on its own.

        Raises:
            InvalidParameter: another client of this loop has said another plan.
        """
        ...

    def budget(self, endpoint: str, limit: float | None) -> OperatingBudget:
        """Return the operating budget of one caller.

        Args:
            endpoint: the REST address. A webhook's holds its secret: what is kept outside of the process is a hash.
            limit: seconds a method may work in ten minutes, None for a portal without this limit.
        """
        ...

    def tokens(self, application: str, portal: str) -> TokenStore | None:
        """Return where an `OAuthAuth` without a store of its own keeps its pair; None where in its memory.

        Args:
            application: its `client_id`.
            portal: a name of the portal, its host or its `member_id`; it is asked for by each that is known, and the
                pair is kept by one of them.
        """
        ...

    async def close(self) -> None:
        """Let go of files and connections."""
        ...


class LoopSharing:
    """Clients of one event loop share; other processes are strangers to them."""

    def limiter(self, portal: str, plan: Plan | None, egress: str) -> RateLimiter:
        """Return the loop's limiter for a portal."""
        return shared_limiter(portal, plan, egress=egress)

    def budget(self, endpoint: str, limit: float | None) -> OperatingBudget:
        """Return the loop's budget for a caller."""
        return shared_budget(endpoint, limit)

    def tokens(self, application: str, portal: str) -> TokenStore | None:  # noqa: ARG002  # the protocol's
        """Keep tokens where they are."""
        return None

    async def close(self) -> None:
        """Leave all as it is: it goes with the loop."""
