"""What every auth strategy owes to the layer that signs; run yours through it by adding it to `MAKERS`."""

import asyncio

import pytest

from bitrix_chat.auth import (
    AccessTokenAuth,
    AuthorizationServer,
    AuthStrategy,
    Credentials,
    OAuthAuth,
    Token,
    WebhookAuth,
)
from bitrix_chat.errors import AuthError, BitrixError

PORTAL = "https://acme.bitrix24.com/rest/"


class Clerk(AuthorizationServer):
    """An authorization server without a network, whose pairs are numbered."""

    asked = 0

    async def refresh(self, *_):
        self.asked += 1
        await asyncio.sleep(0)
        return Token(f"canary-access-{self.asked + 1}", f"canary-refresh-{self.asked + 1}", PORTAL)


class VaultAuth:
    """A strategy as a user writes one."""

    def __init__(self):
        self._secret = 1

    async def credentials(self):
        return Credentials(PORTAL, f"canary-access-{self._secret}")

    async def renew(self, rejected):
        if rejected == await self.credentials():
            self._secret += 1
        return await self.credentials()


MAKERS = {
    "webhook": lambda: WebhookAuth(f"{PORTAL}1/canary0secret/"),
    "access token": lambda: AccessTokenAuth(PORTAL, "canary-access-1"),
    "oauth": lambda: OAuthAuth(
        "local.app",
        "canary-client-secret",
        Token("canary-access-1", "canary-refresh-1", PORTAL),
        authorization_server=Clerk(),
    ),
    "user": VaultAuth,
}
RENEWING = {"oauth", "user"}


@pytest.fixture(params=MAKERS)
def name(request):
    return request.param


@pytest.fixture
def auth(name):
    return MAKERS[name]()


@pytest.fixture
def renewing(name):
    return name in RENEWING


async def _outcome(auth, rejected):
    try:
        return await auth.renew(rejected)
    except BitrixError as error:
        return error


def test_it_is_an_auth_strategy(auth):
    assert isinstance(auth, AuthStrategy)


async def test_the_endpoint_is_https_and_ends_with_a_slash(auth):
    endpoint = (await auth.credentials()).endpoint
    assert endpoint.startswith("https://acme.bitrix24.com/rest/")
    assert endpoint.endswith("/")


async def test_credentials_stay_the_same_until_they_are_rejected(auth):
    first, second = await asyncio.gather(auth.credentials(), auth.credentials())
    assert first == second == await auth.credentials()


async def test_a_rejection_gives_other_credentials_or_an_auth_error(auth, renewing):
    rejected = await auth.credentials()
    outcome = await _outcome(auth, rejected)
    if renewing:
        assert outcome != rejected
        assert outcome == await auth.credentials()
    else:
        assert isinstance(outcome, AuthError)
        assert await auth.credentials() == rejected


async def test_many_rejections_of_one_token_end_alike(auth, renewing):
    rejected = await auth.credentials()
    outcomes = await asyncio.gather(*(_outcome(auth, rejected) for _ in range(20)))
    assert len({str(vars(outcome)) if isinstance(outcome, BitrixError) else outcome for outcome in outcomes}) == 1
    if renewing:
        assert outcomes[0].token == "canary-access-2"


async def test_a_late_rejection_gives_what_is_current(auth, renewing):
    rejected = await auth.credentials()
    first = await _outcome(auth, rejected)
    late = await _outcome(auth, rejected)
    assert (late == first) if renewing else (type(late) is type(first))


async def test_no_repr_and_no_error_shows_a_secret(auth):
    credentials = await auth.credentials()
    outcome = await _outcome(auth, credentials)
    assert "canary" not in f"{credentials!r} {outcome!r} {outcome}"


def test_the_strategies_of_the_package_show_no_secret_themselves(auth):
    assert "canary" not in f"{auth!r} {auth}"


def test_a_strategy_works_in_one_event_loop_after_another(auth, renewing):
    async def use():
        rejected = await auth.credentials()
        await asyncio.gather(*(_outcome(auth, rejected) for _ in range(3)))
        return await auth.credentials()

    first, second = asyncio.run(use()), asyncio.run(use())
    assert (first != second) is renewing
