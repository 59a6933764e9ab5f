"""Holds the lock of a limiter's file until it is killed."""

import sys
import time
from pathlib import Path

from bitrix_chat.storage.file_lock import try_lock

if __name__ == "__main__":
    with Path(sys.argv[1]).open("r+b") as file:
        print("held" if try_lock(file.fileno()) else "busy", flush=True)  # noqa: T201  # whoever started us reads it
        time.sleep(600)
