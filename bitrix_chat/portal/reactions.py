"""The reactions the portal knows: upper case in its tables, camelCase in requests and answers."""

import re
from typing import Final

_HUMP: Final = re.compile(r"(?<!^)(?=[A-Z])")

_NAMES: Final = (
    "LIKE DISLIKE FACE_WITH_TEARS_OF_JOY RED_HEART NEUTRAL_FACE FIRE CRY SLIGHTLY_SMILING_FACE WINKING_FACE LAUGH KISS "
    "WONDER SLIGHTLY_FROWNING_FACE LOUDLY_CRYING_FACE FACE_WITH_STUCK_OUT_TONGUE "
    "FACE_WITH_STUCK_OUT_TONGUE_AND_WINKING_EYE SMILING_FACE_WITH_SUNGLASSES CONFUSED_FACE FLUSHED_FACE THINKING_FACE "
    "ANGRY SMILING_FACE_WITH_HORNS FACE_WITH_THERMOMETER FACEPALM POO FLEXED_BICEPS CLAPPING_HANDS RAISED_HAND "
    "SMILING_FACE_WITH_HEART_EYES SMILING_FACE_WITH_HEARTS PLEADING_FACE RELIEVED_FACE FOLDED_HANDS OK_HAND SIGN_HORNS "
    "LOVE_YOU_GESTURE CLOWN_FACE PARTYING_FACE QUESTION_MARK EXCLAMATION_MARK LIGHT_BULB BOMB SLEEPING_SYMBOL "
    "CROSS_MARK WHITE_HEAVY_CHECK_MARK EYES HANDSHAKE HUNDRED_POINTS"
)
REACTIONS: Final = frozenset(_NAMES.split())


def reaction_named(name: str) -> str | None:
    """Find a reaction by the spelling of requests; None if there is no such reaction."""
    stored = _HUMP.sub("_", name).upper() if not name.isupper() else name
    return stored if stored in REACTIONS else None


def shown_reaction(stored: str) -> str:
    """Write a reaction as answers do."""
    first, *others = stored.lower().split("_")
    return first + "".join(word.capitalize() for word in others)
