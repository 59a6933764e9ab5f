"""Secrets in objects: what shows, copies and pickles them gives nothing away, and what needs them gets them."""

import copy
import io
import json
import logging
import pickle
import reprlib
import traceback

import pytest
from rich.console import Console
from rich.pretty import pretty_repr
from rich.traceback import Traceback

from bitrix_chat import (
    AccessTokenAuth,
    BitrixChat,
    Credentials,
    DownloadLink,
    FileTokenStore,
    InvalidParameter,
    OAuthAuth,
    TokenStoreError,
    UnexpectedAnswer,
    WebhookAuth,
)
from bitrix_chat.auth import AuthorizationServer, MemoryTokenStore, Token, portal_endpoint
from bitrix_chat.rest.redaction import scrub, scrub_error
from bitrix_chat.rest.request import Exchange, Request, Response
from bitrix_chat.rest.secret import Secret
from bitrix_chat.rest.tracebacks import forget_frames
from tests.leaks.searching import as_reporters_show_it
from tests.leaks.sinks import SECRET

CANARY = "emulated" + "c0ffee" * 3
PORTAL = "https://acme.bitrix24.example"
TOKEN = Token(CANARY, CANARY, PORTAL)
HOLDERS = {
    "webhook": lambda: WebhookAuth(f"{PORTAL}/rest/1/{CANARY}/"),
    "bare token": lambda: AccessTokenAuth(PORTAL, CANARY),
    "credentials of a webhook": lambda: Credentials(f"{PORTAL}/rest/1/{CANARY}/"),
    "credentials with a token": lambda: Credentials(PORTAL, CANARY),
    "token": lambda: TOKEN,
    "OAuth": lambda: OAuthAuth("local.app", CANARY, TOKEN),
    "store in memory": lambda: MemoryTokenStore(TOKEN),
    "link": lambda: DownloadLink(url=f"{PORTAL}/file?token={CANARY}"),
    "bot": lambda: BitrixChat.over(None).bot(1, token=CANARY),
    "branch of a bot": lambda: BitrixChat.over(None).bot(1, token=CANARY).chat,
    "call": lambda: BitrixChat.over(None).bot(1, token=CANARY).chat.get("chat5"),
    "request": lambda: Request("imbot.v2.Chat.get", {"botToken": Secret(CANARY)}),
    "exchange": lambda: Exchange(Request("imbot.v2.Chat.get", {"botToken": Secret(CANARY)})),
    "response": lambda: Response({"downloadUrl": CANARY}),
}
WRONG = {
    "webhook": lambda secret: WebhookAuth(f"{PORTAL}/rest/1/{secret}/x y"),
    "webhook for a portal": lambda secret: portal_endpoint(f"{PORTAL}/rest/1/{secret}/"),
    "credentials": lambda secret: Credentials(f"{PORTAL}/rest/1/{secret}/x y", secret),
    "bare token": lambda secret: AccessTokenAuth(PORTAL, f"{secret} "),
    "bare token beside a wrong portal": lambda secret: AccessTokenAuth(f"{PORTAL}/x", secret),
    "token": lambda secret: Token(f"{secret} ", secret, PORTAL),
    "token beside a wrong portal": lambda secret: Token(secret, secret, "http://acme.bitrix24.example"),
    "stored token": lambda secret: Token.from_dict({"access_token": secret, "client_endpoint": "x y"}),
    "answered token": lambda secret: Token.from_answer({"refresh_token": secret, "client_endpoint": "x y"}),
    "OAuth": lambda secret: OAuthAuth("", secret),
    "OAuth with a wrong server": lambda secret: OAuthAuth("local.app", secret, authorization_server="http://x.example"),
    "authorization server": lambda secret: AuthorizationServer(f"https://user:{secret}@x.example"),
    "bot": lambda secret: BitrixChat.over(None).bot(1, token=secret).chat.add(title=5),
    "registration": lambda secret: BitrixChat.over(None).imbot.bot.register("code", name="", token=secret),
    "a bot's new token": lambda secret: BitrixChat.over(None).imbot.bot.update(0, token="t", new_token=secret),
    "removal": lambda secret: BitrixChat.over(None).imbot.bot.unregister(0, token=secret),
}


def assert_clean(text):
    found = SECRET.search(text) is not None
    assert not found, "a secret is in it"


def failing_with(action):
    """Return the error, raised through no frame of a test that holds the secret."""
    try:
        action(CANARY)
    except Exception as error:  # noqa: BLE001  # whichever it is
        return error
    raise AssertionError("it did not fail")


@pytest.mark.parametrize("holder", HOLDERS)
def test_no_repr_text_or_listing_of_variables_shows_a_secret(holder):
    held = HOLDERS[holder]()
    values = vars(held) if hasattr(held, "__dict__") else {}
    assert_clean(f"{held!r} {held!s} {held:} {[held]!r} { ({'x': held})!r} {values!r}")
    if hasattr(held, "close"):
        held.close()


@pytest.mark.parametrize("holder", [name for name in HOLDERS if name not in {"call", "response"}])
@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_what_holds_a_secret_is_not_pickled(holder, protocol):
    with pytest.raises((TypeError, pickle.PicklingError, AttributeError)) as caught:
        pickle.dumps(HOLDERS[holder](), protocol)
    assert_clean(str(caught.value))


