"""`bitrix-chat chat-structure`: what `create-chat --fields` takes."""

from bitrix_chat.cli.answers import show
from bitrix_chat.cli.chat_fields import EXAMPLE


def chat_structure(*, empty: bool = False) -> None:
    """Print the fields that create-chat takes, as JSON to fill in.

    Args:
        empty: Empty values instead of an example's.
    """
    fields = {name: type(value)() for name, value in EXAMPLE.items()} if empty else dict(EXAMPLE)
    show(fields, lost="The fields could not be printed")
