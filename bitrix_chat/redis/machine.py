"""Which machine this is, for what its clock says: `time.monotonic` of another counts from somewhere else."""

import secrets
from functools import cache
from pathlib import Path
from typing import Final

_BOOT: Final = Path("/proc/sys/kernel/random/boot_id")


@cache
def machine() -> str:
    """Return what names this machine since its start; where no system tells it, this process alone."""
    try:
        return _BOOT.read_text(encoding="ascii").strip() or secrets.token_hex(16)
    except (OSError, ValueError):
        return secrets.token_hex(16)
