"""Names of the users' own choosing as parts of keys: what is plain stays readable, all else becomes its hash."""

import re
from hashlib import sha256
from typing import Final

_PLAIN: Final = re.compile(r"[A-Za-z0-9._@-]{1,100}")
_DIGITS: Final = 32


def key_part(name: str) -> str:
    """Return what stands for a name in a key; no two names share it."""
    if _PLAIN.fullmatch(name):
        return name
    return "#" + sha256(name.encode(errors="surrogatepass")).hexdigest()[:_DIGITS]
