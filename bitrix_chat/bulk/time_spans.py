"""Seconds in words, no more exact than they are known."""


def spoken(seconds: float) -> str:
    """Say how long something takes: `0.7 s`, `12 s`, `41 min`, `3.4 h`, `2.5 days`."""
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    if seconds < 119.5:
        return f"{seconds:.0f} s"
    if seconds < 5970:
        return f"{seconds / 60:.0f} min"
    if seconds < 172_800:
        return f"{seconds / 3600:.1f} h"
    return f"{seconds / 86_400:,.1f} days"
