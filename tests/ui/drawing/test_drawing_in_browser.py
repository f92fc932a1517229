"""Drawing with mouse and keys in a real browser: every gesture, and one message each."""

import re

import pytest

from motrain_app.ui.drawing.shape import Commit, Shape
from motrain_app.ui.map.extent import same_extent
from tests.ui.drawing.board import Board, corners, open_board

pytestmark = [pytest.mark.browser, pytest.mark.slow]

SQUARE = ((2.0, 42.0), (6.0, 42.0), (6.0, 46.0), (2.0, 46.0))
TRIANGLE = [(2.0, 42.0), (6.0, 42.0), (4.0, 46.0)]
REGION = Shape("a", "alps", "polygon", ((SQUARE,),), "#0072b2")
BOX = Shape("b", "plain", "box", ((SQUARE,),), "#e69f00")


@pytest.fixture(scope="module")
def opened(browser):
    """One page for all tests: to open it takes longer than any of them."""
    with open_board(browser) as board:
        yield board


@pytest.fixture
def board(opened) -> Board:
    """The page as if it were new."""
    opened.clear()
    return opened


class TestPolygon:
    def test_clicks_add_corners_and_enter_closes_with_one_message(self, board):
        board.turn("polygon")
        board.forget_sent()
        board.click(*TRIANGLE)
        board.screen.until(lambda: board.marks(".handles circle").count() == 3)
        assert board.layer.shapes == ()
        assert board.sent() == [], "nothing is said while one draws"
        board.press("Enter")
        (ring,) = board.holds()
        assert corners(ring) == TRIANGLE
        shape = board.layer.shapes[0]
        assert (shape.name, shape.kind, board.layer.selected) == ("region 1", "polygon", shape.id)
        board.screen.until(lambda: board.marks("text").all_text_contents() == ["region 1"])
        assert board.sent() == ["PATCH-DOC"]

    def test_a_click_on_the_first_corner_closes(self, board):
        board.turn("polygon")
        board.click(*TRIANGLE, TRIANGLE[0])
        assert corners(board.holds()[0]) == TRIANGLE

    def test_a_double_click_closes_and_adds_no_corner_twice(self, board):
        board.turn("polygon")
        board.click(*TRIANGLE[:2])
        board.click(TRIANGLE[2], click_count=2)
        assert corners(board.holds()[0]) == TRIANGLE

    def test_a_right_click_closes(self, board):
        board.turn("polygon")
        board.click(*TRIANGLE)
        board.click((4.0, 44.0), button="right")
        assert corners(board.holds()[0]) == TRIANGLE

    def test_backspace_takes_one_corner_back(self, board):
        board.turn("polygon")
        board.click(*TRIANGLE, (8.0, 48.0))
        board.press("Backspace", "Enter")
        assert corners(board.holds()[0]) == TRIANGLE

    def test_enter_before_the_third_corner_closes_nothing(self, board):
        board.turn("polygon")
        board.click(*TRIANGLE[:2])
        board.press("Enter")
        board.click(TRIANGLE[2])
        board.press("Enter")
        assert corners(board.holds()[0]) == TRIANGLE

    def test_escape_cancels_without_a_message(self, board):
        board.turn("polygon")
        board.forget_sent()
        board.click(*TRIANGLE)
        board.press("Escape")
        assert board.marks(".handles circle").count() == 0
        assert board.hint == "Click to start a region"
        board.click(*TRIANGLE)
        board.press("Enter")
        board.holds()
        assert board.sent() == ["PATCH-DOC"]

    def test_an_outline_that_crosses_itself_is_told_while_it_is_drawn(self, board):
        board.turn("polygon")
        board.click((2.0, 42.0), (6.0, 46.0), (6.0, 42.0))
        board.move((2.0, 45.0))
        assert board.hint.startswith("The outline crosses itself")
        board.screen.until(lambda: board.marks(".mt-drawing-hint.wrong").count() == 1)

    def test_the_map_pans_by_a_drag_while_a_polygon_is_drawn(self, board):
        board.turn("polygon")
        board.click(*TRIANGLE[:2])
        before = board.screen.frame("ranges")
        board.drag((8.0, 48.0), (7.0, 48.0))
        board.screen.until(lambda: board.screen.frame("ranges")[0] > before[0] + 0.5)
        board.click(TRIANGLE[2])
        board.press("Enter")
        assert corners(board.holds()[0]) == TRIANGLE

    def test_each_gesture_is_a_commit_of_its_own(self, board):
        seen = []
        watcher = board.layer.param.watch(lambda event: seen.append(event.new), "commit")
        board.turn("polygon")
        board.forget_sent()
        for shift in (0.0, 4.0):
            board.click(*((lon + shift, lat) for lon, lat in TRIANGLE))
            board.press("Enter")
        board.holds(2)
        board.screen.until(lambda: len(seen) == 2)  # it tells of a shape a moment after it has it
        board.layer.param.unwatch(watcher)
        first, second = (shape.id for shape in board.layer.shapes)
        assert [commit.added for commit in seen] == [(first,), (second,)]
        assert [shape.name for shape in board.layer.shapes] == ["region 1", "region 2"]
        assert board.sent() == ["PATCH-DOC"] * 2


