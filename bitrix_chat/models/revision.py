"""Revisions of the chat API as a user's client sees them."""

from attrs import frozen


@frozen(kw_only=True)
class ImRevision:
    """Revisions of the chat API, for telling what a portal can do (`im.revision.get`).

    Attributes:
        im_revision_mobile: of the mobile application, under its older name.
    """

    rest: int
    web: int | None = None
    mobile: int | None = None
    desktop: int | None = None
    im_revision_mobile: int | None = None
