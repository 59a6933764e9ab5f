"""An installation brings tokens of a portal that nobody knows: only checked addresses come through, and only once."""

import asyncio
import json

import pytest

from bitrix_chat import BitrixChat, InvalidParameter, OAuthAuth
from bitrix_chat.auth import MemoryTokenStore
from bitrix_chat.events.errors import UntrustedInstallation
from bitrix_chat.events.installation import installation_of
from bitrix_chat.events.php_forms import read_form
from bitrix_chat.events.receiver import WebhookReceiver
from bitrix_chat.events.reception import Reception
from tests.events.event_bodies import ACCESS_TOKEN, ALL_DATA, APPLICATION_TOKEN, FORM, MEMBER, REFRESH_TOKEN, posted
from tests.leaks.sinks import SECRET

AUTH = {
    "domain": "acme.bitrix24.com",
    "client_endpoint": "https://acme.bitrix24.com/rest/",
    "server_endpoint": "https://oauth.bitrix.info/rest/",
    "access_token": ACCESS_TOKEN,
    "refresh_token": REFRESH_TOKEN,
    "expires_in": 3600,
    "scope": "imbot,im",
    "status": "F",
}


def installed(**auth):
    return posted("ONAPPINSTALL", ALL_DATA["ONAPPINSTALL"], auth=AUTH | auth)


def read(hosts=(), **auth):
    return installation_of(read_form(installed(**auth)), hosts=hosts)


class Keeper:
    def __init__(self):
        self.kept = {}

    async def keep(self, key, body, *, ttl):
        is_new = key not in self.kept
        self.kept.setdefault(key, json.loads(json.dumps(body)))
        return is_new


class Door:
    """A receiver that knows the portals whose installation was accepted."""

    def __init__(self, verdict=True, **options):  # noqa: FBT002
        self.known, self.asked, self.store, self.verdict = {}, [], Keeper(), verdict
        self.receiver = WebhookReceiver(
            application_token=self.lookup, store=self.store, installations=self.accepts, **options
        )

    async def lookup(self, member_id):
        return self.known.get(member_id)

    async def accepts(self, installation):
        self.asked.append(installation)
        await asyncio.sleep(0)
        if isinstance(self.verdict, Exception):
            raise self.verdict
        if self.verdict is True:
            self.known[installation.member_id] = installation.application_token
        return self.verdict

    async def post(self, body):
        return (await self.receiver.handle(body, FORM)).reception


def test_an_installation_tells_the_portal_its_token_and_the_first_pair():
    installation = read()
    assert (installation.member_id, installation.host, installation.status) == (MEMBER, "acme.bitrix24.com", "F")
    assert installation.application_token == APPLICATION_TOKEN
    assert installation.token.access_token == ACCESS_TOKEN
    assert installation.token.scope == ("imbot", "im")
    assert installation.event.version == "3"
    assert not SECRET.search(repr(installation))


async def test_an_installation_makes_the_auth_of_its_portal():
    store = MemoryTokenStore()
    auth = read().auth("local.1", "the client's own secret", store=store)
    assert isinstance(auth, OAuthAuth)
    credentials = await auth.credentials()
    assert (credentials.endpoint, credentials.token) == ("https://acme.bitrix24.com/rest/", ACCESS_TOKEN)
    assert (await store.load()).member_id == MEMBER


@pytest.mark.parametrize(
    "endpoint",
    [
        "https://169.254.169.254/rest/",
        "https://127.0.0.1/rest/",
        "http://127.0.0.1/rest/",
        "http://localhost/rest/",
        "https://[::1]/rest/",
        "https://10.0.0.5/rest/",
        "https://192.168.1.1/rest/",
        "https://0x7f000001/rest/",
        "https://2130706433/rest/",
        "https://evil.example/rest/",
        "https://bitrix24.com/rest/",
        "https://bitrix24.com.evil.example/rest/",
        "https://acme.bitrix24.com.evil.example/rest/",
        "https://acmebitrix24.com/rest/",
        "https://acme.bitrix24.site/rest/",
        "https://acme.bitrix24.com:8443/rest/",
        "https://acme.bitrix24.com@evil.example/rest/",
        "https://evil.example/rest/?x=acme.bitrix24.com",
        "https://evil.example\\.bitrix24.com/rest/",
        "https://acme.bitrix24.com/rest/1/x/",
        "http://acme.bitrix24.com/rest/",
        "file:///etc/passwd",
        "",
        ["https://acme.bitrix24.com/rest/"],
    ],
)
def test_no_token_goes_to_an_address_that_is_no_portals(endpoint):
    with pytest.raises(UntrustedInstallation):
        read(client_endpoint=endpoint)


