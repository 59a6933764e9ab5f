"""Signed links: `download.json?token=scope|query|signature`, good for the one who asked and nobody else.

The link carries its caller's secret, in the path of a webhook or as the access token of an application. It
stops working with that secret, and must be guarded like it.
"""

import base64
import hashlib
import hmac
import secrets
from collections.abc import Callable
from typing import final
from urllib.parse import urlencode

from bitrix_chat.portal.php import PhpValue, parse_str, strval
from bitrix_chat.portal.refusal import Refusal
from bitrix_chat.portal.secrets import MARK


@final
class SignedLinks:
    """Signs links with a key that never leaves the portal."""

    def __init__(self, address: Callable[[], str]) -> None:
        self._address = address
        self._key = secrets.token_bytes(32)

    @property
    def portal(self) -> str:
        """The portal's address, without a slash at its end."""
        return self._address()

    def download(self, *, scope: str, query: dict[str, int], credential: str, path: str, access_token: str) -> str:
        """Return a link that repeats the caller's own secrets: `path` of a webhook, or `access_token`."""
        packed = base64.b64encode(urlencode(query | {"_": secrets.token_hex(4)}).encode()).decode()
        token = f"{scope}|{packed}|{self._signature(credential, scope, packed)}"
        auth = {"auth": access_token} if access_token else {}
        return f"{self._address()}{path}download.json?{urlencode(auth | {'token': token})}"

    def _signature(self, credential: str, scope: str, packed: str) -> str:
        return MARK + hmac.new(self._key, f"{credential}|{scope}|{packed}".encode(), hashlib.sha256).hexdigest()

    def opened(self, token: PhpValue, credential: str) -> dict[str, PhpValue]:
        """Return the query of a token.

        Raises:
            Refusal: ACCESS_DENIED with 403, nobody signed this for the caller.
        """
        scope, _, rest = strval(token).partition("|")
        packed, _, signature = rest.partition("|")
        expected = self._signature(credential, scope, packed)
        if not hmac.compare_digest(signature.encode(errors="replace"), expected.encode()):
            raise Refusal("ACCESS_DENIED", "Access denied! Link check failed", 403)
        return parse_str(base64.b64decode(packed).decode())
