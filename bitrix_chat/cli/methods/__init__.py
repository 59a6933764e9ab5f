"""Commands for every method of the client: made from what a client has, on the path that it has there."""

from cyclopts import App

from bitrix_chat.cli.methods.commands import app_of
from bitrix_chat.cli.methods.tree import root


def branch(word: str) -> App | None:
    """Return the command or group of commands that a client has under this word; None if it has none."""
    node = root(word.replace("-", "_"))
    return None if node is None else app_of(node)
