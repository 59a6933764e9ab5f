"""Whose a file is: in a folder that others may write to, a file of theirs under our name is a trap."""

import os


def is_foreign(status: os.stat_result) -> bool:
    """Tell whether a file belongs to somebody who is neither this user nor root; unknown, so no, on Windows."""
    return os.name != "nt" and status.st_uid not in {os.geteuid(), 0}
