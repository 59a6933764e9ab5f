"""TCP servers that do with a connection whatever a script says, which no decent server would."""

import asyncio
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

from yarl import URL

SECRET = "canary-webhook-secret"
Script = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def server(script: Script, *, tls: ssl.SSLContext | None = None) -> AsyncIterator[URL]:
    """Serve by a script; the address holds a secret in its path, as a webhook's does."""
    serving: set[asyncio.Task[None] | None] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        serving.add(asyncio.current_task())
        try:
            with suppress(ConnectionError, asyncio.IncompleteReadError):
                await script(reader, writer)
        except asyncio.CancelledError:
            writer.transport.abort()
        finally:
            writer.close()

    listening = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls)
    async with listening:
        port = listening.sockets[0].getsockname()[1]
        try:
            yield URL(f"http{'s' if tls else ''}://127.0.0.1:{port}/rest/1/{SECRET}/im.chat.add")
        finally:
            tasks = [task for task in serving if task is not None and task.cancel()]
            await asyncio.gather(*tasks, return_exceptions=True)
            await asyncio.sleep(0)


async def whole_request(reader: asyncio.StreamReader) -> bytes:
    """Read a request with its body, and return its head."""
    head = await reader.readuntil(b"\r\n\r\n")
    length = head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]
    await reader.readexactly(int(length or 0))
    return head


def reset(writer: asyncio.StreamWriter) -> None:
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


def after_reading(answer: bytes) -> Script:
    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await whole_request(reader)
        writer.write(answer)
        await writer.drain()

    return script


def answering(body: bytes, *headers: str) -> Script:
    lines = ["HTTP/1.1 200 OK", "Connection: close", *headers, f"Content-Length: {len(body)}", "", ""]
    return after_reading("\r\n".join(lines).encode() + body)


async def reset_after_reading(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await whole_request(reader)
    reset(writer)


async def close_after_reading(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
    await whole_request(reader)


async def say_nothing(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
    await whole_request(reader)
    await asyncio.sleep(30)
