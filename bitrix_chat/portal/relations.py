"""What ties a user to a chat: a place in it, and for a moment the sign that they are busy there."""

from typing import NamedTuple, final

import attrs


@final
@attrs.define
class Relation:
    """One member's place in a chat; `id` grows from one to join to the next.

    Attributes:
        hidden_up_to: The last message from before they came, if the history was hidden from them; otherwise 0.
        last_sent_id: Their last message.
        last_read_id: The message up to which their counter does not count.
        viewed_id: The last message they have ever read; unlike `last_read_id` it never goes back.
    """

    id: int
    hidden_up_to: int = 0
    last_sent_id: int = 0
    last_read_id: int = 0
    viewed_id: int = 0
    muted: bool = False


class InputAction(NamedTuple):
    """What the chat shows somebody doing; an empty code is plain typing."""

    code: str
    until: float
