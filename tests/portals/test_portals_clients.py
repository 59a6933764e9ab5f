"""One client a portal, made when it is first asked for and given to all who ask."""

import asyncio

import aiohttp
import pytest

from bitrix_chat import (
    ENTERPRISE,
    ClientClosed,
    InvalidParameter,
    MemoryRateLimiter,
    Outcome,
    ReauthorizationRequired,
    WebhookAuth,
    WrongEventLoop,
)
from bitrix_chat.portals import Portals, TooManyPortals, UnknownPortal
from bitrix_chat.portals.clients import OpenClients, Opened


async def test_a_portal_is_called_by_its_id(portal, known):
    async with known(acme=portal.webhook_url).portals() as portals, portals.client("acme") as b24:
        assert (await b24.profile()).id == 1


async def test_all_who_use_a_portal_have_one_client(everybody, client_of):
    knows = everybody()
    async with knows.portals() as portals:
        clients = await asyncio.gather(*(client_of(portals, "acme") for _ in range(50)))
        clients.append(await client_of(portals, "acme"))

        assert len(set(map(id, clients))) == len(portals) == 1
        assert knows.asked == ["acme"]


async def test_portals_have_clients_of_their_own(everybody, client_of):
    async with everybody().portals() as portals:
        assert await client_of(portals, "acme") is not await client_of(portals, "other")


@pytest.mark.parametrize("auth", [lambda _: None, {}.get], ids=["a function", "a dict"])
async def test_a_portal_that_nobody_knows_has_no_client(auth):
    async with Portals(auth) as portals:
        with pytest.raises(UnknownPortal, match="known by the id acme") as caught:
            async with portals.client("acme"):
                pass

        assert caught.value.outcome is Outcome.NOT_SENT
        assert len(portals) == 0


@pytest.mark.parametrize("member_id", ["", "../other", "a" * 65, "acme\n", None, 7])
async def test_what_is_no_id_is_not_even_looked_for(everybody, member_id):
    knows = everybody()
    async with knows.portals() as portals:
        with pytest.raises(UnknownPortal, match="this is no portal's id"):
            async with portals.client(member_id):
                pass

    assert not knows.asked


async def test_a_portal_that_becomes_known_is_found(portal, known, client_of):
    knows = known()
    async with knows.portals() as portals:
        with pytest.raises(UnknownPortal):
            await client_of(portals, "acme")
        knows.webhooks["acme"] = portal.webhook_url

        assert (await (await client_of(portals, "acme")).profile()).id == 1


async def test_what_auth_raises_reaches_all_who_wait_and_is_not_remembered(portal, known, client_of):
    class Failing(known):
        async def __call__(self, member_id):
            auth = await super().__call__(member_id)
            if len(self.asked) == 1:
                raise ConnectionRefusedError("the database is away")
            return auth

    async with Failing(acme=portal.webhook_url).portals() as portals:
        ends = await asyncio.gather(*(client_of(portals, "acme") for _ in range(3)), return_exceptions=True)

        assert [type(end) for end in ends] == [ConnectionRefusedError] * 3
        assert (await (await client_of(portals, "acme")).profile()).id == 1


async def test_each_who_waits_gets_an_error_of_his_own(known, client_of):
    async with known().portals() as portals:
        one, other = await asyncio.gather(*(client_of(portals, "acme") for _ in range(2)), return_exceptions=True)

        assert type(one) is type(other) is UnknownPortal
        assert one is not other


async def test_whoever_stops_waiting_takes_the_client_from_nobody(everybody, client_of):
    knows = everybody()
    knows.gate.clear()
    async with knows.portals() as portals:
        first, second = (asyncio.create_task(client_of(portals, "acme")) for _ in range(2))
        await asyncio.sleep(0)
        first.cancel()
        await asyncio.sleep(0)
        knows.gate.set()

        assert await second is await client_of(portals, "acme")
        assert knows.asked == ["acme"]


async def test_a_refused_renewal_is_no_unknown_portal(client_of):
    class Refused(WebhookAuth):
        async def credentials(self):
            raise ReauthorizationRequired("spent", code="invalid_grant")

    async with Portals(lambda _: Refused("https://acme.bitrix24.example/rest/1/secret/")) as portals:
        with pytest.raises(ReauthorizationRequired, match="spent"):
            await client_of(portals, "acme")


async def test_a_user_who_closes_the_client_closes_nothing(portal, known):
    async with known(acme=portal.webhook_url).portals() as portals, portals.client("acme") as b24:
        async with b24:
            pass
        await b24.close()

        assert (await b24.profile()).id == 1


