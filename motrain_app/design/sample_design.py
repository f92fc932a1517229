"""The ready design of the sample dataset: one operator everywhere, for a person to improve on."""

from pathlib import Path

from motrain_app.design.document import Design
from motrain_app.design.splitters import LeaveBlocksOut


def sample_design(data: str | Path, *, years: int = 8) -> Design:
    """Return the design that the app opens with.

    Parameters
    ----------
    data
        The sample dataset, as `motrain sample` wrote it.
    years
        Years in the dataset, from 2010 on. The last one is the test, or the last quarter of a single one; with
        fewer than three before it, quarters of a year are left out in place of years.
    """
    return Design(
        data,
        inputs=["TG1", "TG2", "WG1", "WG2", "LAI", "WR"],
        outputs=["backscatter", "slope"],
        filters=["TG1 > 273.65"],
        test=f"{2010 + years - 1}-01-01" if years > 1 else "2010-10-01",
        jackknife="year" if years > 3 else LeaveBlocksOut(days=91),
        learner="ridge2",  # trained in seconds: a person waits for nothing before the first look
    )
