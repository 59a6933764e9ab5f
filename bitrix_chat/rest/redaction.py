"""What may be said of a request: names and the portal's host, never a value that opens something."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final
from urllib.parse import quote, quote_plus, urlsplit

from bitrix_chat.errors import BitrixError, UntrustedRedirect
from bitrix_chat.rest.query import parse
from bitrix_chat.rest.secret import MASK

_SECRET_NAMES: Final = frozenset(
    {
        "accesstoken",
        "applicationtoken",
        "auth",
        "bottoken",
        "clientid",  # of `imbot.*`: it is to a webhook's bot what `botToken` is later; an OAuth client id is public
        "clientsecret",
        "refreshtoken",
        "token",
    }
)
_SHORTEST: Final = 4


def is_secret(name: str) -> bool:
    """Whether a parameter of this name opens something, in any of the portal's spellings."""
    return name.replace("_", "").lower() in _SECRET_NAMES


def masked(params: Any) -> Any:
    """Return a copy in which every secret parameter is `***`."""
    if isinstance(params, Mapping):
        return {name: _masked(str(name), value) for name, value in params.items()}
    if isinstance(params, list | tuple):
        return [masked(value) for value in params]
    return params


def _masked(name: str, value: Any) -> Any:
    if is_secret(name) and value:
        return MASK
    return scrubbed(value, _secrets_in_commands(value)) if name.lower() == "cmd" else masked(value)


def secrets_in(params: Any) -> Iterator[str]:
    """Yield the values of all secret parameters, those in the commands of a batch too."""
    if isinstance(params, Mapping):
        for name, value in params.items():
            if is_secret(str(name)) and isinstance(value, str):
                yield value
            elif str(name).lower() == "cmd":
                yield from _secrets_in_commands(value)
            else:
                yield from secrets_in(value)
    elif isinstance(params, list | tuple):
        for value in params:
            yield from secrets_in(value)


def _secrets_in_commands(commands: Any) -> Iterator[str]:
    listed = commands.values() if isinstance(commands, Mapping) else commands if isinstance(commands, list) else ()
    for command in listed:
        try:
            yield from secrets_in(parse(str(command).partition("?")[2]))
        except ValueError:  # beyond what PHP reads
            continue


def scrub(text: str, secrets: Iterable[str]) -> str:
    """Return `text` with every secret masked; the portal may repeat a parameter in its error."""
    for spelling in sorted(_spellings(secrets), key=len, reverse=True):
        text = text.replace(spelling, MASK)
    return text


def _spellings(secrets: Iterable[str]) -> set[str]:
    """Return secrets as they are and as an address or a page of HTML would have them."""
    from html import escape  # noqa: PLC0415  # slow to import, and needed for errors alone

    known = {str(secret) for secret in secrets if len(secret) >= _SHORTEST}
    return {spell(secret) for secret in known for spell in (str, _quoted, quote_plus, escape)}


def _quoted(text: str) -> str:
    return quote(text, safe="")


def _scrub_cut(text: str, secrets: Iterable[str]) -> str:
    """Mask also the beginning of a secret at the end of a text that was cut."""
    known = list(secrets)
    text = scrub(text, known)
    heads = (secret[:length] for secret in known for length in range(len(secret), _SHORTEST - 1, -1))
    head = max((head for head in heads if text.endswith(head)), key=len, default="")
    return text.removesuffix(head) + MASK if head else text


def scrubbed(value: Any, secrets: Iterable[str]) -> Any:
    """Return a copy of a JSON value with every secret masked in all of its texts."""
    known = list(secrets)
    if isinstance(value, str):
        return scrub(value, known)
    if isinstance(value, Mapping):
        return {name: scrubbed(item, known) for name, item in value.items()}
    return [scrubbed(item, known) for item in value] if isinstance(value, list) else value


def scrub_error(error: BitrixError, secrets: Iterable[str]) -> None:
    """Mask every secret in what an error says."""
    known = list(secrets)
    error.description = _scrub_cut(error.description, known)
    error.args = (error.description,)
    if error.code is not None:
        error.code = _scrub_cut(error.code, known)
    if isinstance(error, UntrustedRedirect) and error.location is not None:
        error.location = scrub(error.location, known)


def host_of(endpoint: str) -> str:
    """Return the host (and port) of a REST address, which is all that may be shown of a webhook's."""
    return urlsplit(endpoint).netloc.rpartition("@")[2]


def webhook_secret(endpoint: str) -> str | None:
    """Return the secret part of a webhook's REST address, None for an address without one."""
    parts = urlsplit(endpoint).path.strip("/").split("/")
    return parts[-1] if len(parts) >= 3 and parts[-2].isdecimal() else None
