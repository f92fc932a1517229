"""The tables of the drawer."""

import pandas as pd

from motrain_app.ui.table import ROWS_A_PAGE, make_table, show_rows


def test_pages_are_named_where_there_are_several_only():
    table = make_table("mt-some", ("partition",))
    assert list(table.value.columns) == ["partition"]
    for n, shown in ((ROWS_A_PAGE, False), (ROWS_A_PAGE + 1, True), (1, False)):
        show_rows(table, pd.DataFrame({"partition": range(n)}))
        assert ("mt-one-page" not in table.css_classes) is shown
        assert table.css_classes[0] == "mt-some"


def test_nothing_in_heads_and_cells_can_run_and_numbers_stay_numbers():
    table = make_table("mt-some")
    script = "<img src=x onerror=hit()>"
    show_rows(table, pd.DataFrame({script: [script, "fine"], f"RMSE ({script})": [1.23456, 2.0], "n": [3, 4]}))
    assert not any("<" in name for name in table.value.columns)
    assert list(table.value.iloc[:, 0]) == ["‹img src=x onerror=hit()›", "fine"]
    assert table.value.iloc[:, 1:].values.tolist() == [[1.235, 3], [2.0, 4]]
