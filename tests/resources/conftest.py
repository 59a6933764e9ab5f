"""The branches of the client without a client: a call is a value, and nothing here can send one."""

import struct

import pytest

from bitrix_chat.resources.general import GeneralResource
from bitrix_chat.resources.im import ImResource
from bitrix_chat.resources.imbot import BotHandle, ImbotResource

PNG = b"\x89PNG\r\n\x1a\n" + struct.pack(">I4sIIBBBBBI", 13, b"IHDR", 2, 2, 8, 6, 0, 0, 0, 0)


@pytest.fixture
def png():
    return PNG


@pytest.fixture
def large_png():
    return PNG[:16] + struct.pack(">II", 5001, 2) + PNG[24:]


@pytest.fixture
def im():
    return ImResource(None)


@pytest.fixture
def imbot():
    return ImbotResource(None)


@pytest.fixture
def general():
    return GeneralResource(None)


@pytest.fixture
def bot():
    return BotHandle(None, 456, "canary-token")
