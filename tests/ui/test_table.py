"""The tables of the drawer."""

import pandas as pd

from motrain_app.ui.table import ROWS_A_PAGE, RowTable


def test_pages_are_named_where_there_are_several_only():
    table = RowTable("mt-some")
    assert table.rows.empty
    for n, shown in ((ROWS_A_PAGE, False), (ROWS_A_PAGE + 1, True), (1, False)):
        table.show(pd.DataFrame({"partition": range(n)}))
        assert ("mt-one-page" not in table.view[0].css_classes) is shown
        assert table.view[0].css_classes[0] == "mt-some"


def test_other_rows_keep_the_widget_and_other_heads_make_a_new_one():
    table = RowTable("mt-some")
    table.show(pd.DataFrame({"partition": ["a"], "cells": [1]}))
    widget = table.view[0]
    table.show(pd.DataFrame({"partition": ["b", "c"], "cells": [2, 3]}))
    assert table.view[0] is widget
    assert table.rows["cells"].tolist() == [2, 3]
    table.show(pd.DataFrame({"partition": ["b"], "gain": [0.1]}))
    assert table.view[0] is not widget
    assert list(table.rows.columns) == ["partition", "gain"]


def test_nothing_in_heads_and_cells_can_run_and_numbers_stay_numbers():
    table = RowTable("mt-some")
    script = "<img src=x onerror=hit()>"
    table.show(pd.DataFrame({script: [script, "fine"], f"RMSE ({script})": [1.23456, 2.0], "n": [3, 4]}))
    assert not any("<" in name for name in table.rows.columns)
    assert list(table.rows.iloc[:, 0]) == ["‹img src=x onerror=hit()›", "fine"]
    assert table.rows.iloc[:, 1:].values.tolist() == [[1.235, 3], [2.0, 4]]


def test_a_longer_text_has_room_though_it_comes_later():
    table = RowTable("mt-some", choose=lambda row: None)
    table.show(pd.DataFrame({"partition": ["region 1"], "n": [1]}))
    narrow, widget = table.view[0].widths, table.view[0]
    table.show(pd.DataFrame({"partition": ["region 2"], "n": [5]}))
    assert table.view[0] is widget
    table.show(pd.DataFrame({"partition": ["region 2", "everything else"], "n": [5, 6]}))
    assert table.view[0].widths["partition"] >= 6 * len("everything else") + 12  # of which 12 are its padding
    assert table.view[0].widths["partition"] > narrow["partition"]
    assert table.view[0].widths["n"] == narrow["n"]
    table.show(pd.DataFrame({"partition": ["x" * 1000], "n": [5]}))
    assert table.view[0].widths["partition"] < 400
