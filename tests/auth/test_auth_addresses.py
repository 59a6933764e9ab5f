"""What is accepted as a webhook URL, a portal or an authorization server, and what refusals say."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bitrix_chat.auth import WebhookAuth, portal_endpoint
from bitrix_chat.auth.addresses import server_origin, webhook_address
from bitrix_chat.auth.strategy import Credentials
from bitrix_chat.errors import InvalidCredentials, InvalidPortalUrl, Outcome

SECRET = "canary0secret"
ENDPOINT = f"https://acme.bitrix24.com/rest/1/{SECRET}/"


@pytest.mark.parametrize(
    "url",
    [
        ENDPOINT,
        ENDPOINT.removesuffix("/"),
        f"  {ENDPOINT}\n",
        f"{ENDPOINT}profile",
        f"{ENDPOINT}im.chat.add.json",
        f"{ENDPOINT}imbot.v2.Chat.add/",
        ENDPOINT.replace("https://acme", "HTTPS://ACME"),
        ENDPOINT.replace(".com", ".com:443"),
    ],
)
async def test_every_form_in_which_the_portal_shows_a_webhook_gives_the_same_endpoint(url):
    assert await WebhookAuth(url).credentials() == Credentials(ENDPOINT)


@pytest.mark.parametrize(
    ("url", "endpoint", "host"),
    [
        (
            "https://b24.example.org:8443/rest/12/a-B_9",
            "https://b24.example.org:8443/rest/12/a-B_9/",
            "b24.example.org:8443",
        ),
        ("https://intranet/rest/1/s", "https://intranet/rest/1/s/", "intranet"),
        ("https://10.0.0.5/rest/1/s", "https://10.0.0.5/rest/1/s/", "10.0.0.5"),
        ("https://0x.7.b24.example/rest/1/s", "https://0x.7.b24.example/rest/1/s/", "0x.7.b24.example"),
        ("https://портал.рф/rest/1/s", "https://xn--80awhdgm.xn--p1ai/rest/1/s/", "xn--80awhdgm.xn--p1ai"),
        ("http://127.0.0.1:8080/rest/1/s", "http://127.0.0.1:8080/rest/1/s/", "127.0.0.1:8080"),
        ("http://127.9.9.9/rest/1/s", "http://127.9.9.9/rest/1/s/", "127.9.9.9"),
        ("http://[::1]:80/rest/1/s", "http://[::1]/rest/1/s/", "[::1]"),
        ("http://LocalHost/rest/1/s", "http://localhost/rest/1/s/", "localhost"),
    ],
)
async def test_self_hosted_and_loopback_webhooks_are_accepted(url, endpoint, host):
    auth = WebhookAuth(url)
    assert ((await auth.credentials()).endpoint, auth.host) == (endpoint, host)


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        (f"acme.bitrix24.com/rest/1/{SECRET}/", "scheme is missing"),
        (SECRET, "scheme is missing"),
        ("", "scheme is missing"),
        (f"ftp://acme.bitrix24.com/rest/1/{SECRET}/", "no https:// URL"),
        (f"https://[acme/rest/1/{SECRET}/", "no https:// URL"),
        (f"http://acme.bitrix24.com/rest/1/{SECRET}/", "http:// would show the secret"),
        (f"http://localhost.evil.com/rest/1/{SECRET}/", "http:// would show the secret"),
        (f"http://128.0.0.1/rest/1/{SECRET}/", "http:// would show the secret"),
        (f"https://acme.bitrix24.com/1/{SECRET}/", "/rest/ is missing"),
        (f"https://my.example.com/handler.php/{SECRET}", "/rest/ is missing"),
        ("https://acme.bitrix24.com", "/rest/ is missing"),
        (f"https://acme.bitrix24.com/rest/{SECRET}/", "user id is missing"),
        ("https://acme.bitrix24.com/rest/", "user id is missing"),
        (f"https://acme.bitrix24.com/rest/0/{SECRET}/", "user id is missing"),
        ("https://acme.bitrix24.com/rest/1/", "secret is missing"),
        ("https://acme.bitrix24.com/rest/1//im.chat.add", "secret is missing"),
        ("https://acme.bitrix24.com/rest/1/im.chat.add.json", "secret is missing"),
        (f"https://acme.bitrix24.com/rest/1/<{SECRET}>/", "secret holds something"),
        (f"https://acme.bitrix24.com/rest/api/1/{SECRET}/", "REST v3"),
        (f"{ENDPOINT}im.chat.add/{SECRET}", "follows the secret"),
        (f"{ENDPOINT}%2e%2e", "follows the secret"),
        (f"{ENDPOINT}/", "follows the secret"),
        (f"{ENDPOINT}?auth={SECRET}", "query string"),
        (f"{ENDPOINT}?", "query string"),
        (f"{ENDPOINT}#{SECRET}", "fragment"),
        (f"https://admin:{SECRET}@acme.bitrix24.com/rest/1/{SECRET}/", "user name or password"),
        (f"https://acme.bitrix24.com\\@evil.com/rest/1/{SECRET}/", "backslash"),
        (f"https://acme.bitrix24.com/rest/1/{SECRET}\t/", "white space"),
        (f"https:///rest/1/{SECRET}/", "host name is missing"),
        (f"https://-acme-/rest/1/{SECRET}/", "host name is missing"),
        (f"https://[fe80::1%25eth0]/rest/1/{SECRET}/", "host name is missing"),
        (f"https://2852039166/rest/1/{SECRET}/", "host name is missing"),
        (f"https://0xA9fea9fe/rest/1/{SECRET}/", "host name is missing"),
        (f"https://0251.0376.0251.0376/rest/1/{SECRET}/", "host name is missing"),
        (f"https://169.254.0xa9fe/rest/1/{SECRET}/", "host name is missing"),
        (f"https://169.254.43518/rest/1/{SECRET}/", "host name is missing"),
        (f"https://１６９.254.169.254/rest/1/{SECRET}/", "host name is missing"),  # noqa: RUF001  # they become digits
        (f"https://{'é' * 70}/rest/1/{SECRET}/", "host name is missing"),
        (f"https://acme.bitrix24.com:{SECRET}/rest/1/{SECRET}/", "port"),
        (f"https://acme.bitrix24.com:0/rest/1/{SECRET}/", "port"),
        (None, "text, not NoneType"),
    ],
)
def test_anything_else_is_refused_with_the_reason_and_without_the_secret(url, reason, everything_said):
    with pytest.raises(InvalidPortalUrl, match=reason) as caught:
        WebhookAuth(url)
    assert "https://<portal>/rest/<user id>/<secret>/" in str(caught.value)
    assert caught.value.outcome is Outcome.NOT_SENT
    assert SECRET not in everything_said(caught.value)


@given(st.text(max_size=60) | st.text(max_size=30).map(lambda text: f"https://acme.bitrix24.com/rest/1/{text}"))
def test_a_webhook_url_is_either_taken_apart_the_same_way_twice_or_refused(text):
    try:
        address = webhook_address(text)
    except InvalidPortalUrl:
        return
    assert webhook_address(address.endpoint) == address


async def test_a_webhook_answers_one_cached_value_and_shows_host_and_user_only():
    auth = WebhookAuth(ENDPOINT)
    assert await auth.credentials() is await auth.credentials()
    assert repr(auth) == "WebhookAuth(host='acme.bitrix24.com', user_id=1)"
    assert SECRET not in f"{auth} {auth._address!r} {await auth.credentials()!r}"


def test_webhooks_compare_by_url():
    assert WebhookAuth(ENDPOINT) == WebhookAuth(f"{ENDPOINT}profile")
    assert hash(WebhookAuth(ENDPOINT)) == hash(WebhookAuth(f"{ENDPOINT}profile"))
    assert WebhookAuth(ENDPOINT) != WebhookAuth(ENDPOINT.replace("/1/", "/2/"))


async def test_a_webhook_has_nothing_to_renew():
    auth = WebhookAuth(ENDPOINT)
    with pytest.raises(InvalidCredentials, match="no token to renew"):
        await auth.renew(await auth.credentials())


@pytest.mark.parametrize(
    ("text", "endpoint"),
    [
        ("acme.bitrix24.com", "https://acme.bitrix24.com/rest/"),
        (" Acme.Bitrix24.com/ ", "https://acme.bitrix24.com/rest/"),
        ("https://acme.bitrix24.com/", "https://acme.bitrix24.com/rest/"),
        ("https://acme.bitrix24.com/rest", "https://acme.bitrix24.com/rest/"),
        ("acme.bitrix24.com/rest/", "https://acme.bitrix24.com/rest/"),
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080/rest/"),
        ("127.0.0.1:8080", "https://127.0.0.1:8080/rest/"),
        ("localhost:8080", "https://localhost:8080/rest/"),
        ("[::1]:8080", "https://[::1]:8080/rest/"),
    ],
)
def test_a_portal_is_known_by_its_domain(text, endpoint):
    assert portal_endpoint(text) == endpoint
    assert portal_endpoint(endpoint) == endpoint


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (ENDPOINT, "pass it to WebhookAuth"),
        (f"acme.bitrix24.com/rest/1/{SECRET}", "pass it to WebhookAuth"),
        ("https://acme.bitrix24.com/company/", "goes on behind"),
        ("http://acme.bitrix24.com", "http://"),
        ("", "host name is missing"),
        ("2852039166", "host name is missing"),
        (f"{SECRET}@acme.bitrix24.com", "user name or password"),
        ("//acme.bitrix24.com", "goes on behind"),
        (5, "text, not int"),
    ],
)
def test_no_portal_is_refused_with_the_reason(text, reason, everything_said):
    with pytest.raises(InvalidPortalUrl, match=reason) as caught:
        portal_endpoint(text)
    assert SECRET not in everything_said(caught.value)


def test_an_authorization_server_is_a_host_and_nothing_behind():
    assert server_origin("oauth.bitrix.info/") == "https://oauth.bitrix.info"
    with pytest.raises(InvalidPortalUrl, match="goes on behind the host"):
        server_origin("https://oauth.bitrix.info/oauth/token/")
    with pytest.raises(InvalidPortalUrl, match="http://"):
        server_origin("http://oauth.bitrix.info")
    with pytest.raises(InvalidPortalUrl, match="host name is missing"):
        server_origin("0x7f.1")
