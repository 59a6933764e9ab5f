"""What a lent session gives to ours."""

import aiohttp
import pytest

from bitrix_chat.http import lending


async def test_a_closed_session_lends_nothing():
    session = aiohttp.ClientSession()
    await session.close()
    with pytest.raises(RuntimeError, match="Session is closed"):
        lending.sharing(session, {}, scheme="https")
