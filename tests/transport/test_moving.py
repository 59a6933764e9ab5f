"""Which redirects of a portal are followed: to agreed hosts, by https, for the same method."""

import pytest

from bitrix_chat.errors import Outcome, UntrustedRedirect
from bitrix_chat.transport.moving import Moved, Moves, at

CLOUD = "https://acme.bitrix24.com/rest/1/canarysecret/im.chat.add"
PATH = "/rest/1/canarysecret/im.chat.add"
OWN = "https://portal.example/rest/1/canarysecret/im.chat.add"


def accepting(*hosts: str) -> Moves:
    return Moves(lambda _, new: new in hosts)


@pytest.mark.parametrize(
    ("location", "origin"),
    [
        (f"https://acme-new.bitrix24.com{PATH}", "https://acme-new.bitrix24.com"),
        (f"https://acme.bitrix24.de{PATH}", "https://acme.bitrix24.de"),
        (f"https://ACME.bitrix24.com.br{PATH}/", "https://acme.bitrix24.com.br"),
        (f"//acme2.bitrix24.eu{PATH}", "https://acme2.bitrix24.eu"),
        (f"https://acme2.bitrix24.eu:443{PATH}?ignored=1", "https://acme2.bitrix24.eu"),
    ],
)
def test_a_portal_of_the_cloud_may_move_within_it(location, origin):
    moved = Moves().judged(CLOUD, location)
    assert type(moved) is Moved
    assert moved.origin == origin
    assert moved.outcome is Outcome.REFUSED_TEMPORARY


@pytest.mark.parametrize(
    ("location", "why"),
    [
        (f"http://acme-new.bitrix24.com{PATH}", "to an address without https"),
        (f"http://127.0.0.1{PATH}", "to an address without https"),
        (f"ftp://acme-new.bitrix24.com{PATH}", "to an address without https"),
        (f"https://evil.example{PATH}", "which nobody has agreed to"),
        (f"https://acme.bitrix24.com.evil.example{PATH}", "which nobody has agreed to"),
        (f"https://evilbitrix24.com{PATH}", "which nobody has agreed to"),
        (f"https://a.b.bitrix24.com{PATH}", "which nobody has agreed to"),
        (f"https://acme.bitrix24.site{PATH}", "which nobody has agreed to"),
        (f"https://bitrix24.com{PATH}", "which nobody has agreed to"),
        (f"https://203.0.113.7{PATH}", "which nobody has agreed to"),
        (f"https://[2001:db8::1]{PATH}", "which nobody has agreed to"),
        (f"https://acme-new.bitrix24.com:8443{PATH}", "which nobody has agreed to"),
        (f"https://acme.bitrix24.com:8443{PATH}", "which nobody has agreed to"),
        (f"https://user@acme-new.bitrix24.com{PATH}", "with a user name in the address"),
        (f"https://acme.bitrix24.com@evil.example{PATH}", "with a user name in the address"),
        (f"https://acme.bitrix24.com{PATH}", "to itself"),
        (PATH, "to itself"),
        ("", "leads nowhere"),
        ("https://", "to itself"),
        ("https://[evil", "leads nowhere"),
        (f"https://acme-new.bitrix24.com:port{PATH}", "leads nowhere"),
        (f"https://acme-new.bitrix24.com\\@evil.example{PATH}", "leads nowhere"),
        (f"https://acme-new.bitrix24.com\t.evil.example{PATH}", "leads nowhere"),
        (f"https://ácme.bitrix24.com{PATH}", "leads nowhere"),
        ("https://acme-new.bitrix24.com/auth/", "to another path"),
        ("https://acme-new.bitrix24.com/rest/2/other/im.chat.add", "to another path"),
    ],
)
def test_anything_else_is_refused_and_the_secret_is_not_repeated(location, why):
    with pytest.raises(UntrustedRedirect, match=why) as caught:
        Moves().judged(CLOUD, location)

    assert caught.value.outcome is Outcome.REFUSED
    assert "nothing was sent there" in str(caught.value)
    assert "canarysecret" not in f"{caught.value} {caught.value.location}"


def test_a_portal_outside_the_cloud_moves_where_its_owner_agrees():
    asked = []

    def accept(old: str, new: str) -> bool:
        asked.append((old, new))
        return new == "chat.portal.example:8443"

    moves = Moves(accept)
    assert moves.judged(OWN, f"https://chat.portal.example:8443{PATH}").origin == "https://chat.portal.example:8443"
    with pytest.raises(UntrustedRedirect) as caught:
        moves.judged(OWN, f"https://evil.example{PATH}")
    assert caught.value.location == "evil.example"
    assert asked == [("portal.example", "chat.portal.example:8443"), ("portal.example", "evil.example")]


def test_a_portal_outside_the_cloud_may_not_move_into_it_unasked():
    with pytest.raises(UntrustedRedirect):
        Moves().judged(OWN, f"https://acme.bitrix24.com{PATH}")


@pytest.mark.parametrize("answer", [None, 1, "yes", 0])
def test_only_true_is_agreement(answer):
    with pytest.raises(UntrustedRedirect):
        Moves(lambda *_: answer).judged(OWN, f"https://chat.portal.example{PATH}")


def test_agreement_does_not_reach_plain_http_or_another_path():
    for location in (f"http://chat.portal.example{PATH}", "https://chat.portal.example/login"):
        with pytest.raises(UntrustedRedirect):
            accepting("chat.portal.example").judged(OWN, location)


def test_a_callback_that_fails_agrees_to_nothing():
    def accept(old: str, new: str) -> bool:
        raise KeyError(old)

    with pytest.raises(UntrustedRedirect, match="`accept_move` failed with KeyError"):
        Moves(accept).judged(OWN, f"https://chat.portal.example{PATH}")


def test_loopback_may_do_without_https_where_the_client_allows_it():
    moves = Moves(lambda *_: True, allow_insecure_loopback=True)
    sent_to = f"http://127.0.0.1:8000{PATH}"
    assert moves.judged(sent_to, f"http://localhost:8000{PATH}").origin == "http://localhost:8000"
    assert moves.judged(sent_to, f"http://[::1]:8000{PATH}").origin == "http://[::1]:8000"
    with pytest.raises(UntrustedRedirect):
        moves.judged(sent_to, f"http://portal.example{PATH}")


def test_a_move_is_reported_once_and_remembered():
    reported = []
    moves = Moves(None, lambda old, new: reported.append((old, new)))
    endpoint = "https://acme.bitrix24.com/rest/1/canarysecret/"

    assert moves.current(endpoint) == endpoint
    assert moves.keep(endpoint, "https://acme-new.bitrix24.com") == "acme.bitrix24.com"
    assert moves.keep(endpoint, "https://acme-new.bitrix24.com") == ""
    assert moves.current(endpoint) == "https://acme-new.bitrix24.com/rest/1/canarysecret/"
    assert moves.current("https://other.bitrix24.com/rest/") == "https://other.bitrix24.com/rest/"
    assert reported == [("acme.bitrix24.com", "acme-new.bitrix24.com")]


def test_an_address_keeps_its_path_at_another_origin():
    assert at("https://acme.bitrix24.com/rest/1/x/", "https://new.example:1") == "https://new.example:1/rest/1/x/"