@pytest.mark.parametrize(
    "auth",
    [
        {"domain": "evil.example"},
        {"domain": "169.254.169.254"},
        {"domain": ["acme.bitrix24.com"]},
        {"server_endpoint": "https://evil.example/rest/"},
        {"server_endpoint": "https://169.254.169.254/rest/"},
        {"server_endpoint": "https://acme.bitrix24.com/rest/"},
        {"server_endpoint": "http://oauth.bitrix.info/rest/"},
        {"server_endpoint": {"x": "https://oauth.bitrix.info/rest/"}},
        {"member_id": ""},
        {"member_id": "../../tokens"},
        {"member_id": ["a"]},
        {"access_token": ""},
        {"access_token": ["a"]},
        {"refresh_token": None},
        {"application_token": ""},
        {"application_token": ["a"]},
    ],
)
def test_an_installation_that_contradicts_itself_or_lacks_a_part_is_untrusted(auth):
    with pytest.raises(UntrustedInstallation) as caught:
        read(**auth)
    assert not SECRET.search(str(caught.value))


@pytest.mark.parametrize("event_type", ["ONAPPUNINSTALL", "ONIMBOTV2MESSAGEADD", "X"])
def test_any_other_event_is_no_installation(event_type):
    form = read_form(posted(event_type, ALL_DATA.get(event_type, {}), auth=AUTH))
    with pytest.raises(UntrustedInstallation, match="no event of an installation"):
        installation_of(form)


@pytest.mark.parametrize("server", ["https://oauth.bitrix24.tech/rest/", None])
def test_the_authorization_server_is_one_of_bitrix24_or_not_named(server):
    assert read(server_endpoint=server).host == "acme.bitrix24.com"


@pytest.mark.parametrize("host", ["b24.acme.example", "b24.acme.example:8443", "10.0.0.5"])
def test_a_self_hosted_portal_is_trusted_where_it_is_named(host):
    told = {"client_endpoint": f"https://{host}/rest/", "domain": host}
    assert read(hosts=[host], **told).host == host
    with pytest.raises(UntrustedInstallation, match=r"`hosts`"):
        read(**told)
    with pytest.raises(UntrustedInstallation, match=r"`hosts`"):
        read(hosts=["b24.other.example"], **told)


def test_plain_http_is_left_to_a_portal_of_this_machine_that_is_named_with_it():
    told = {"client_endpoint": "http://127.0.0.1:8080/rest/", "domain": "127.0.0.1:8080"}
    assert read(hosts=["http://127.0.0.1:8080"], **told).auth("local.1", "s").is_insecure
    with pytest.raises(UntrustedInstallation):
        read(hosts=["127.0.0.1:8080"], **told)


@pytest.mark.parametrize("hosts", ["b24.acme.example", ["http://b24.acme.example"], ["b24.acme.example/x"], 5])
def test_a_list_of_hosts_that_is_none_is_refused_where_the_receiver_is_made(hosts):
    with pytest.raises(InvalidParameter):
        Door(hosts=hosts)


async def test_the_first_installation_is_accepted_by_whoever_is_asked_and_known_from_then_on():
    door = Door()
    message = posted("ONIMBOTV2MESSAGEADD", ALL_DATA["ONIMBOTV2MESSAGEADD"])
    assert await door.post(message) is Reception.UNKNOWN_PORTAL
    assert await door.post(installed()) is Reception.KEPT
    assert await door.post(message) is Reception.KEPT
    (first, _) = door.store.kept.values()
    assert first["event"] == "ONAPPINSTALL"
    assert not SECRET.search(json.dumps(first))


