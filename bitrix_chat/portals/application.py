"""What an application acts by on each of the portals where it is installed: one secret, and one token store each."""

import inspect
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import TypeAlias, TypeVar

import aiohttp
from attrs import define, field, frozen

from bitrix_chat.auth.authorization import AuthorizationServer
from bitrix_chat.auth.oauth import OAuthAuth
from bitrix_chat.auth.portal_store import PortalStore
from bitrix_chat.auth.stores import TokenStore
from bitrix_chat.auth.token import Token
from bitrix_chat.errors import InvalidParameter, TokenStoreError
from bitrix_chat.rest.secret import concealed
from bitrix_chat.transport.sharing import Sharing

T = TypeVar("T")

Stores: TypeAlias = Callable[[str], TokenStore | Awaitable[TokenStore]]
"""Gives the store of a portal by its `member_id`: the same for the same portal, and no other's."""


@define(eq=False)
class Application:
    """An application's credentials, and where its token pairs are kept.

    Attributes:
        client_id: from the application's card.
        client_secret: likewise.
        stores: gives the store of a portal; without it the stores are those of the sharing.
        server: the authorization server, or its address.
    """

    client_id: str
    client_secret: str = field(repr=False, converter=concealed)
    stores: Stores | None
    server: str | AuthorizationServer

    async def auth(self, member_id: str, session: aiohttp.ClientSession, sharing: Sharing) -> OAuthAuth:
        """Return what a portal's client acts by.

        Raises:
            InvalidParameter: there is no store.
        """
        store = await self._store(member_id, sharing)
        if isinstance(self.server, str):  # one for all portals: it remembers which form of question is understood
            self.server = AuthorizationServer(self.server, session)
        return OAuthAuth(
            self.client_id, self.client_secret, store=_StoreOfOne(store, member_id), authorization_server=self.server
        )

    async def _store(self, member_id: str, sharing: Sharing) -> TokenStore:
        if self.stores is None:
            return PortalStore(lambda name: _checked(sharing.tokens(self.client_id, name)), member_id=member_id)
        return _checked(await awaited(self.stores(member_id)))


@frozen
class _StoreOfOne:
    """A store that is believed as long as it holds its own portal's tokens: mixed up, they would act on another."""

    _store: TokenStore
    _member_id: str

    async def load(self) -> Token | None:
        """Return the pair saved last.

        Raises:
            TokenStoreError: it is another portal's.
        """
        token = await self._store.load()
        if token is not None and token.member_id not in {"", self._member_id}:
            raise TokenStoreError(f"the store of the portal {self._member_id} holds the tokens of another")
        return token

    async def save(self, token: Token) -> None:
        """Replace the pair."""
        await self._store.save(token)

    def lock(self) -> AbstractAsyncContextManager[None]:
        """Keep everyone else out who shares the store."""
        return self._store.lock()


def _checked(store: object) -> TokenStore:
    if not isinstance(store, TokenStore):
        raise InvalidParameter(f"`stores` gives {type(store).__name__} for a portal, and no TokenStore")
    return store


async def awaited(value: T | Awaitable[T]) -> T:
    """Return what a function of the user's has given, sync or async."""
    return await value if inspect.isawaitable(value) else value
