"""The five ways in which an attempt can end, which is what every error is asked first."""

from enum import Enum


class Outcome(Enum):
    """How an attempt ended, decided by evidence and not by the kind of exception."""

    NOT_SENT = "not sent"
    """No byte left; it did not run."""
    REFUSED_TEMPORARY = "refused for now"
    """The portal says that it did not run, and may run later."""
    REFUSED = "refused"
    """The portal says that it did not run, and a repetition would not either."""
    UNKNOWN = "unknown"
    """Bytes left and no answer tells whether it ran."""
    DONE = "done"
    """It ran, and the answer is here."""