class TestBox:
    def test_a_drag_draws_one(self, board):
        board.turn("box")
        board.forget_sent()
        board.drag((2.0, 46.0), (6.0, 42.0))
        assert corners(board.holds()[0]) == list(SQUARE)
        assert board.layer.shapes[0].kind == "box"
        assert board.sent() == ["PATCH-DOC"]

    def test_two_clicks_draw_one(self, board):
        board.turn("box")
        board.click((2.0, 46.0), (6.0, 42.0))
        assert corners(board.holds()[0]) == list(SQUARE)

    def test_escape_in_mid_drag_draws_none(self, board):
        board.turn("box")
        board.forget_sent()
        board.drag((2.0, 46.0), (6.0, 42.0), drop=False)
        board.press("Escape")
        board.screen.page.mouse.up()
        assert board.marks(".handles circle").count() == 0
        board.drag((3.0, 46.0), (6.0, 42.0))
        assert corners(board.holds()[0])[0] == (3.0, 42.0)
        assert board.sent() == ["PATCH-DOC"]


class TestEdit:
    def test_a_click_selects_and_another_one_beside_it_does_not(self, board):
        board.set(REGION)
        board.turn("edit")
        board.click((4.0, 44.5))
        board.screen.until(lambda: board.layer.selected == "a")
        board.screen.until(lambda: board.marks(".handles .corner").count() == 4)
        board.click((8.0, 48.0))
        board.screen.until(lambda: board.layer.selected == "")
        assert board.marks(".handles circle").count() == 0

    def test_a_corner_is_dragged(self, board):
        board.set(REGION, selected="a")
        board.turn("edit")
        board.forget_sent()
        board.drag((6.0, 46.0), (8.0, 47.0))
        board.screen.until(lambda: board.layer.shapes != (REGION,))
        assert corners(board.holds()[0]) == [*SQUARE[:2], (8.0, 47.0), SQUARE[3]]
        board.screen.until(lambda: board.layer.commit.changed == ("a",))
        assert board.sent() == ["PATCH-DOC"]

    def test_the_middle_of_an_edge_is_dragged_to_a_new_corner(self, board):
        board.set(REGION, selected="a")
        board.turn("edit")
        board.drag((6.0, 44.0), (8.0, 44.0))
        board.screen.until(lambda: board.layer.shapes != (REGION,))
        assert corners(board.holds()[0]) == [*SQUARE[:2], (8.0, 44.0), *SQUARE[2:]]

    def test_a_box_stays_one_when_the_middle_of_an_edge_is_dragged(self, board):
        board.set(BOX, selected="b")
        board.turn("edit")
        board.drag((6.0, 44.0), (8.0, 44.5))
        board.screen.until(lambda: board.layer.shapes != (BOX,))
        assert corners(board.holds()[0]) == [(2.0, 42.0), (8.0, 42.0), (8.0, 46.0), (2.0, 46.0)]
        assert board.layer.shapes[0].kind == "box"

    def test_the_whole_shape_is_dragged(self, board):
        board.set(REGION, selected="a")
        board.turn("edit")
        board.drag((4.0, 44.5), (5.0, 45.5))
        board.screen.until(lambda: board.layer.shapes != (REGION,))
        assert corners(board.holds()[0]) == [(lon + 1, lat + 1) for lon, lat in SQUARE]

    def test_escape_in_mid_drag_puts_a_shape_back(self, board):
        board.set(REGION, selected="a")
        board.turn("edit")
        board.forget_sent()
        at = board.marks("[data-id=a]").get_attribute("transform")
        board.drag((4.0, 44.5), (5.0, 45.5), drop=False)
        assert board.marks("[data-id=a]").get_attribute("transform") != at
        board.press("Escape")
        board.screen.page.mouse.up()
        assert board.marks("[data-id=a]").get_attribute("transform") == at
        assert board.layer.shapes == (REGION,)
        assert board.sent() == []

    def test_backspace_or_a_right_click_removes_the_corner_under_the_mouse(self, board):
        five = Shape("a", "alps", "polygon", (((*SQUARE, (1.0, 44.0)),),), "#0072b2")
        board.set(five, selected="a")
        board.turn("edit")
        board.move((1.0, 44.0))
        board.press("Backspace")
        board.screen.until(lambda: board.layer.shapes == (REGION,))
        board.click((2.0, 46.0), button="right")
        board.screen.until(lambda: board.layer.shapes != (REGION,))
        assert corners(board.holds()[0]) == list(SQUARE[:3])

    def test_delete_removes_the_selected_shape(self, board):
        board.set(REGION, BOX, selected="a")
        board.turn("edit")
        board.forget_sent()
        board.press("Delete")
        board.screen.until(lambda: board.layer.shapes == (BOX,))
        assert board.layer.commit.removed == ("a",)
        assert board.layer.selected == ""
        assert board.drawn() == ["b"]
        assert board.sent() == ["PATCH-DOC"]


