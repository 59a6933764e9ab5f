"""How each client creates many chats, in its own idiom; the published ones are driven as their documentation says."""

import asyncio
from collections.abc import Callable, MutableMapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp

from bitrix_chat import STANDARD, AuthStrategy, BitrixChat, BitrixError, OAuthAuth, Token, WebhookAuth

QUIESCENCE = 1.5  # the emulator gives up on a request before
METHOD = "im.chat.add"


@dataclass(frozen=True)
class Address:
    """Where the portal is and how to get in: by the webhook, or by the grant where there is one."""

    url: str
    webhook: str
    grant: dict[str, str] | None = None

    def auth(self) -> AuthStrategy:
        """Return our strategy."""
        if self.grant is None:
            return WebhookAuth(self.webhook)
        grant = self.grant
        token = Token(grant["access_token"], grant["refresh_token"], grant["client_endpoint"])
        return OAuthAuth(grant["client_id"], grant["client_secret"], token, authorization_server=self.url)


@dataclass
class Told:
    """What the caller learned: an id by title, and what else was raised or said."""

    ids: dict[str, int] = field(default_factory=dict)
    errors: list[str] = field(default_factory=list)


def by_gather(address: Address, titles: Sequence[str]) -> Told:
    """Create all with one plain `asyncio.gather`."""

    async def create(b24: BitrixChat) -> Told:
        calls = [b24.im.chat.add(title=title, key=title, key_is_new=True) for title in titles]
        told = Told()
        for title, result in zip(titles, await asyncio.gather(*calls, return_exceptions=True), strict=True):
            if isinstance(result, int):
                told.ids[title] = result
            else:
                told.errors.append(repr(result))
        return told

    return asyncio.run(_with_ours(address, create))


def by_bulk(address: Address, titles: Sequence[str]) -> Told:
    """Create all by the bulk API."""

    async def create(b24: BitrixChat) -> Told:
        told = Told()
        async for result in b24.im.chat.bulk(titles, key=lambda spec: spec.title, key_is_new=True):
            if result.chat_id is None:
                told.errors.append(repr(result.error))
            else:
                told.ids[result.spec.title] = result.chat_id
        return told

    return asyncio.run(_with_ours(address, create))


def one_by_one(address: Address, titles: Sequence[str]) -> Told:
    """Await one call after the other."""

    async def create(b24: BitrixChat) -> Told:
        told = Told()
        for title in titles:
            try:
                told.ids[title] = await b24.im.chat.add(title=title, key=title, key_is_new=True)
            except BitrixError as error:
                told.errors.append(repr(error))
        return told

    return asyncio.run(_with_ours(address, create))


async def _with_ours(address: Address, create: Callable[[BitrixChat], Any]) -> Told:
    async with BitrixChat(address.auth(), limiter=STANDARD, quiescence=QUIESCENCE, allow_insecure_loopback=True) as b24:
        told: Told = await create(b24)
        return told


def by_fast_bitrix24(address: Address, titles: Sequence[str]) -> Told:
    """Pass fast-bitrix24 a list; it answers a list, which its README says is in the same order."""
    from fast_bitrix24 import BitrixAsync  # noqa: PLC0415  # only the process that drives it pays for it

    grant = address.grant

    async def renewed() -> str:
        assert grant is not None
        params = {name: grant[name] for name in ("client_id", "client_secret", "refresh_token")}
        query = {"grant_type": "refresh_token", **params}
        async with (
            aiohttp.ClientSession() as session,
            session.get(f"{address.url}/oauth/token/", params=query) as answer,
        ):
            grant.update(await answer.json())
        return grant["access_token"]

    async def create() -> list[Any]:
        if grant is None:
            client = BitrixAsync(address.webhook, verbose=False)
        else:
            client = BitrixAsync(grant["client_endpoint"], token_func=renewed, verbose=False)
        return list(await client.call(METHOD, [{"TITLE": title} for title in titles]))

    try:
        return Told(dict(zip(titles, asyncio.run(create()), strict=False)))
    except Exception as error:  # noqa: BLE001  # whatever it raises is all that its caller learns
        return Told(errors=[repr(error)])


def by_b24pysdk(address: Address, titles: Sequence[str]) -> Told:
    """Pass b24pysdk requests for `call_batches`, by title."""
    from b24pysdk import BitrixApp, BitrixToken, BitrixWebhook, Client  # noqa: PLC0415
    from b24pysdk.api.requesters.bitrix_oauth_requester import BitrixOAuthRequester  # noqa: PLC0415

    domain, grant = address.url.removeprefix("https://"), address.grant
    if grant is None:
        secret = address.webhook.removeprefix(f"{address.url}/rest/").strip("/")
        client = Client(BitrixWebhook(domain=domain, webhook_token=secret))
    else:
        # Its authorization server is a constant.
        BitrixOAuthRequester._OAUTH_TOKEN_URL = f"{address.url}/oauth/token/"  # noqa: SLF001
        app = BitrixApp(client_id=grant["client_id"], client_secret=grant["client_secret"])
        tokens = {"auth_token": grant["access_token"], "refresh_token": grant["refresh_token"]}
        client = Client(BitrixToken(domain=domain, bitrix_app=app, **tokens))
    calls = {str(number): client.im.chat.add(title=title) for number, title in enumerate(titles)}
    try:
        answered = client.call_batches(calls).result
    except Exception as error:  # noqa: BLE001  # whatever it raises is all that its caller learns
        return Told(errors=[repr(error)])
    errors = [str(error) for error in dict(answered.result_error or {}).values()]
    return Told({titles[int(number)]: chat_id for number, chat_id in dict(answered.result).items()}, errors)


OURS = {"gather": by_gather, "bulk": by_bulk}
PEERS = {"fast-bitrix24": by_fast_bitrix24, "b24pysdk": by_b24pysdk}
CLIENTS: dict[str, Callable[[Address, Sequence[str]], Told]] = {**OURS, **PEERS, "one by one": one_by_one}


def trust(certificate: Path, environ: MutableMapping[str, str]) -> None:
    """Let aiohttp and requests of processes started from here trust an authority."""
    environ["SSL_CERT_FILE"] = environ["REQUESTS_CA_BUNDLE"] = str(certificate)
