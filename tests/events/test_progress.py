"""What may be acknowledged, as arithmetic; `test_stream_machine` tries it out against a portal."""

from bitrix_chat.events.progress import RECENT, SETTLING, Page, Progress

OLD = SETTLING + 1


def page(*event_ids, offset=0, at=0.0, age=OLD, is_whole=True):
    return Page(dict.fromkeys(event_ids, age), offset, at, is_whole)


def seen(*event_ids, **options):
    progress = Progress()
    progress.admit(page(*event_ids, **options))
    return progress


def test_before_anything_was_seen_nothing_is_acknowledged():
    assert Progress().offset == 1


def test_the_oldest_unfinished_event_bounds_what_is_acknowledged():
    progress = seen(3, 4, 9)
    assert progress.offset == 3
    progress.finish(9)
    progress.finish(4)
    assert progress.offset == 3
    progress.finish(3)
    assert progress.offset == 10


def test_what_is_finished_or_under_way_is_not_admitted_again():
    progress = seen(1, 2)
    progress.finish(1)
    assert progress.admit(page(1, 2, 3)) == [3]
    assert progress.admit(page(3, 2, 1)) == []


def test_ids_are_admitted_in_the_order_in_which_they_are_listed():
    assert Progress().admit(page(5, 3, 8)) == [5, 3, 8]


def test_what_another_process_has_handled_is_not_admitted_but_acknowledged():
    progress = Progress.after([2, 1])
    assert progress.admit(page(1, 2, 3)) == [3]
    assert progress.offset == 3


def test_what_the_portal_should_have_forgotten_is_still_known():
    progress = seen(1, 2)
    for event_id in (1, 2):
        progress.finish(event_id)
    progress.confirm(3)
    assert progress.admit(page(1, 2, offset=3)) == []


def test_a_lower_id_that_turns_up_later_holds_back_what_is_acknowledged():
    progress = seen(7)
    progress.finish(7)
    assert progress.offset == 8
    assert progress.admit(page(5)) == [5]
    assert progress.offset == 5


def test_a_hole_below_a_fresh_event_is_kept_open_until_it_was_looked_at_later():
    progress = seen(1, 2, 5, age=0.0)
    for event_id in (1, 2, 5):
        progress.finish(event_id)
    assert progress.offset == 3
    progress.admit(page(1, 2, 5, at=SETTLING - 0.1, age=0.0))
    assert progress.offset == 3
    progress.admit(page(5, offset=3, at=SETTLING))
    assert progress.offset == 6


def test_what_turns_up_in_a_hole_is_admitted_and_bounds_what_is_acknowledged():
    progress = seen(1, 3, age=0.0)
    progress.finish(1)
    progress.finish(3)
    assert progress.admit(page(2, 3, offset=2, at=2.0, age=0.0)) == [2]
    progress.admit(page(2, 3, offset=2, at=10.0))
    assert progress.offset == 2


def test_a_hole_below_an_old_event_is_none():
    progress = seen(10, 20, age=SETTLING)
    assert progress.holes == []


def test_a_hole_is_not_looked_at_by_a_page_that_ends_before_it_or_begins_behind_it():
    progress = seen(1, 5, age=0.0)
    progress.admit(page(1, at=99.0, is_whole=False))
    progress.admit(page(5, at=99.0, offset=5))
    assert progress.holes
    progress.admit(page(1, 5, at=99.0, is_whole=False))
    assert not progress.holes


def test_what_another_process_has_handled_was_no_hole():
    progress = Progress.after([1, 2, 3, 5])
    progress.admit(page(6, age=0.0))
    assert [(hole.start, hole.end) for hole in progress.holes] == [(1, 5)]
    progress = Progress.after([1, 2, 3, 4, 5])
    progress.admit(page(6, age=0.0))
    assert progress.holes == []


def test_what_is_remembered_is_bounded():
    progress = seen(*range(1, RECENT + 5000))
    for event_id in range(1, RECENT + 5000):
        progress.finish(event_id)
    progress.confirm(RECENT + 5000)
    assert progress.admit(page(1, 2 * RECENT // 2 + 4999)) == [1]
