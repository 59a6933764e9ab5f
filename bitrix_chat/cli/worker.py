"""`bitrix-chat worker`: creates the chats of `bulk --workers`, beside any number of others, until it is stopped."""

import asyncio
import sys
from contextlib import AsyncExitStack
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Any, Final

from attrs import evolve, frozen
from cyclopts import Parameter

from bitrix_chat import InvalidParameter
from bitrix_chat.cli import endings
from bitrix_chat.cli.bulk_connection import BulkConnection
from bitrix_chat.cli.bulk_server import server_of
from bitrix_chat.cli.connection import check_seconds
from bitrix_chat.cli.idling import end_when_idle
from bitrix_chat.cli.interrupts import Interrupts, listening
from bitrix_chat.cli.log_lines import said
from bitrix_chat.cli.whole_numbers import WholeNumber
from bitrix_chat.rest.secret import concealed_if_given

if TYPE_CHECKING:
    from docket import Worker as DocketWorker

    from bitrix_chat import BitrixChat
    from bitrix_chat.jobs.worker import Worker

CONCURRENCY: Final = 100
"""Jobs at a time, unless told otherwise: two requests of fifty chats each."""
_SPARE: Final = 50
"""Connections of the engine beyond one for each job."""
_REDELIVERY: Final = 30.0
_SHORTEST: Final = 0.1
_LONGEST: Final = 86_400.0


@Parameter(name="*", group="Portal")
@frozen(kw_only=True)
class WorkerConnection(BulkConnection):
    """The options that say which portal it is; its limits are shared by all workers."""

    egress: Annotated[
        str,
        Parameter(
            help="Names the address that requests leave from, where workers have several: the portal counts each on "
            "its own."
        ),
    ] = ""
    shared: Annotated[str | None, Parameter(parse=False)] = None

    def _options(self) -> dict[str, Any]:
        return {**super()._options(), "shared": self.shared, "egress": self.egress}


_CONNECTION = WorkerConnection()


async def worker(
    server: Annotated[str, Parameter(allow_leading_hyphen=True)],
    /,
    *,
    concurrency: WholeNumber = CONCURRENCY,
    docket: str | None = None,
    redelivery: float = _REDELIVERY,
    until_idle: bool = False,
    connection: WorkerConnection = _CONNECTION,
) -> int:
    """Create the chats that `bitrix-chat bulk --workers` has enqueued, beside any number of other workers.

    Also those of `bitrix_chat.jobs.docket.enqueue`; with --docket where its docket has a name of its own.

    All workers of a portal share its limits by the server. A worker may be killed at any moment: another takes over,
    and no chat is created twice. Ctrl-C or SIGTERM lets what is on its way land, and leaves the rest to others; a
    second one stops at once.

    Args:
        server: The address of the Redis or Valkey server, redis://host/0 for example; it has to keep an append-only
            file. @FILE reads it from a file.
        concurrency: How many chats at a time.
        docket: The name of the queue; without it, bitrix-chat:HOST by the portal's host.
        redelivery: Seconds after which the chats of a worker that died are another's.
        until_idle: Stop once nothing is left that this worker can do.
        connection: Which portal, and as whom.
    """
    check_seconds("--redelivery", redelivery)
    if not _SHORTEST <= redelivery <= _LONGEST:
        raise InvalidParameter(f"--redelivery takes {_SHORTEST:g} to {_LONGEST:,.0f} seconds")
    if concurrency < 1:
        raise InvalidParameter("--concurrency is at least 1")
    address = await server_of("SERVER", server)
    options = {"concurrency": concurrency, "redelivery_timeout": timedelta(seconds=redelivery)}
    async with AsyncExitStack() as stack:
        b24 = await stack.enter_async_context(evolve(connection, shared=address).client())
        await connection.check(b24)
        ours = await _worker(stack, b24, address, connection)
        engine = await _engine(stack, ours, docket or await _queue(b24), address, options)
        with said("docket"):
            return await _run(engine, ours, until_idle=until_idle)


async def _queue(b24: "BitrixChat") -> str:
    from bitrix_chat.jobs.clients import portal_of  # noqa: PLC0415  # slow to import
    from bitrix_chat.jobs.queues import queue_of  # noqa: PLC0415

    return queue_of(await portal_of(b24))


async def _worker(stack: AsyncExitStack, b24: "BitrixChat", address: str, connection: WorkerConnection) -> "Worker":
    from bitrix_chat.jobs import OneClient, Worker, redis_journals  # noqa: PLC0415  # an extra
    from bitrix_chat.redis.server import RedisServer  # noqa: PLC0415

    redis = RedisServer(address)
    stack.push_async_callback(redis.close)
    token = concealed_if_given(connection.token_of_bot())
    return Worker(clients=OneClient(b24), journals=redis_journals(redis), bot_token=lambda _portal, _bot: token)


async def _engine(
    stack: AsyncExitStack, ours: "Worker", name: str, address: str, options: dict[str, Any]
) -> "DocketWorker":
    try:
        from docket import Docket  # noqa: PLC0415  # an extra
        from docket import Worker as DocketWorker  # noqa: PLC0415

        from bitrix_chat.jobs.docket import chat_tasks  # noqa: PLC0415
    except ImportError:
        raise InvalidParameter('a worker needs its extra: pip install "bitrix-chat[docket]"') from None
    # Its pool holds a hundred unless told otherwise, and fails when it is empty.
    roomy = f"{address}{'&' if '?' in address else '?'}max_connections={options['concurrency'] + _SPARE}"
    docket = await stack.enter_async_context(Docket(name=name, url=roomy))
    for task in chat_tasks(ours):
        docket.register(task)
    return await stack.enter_async_context(DocketWorker(docket, **options))


async def _run(engine: "DocketWorker", ours: "Worker", *, until_idle: bool) -> int:
    working = asyncio.create_task(engine.run_until_finished() if until_idle else engine.run_forever())
    watching = asyncio.create_task(end_when_idle(engine, ours, working)) if until_idle else None
    stopping: list[asyncio.Task[None]] = []

    def drain() -> None:
        print("bitrix-chat: waiting for what is on its way; Ctrl-C again stops at once", file=sys.stderr)
        working.cancel()
        stopping.append(asyncio.create_task(ours.stop()))

    def stop() -> None:
        stopping.append(asyncio.create_task(ours.stop(drain=False)))

    interrupts = Interrupts(drain, stop)
    print(f"bitrix-chat: worker {engine.name} is ready", file=sys.stderr, flush=True)
    with listening(interrupts):
        try:
            await working  # it takes the cancellation as a word to end, and ends when its jobs have
        except asyncio.CancelledError:
            if not interrupts and (watching is None or not watching.done()):
                raise
        finally:
            if watching is not None:
                watching.cancel()
            await asyncio.gather(*stopping, return_exceptions=True)
    return endings.INTERRUPTED if interrupts.count > 1 else endings.DONE
