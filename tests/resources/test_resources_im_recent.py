"""The list of recent dialogs, the counters beside it, and the revision of it all."""

from datetime import UTC, datetime

import pytest

from bitrix_chat.errors import CursorStalled, InvalidParameter
from bitrix_chat.models.revision import ImRevision
from bitrix_chat.resources.im import ImResource
from bitrix_chat.rest.request import Request, Safety
from bitrix_chat.testing import ScriptedTransport

NOON = datetime(2031, 3, 4, 12, tzinfo=UTC)
NOON_SAID = "2031-03-04T12:00:00+00:00"
FLAGS = [
    "skip_openlines", "skip_dialog", "skip_chat", "unread_only", "parse_text", "get_original_text",
    "skip_undistributed_openlines", "only_copilot", "only_channel", "can_manage_messages",
]  # fmt: skip


def refused(fault, method, *positional, **arguments):
    with pytest.raises(InvalidParameter, match=fault):
        method(*positional, **arguments)


class TestGet:
    def test_nothing_is_needed(self, im):
        call = im.recent.get()
        assert call.request == Request("im.recent.get", {}, Safety.SAFE)
        assert [item.id for item in call.decode([{"id": 31}, {"id": "chat12"}])] == ["31", "chat12"]

    def test_it_says_everything(self, im):
        call = im.recent.get(
            skip_openlines=True,
            skip_chat=False,
            skip_dialog=True,
            last_update=NOON,
            only_openlines=False,
            last_sync_date=NOON,
        )
        assert call.request.params == {
            "SKIP_OPENLINES": "Y",
            "SKIP_CHAT": "N",
            "SKIP_DIALOG": "Y",
            "LAST_UPDATE": NOON_SAID,
            "ONLY_OPENLINES": "N",
            "LAST_SYNC_DATE": NOON_SAID,
        }

    def test_what_the_portal_would_misread(self, im):
        for name in ("skip_openlines", "skip_chat", "skip_dialog", "only_openlines"):
            refused(f"`{name}` is 'Y'", im.recent.get, **{name: "Y"})
        for name in ("last_update", "last_sync_date"):
            refused(f"`{name}` has no time zone", im.recent.get, **{name: NOON.replace(tzinfo=None)})


class TestList:
    def test_nothing_is_needed(self, im):
        call = im.recent.list()
        assert call.request == Request("im.recent.list", {}, Safety.SAFE)
        assert call.decode({"items": [{"id": 31}], "hasMore": False}).items[0].id == "31"

    def test_it_says_everything(self, im):
        call = im.recent.list(**dict.fromkeys(FLAGS, True), last_message_date=NOON, offset=0, limit=200)
        said = {**{name.upper(): "Y" for name in FLAGS}, "LAST_MESSAGE_DATE": NOON_SAID, "OFFSET": 0, "LIMIT": 200}
        assert call.request.params == said

    def test_what_the_portal_would_cut_or_misread(self, im):
        for name in FLAGS:
            refused(f"`{name}` is 1", im.recent.list, **{name: 1})
        refused("`last_message_date` has no time zone", im.recent.list, last_message_date=NOON.replace(tzinfo=None))
        refused("`limit` is 201, but it is a whole number from 1 to 200", im.recent.list, limit=201)
        refused("`offset` is -1", im.recent.list, offset=-1)


class TestIterator:
    @staticmethod
    async def read(pages, **arguments):
        transport = ScriptedTransport({"im.recent.list": pages})
        ids = [item.id async for item in ImResource(transport).recent.iter_recent(**arguments)]
        return ids, [request.params for request in transport.requests]

    @pytest.mark.parametrize("more", ["hasMore", "hasMorePages"])
    async def test_it_goes_on_by_what_it_asked_for(self, more):
        """The portal leaves out of a page what it may not show, and counts it all the same."""
        pages = [{"items": [{"id": 31}], more: True}, {"items": [{"id": "chat12"}, {"id": 32}], more: False}]
        ids, params = await self.read(pages, limit=2, unread_only=True)
        assert ids == ["31", "chat12", "32"]
        assert params == [
            {"UNREAD_ONLY": "Y", "OFFSET": 0, "LIMIT": 2},
            {"UNREAD_ONLY": "Y", "OFFSET": 2, "LIMIT": 2},
        ]

    async def test_a_page_of_nothing_that_the_user_may_see_is_passed_over(self):
        ids, params = await self.read([{"items": [], "hasMore": True}, {"items": [{"id": 31}], "hasMore": False}])
        assert (ids, params) == (["31"], [{"OFFSET": 0, "LIMIT": 200}, {"OFFSET": 200, "LIMIT": 200}])

    async def test_three_such_pages_in_a_row_are_an_error(self):
        with pytest.raises(CursorStalled, match=r"im\.recent\.list: 3 empty pages in a row"):
            await self.read([{"items": [], "hasMore": True}] * 3)

    async def test_it_is_lazy(self):
        transport = ScriptedTransport({"im.recent.list": [{"items": [{"id": 31}], "hasMore": True}]})
        recent = ImResource(transport).recent.iter_recent()
        assert transport.requests == []
        assert (await anext(recent)).id == "31"
        assert len(transport.requests) == 1


class TestMarks:
    @pytest.mark.parametrize(("value", "said"), [(True, {"PIN": "Y"}), (False, {"PIN": "N"}), (None, {})])
    def test_pin_says_which_way(self, im, value, said):
        call = im.recent.pin("chat12", pin=value)
        assert call.request == Request("im.recent.pin", {"DIALOG_ID": "chat12", **said}, Safety.IDEMPOTENT)
        assert call.decode(True) is True

    @pytest.mark.parametrize(("value", "said"), [(True, {"ACTION": "Y"}), (False, {"ACTION": "N"}), (None, {})])
    def test_unread_says_which_way(self, im, value, said):
        call = im.recent.unread("chat12", unread=value)
        assert call.request == Request("im.recent.unread", {"DIALOG_ID": "chat12", **said}, Safety.IDEMPOTENT)
        assert call.decode(True) is True

    def test_hide_names_the_dialog_and_is_not_repeated(self, im):
        """Somebody may have written meanwhile, which a repetition would hide."""
        call = im.recent.hide("31")
        assert call.request == Request("im.recent.hide", {"DIALOG_ID": "31"}, Safety.CREATE)
        assert call.decode(True) is True

    def test_what_the_portal_would_refuse(self, im):
        for method in (im.recent.pin, im.recent.unread, im.recent.hide):
            refused("`dialog_id` is 12", method, 12)
        refused("`pin` is 'Y'", im.recent.pin, "chat12", pin="Y")
        refused("`unread` is 'Y'", im.recent.unread, "chat12", unread="Y")


def test_the_counters_need_nothing(im):
    call = im.counters.get()
    assert call.request == Request("im.counters.get", {}, Safety.SAFE)
    assert call.decode({"TYPE": {"ALL": 4}, "CHAT": {"12": 4}}).chat == {12: 4}


def test_the_revision_needs_nothing(im):
    call = im.revision.get()
    assert call.request == Request("im.revision.get", {}, Safety.SAFE)
    raw = {"rest": 36, "web": "130", "mobile": 20, "desktop": 6, "im_revision_mobile": 21}
    assert call.decode(raw) == ImRevision(rest=36, web=130, mobile=20, desktop=6, im_revision_mobile=21)
