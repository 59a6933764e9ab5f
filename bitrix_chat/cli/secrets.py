"""What was given that opens something: the last net below messages that should not hold it anyway."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from bitrix_chat.rest.redaction import is_secret

_IN_WEBHOOK: Final = re.compile(r"/rest/\d+/([^/\s?#]+)")
_IN_ADDRESS: Final = re.compile(r"://[^/\s:@]*:([^/\s]+)@")
_ADDRESSES: Final = ("BITRIX24_SHARED", "BITRIX24_WEBHOOK_URL", "BITRIX_CHAT_JOURNALS")
_VARIABLES: Final = (
    "BITRIX24_ACCESS_TOKEN",
    "BITRIX24_BOT_TOKEN",
    "BITRIX24_CLIENT_SECRET",
    "BITRIX24_REFRESH_TOKEN",
    "BITRIX24_TOKEN",
)


def secrets_given(tokens: Sequence[str], environ: Mapping[str, str]) -> Iterator[str]:
    """Yield the secrets among the words of a command line and the variables of its environment."""
    for text in (*tokens, *(environ.get(name, "") for name in _ADDRESSES)):
        yield from _IN_WEBHOOK.findall(text)
        yield from _IN_ADDRESS.findall(text)
    yield from _of_options(tokens)
    yield from filter(None, (environ.get(name) for name in _VARIABLES))


def is_secret_option(word: str) -> bool:
    """Whether an option or parameter of this name holds what opens something, as `--new-token` does."""
    name = word.removeprefix("--").replace("-", "_")
    return is_secret(name) or name.endswith("token")


def _of_options(tokens: Sequence[str]) -> Iterator[str]:
    for word, following in zip(tokens, (*tokens[1:], ""), strict=True):
        option, equals, value = word.partition("=")
        if option.startswith("--") and is_secret_option(option):
            yield value if equals else following