class TestKeys:
    def test_p_b_and_v_turn_to_tools_and_tell_the_page(self, board):
        for key, mode in (("p", "polygon"), ("b", "box"), ("v", "edit")):
            board.press(key)
            board.screen.until(lambda mode=mode: board.layer.mode == mode)

    def test_no_key_acts_while_somebody_types(self, board):
        board.set(REGION, selected="a")
        board.turn("edit")
        field = board.screen.page.locator(".mt-field input")
        field.click()
        board.forget_sent()
        board.press("p", "b", "v", "Delete", "Escape")
        assert field.input_value() == "pbv"
        board.click((8.0, 48.0))  # a message that is surely behind the ones that must not come
        board.screen.until(lambda: board.layer.selected == "")
        assert (board.layer.mode, board.layer.shapes) == ("edit", (REGION,))

    def test_a_field_keeps_its_keys_while_a_polygon_is_drawn(self, board):
        board.turn("polygon")
        board.click(*TRIANGLE)
        field = board.screen.page.locator(".mt-field input")
        field.fill("xy")
        field.focus()
        board.press("Backspace", "Enter")
        assert field.input_value() == "x"
        board.screen.until(lambda: board.marks(".handles circle").count() == 3)
        assert board.layer.shapes == ()


class TestMove:
    def test_the_wheel_zooms_and_a_drag_pans_over_a_shape(self, board):
        board.set(REGION, selected="a")
        home = board.screen.frame("ranges")
        board.drag((4.0, 44.0), (6.0, 44.0))
        board.screen.until(lambda: board.screen.frame("ranges")[0] < home[0] - 1.5)
        board.move((4.0, 44.0))
        board.screen.page.mouse.wheel(0, -300)
        board.screen.until(
            lambda: board.screen.frame("ranges")[1] - board.screen.frame("ranges")[0] < home[1] - home[0]
        )
        board.screen.settled()
        assert same_extent(board.screen.view.extent, board.screen.view.view), "a gesture is remembered"
        assert board.layer.shapes == (REGION,)

    def test_shapes_stay_on_their_places(self, board):
        board.set(REGION)
        board.move((4.0, 44.0))
        board.screen.page.mouse.wheel(0, -300)
        board.screen.settled()
        box = board.marks("[data-id=a] .area").bounding_box()
        left, top = board.screen.at(2.0, 46.0)
        right, bottom = board.screen.at(6.0, 42.0)
        assert [box["x"], box["y"]] == pytest.approx([left, top], abs=3)
        assert [box["width"], box["height"]] == pytest.approx([right - left, bottom - top], abs=6)


