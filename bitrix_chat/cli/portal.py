"""`bitrix-chat portal`: the emulator alone, for trying any client against it."""

import asyncio
import json
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated, Final, Literal

from cyclopts import Parameter

from bitrix_chat import InvalidParameter
from bitrix_chat.cli.faults import faults_from
from bitrix_chat.cli.json_text import json_value
from bitrix_chat.cli.whole_numbers import WholeNumber

if TYPE_CHECKING:
    from bitrix_chat.portal import Portal

_PORTS: Final = range(65536)


async def portal(
    *,
    port: WholeNumber = 0,
    plan: Literal["standard", "enterprise", "unlimited"] = "standard",
    cost: float = 0.0,
    operating_limit: float | None = None,
    tls: bool = False,
    faults: str | None = None,
    as_json: Annotated[bool, Parameter(name="--json")] = False,
) -> None:
    """Run an emulated portal on this machine until Ctrl-C, and print how to talk to it.

    It prints the address of a webhook and what an OAuth application holds. They open this emulator and nothing else.

    Args:
        port: The port to listen on; 0 takes a free one.
        plan: How many requests a second it takes.
        cost: Seconds that every method call works.
        operating_limit: Seconds that each method may work in ten minutes (480 in the cloud); no limit by default.
        tls: Serve https with a throwaway certificate, whose authority is written to the file printed as ca_file;
            needs the extra bitrix-chat[tls].
        faults: What goes wrong: a JSON list of objects with any of method, nth, times, status, body, headers, delay,
            delay_after, cut (before, after, truncate) and execute; as text or the path of a file.
        as_json: Print one JSON object instead of lines.
    """
    _check(port, cost, operating_limit)
    from bitrix_chat.portal import Plan, Portal  # noqa: PLC0415  # slow to import, and only for this

    script = () if faults is None else faults_from("--faults", json_value("--faults", faults))
    try:
        emulator = Portal(plan=Plan(plan), cost=cost, operating_limit=operating_limit, tls=tls, port=port)
    except RuntimeError as error:
        raise InvalidParameter(f"--tls: {error}") from None
    emulator.faults.add(*script)
    await _serve(emulator, tls=tls, as_json=as_json)


async def _serve(emulator: "Portal", *, tls: bool, as_json: bool) -> None:
    try:
        await emulator.start()
    except OSError as error:
        raise InvalidParameter(f"--port: the emulator cannot listen there ({error.strerror})") from None
    with ExitStack() as stack:
        try:
            folder = Path(stack.enter_context(TemporaryDirectory())) if tls else None
            _print(_access(emulator, folder), as_json=as_json)
            await asyncio.Event().wait()
        finally:
            await emulator.stop()


def _check(port: int, cost: float, operating_limit: float | None) -> None:
    if port not in _PORTS:
        raise InvalidParameter("--port is a number from 0 to 65535")
    if not cost >= 0:
        raise InvalidParameter("--cost takes seconds, 0 or more")
    if operating_limit is not None and not operating_limit > 0:
        raise InvalidParameter("--operating-limit takes seconds, more than 0")


def _access(emulator: "Portal", folder: Path | None) -> dict[str, str]:
    grant = emulator.oauth
    access = {
        "webhook_url": emulator.webhook_url,
        "client_id": grant.client_id,
        "client_secret": grant.client_secret,
        "access_token": grant.access_token,
        "refresh_token": grant.refresh_token,
        "client_endpoint": grant.client_endpoint,
        "authorization_server": emulator.authorization_server,
    }
    return access if folder is None else access | {"ca_file": str(emulator.ca_file(folder / "ca.pem"))}


def _print(access: Mapping[str, str], *, as_json: bool) -> None:
    text = json.dumps(access) if as_json else "\n".join(f"{name}: {value}" for name, value in access.items())
    print(text, flush=True)
