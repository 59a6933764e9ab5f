"""Every secret the portal makes, with a word in it by which a test finds it wherever it leaked to."""

import secrets
from typing import Final

MARK: Final = "emulated"
"""What a secret begins with; at least twelve hexadecimal digits follow."""


def new_secret(length: int) -> str:
    """Make an unguessable secret of letters and digits, `length` of them random."""
    return MARK + secrets.token_hex((length + 1) // 2)[:length]