class TestFromTheServer:
    def test_undo_replaces_what_is_drawn_and_makes_no_commit(self, board):
        board.set(REGION)
        board.turn("polygon")
        board.click((7.0, 47.0), (9.0, 47.0), (8.0, 49.0))
        board.press("Enter")
        board.holds(2)
        commit = board.layer.commit
        board.set(REGION)
        assert board.layer.shapes == (REGION,)
        assert board.layer.commit == commit
        board.set(REGION, BOX)
        assert board.drawn() == ["a", "b"]

    def test_a_polygon_that_is_half_drawn_survives_a_push(self, board):
        board.turn("polygon")
        board.click(*TRIANGLE)
        board.set(BOX)
        board.press("Enter")
        assert corners(board.holds(2)[1]) == TRIANGLE

    def test_a_name_is_text_whatever_it_holds(self, board):
        name = "<img src=x onerror=1>"
        board.set(Shape("a", name, "polygon", ((SQUARE,),)))
        board.screen.until(lambda: board.marks("text").all_text_contents() == [name])
        assert board.marks("img").count() == 0

    def test_a_long_name_is_cut(self, board):
        board.set(Shape("a", "x" * 300, "polygon", ((SQUARE,),)))
        board.screen.until(lambda: re.fullmatch("x{31}…", board.marks("text").text_content()))

    def test_a_hole_is_drawn_and_is_no_part_of_the_shape(self, board):
        hole = ((3.0, 43.0), (3.0, 45.0), (5.0, 45.0), (5.0, 43.0))
        board.set(Shape("a", "ring", "polygon", ((SQUARE, hole),)))
        board.turn("edit")
        board.click((2.5, 44.5))
        board.screen.until(lambda: board.layer.selected == "a")
        board.click((4.0, 44.0))
        board.screen.until(lambda: board.layer.selected == "")

    def test_the_drawing_comes_back_with_a_page_that_was_left(self, board):
        board.set(REGION)
        there = list(board.swap.objects)
        board.screen.on_server(lambda: setattr(board.swap, "objects", []))
        board.screen.until(lambda: board.marks(".area-group").count() == 0)
        board.screen.on_server(lambda: setattr(board.swap, "objects", there))
        board.screen.until(lambda: board.drawn() == ["a"])
        board.screen.until(lambda: board.screen.frame("box")[2] > 100)
        board.screen.settled()
        board.turn("polygon")
        board.forget_sent()
        board.click((7.0, 47.0), (9.0, 47.0), (8.0, 49.0))
        board.press("Enter")
        assert corners(board.holds(2)[1]) == [(7.0, 47.0), (9.0, 47.0), (8.0, 49.0)]
        assert board.layer.commit == Commit(board.layer.commit.number, added=(board.layer.shapes[1].id,))
        assert board.sent() == ["PATCH-DOC"], "the view that was left draws no more"
