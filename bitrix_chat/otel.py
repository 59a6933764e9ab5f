"""For OpenTelemetry's instrumentation of aiohttp: addresses as a span may have them, since a portal's hold secrets.

    AioHttpClientInstrumentor().instrument(url_filter=url_filter)

or, for one session, `create_trace_config(url_filter=url_filter)` among its `trace_configs`. Nothing of OpenTelemetry
is imported here.
"""

import re
from typing import Final

from yarl import URL

from bitrix_chat.rest.secret import MASK

_WEBHOOK: Final = re.compile(r"(/rest/(?:api/)?\d+/)[^/]+", re.IGNORECASE)


def url_filter(url: URL | str) -> str:
    """Return an address without what opens something: a webhook's secret is `***`.

    User, query and fragment are left out of any address: signed links and tokens stand there. Text that is no
    address becomes `***` as a whole.
    """
    try:
        shown = URL(url).with_user(None).with_query(None).with_fragment(None)
        return str(shown.with_path(_WEBHOOK.sub(rf"\1{MASK}", shown.path)))
    except (ValueError, TypeError):  # no address, or a relative one
        return MASK