async def test_a_client_that_was_dropped_is_made_anew(portal, known, client_of):
    knows = known(acme=portal.webhook_url)
    async with knows.portals() as portals, portals.client("acme") as b24:
        await portals.drop("acme")
        await portals.drop("other")

        with pytest.raises(ClientClosed):
            await b24.profile()
        assert (await (await client_of(portals, "acme")).profile()).id == 1
        assert knows.asked == ["acme", "acme"]


async def test_the_end_of_the_registry_closes_all_clients(everybody, client_of):
    async with everybody().portals() as portals:
        kept = await client_of(portals, "acme")
    with pytest.raises(ClientClosed):
        await kept.profile()
    with pytest.raises(ClientClosed, match="the registry of portals is closed"):
        await client_of(portals, "acme")


async def test_who_waits_for_a_client_when_all_is_closed_is_told(everybody, client_of):
    knows = everybody()
    knows.gate.clear()
    async with knows.portals() as portals:
        waiting = asyncio.create_task(client_of(portals, "acme"))
        await asyncio.sleep(0)
    with pytest.raises(ClientClosed, match="before it was open"):
        await waiting


async def test_a_session_that_was_passed_in_is_used_and_stays_open(portal, known, client_of):
    async with aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0), headers={"User-Agent": "acme"}
    ) as session:
        async with known(acme=portal.webhook_url).portals(session=session) as portals:
            await (await client_of(portals, "acme")).profile()

        assert portal.requests[-1].user_agent == "acme"
        assert not session.closed


def test_a_registry_belongs_to_one_event_loop(everybody, client_of):
    async def used() -> Portals:
        portals = everybody().portals()
        await client_of(portals, "acme")
        await portals.close()
        return portals

    portals = asyncio.run(used())
    for use in (lambda: client_of(portals, "acme"), portals.close, lambda: portals.drop("acme")):
        with pytest.raises(WrongEventLoop):
            asyncio.run(use())


async def test_its_repr_counts_and_tells_no_secret(everybody, client_of):
    async with everybody().portals() as portals:
        assert portals
        await client_of(portals, "acme")
        async with portals.client("other"):
            assert repr(portals) == "<Portals open=2 in_use=1>"


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"idle": 0}, "`idle` is 0"),
        ({"idle": float("nan")}, "`idle` is nan"),
        ({"idle": True}, "`idle` is True"),
        ({"idle": "300"}, "`idle` is '300'"),
        ({"most": 0}, "`most` is 0"),
        ({"most": 1.5}, "`most` is 1.5"),
        ({"limiter": MemoryRateLimiter(ENTERPRISE)}, "give a Plan"),
        ({"max_in_flight": 0}, "`max_in_flight` is 0"),
        ({"shared": "hosts"}, "`shared` is another text"),
        ({"session": object()}, "`session` is object"),
    ],
)
def test_options_that_no_client_takes_are_refused_at_once(everybody, options, said):
    with pytest.raises(InvalidParameter, match=said):
        everybody().portals(**options)


def test_an_auth_that_is_no_function_is_refused():
    with pytest.raises(InvalidParameter, match="`auth` is WebhookAuth"):
        Portals(WebhookAuth("https://acme.bitrix24.example/rest/1/secret/"))


async def test_what_auth_gives_has_to_be_a_strategy(client_of):
    async with Portals(lambda member_id: member_id) as portals:
        with pytest.raises(InvalidParameter, match="`auth` is str"):
            await client_of(portals, "acme")


async def test_too_many_portals_at_a_time_are_told_at_once(everybody, client_of):
    async with everybody().portals(most=2) as portals, portals.client("one"), portals.client("two"):
        with pytest.raises(TooManyPortals, match="2 portals are in use") as caught:
            await client_of(portals, "three")

        assert caught.value.outcome is Outcome.NOT_SENT
        assert await client_of(portals, "one")


async def test_a_client_that_fails_to_close_is_logged_and_stops_no_other(everybody, caplog):
    class Failing:
        async def retire(self, grace):
            raise RuntimeError("broken")

    async def opening():
        return Opened(await everybody()("acme"), Failing())

    clients = OpenClients(idle=10, most=10)
    async with clients.use("acme", opening):
        pass
    await clients.close(0)

    assert "closing the client of the portal acme failed" in caplog.text


async def test_more_open_portals_than_files_are_allowed_are_warned_of_once(everybody, client_of, monkeypatch):
    monkeypatch.setattr("resource.getrlimit", lambda _: (6, 4096))
    async with everybody().portals() as portals:
        for name in ("one", "two", "three"):
            await client_of(portals, name)
        with pytest.warns(RuntimeWarning, match="4 portals are open, and this process may have 6 open files"):
            await client_of(portals, "four")
        await client_of(portals, "five")  # a second warning would be an error
