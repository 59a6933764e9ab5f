"""Which portal a command talks to, and as whom."""

import pytest

from bitrix_chat.portal import Portal


def test_a_webhook_url_is_enough(command, portal):
    assert command("call", "profile", "--url", portal.webhook_url).json["result"]["ID"] == "1"


def test_a_webhook_url_may_stand_in_a_file(command, portal, tmp_path):
    path = tmp_path / "webhook"
    path.write_text(f"{portal.webhook_url}\n")
    assert command("call", "profile", "--url", f"@{path}").code == 0


@pytest.mark.parametrize("behind", ["", "/", "/rest", "/rest/"])
def test_a_domain_goes_with_a_token(command, portal, behind):
    ran = command("call", "profile", "--url", f"{portal.url}{behind}", "--token", portal.oauth.access_token)
    assert ran.json["result"]["ID"] == "1"


def test_the_token_may_stand_in_a_file(command, portal, tmp_path):
    path = tmp_path / "token"
    path.write_text(portal.oauth.access_token)
    assert command("call", "profile", "--url", portal.url, "--token", f"@{path}").code == 0


def test_the_token_may_stand_in_the_environment(command, portal, monkeypatch):
    monkeypatch.setenv("BITRIX24_TOKEN", portal.oauth.access_token)
    assert command("call", "profile", "--url", portal.url).code == 0


def test_a_webhook_url_that_was_typed_goes_before_a_token_of_the_environment(command, portal, monkeypatch):
    monkeypatch.setenv("BITRIX24_TOKEN", "SECRETCANARY")
    assert command("call", "profile", "--url", portal.webhook_url).code == 0


def test_the_webhook_url_may_stand_in_the_environment(command, portal, monkeypatch):
    monkeypatch.setenv("BITRIX24_WEBHOOK_URL", portal.webhook_url)
    assert command("call", "profile").code == 0


def test_oauth_may_stand_in_the_environment(command, portal, monkeypatch):
    for name in ("client_id", "client_secret", "access_token", "refresh_token", "client_endpoint"):
        monkeypatch.setenv(f"BITRIX24_{name.upper()}", getattr(portal.oauth, name))
    assert command("call", "profile").code == 0


def test_a_domain_without_a_scheme_is_https(script, tmp_path):
    with Portal(tls=True).in_thread() as portal:
        domain = portal.url.removeprefix("https://")
        ca_file = portal.ca_file(tmp_path / "ca.pem")
        ran = script(
            *("call", "profile", "--url", domain, "--token", portal.oauth.access_token), SSL_CERT_FILE=str(ca_file)
        )
    assert ran.json["result"]["ID"] == "1"


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ([], "no portal is named"),
        (["--token", "SECRETCANARY"], "--token needs --url"),
        (["--url", "acme.example"], "needs --token"),
        (["--url", "https://acme.example/rest/"], "needs --token"),
        (["--url", "https://acme.example/rest/1/SECRETCANARY/", "--token", "SECRETCANARY"], "leave --token away"),
        (["--url", "http://acme.example", "--token", "SECRETCANARY"], "http://"),
        (["--url", "http://acme.example/rest/1/SECRETCANARY/"], "http://"),
        (["--url", "acme.example", "--token", "SECRET CANARY"], "--token:"),
        (["--url", "acme.example/x", "--token", "SECRETCANARY"], "--url:"),
        (["--url", "@/nowhere/SECRETCANARY"], "--url: the file cannot be read"),
        (["--url", "acme.example", "--token", "@/nowhere/SECRETCANARY"], "--token: the file cannot be read"),
        (["--url", "", "--token", "SECRETCANARY"], "--url:"),
    ],
)
def test_a_wrong_pair_is_refused_with_a_sentence(command, options, said):
    ran = command("call", "profile", *options)
    assert (ran.code, ran.out) == (2, "")
    assert said in ran.err
    assert "SECRET" not in ran.err


def test_a_wrong_address_in_the_environment_is_not_repeated(command, monkeypatch):
    monkeypatch.setenv("BITRIX24_WEBHOOK_URL", "https://acme.example/SECRETCANARY/")
    ran = command("call", "profile")
    assert ran.code == 2
    assert "in the environment is wrong" in ran.err
    assert "SECRET" not in ran.err


@pytest.mark.parametrize("timeout", ["0", "-1", "nan", "inf"])
def test_a_timeout_is_a_number_of_seconds(command, portal, timeout):
    ran = command("call", "profile", "--url", portal.webhook_url, f"--timeout={timeout}")
    assert (ran.code, portal.hits) == (2, 0)


def test_an_enterprise_portal_is_told_by_its_plan(command, portal):
    assert command("call", "profile", "--url", portal.webhook_url, "--plan", "enterprise").code == 0
