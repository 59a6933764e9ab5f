"""Processes that are going to be killed: started ahead of their time, told when to begin, and gone with the test."""

import asyncio
import sys
from pathlib import Path

import attrs


@attrs.define(eq=False)
class Processes:
    """Starts one process after the other; each says `ready`, is told how to begin, and says `begun`.

    Attributes:
        script: what they run.
        arguments: what each is given.
        together: how many are started at a time.
    """

    script: Path
    arguments: tuple
    together: int
    started: list = attrs.field(factory=list)
    ready: list = attrs.field(factory=list)

    async def begin(self, how="begin"):
        """Let a process begin that is ready: most of the time at once."""
        if not self.ready:
            self.ready = list(await asyncio.gather(*(self._started() for _ in range(self.together))))
        process = self.ready.pop()
        process.stdin.write(f"{how}\n".encode())
        assert await process.stdout.readline() == b"begun\n"
        return process

    async def end(self):
        for process in self.started:
            if process.returncode is None:
                process.kill()
            process.stdin.close()
            await process.wait()

    async def _started(self):
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            str(self.script),
            *self.arguments,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        self.started.append(process)
        assert await process.stdout.readline() == b"ready\n"
        return process
