"""Finding people, chats and departments: `im.search.*`."""

import pytest

from bitrix_chat.errors import CursorStalled, InvalidParameter
from bitrix_chat.resources.im.search import SearchResource
from bitrix_chat.rest.request import Request, Response, Safety
from bitrix_chat.testing.scripted import ScriptedTransport

PERSON = {"id": 11, "name": "Ines Vidal"}


@pytest.fixture
def search():
    return SearchResource(None)


def test_users_are_found_by_their_ids(search):
    call = search.user.list("in", business=True, offset=50, limit=50)
    params = {"FIND": "in", "BUSINESS": "Y", "OFFSET": 50, "LIMIT": 50}
    assert call.request == Request("im.search.user.list", params, Safety.SAFE)
    assert [(key, user.name) for key, user in call.decode({"11": PERSON}).items()] == [(11, "Ines Vidal")]
    assert call.decode([]) == {}


@pytest.mark.parametrize(
    ("arguments", "params"),
    [
        ({"find": "night"}, {"FIND": "night"}),
        ({"find_lines": "shop", "offset": 0, "limit": 1}, {"FIND_LINES": "shop", "OFFSET": 0, "LIMIT": 1}),
    ],
)
def test_chats_are_found_apart_from_open_lines(search, arguments, params):
    call = search.chat.list(**arguments)
    assert call.request == Request("im.search.chat.list", params, Safety.SAFE)
    (chat,) = call.decode([{"id": 8, "name": "Night shift", "description": None, "mute_list": {"11": True}}])
    assert (chat.id, chat.description, chat.mute_list) == (8, "", [11])


def test_departments_are_found_with_or_without_their_heads(search):
    call = search.department.list("qu", user_data=True, offset=1, limit=2)
    params = {"FIND": "qu", "USER_DATA": "Y", "OFFSET": 1, "LIMIT": 2}
    assert call.request == Request("im.search.department.list", params, Safety.SAFE)
    (department,) = call.decode([{"id": 4, "name": "Quality", "manager_user_id": 0}])
    assert (department.manager_user_id, department.manager_user_data) == (None, None)


@pytest.mark.parametrize("arguments", [{}, {"find": "ab", "find_lines": "cd"}])
def test_chats_are_searched_by_one_of_two_texts(search, arguments):
    with pytest.raises(InvalidParameter, match="exactly one of `find`, `find_lines` is needed"):
        search.chat.list(**arguments)


@pytest.mark.parametrize("find", ["a", " a ", "", None, 5])
def test_a_text_too_short_for_the_portal_is_refused(search, find):
    for method in (search.user.list, search.chat.list):
        with pytest.raises(InvalidParameter, match=r"`find` (has 1 characters|is empty|is int)|exactly one of"):
            method(find)


@pytest.mark.parametrize("find", ["", None, 5])
def test_departments_are_searched_by_a_text(search, find):
    with pytest.raises(InvalidParameter, match="`find` is "):
        search.department.list(find)


@pytest.mark.parametrize("branch", ["user", "chat", "department"])
@pytest.mark.parametrize("arguments", [{"limit": 51}, {"limit": 0}, {"offset": -1}, {"offset": "0"}])
def test_a_page_keeps_within_the_portals_bounds(search, branch, arguments):
    with pytest.raises(InvalidParameter, match=f"`{next(iter(arguments))}` is "):
        getattr(search, branch).list("abc", **arguments)


@pytest.mark.parametrize(
    ("branch", "iterate", "first", "second"),
    [
        ("user", "iter_users", {"2": {"id": 2}, "1": {"id": 1}}, {"3": {"id": 3}}),
        ("chat", "iter_chats", [{"id": 2}, {"id": 1}], [{"id": 3}]),
        ("department", "iter_departments", [{"id": 2}, {"id": 1}], [{"id": 3}]),
    ],
)
class TestAllThatIsFound:
    async def test_is_read_page_by_page(self, branch, iterate, first, second):
        method = f"im.search.{branch}.list"
        transport = ScriptedTransport({method: [Response(first, next=2), Response(second)]})
        found = getattr(getattr(SearchResource(transport), branch), iterate)("abc", limit=2)
        assert [(await anext(found)).id, (await anext(found)).id] == [2, 1]
        assert len(transport.requests) == 1
        assert [each.id async for each in found] == [3]
        assert [request.params for request in transport.requests] == [
            {"FIND": "abc", "OFFSET": 0, "LIMIT": 2},
            {"FIND": "abc", "OFFSET": 2, "LIMIT": 2},
        ]

    async def test_is_an_error_where_it_leads_round_in_a_circle(self, branch, iterate, first, second):
        transport = ScriptedTransport({f"im.search.{branch}.list": [Response(first, next=2), Response(second, next=2)]})
        with pytest.raises(CursorStalled):
            [each async for each in getattr(getattr(SearchResource(transport), branch), iterate)("abc")]


async def test_a_page_whose_people_are_all_null_is_not_the_last():
    pages = [Response({"3": None}, next=1), Response({"11": PERSON})]
    transport = ScriptedTransport({"im.search.user.list": pages})
    assert [user.id async for user in SearchResource(transport).user.iter_users("in")] == [11]


async def test_open_lines_are_read_page_by_page_too():
    transport = ScriptedTransport({"im.search.chat.list": [[{"id": 9}]]})
    assert [chat.id async for chat in SearchResource(transport).chat.iter_chats(find_lines="shop")] == [9]
    assert transport.requests[0].params == {"FIND_LINES": "shop", "OFFSET": 0, "LIMIT": 50}


class TestLast:
    """The history of searches, which the portal gives up."""

    def test_get_leaves_out_what_is_not_wanted(self, search):
        with pytest.warns(DeprecationWarning, match="there is no successor"):
            call = search.last.get(skip_openlines=True, skip_chat=False, skip_dialog=True)
        params = {"SKIP_OPENLINES": "Y", "SKIP_CHAT": "N", "SKIP_DIALOG": "Y"}
        assert call.request == Request("im.search.last.get", params, Safety.SAFE)

    def test_get_answers_chats_and_users_by_their_dialog_ids(self, search):
        with pytest.warns(DeprecationWarning, match="there is no successor"):
            call = search.last.get()
        assert call.request.params == {}
        chat, user = call.decode(
            [
                {"id": "chat8", "type": "chat", "avatar": {"url": "", "color": "#4ba984"}, "chat": {"id": 8}},
                {"id": 11, "type": "user", "avatar": [], "title": "Ines Vidal", "user": PERSON},
            ]
        )
        assert (chat.id, chat.avatar.url, chat.avatar.color, chat.chat.id, chat.user) == (
            "chat8",
            None,
            "#4ba984",
            8,
            None,
        )
        assert (user.id, user.avatar, user.user.name, user.chat) == ("11", None, "Ines Vidal", None)

    @pytest.mark.parametrize("name", ["add", "delete"])
    def test_a_dialog_is_remembered_or_forgotten(self, search, name):
        with pytest.warns(DeprecationWarning, match=f"the portal gives up im.search.last.{name}"):
            call = getattr(search.last, name)("chat8")
        assert call.request == Request(f"im.search.last.{name}", {"DIALOG_ID": "chat8"}, Safety.IDEMPOTENT)
        assert call.decode(True) is True

    @pytest.mark.parametrize("name", ["add", "delete"])
    def test_what_is_no_dialog_id_is_refused(self, search, name):
        with (
            pytest.warns(DeprecationWarning, match="there is no successor"),
            pytest.raises(InvalidParameter, match="`dialog_id` is 8, but"),
        ):
            getattr(search.last, name)(8)