def test_whoever_pickles_a_secret_is_told_why_it_cannot_be():
    with pytest.raises(TypeError, match="is not pickled"):
        pickle.dumps(WebhookAuth(f"{PORTAL}/rest/1/{CANARY}/"))


def test_a_secret_is_text_to_everything_that_needs_it():
    secret = Secret(CANARY)
    assert (secret, str(secret), f"{secret}", json.loads(json.dumps([secret]))) == (CANARY, CANARY, CANARY, [CANARY])
    assert {secret: 1}[CANARY] == 1
    assert copy.copy(secret) is copy.deepcopy(secret) is secret
    assert copy.deepcopy(TOKEN) == TOKEN


LONG = "emulated" + "0123456789" * 10


@pytest.mark.parametrize("place", [slice(80), slice(3, 90), slice(None, None, -1), 5])
def test_whoever_shortens_a_long_secret_shows_nothing_of_it(place):
    part = Secret(LONG)[place]
    assert (part, repr(part)) == (LONG[place], "'***'")


def test_the_tracebacks_and_listings_of_rich_show_nothing_of_a_long_secret():
    def fail(secret):
        raise KeyError(len(secret))

    with pytest.raises(KeyError) as caught:
        fail(Secret(LONG))
    error = caught.value
    lines = Console(file=io.StringIO(), width=300, record=True)
    link = caught.tb.tb_next  # behind this test's own frame
    lines.print(Traceback.from_exception(type(error), error, link, show_locals=True))
    text = lines.export_text()
    assert "secret = '***'" in text
    assert_clean(f"{text} {pretty_repr({'token': Secret(LONG)}, max_string=80)} {reprlib.repr(Secret(LONG))}")


def test_a_store_gets_plain_texts():
    stored = TOKEN.to_dict()
    assert {type(stored[name]) for name in ("access_token", "refresh_token")} == {str}


@pytest.mark.parametrize("what", WRONG)
def test_wrong_input_is_refused_without_a_frame_that_shows_it(what):
    error = failing_with(WRONG[what])
    assert isinstance(error, InvalidParameter)
    caller = error.__traceback__.tb_next.tb_next  # behind this test's own two frames
    error.__traceback__ = caller
    assert_clean(as_reporters_show_it(error))


def test_an_answer_that_could_not_be_read_stays_behind_when_its_error_is_pickled():
    error = UnexpectedAnswer("odd", method="im.disk.file.save")
    error.result = {"url": CANARY}
    sent = pickle.dumps(error)
    assert CANARY.encode() not in sent
    assert pickle.loads(sent).result is None  # noqa: S301  # our own bytes
    assert copy.copy(error).result is error.result


def test_a_pair_that_could_not_be_saved_stays_behind_when_its_error_is_pickled():
    error = TokenStoreError("away")
    error.auth = OAuthAuth("local.app", CANARY, TOKEN)
    assert CANARY.encode() not in pickle.dumps(error)
    assert copy.copy(error).auth is error.auth


async def test_a_store_that_fails_shows_nothing_of_what_it_was_to_keep(tmp_path):
    store = FileTokenStore(tmp_path / "missing" / "token.json")
    with pytest.raises(TokenStoreError) as caught:
        await store.save(TOKEN)
    assert_clean(as_reporters_show_it(caught.value))


def failing_store():
    class Store(MemoryTokenStore):
        async def save(self, token):
            row = token.to_dict()
            raise ConnectionError(f"{len(row)} columns")

    return Store()


async def test_an_error_of_a_users_store_tells_where_it_was_raised_and_none_of_the_variables():
    auth = OAuthAuth("local.app", CANARY, TOKEN, store=failing_store())
    with pytest.raises(TokenStoreError) as caught:
        await auth.credentials()
    text = as_reporters_show_it(caught.value)
    assert_clean(text)
    assert "ConnectionError: 8 columns" in text
    assert f'File "{__file__}", line ' in text
    assert "in save" in text


def test_frames_in_front_of_the_transport_stay():
    error = failing_with(lambda _: int("x"))
    forget_frames(error)
    assert [frame.name for frame in traceback.extract_tb(error.__traceback__)] == ["failing_with", "<lambda>"]


async def test_what_is_logged_of_an_error_has_no_frames_of_authorization(caplog):
    store = FileTokenStore("/dev/null/token.json")
    try:
        await store.load()
    except TokenStoreError:
        logging.getLogger("bitrix_chat").exception("it failed")
    error = caplog.records[-1].exc_info[1]
    names = [frame.name for frame in traceback.extract_tb(error.__traceback__)]
    assert names == ["test_what_is_logged_of_an_error_has_no_frames_of_authorization"]


@pytest.mark.parametrize("said", ["a b&c/d", "a+b%26c%2Fd", "a%20b%26c%2Fd", "a b&amp;c/d"])
def test_a_secret_is_masked_however_the_portal_spells_it(said):
    assert scrub(f"no {said}!", ["a b&c/d"]) == "no ***!"


def test_a_secret_that_was_cut_is_masked_to_where_it_was_cut():
    error = UnexpectedAnswer("odd", code=f"WRONG {CANARY[:20]}")
    scrub_error(error, [CANARY])
    assert error.code == "WRONG ***"
    described = UnexpectedAnswer(f"no {CANARY[:20]}")
    scrub_error(described, [CANARY])
    assert str(described) == "no ***"
    untouched = UnexpectedAnswer("odd", code="WRONG")
    scrub_error(untouched, [CANARY])
    assert untouched.code == "WRONG"
