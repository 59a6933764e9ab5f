"""A client that builds calls and cannot send any: for looking at methods, and for checking what would be sent."""

from bitrix_chat import BitrixChat, Response
from bitrix_chat.rest.request import Exchange


class _Nowhere:
    async def send(self, exchange: Exchange) -> Response:
        raise RuntimeError(f"{exchange.request.method} is looked at and never sent")


def rehearsing_client() -> BitrixChat:
    """Return a client of no portal."""
    return BitrixChat.over(_Nowhere())
