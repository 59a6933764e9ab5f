"""Reading the authorization server's answers, PHP spellings included."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bitrix_chat.auth import AccessTokenAuth, Credentials, Token
from bitrix_chat.errors import InvalidParameter, InvalidPortalUrl, ReauthorizationRequired

ENDPOINT = "https://acme.bitrix24.com/rest/"
ACCESS = "canary-access"
REFRESH = "canary-refresh"
ANSWER = {
    "access_token": ACCESS,
    "refresh_token": REFRESH,
    "client_endpoint": ENDPOINT,
    "domain": "oauth.bitrix.info",
    "expires": "1790000000",
    "expires_in": "3600",
    "member_id": "a223c6b3710f85df22e9377d6c4f7553",
    "scope": "im,imbot, crm",
    "status": "L",
    "user_id": "7",
}


def test_an_answer_is_read_whatever_php_made_of_its_types():
    token = Token.from_answer(ANSWER)
    assert token == Token(ACCESS, REFRESH, ENDPOINT, ANSWER["member_id"], 1790000000.0, ("im", "imbot", "crm"), 7)
    assert token.credentials == Credentials(ENDPOINT, ACCESS)


def test_the_lifetime_gives_the_end_where_the_answer_has_no_end():
    assert Token.from_answer({**ANSWER, "expires": None}).expires > 1_700_000_000


@pytest.mark.parametrize(
    ("name", "value", "field", "read"),
    [
        ("expires", True, "expires", None),
        ("expires", "soon", "expires", None),
        ("expires", "nan", "expires", None),
        ("expires", 10**400, "expires", None),
        ("user_id", [], "user_id", None),
        ("user_id", 7, "user_id", 7),
        ("scope", ["im", "", 5], "scope", ("im", "5")),
        ("scope", None, "scope", ()),
        ("member_id", False, "member_id", ""),
        ("member_id", 12, "member_id", "12"),
    ],
)
def test_an_odd_value_beside_the_pair_never_costs_the_pair(name, value, field, read):
    answer = {**ANSWER, name: value}
    answer.pop("expires_in")
    assert getattr(Token.from_answer(answer), field) == read


@pytest.mark.parametrize("endpoint", [None, "", "https://user@evil.com/rest/", "http://evil.com/rest/", 5])
def test_the_address_comes_from_client_endpoint_or_not_at_all(endpoint):
    with pytest.raises(InvalidPortalUrl):
        Token.from_answer({**ANSWER, "client_endpoint": endpoint})


@pytest.mark.parametrize("name", ["access_token", "refresh_token"])
@pytest.mark.parametrize("value", [None, "", 5, "canary two words", "canary\nline"])
def test_a_missing_or_impossible_token_is_refused_without_showing_it(name, value):
    with pytest.raises(InvalidParameter, match=name) as caught:
        Token.from_answer({**ANSWER, name: value})
    assert "canary" not in str(caught.value)


@given(
    st.builds(
        Token,
        access_token=st.just(ACCESS),
        refresh_token=st.just(REFRESH),
        client_endpoint=st.just(ENDPOINT),
        member_id=st.text(),
        expires=st.none() | st.floats(allow_nan=False, allow_infinity=False),
        scope=st.lists(st.text("abc_", min_size=1)).map(tuple),
        user_id=st.none() | st.integers(0, 2**40),
    )
)
def test_a_token_survives_its_way_through_a_store(token):
    assert Token.from_dict(json.loads(json.dumps(token.to_dict()))) == token


async def test_no_repr_shows_a_secret():
    auth = AccessTokenAuth("acme.bitrix24.com", ACCESS)
    shown = f"{Token.from_answer(ANSWER)!r} {Token.from_answer(ANSWER)} {auth!r} {await auth.credentials()!r}"
    assert "canary" not in shown
    assert "acme.bitrix24.com" in shown


async def test_a_bare_access_token_says_what_to_do_when_it_expired():
    auth = AccessTokenAuth("https://acme.bitrix24.com/rest/", ACCESS)
    assert await auth.credentials() == Credentials(ENDPOINT, ACCESS)
    with pytest.raises(ReauthorizationRequired, match="OAuthAuth"):
        await auth.renew(await auth.credentials())


def test_a_bare_access_token_must_be_one():
    with pytest.raises(InvalidParameter, match="access_token"):
        AccessTokenAuth("acme.bitrix24.com", "")
