"""What tests of embedding share: each framework in turn, a receiver, and clients that nobody forgets."""

from functools import partial

import pytest

from bitrix_chat.events.memory_store import MemoryEventStore
from bitrix_chat.events.receiver import WebhookReceiver
from tests.embedding.homes import HOMES
from tests.events.event_bodies import APPLICATION_TOKEN


@pytest.fixture(params=HOMES)
def framework(request):
    return request.param


@pytest.fixture
def store():
    return MemoryEventStore()


@pytest.fixture
def receiver(store):
    return WebhookReceiver(application_token=APPLICATION_TOKEN, store=store)


@pytest.fixture
def made():
    """The clients that were made."""
    return []


@pytest.fixture
def make(portal, made):
    def make():
        made.append(portal.client())
        return made[-1]

    return make


@pytest.fixture
def home(framework, make):
    """Serve the application of a framework."""
    return partial(HOMES[framework][0], make)


@pytest.fixture
def door(framework, receiver):
    """Make what takes posted events in a framework."""
    return partial(HOMES[framework][1], receiver)
