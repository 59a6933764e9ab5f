"""What nobody knows for certain about the portal, and what depends on its version: switches, not guesses."""

from enum import Enum
from typing import Final, Literal, final

import attrs


@final
class Plan(Enum):
    """Request intensity of a plan: a counter that blocks above its capacity and loses `drain` a second."""

    STANDARD = "standard"
    ENTERPRISE = "enterprise"
    UNLIMITED = "unlimited"

    @property
    def capacity(self) -> int | None:
        """Hits the counter may hold; None for a portal without the limiter."""
        return _INTENSITY[self][0]

    @property
    def drain(self) -> int:
        """Hits that leave the counter once a second."""
        return _INTENSITY[self][1]


_INTENSITY: Final[dict[Plan, tuple[int | None, int]]] = {
    Plan.STANDARD: (50, 2),
    Plan.ENTERPRISE: (250, 5),
    Plan.UNLIMITED: (None, 0),
}

# Where documentation and source give different statuses: (documentation, source).
_STATUSES: Final = {
    "INVALID_CREDENTIALS": (403, 401),
    "insufficient_scope": (403, 401),
    "user_access_error": (403, 401),
    "OVERLOAD_LIMIT": (503, 401),
    "PORTAL_DELETED": (500, 403),
}


@final
@attrs.frozen(kw_only=True)
class PortalPolicy:
    """The emulator's position on each open question.

    Attributes:
        statuses: Whose HTTP statuses to answer where the documentation and the source disagree.
        refused_hits_count: Whether a hit refused by the request limiter fills its counter too.
        retry_after: Seconds of a `Retry-After` header on limiter answers; None sends no header.
        old_refresh_token_valid: Whether a refresh token works again after it was exchanged.
        expired_token_dot: Whether the text of `expired_token` ends with a full stop.
        integer_times: Whether `time` carries whole seconds, as the current source does.
        duplicate_lookup: Which of several chats of one entity `im.chat.get` finds.
        operating: What the operating limit bills: every command of a batch by its own method, until its minute
            leaves the window (`nested`), or the batch itself at half weight, with a ban of 300 s (`batch`).
        https_required: Whether a webhook over plain http is refused; a real portal does.
        post_to_tokens: What the token endpoint does with POST: serve it, answer 405, or not see its body.
        invalid_client_status: HTTP status of `invalid_client`; the official SDKs know 400 and 401.
        overtime: What a request that works beyond the portal's `execution_limit` gets: the page of a proxy that
            gave up (504), or a closed connection.
        overtime_completes: Whether its work is done all the same, unheard.
        bot_chat_entities: What `imbot.v2.Chat.add`, whose documentation knows no entity, does with `entityType` and
            `entityId`: store and answer them, store them and answer none, or drop them.
        unknown_owner_joins: Whether an owner who does not exist becomes a member, as before REST revision 35.
        max_file_size: Bytes of a file, decoded, beyond which it is FILE_TOO_LARGE.
        max_input_vars: PHP's limit of form variables, in a body and in each command of a batch.
        private_joins: Whether a bot learns as JOINCHAT that a private chat with it began; the source says so, the
            documentation of `imbot.v2` is silent.
        event_cursor: How a page of events names the next one: `nextOffset`, the `lastEventId` of portals from before
            March 2026 (null on an empty page), or not at all.
        event_has_more: When a page of events promises more: when it is full, or always.
        event_order: How a page lists its events; the cursor follows the one listed last.
        event_ids: In which order events get their ids: as they happen, or every two of them swapped, so that a lower
            id turns up after a higher one, as it does where transactions overlap.
        event_repeats: What comes twice: nothing; every event, within its page; or what was acknowledged, once more.
        delivery_connections: How many webhooks are on their way at once; with one they arrive in their order.
        delivery_delay: Seconds that each webhook spends in the queue.
        delivery_timeout: Seconds after which a handler that does not answer is given up.
        delivery_beyond_loopback: Whether webhooks leave the machine.
    """

    statuses: Literal["docs", "source"] = "docs"
    refused_hits_count: bool = False
    retry_after: float | None = None
    old_refresh_token_valid: bool = False
    expired_token_dot: bool = False
    integer_times: bool = False
    duplicate_lookup: Literal["lowest", "highest"] = "lowest"
    operating: Literal["nested", "batch"] = "nested"
    https_required: bool = False
    post_to_tokens: Literal["serve", "method_not_allowed", "ignore_body"] = "serve"
    invalid_client_status: int = 400
    overtime: Literal["html", "drop"] = "html"
    overtime_completes: bool = False
    bot_chat_entities: Literal["kept", "kept silently", "dropped"] = "kept"
    unknown_owner_joins: bool = False
    max_input_vars: int = 1000
    max_file_size: int = 100 * 1024 * 1024
    private_joins: bool = False
    event_cursor: Literal["nextOffset", "lastEventId", "none"] = "nextOffset"
    event_has_more: Literal["full", "always"] = "full"
    event_order: Literal["ascending", "shuffled"] = "ascending"
    event_ids: Literal["ascending", "swapped"] = "ascending"
    event_repeats: Literal["never", "listed", "acknowledged"] = "never"
    delivery_connections: int = 10
    delivery_delay: float = 0.0
    delivery_timeout: float = 30.0
    delivery_beyond_loopback: bool = False

    def status(self, code: str) -> int:
        """Return the HTTP status of a code about which documentation and source differ."""
        documented, source = _STATUSES[code]
        return documented if self.statuses == "docs" else source
