"""What Redis acknowledges may still be on its way to the disk; what must survive a power cut waits for that."""

from collections.abc import Sequence
from typing import Any, Final

from bitrix_chat.redis.errors import RedisAway
from bitrix_chat.redis.server import RedisServer

_DISK: Final = 3000
"""Milliseconds to wait for the server's disk; its own default leaves it at most one second behind."""

Argument = str | bytes | int | float
Command = Sequence[Argument]


async def run_all(server: RedisServer, commands: Sequence[Command], *, on_disk: bool = False) -> list[Any]:
    """Have commands done in order by one connection, and return each answer, or a `RedisFailed` where it was refused.

    Args:
        server: the server.
        commands: each with its arguments.
        on_disk: return only when all is on the server's disk; one that is older than Redis 7.2 cannot tell, and is as
            safe as its `appendfsync`.

    Raises:
        RedisAway: the server does not answer, or its disk does not.
    """
    with server.explained():
        async with server.redis.pipeline(transaction=False) as pipeline:
            for command in commands:
                pipeline.execute_command(*command)
            if on_disk:
                pipeline.execute_command("WAITAOF", 1, 0, _DISK)
            answers: list[Any] = await pipeline.execute(raise_on_error=False)
    if on_disk:
        _check_disk(server, answers.pop())
    answers = [server.explanation(answer) if isinstance(answer, Exception) else answer for answer in answers]
    away = next((answer for answer in answers if isinstance(answer, RedisAway)), None)
    if away is not None:  # it is loading its files, for example
        raise away
    return answers


def evaluation(script: str, keys: Sequence[str], arguments: Sequence[Argument]) -> Command:
    """Return the command that runs a script."""
    return ("EVAL", script, len(keys), *keys, *arguments)


def _check_disk(server: RedisServer, answer: Any) -> None:
    if isinstance(answer, Exception):  # an old server does not know the command, a managed one may let nobody use it
        return
    if not isinstance(answer, list) or not answer or int(answer[0]) < 1:
        raise RedisAway(f"the disk of the Redis server at {server.place} is too slow")
