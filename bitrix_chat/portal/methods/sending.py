"""Sending, for whoever sends: the longest text, and the template id that makes a message once."""

from typing import Final

import attrs

from bitrix_chat.portal.messages import PLAIN, Extras
from bitrix_chat.portal.methods.registry import Invocation
from bitrix_chat.portal.refusal import Refusal
from bitrix_chat.portal.state import Chat
from bitrix_chat.portal.template_ids import StillSendingError, is_template_id

_MAX_LENGTH: Final = 20_000


def shortened(text: str) -> str:
    """Cut a text at 20 000 characters, visibly."""
    return text if len(text) <= _MAX_LENGTH else text[:_MAX_LENGTH] + " (...)"


def send(
    call: Invocation,
    chat: Chat,
    author: int,
    text: str,
    *,
    system: bool = False,
    template_id: str = "",
    extras: Extras = PLAIN,
) -> int:
    """Send a message, or return the id of the one that was sent under the template id; system messages have none.

    Raises:
        Refusal: MESSAGE_DUPLICATED_BY_UUID, the first attempt is at work.
    """
    if system or not is_template_id(template_id):
        return call.state.post(chat, author, shortened(text), system=system, extras=extras)
    keyed = attrs.evolve(extras, uuid=template_id)
    try:
        return call.state.template_ids.once(
            template_id, lambda: call.state.post(chat, author, shortened(text), extras=keyed), lingers=call.lingers
        )
    except StillSendingError:
        raise Refusal("MESSAGE_DUPLICATED_BY_UUID", "Message duplicated by UUID") from None
