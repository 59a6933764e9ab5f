"""The one thing that a file's own `fsync` does not keep: its name."""

import os
from pathlib import Path


def sync_folder(folder: Path) -> None:
    """Make the new name survive a power cut, where folders can be opened at all."""
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
