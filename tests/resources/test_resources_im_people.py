"""People and departments: `im.user.*` and `im.department.*`."""

import pytest

from bitrix_chat.enums import UserStatus
from bitrix_chat.errors import CursorStalled, InvalidParameter, Outcome, UnexpectedAnswer
from bitrix_chat.resources.im.department import DepartmentResource
from bitrix_chat.resources.im.user import UserResource
from bitrix_chat.rest.request import Request, Response, Safety
from bitrix_chat.testing.scripted import ScriptedTransport

PERSON = {"id": 11, "name": "Ines Vidal", "departments": [4], "idle": False, "phones": False}


@pytest.fixture
def user():
    return UserResource(None)


@pytest.fixture
def department():
    return DepartmentResource(None)


class TestUser:
    def test_get_asks_for_the_caller_by_default(self, user):
        call = user.get()
        assert call.request == Request("im.user.get", {}, Safety.SAFE)
        assert call.decode(PERSON).name == "Ines Vidal"

    @pytest.mark.parametrize(("avatar_hr", "word"), [(True, "Y"), (False, "N")])
    def test_get_names_the_user(self, user, avatar_hr, word):
        assert user.get(11, avatar_hr=avatar_hr).request.params == {"ID": 11, "AVATAR_HR": word}

    def test_users_are_asked_for_in_the_form_that_keeps_their_ids(self, user):
        call = user.list.get(iter([11, 12]), avatar_hr=True)
        assert call.request == Request("im.user.list.get", {"ID": [11, 12], "AVATAR_HR": "Y"}, Safety.SAFE)

    @pytest.mark.parametrize("raw", [{"11": PERSON, "12": None}, [PERSON, None]])
    def test_users_come_by_their_ids_without_those_whom_the_caller_may_not_see(self, user, raw):
        call = user.list.get([11, 12])
        assert call.request
        assert {user_id: found.name for user_id, found in call.decode(raw).items()} == {11: "Ines Vidal"}

    def test_nobody_is_an_empty_map(self, user):
        call = user.list.get([99])
        assert call.request
        assert call.decode([]) == {}

    def test_an_odd_answer_says_that_the_method_ran(self, user):
        call = user.list.get([99])
        assert call.request
        with pytest.raises(UnexpectedAnswer) as caught:
            call.decode({"99": "gone"})
        assert (caught.value.method, caught.value.outcome) == ("im.user.list.get", Outcome.DONE)

    @pytest.mark.parametrize(
        ("arguments", "fault"),
        [
            (([],), "`user_ids` is empty, but at least one id is needed"),
            ((["11"],), "`user_ids[0]` is '11', but an id is a positive whole number"),
            (("11",), "`user_ids` is '11', not a list of ids"),
        ],
    )
    def test_users_have_to_be_named_by_ids(self, user, arguments, fault):
        with pytest.raises(InvalidParameter) as caught:
            user.list.get(*arguments)
        assert caught.value.description == fault

    @pytest.mark.parametrize("arguments", [{"user_id": 0}, {"user_id": "11"}, {"avatar_hr": "Y"}, {"avatar_hr": 1}])
    def test_get_refuses_what_the_portal_would_misread(self, user, arguments):
        with pytest.raises(InvalidParameter, match=f"`{next(iter(arguments))}` is "):
            user.get(**arguments)


class TestStatus:
    @pytest.mark.parametrize(
        ("raw", "status"), [("dnd", UserStatus.DND), ("at lunch", "at lunch"), (False, None), ("", None)]
    )
    def test_get_answers_the_status_a_word_unknown_here_or_none(self, user, raw, status):
        call = user.status.get()
        assert call.request == Request("im.user.status.get", {}, Safety.SAFE)
        assert call.decode(raw) == status
        assert type(call.decode(raw)) is type(status)

    @pytest.mark.parametrize("status", UserStatus)
    def test_set_takes_the_word_in_any_case(self, user, status):
        for word in (status, status.value.upper()):
            call = user.status.set(word)
            assert call.request == Request("im.user.status.set", {"STATUS": status.value}, Safety.IDEMPOTENT)
            assert call.decode(True) is True

    @pytest.mark.parametrize("status", ["asleep", "", None, 5])
    def test_set_refuses_what_is_no_status(self, user, status):
        with pytest.raises(InvalidParameter, match="`status` is "):
            user.status.set(status)

    @pytest.mark.parametrize(("arguments", "params"), [((), {}), ((7,), {"AGO": 7})])
    def test_absence_begins_some_minutes_ago(self, user, arguments, params):
        call = user.status.idle.start(*arguments)
        assert call.request == Request("im.user.status.idle.start", params, Safety.IDEMPOTENT)
        assert call.decode(True) is True

    @pytest.mark.parametrize("minutes", [0, -1, 1.5, "5", True])
    def test_absence_takes_whole_minutes(self, user, minutes):
        with pytest.raises(InvalidParameter, match=r"`minutes` is .* a whole number of at least 1"):
            user.status.idle.start(minutes)

    def test_absence_ends(self, user):
        call = user.status.idle.end()
        assert call.request == Request("im.user.status.idle.end", {}, Safety.IDEMPOTENT)
        assert call.decode(True) is True


