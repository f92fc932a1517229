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
