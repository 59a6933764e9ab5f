"""OAuth renewal is a commit protocol over one scarce thing: a refresh token that works once.

The portal's rule. An access token lives for an hour, a refresh token for 180 days or until its first
use; the use gives a new pair. Who renews by timer or before every request may be blocked, so the only
reason to renew is the portal's own `expired_token`. Whoever uses a spent refresh token is refused, and
from then on only an administrator's authorization helps.

Our invariant. Everybody who shares a store together spends each refresh token at most once, and no
request ever leaves with a pair that the store does not hold yet.

Why this way:

- All work is one flight at a time in a task of its own. Two hundred requests that meet an expired
  token make one refresh; the one that began it may be cancelled without harm to the others.
- A rejection is compared with what is current. Most of the two hundred come late, with the old token
  in hand: they get the new one and cost nothing.
- The refresh happens inside the store's lock, after reading the store again: another process may have
  been faster, and then its pair is taken over. This is what keeps a chain from forking.
- Save, then use. Were it the other way round, a crash between the two would leave the store with a spent
  token and a portal that worked a second ago. Where saving fails the pair stays in memory, unused, and
  the next caller saves it first: by then the old refresh token is worth nothing. The one gap is here,
  since another process cannot know of an unsaved pair: it is refused, and goes on once the pair is saved.
- A refusal is remembered, since asking again is what gets applications blocked. It ends when the store
  holds another pair, or by `install`.
- A given pair that a shared store has not seen may be what an operator has put in place of a dead one, or long spent.
  Where no time of expiry tells, it is renewed at once: a success proves it and replaces the stored pair, a refusal
  leaves that alone. The store remembers, by a hash, which pairs it was given, so that each is tried once, and those
  who start with the same pair as everybody go on with its successor.
- Anything else that goes wrong is told to all who wait, at once, and the next caller tries again with
  the same refresh token: an answer that got lost may have spent it, but a token given up is surely lost.

A refresh may name another host than before: portals get new names, and the answer comes from the authorization
server alone, proven by TLS, in return for a token that only it could have issued. So the new address is taken over
with its pair, and a warning says so; refusing it would cost an installation whenever a portal is renamed. But a
portal known by name is never renamed to a number, nor from https to http: then, and where no usable address comes, the
known one is kept with the new pair. The pair is never lost for its address, since the old one is spent.

Nothing here binds to an event loop for longer than one flight, so that an object survives `asyncio.run`.
"""

import logging
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Final, Self

import aiohttp
from attrs import evolve, frozen

from bitrix_chat.auth.addresses import is_insecure, portal_endpoint
from bitrix_chat.auth.answers import PortalNotNamed
from bitrix_chat.auth.authorization import DEFAULT_SERVER, AuthorizationServer, authorize_url
from bitrix_chat.auth.pairs import at_home, check_host, hash_of, is_newer, with_those_before
from bitrix_chat.auth.portal_store import PortalStore
from bitrix_chat.auth.single_flight import SingleFlight, afresh
from bitrix_chat.auth.stores import FileTokenStore, MemoryTokenStore, TokenStore
from bitrix_chat.auth.strategy import Credentials
from bitrix_chat.auth.token import Token
from bitrix_chat.errors import (
    BitrixError,
    InvalidParameter,
    ReauthorizationRequired,
    TokenStoreError,
)
from bitrix_chat.rest.redaction import host_of, scrub_error
from bitrix_chat.rest.secret import concealed
from bitrix_chat.rest.tracebacks import discreet, discreet_coroutine

logger: Final = logging.getLogger("bitrix_chat")


@frozen
class _Unsaved:
    """A pair that nobody may use yet, and the refresh token it was paid with (None: an installation)."""

    token: Token
    spent: str | None