class TestDepartment:
    def test_get_asks_for_departments(self, department):
        call = department.get([4, 5], user_data=True)
        assert call.request == Request("im.department.get", {"ID": [4, 5], "USER_DATA": "Y"}, Safety.SAFE)
        (found,) = call.decode([{"id": 4, "manager_user_id": 11, "manager_user_data": PERSON}])
        assert (found.manager_user_id, found.manager_user_data.id) == (11, 11)

    @pytest.mark.parametrize("branch", ["managers", "employees"])
    def test_people_of_departments_are_ids_or_users(self, department, branch):
        resource = getattr(department, branch)
        call = resource.get([4, 5])
        assert call.request == Request(f"im.department.{branch}.get", {"ID": [4, 5]}, Safety.SAFE)
        assert call.decode({"4": [11], "5": []}) == {4: [11], 5: []}
        assert call.decode([]) == {}
        call = resource.get([4], user_data=False)
        assert call.request.params == {"ID": [4], "USER_DATA": "N"}
        assert call.decode({"4": ["11"]}) == {4: [11]}
        call = resource.get([4], user_data=True)
        assert call.request.params == {"ID": [4], "USER_DATA": "Y"}
        assert [found.name for found in call.decode({"4": [PERSON]})[4]] == ["Ines Vidal"]

    @pytest.mark.parametrize("branch", ["", "managers", "employees"])
    def test_at_least_one_department_is_needed(self, department, branch):
        resource = getattr(department, branch) if branch else department
        with pytest.raises(InvalidParameter, match="`department_ids` is empty"):
            resource.get([])
        with pytest.raises(InvalidParameter, match="`user_data` is 'Y', but it is True or False"):
            resource.get([4], user_data="Y")

    def test_colleagues_come_by_pages_of_ids_or_users(self, department):
        call = department.colleagues.list()
        assert call.request == Request("im.department.colleagues.list", {}, Safety.SAFE)
        assert call.decode([11, "12"]) == [11, 12]
        call = department.colleagues.list(user_data=True, offset=10, limit=50)
        assert call.request.params == {"USER_DATA": "Y", "OFFSET": 10, "LIMIT": 50}
        assert [found.id for found in call.decode([PERSON])] == [11]

    @pytest.mark.parametrize("arguments", [{"limit": 51}, {"limit": 0}, {"offset": -1}, {"user_data": 1}])
    def test_a_page_of_colleagues_keeps_within_the_portals_bounds(self, department, arguments):
        with pytest.raises(InvalidParameter, match=f"`{next(iter(arguments))}` is "):
            department.colleagues.list(**arguments)


async def test_colleagues_are_read_page_by_page_as_they_are_needed():
    transport = ScriptedTransport(
        {"im.department.colleagues.list": [Response([11, 12], next=2), Response([13], next=3), Response([])]}
    )
    colleagues = DepartmentResource(transport).colleagues.iter_colleagues(limit=2)
    assert [await anext(colleagues), await anext(colleagues)] == [11, 12]
    assert len(transport.requests) == 1
    assert [found async for found in colleagues] == [13]
    assert [request.params for request in transport.requests] == [
        {"OFFSET": 0, "LIMIT": 2},
        {"OFFSET": 2, "LIMIT": 2},
        {"OFFSET": 3, "LIMIT": 2},
    ]


async def test_colleagues_may_be_read_as_users():
    transport = ScriptedTransport({"im.department.colleagues.list": [[PERSON]]})
    colleagues = DepartmentResource(transport).colleagues.iter_colleagues(user_data=True)
    assert [found.name async for found in colleagues] == ["Ines Vidal"]
    assert transport.requests[0].params == {"USER_DATA": "Y", "OFFSET": 0, "LIMIT": 50}


async def test_colleagues_that_lead_round_in_a_circle_are_an_error():
    transport = ScriptedTransport({"im.department.colleagues.list": Response([11], next=10)})
    with pytest.raises(CursorStalled):
        [found async for found in DepartmentResource(transport).colleagues.iter_colleagues()]
    assert len(transport.requests) == 2