@pytest.mark.parametrize("verdict", [False, None, 1, "yes"])
async def test_an_installation_that_is_not_accepted_is_forbidden_and_may_come_again(verdict):
    door = Door(verdict)
    assert await door.post(installed()) is Reception.UNTRUSTED_INSTALLATION
    assert await door.post(installed()) is Reception.UNTRUSTED_INSTALLATION
    assert len(door.asked) == 2
    assert door.store.kept == {}


async def test_an_installation_whose_acceptance_fails_is_not_kept():
    door = Door(OSError("the database is away"))
    assert await door.post(installed()) is Reception.FAILED
    assert door.store.kept == {}
    door.verdict = True
    assert await door.post(installed()) is Reception.KEPT


async def test_an_accepted_installation_is_asked_about_once_however_often_it_is_posted():
    door = Door()
    receptions = await asyncio.gather(*(door.post(installed()) for _ in range(3)))
    assert sorted(receptions) == [Reception.KEPT, Reception.REPLAYED, Reception.REPLAYED]
    assert await door.post(installed()) is Reception.REPLAYED
    assert len(door.asked) == 1


async def test_nobody_is_asked_about_an_untrusted_address():
    door = Door()
    assert await door.post(installed(client_endpoint="https://169.254.169.254/rest/")) is (
        Reception.UNTRUSTED_INSTALLATION
    )
    assert door.asked == []


async def test_a_known_portal_cannot_be_installed_anew_with_another_token():
    door = Door()
    door.known[MEMBER] = "what its first installation named"
    assert await door.post(installed()) is Reception.FORGED
    assert door.asked == []


async def test_a_known_portal_may_be_installed_again_with_its_token():
    door = Door()
    door.known[MEMBER] = APPLICATION_TOKEN
    assert await door.post(installed()) is Reception.KEPT
    assert len(door.asked) == 1


async def test_an_installation_without_a_token_is_forged_although_nobody_is_known():
    door = Door()
    assert await door.post(installed(application_token="")) is Reception.FORGED
    assert door.asked == []


async def test_without_anybody_to_ask_an_installation_is_an_event_like_any_other():
    store = Keeper()
    known = WebhookReceiver(application_token=APPLICATION_TOKEN, store=store)
    assert (await known.handle(installed(), FORM)).reception is Reception.KEPT

    async def lookup(_):
        return None

    unknown = WebhookReceiver(application_token=lookup, store=store)
    assert (await unknown.handle(installed(ts="5"), FORM)).reception is Reception.UNKNOWN_PORTAL


async def test_removing_the_application_needs_its_token():
    door = Door()
    removed = posted("ONAPPUNINSTALL", ALL_DATA["ONAPPUNINSTALL"], auth={"access_token": None})
    assert await door.post(removed) is Reception.UNKNOWN_PORTAL
    door.known[MEMBER] = APPLICATION_TOKEN
    assert await door.post(removed) is Reception.KEPT


async def test_only_so_many_installations_are_remembered():
    door = Door()
    door.verdict = True
    for number in range(1003):
        door.known.clear()
        await door.post(installed(member_id=f"{number:032}"))
    assert len(door.receiver._installed) == 1000


async def test_an_installation_of_the_emulator_works_on_its_portal(portal):
    """The pair of an installation calls the portal that it names."""
    grant = portal.oauth
    told = {
        "client_endpoint": grant.client_endpoint,
        "domain": grant.client_endpoint.split("/")[2],
        "access_token": grant.access_token,
        "refresh_token": grant.refresh_token,
        "member_id": grant.member_id,
    }
    origin = grant.client_endpoint.removesuffix("/rest/")
    installation = read(hosts=[origin], **told)
    auth = installation.auth(grant.client_id, grant.client_secret, authorization_server=portal.authorization_server)
    async with BitrixChat(auth, allow_insecure_loopback=True) as b24:
        assert (await b24.profile()).id
