"""How a job can end other than by an answer: it is to be run again later, or it never can be run.

    BitrixError
    ├── InvalidParameter
    │   └── WrongJob            running it again would not help
    └── JobPostponed            run it again later: engines repeat what raises
        └── WrongWorker         another worker has to: this one never can

A chat that the portal refuses is neither: its job has done its work, and answers `failed`.
"""

from bitrix_chat.errors import BitrixError, InvalidParameter
from bitrix_chat.outcomes import Outcome


class WrongJob(InvalidParameter):
    """It is no job of this package, or names what its journal does not hold."""


class JobPostponed(BitrixError):
    """The chat has not come to its end, and may later: the engine is to run the same job again, after a while.

    Nothing was lost: what is known of the chat is in its journal, where the next run goes on from.
    """

    default_outcome = Outcome.REFUSED_TEMPORARY


class WrongWorker(JobPostponed):
    """This worker can never do the job, and another may: it serves another portal, or has no token of the bot.

    An engine that gives the job to any worker should try again soon, and not ever more rarely.
    """