class OAuthAuth:
    """Acts for an application that a portal's administrator has installed, and renews its tokens.

    Use it in one event loop at a time; in the next one it goes on with what it knows.

    Args:
        client_id: from the application's card, `local.…` or `app.…`.
        client_secret: sent to the authorization server only.
        token: the pair from an installation; not needed where the store holds one. Of two pairs the
            one that expires later is used; where that cannot be told, the stored one, unless it is kept where clients
            share and was never given this one, which then is renewed at once and used if that succeeds.
        store: where pairs are kept; where its client shares (`shared=`) if not told, else in memory, so that a
            restart needs a new authorization as soon as the first pair has been renewed.
        authorization_server: its address, or an object of your own making.
        session: for the questions to the authorization server; never closed. None opens one each time.

    Source: documentation topics "OAuth 2.0" and "Automatic renewal of tokens".
    """

    @discreet
    def __init__(
        self,
        client_id: str,
        client_secret: str,
        token: Token | None = None,
        *,
        store: TokenStore | None = None,
        authorization_server: str | AuthorizationServer = DEFAULT_SERVER,
        session: aiohttp.ClientSession | None = None,
    ) -> None:
        if not client_id or not client_secret:
            raise InvalidParameter(
                "OAuthAuth: client_id and client_secret stand in the application's card; one is empty"
            )
        self.client_id = client_id
        self._client_secret = concealed(client_secret)
        self._store: TokenStore = MemoryTokenStore() if store is None else store
        self._may_move = store is None
        self._server = _server(authorization_server, session)
        self._token = token
        self._ready: Credentials | None = None
        self._loaded = False
        self._unsaved: _Unsaved | None = None
        self._refusal: BitrixError | None = None
        self._flight: SingleFlight[Credentials] = SingleFlight()

    @classmethod
    @discreet_coroutine
    async def from_code(
        cls,
        client_id: str,
        client_secret: str,
        code: str,
        *,
        portal: str | None = None,
        store: TokenStore | None = None,
        authorization_server: str | AuthorizationServer = DEFAULT_SERVER,
        session: aiohttp.ClientSession | None = None,
    ) -> Self:
        """Exchange the code from the authorization page, within 30 seconds, and save the pair.

        The code goes to the authorization server alone. What the callback says beside it (`domain`,
        `server_domain`) anybody can write: none of it is asked for here, and none of it is to be passed as
        `authorization_server`. The portal is the one that the server names in its answer.

        Args:
            client_id: as for the constructor.
            client_secret: as for the constructor.
            code: what the callback was called with, after its `state` was compared.
            portal: the one for which the login was begun, remembered with `state`; the answer has to be of its host.
            store: as for the constructor.
            authorization_server: as for the constructor.
            session: as for the constructor.

        Raises:
            InvalidPortalUrl: `portal` is no portal address; the code is not spent.
            PortalMismatch: the code is of another portal than `portal`, or the answer names an IP address for one;
                the code is spent, and the pair neither kept nor saved.
            ReauthorizationRequired: the code is spent or too old, or the application was refused.
            TokenRefreshFailed: no usable answer; send the user to the authorization page again.
            TokenStoreError: the store does not work. Where it fails only after the code was spent, the pair is not
                lost: the error's `auth` holds it, and saves it with its next use.
        """
        auth = cls(client_id, client_secret, store=store, authorization_server=authorization_server, session=session)
        begun_at = None if portal is None else host_of(portal_endpoint(portal))
        with _store_failures():
            async with auth._store.lock():
                await auth._store.load()
        token = await auth._server.exchange(client_id, auth._client_secret, concealed(code))
        check_host(host_of(token.client_endpoint), begun_at)
        try:
            await auth.install(token)
        except TokenStoreError as error:
            error.auth = auth
            raise
        return auth

    @classmethod
    def authorize_url(cls, portal: str, client_id: str, state: str | None = None) -> str:
        """Return the page where a portal's user lets the application in; see `auth.authorize_url`."""
        return authorize_url(portal, client_id, state)

    async def credentials(self) -> Credentials:
        """Return what is valid now, loading it from the store first and waiting for a renewal under way.

        Raises:
            ReauthorizationRequired: there is no pair, or its renewal was refused before.
            TokenRefreshFailed: the renewal under way got no usable answer.
            TokenStoreError: the store cannot be read, or a new pair not be saved.
        """
        if self._ready is not None and not self._flight.running:
            return self._ready
        return await self._flight.join(self._guarded(self._settle))

    async def renew(self, rejected: Credentials) -> Credentials:
        """Return credentials other than those the portal called expired, refreshing at most once for all.

        Raises:
            ReauthorizationRequired: the refresh was refused, now or before; nobody asks again until the
                store holds another pair or `install` is called.
            TokenRefreshFailed: no usable answer; the next call tries again.
            TokenStoreError: the pair could not be read or saved; a new one is kept and saved by the next call.
        """
        current = await self.credentials()
        if current.token != rejected.token:
            return current
        return await self._flight.join(self._guarded(partial(self._refresh, rejected)))

    async def install(self, token: Token) -> None:
        """Save and use a pair from a new authorization, whatever was before.

        Raises:
            TokenStoreError: it could not be saved; it is kept, and saved by the next call.
        """
        await self._flight.after(self._guarded(partial(self._install, token)))

    def keep_in(self, stores: Callable[[str, str], TokenStore | None]) -> None:
        """Keep the pair from now on where a client of its shares, unless it was given a store.

        Args:
            stores: gives the store for a `client_id` and a name of a portal (its host, or its `member_id`); None for no
                other.
        """
        if not self._may_move or self._token is None:
            return
        member_id, host = self._token.member_id, host_of(self._token.client_endpoint)
        if stores(self.client_id, host.lower()) is not None:
            named = partial(_named, stores, self.client_id)
            self._store, self._may_move = PortalStore(named, member_id=member_id, host=host), False
            self._ready, self._loaded = None, False

    @property
    def is_insecure(self) -> bool:
        """Whether the pair it was given leads to a portal by plain http; see `allow_insecure_loopback` of a client."""
        return self._token is not None and is_insecure(self._token.client_endpoint)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(client_id={self.client_id!r}, store={type(self._store).__name__})"

    # What follows runs in the flight's task, one at a time.

    def _guarded(self, work: Callable[[], Awaitable[Credentials]]) -> Callable[[], Awaitable[Credentials]]:
        async def guarded() -> Credentials:
            with _store_failures():
                return await work()

        return guarded

    async def _settle(self) -> Credentials:
        """Find out what to use without asking the authorization server."""
        async with self._store.lock():
            if self._unsaved is not None:
                return await self._save(self._unsaved)
            stored = await self._read()
            if not self._loaded:
                return await self._begin(stored)
            if self._refusal is not None and not self._is_other(stored):
                raise afresh(self._refusal)
            return self._adopt(stored or self._token)

    async def _begin(self, stored: Token | None) -> Credentials:
        given = self._token
        if given is None:
            return self._adopt(stored)
        if stored is None or is_newer(given, stored):
            # Saved although nothing was renewed: whoever shares the store would renew with the same token.
            begun = evolve(given, grown_from=with_those_before(given, stored))
            await self._store.save(begun)
            return self._adopt(begun)
        if self._may_be_new(given, stored):
            return await self._try(given, stored)
        return self._adopt(stored)

    def _may_be_new(self, given: Token, stored: Token) -> bool:
        if given.refresh_token == stored.refresh_token or None not in {given.expires, stored.expires}:
            return False
        # A store that does not keep what it was given would have a spent pair tried at each start.
        is_kept = isinstance(self._store, PortalStore) or bool(stored.grown_from)
        return is_kept and hash_of(given) not in stored.grown_from

    async def _try(self, given: Token, stored: Token) -> Credentials:
        """Find out whether a given pair lives by renewing it; the stored one is replaced by its successor only."""
        seen = with_those_before(given, stored)
        try:
            renewed = await self._renewed(given)
        except ReauthorizationRequired:
            noted = evolve(stored, grown_from=seen)
            await self._store.save(noted)
            return self._adopt(noted)
        logger.warning("the pair that was given replaces the one kept in %s", self._place)
        return await self._save(_Unsaved(evolve(renewed, grown_from=seen), stored.refresh_token))

    async def _refresh(self, rejected: Credentials) -> Credentials:
        async with self._store.lock():
            stored = await self._read()
            if stored is not None and stored.access_token != rejected.token:
                return self._adopt(stored)
            old = stored or self._current()
            try:
                renewed = await self._renewed(old)
            except ReauthorizationRequired as error:
                if stored is not None and self._is_known_place:
                    error.description += f" (the pair is kept in {self._store!r})"
                self._ready, self._refusal = None, afresh(error)
                raise
            return await self._save(_Unsaved(evolve(renewed, grown_from=old.grown_from), old.refresh_token))

    async def _renewed(self, old: Token) -> Token:
        try:
            return at_home(old, await self._server.refresh(self.client_id, self._client_secret, old.refresh_token))
        except PortalNotNamed as error:
            unnamed = error
        except BitrixError as error:
            scrub_error(error, (old.access_token, old.refresh_token, self._client_secret))
            raise
        logger.warning("a renewal named no usable address, %s is kept", host_of(old.client_endpoint))
        return unnamed.token_at(old.client_endpoint)

    async def _install(self, token: Token) -> Credentials:
        async with self._store.lock():
            return await self._save(_Unsaved(evolve(token, grown_from=await self._seen()), None))

    async def _seen(self) -> tuple[str, ...]:
        try:
            stored = await self._store.load()
        except Exception:  # noqa: BLE001  # it is about to be replaced, whatever it is
            return ()
        return () if stored is None else stored.grown_from

    async def _save(self, unsaved: _Unsaved) -> Credentials:
        """Save a pair, then use it; a pair that someone else saved since the failed attempt goes first."""
        if self._unsaved is unsaved and unsaved.spent is not None:
            stored = await self._read()
            if stored is not None and stored.refresh_token != unsaved.spent:
                return self._adopt(stored)
        self._ready, self._unsaved = None, unsaved
        await self._store.save(unsaved.token)
        return self._adopt(unsaved.token)

    async def _read(self) -> Token | None:
        stored = await self._store.load()
        known = self._token.member_id if self._token is not None else ""
        if stored is not None and known and stored.member_id and stored.member_id != known:
            raise TokenStoreError(
                f"the store holds the tokens of another portal; give each portal a store of its own ({self._place})"
            )
        return stored

    @property
    def _place(self) -> str:
        return repr(self._store) if self._is_known_place else type(self._store).__name__

    @property
    def _is_known_place(self) -> bool:
        return isinstance(self._store, PortalStore | FileTokenStore)  # of which no repr shows a secret

    def _is_other(self, stored: Token | None) -> bool:
        return stored is not None and stored.refresh_token != self._current().refresh_token

    def _current(self) -> Token:
        if self._token is None:
            raise ReauthorizationRequired(
                "there is no token pair: pass token=, or a store that holds one, or begin with OAuthAuth.from_code"
            )
        return self._token

    def _adopt(self, token: Token | None) -> Credentials:
        if token is not None:
            self._token = token
        ready = self._current().credentials
        self._loaded, self._unsaved, self._refusal, self._ready = True, None, None, ready
        return ready


def _server(server: str | AuthorizationServer, session: aiohttp.ClientSession | None) -> AuthorizationServer:
    if isinstance(server, str):
        return AuthorizationServer(server, session)
    if session is not None:
        raise InvalidParameter("OAuthAuth: an authorization server of your own making has its own session")
    return server


def _named(stores: Callable[[str, str], TokenStore | None], client_id: str, name: str) -> TokenStore:
    store = stores(client_id, name)
    if store is None:
        raise TokenStoreError("what clients share has a store for one name of a portal, and none for another")
    return store


@contextmanager
def _store_failures() -> Iterator[None]:
    """Turn what a user's store raises into the error that callers know."""
    try:
        yield
    except BitrixError:
        raise
    except Exception as error:
        raise TokenStoreError(f"the token store failed with {type(error).__name__}") from error
