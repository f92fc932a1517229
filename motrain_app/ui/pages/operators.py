"""The Operators page: what there is to take home, and a snippet that works when pasted."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import panel as pn
import panel_material_ui as pmui

from motrain_app.operators import AnyMember, EnsembleMember, Member, Operator, Variable
from motrain_app.ui.escape import safe_text
from motrain_app.ui.ready import Background
from motrain_app.ui.run_banner import RunBanner
from motrain_app.ui.run_follower import RunFollower
from motrain_app.ui.run_scores import UNREADABLE, RunScores
from motrain_app.ui.run_starter import RunStarter
from motrain_app.ui.run_watch import STATES
from motrain_app.ui.score_words import interval_words
from motrain_app.ui.session import Session
from motrain_app.ui.stage import Stage
from motrain_app.ui.table import RowTable

STATE_COLOURS = {"waiting": "#bbbbbb", "done": "#009e73", "failed": "#d55e00", "skipped": "#e69f00"}
LISTED_AT_MOST = 10_000


def snippet(path: str, partition: str) -> str:
    """Return Python that opens an operator of a run and prints its predictions."""
    return (
        "import motrain_app as mt\n\n"
        f"run = mt.Run.open({path!r})\n"
        f"h = run.operator({partition!r})\n"
        f"print(run.predictions({partition!r}))\n"
        "print([variable.name for variable in h.inputs], '->', [variable.name for variable in h.outputs])\n"
        "# y = h(x): x (n, n_inputs) array or xarray.Dataset, physical units in and out\n"
        "# H = h.jacobian(x)\n"
    )


def operator_table(scores: pd.DataFrame, verdicts: pd.DataFrame, outputs: Sequence[Variable]) -> pd.DataFrame:
    """Return a line for each operator, by its partition's name: verdict and RMSE of each output, with interval and n.

    Parameters
    ----------
    scores, verdicts
        As `Run.skill` and `Run.verdicts` return them.
    """
    rmse = scores[scores["metric"] == "rmse"]
    names = rmse["partition"].drop_duplicates().head(LISTED_AT_MOST)
    table = pd.DataFrame({"partition": names.to_numpy()}, index=names.to_numpy())
    for variable in outputs:
        of_output = rmse[rmse["output"] == variable.name].set_index("partition").reindex(names)
        unit = f" ({variable.unit})" if variable.unit else ""
        name = variable.name
        judged = verdicts[verdicts["output"] == name].set_index("partition")["verdict"]
        table[f"verdict {name}"] = judged.reindex(names).fillna("").to_numpy()
        table[f"RMSE {name}{unit}"] = of_output["value"].to_numpy()
        table[f"95 % {name}"] = [interval_words(row) for row in of_output.itertuples()]
        table[f"n {name}"] = of_output["n"].to_numpy()
    return table


def verdict_words(verdicts: pd.DataFrame, partition: str) -> str:
    """Return what is to be said of an operator for each output, a line each, safe to show."""
    mine = verdicts[verdicts["partition"] == partition]
    return "  \n".join(
        f"{safe_text(row.output)}: **{row.verdict}**. {safe_text(row.reason)}" for row in mine.itertuples()
    )


def architectures(members: Sequence[AnyMember]) -> str:
    """Say which networks the members are, the most frequent first, as "16·16 tanh ×7"; empty where they are none."""
    models = [part for one in members for part in (one.parts if isinstance(one, EnsembleMember) else [one])]
    words = [
        f"{'·'.join(str(len(bias)) for bias in model.biases[:-1])} {model.activation}"
        for model in models
        if isinstance(model, Member) and len(model.biases) > 1
    ]
    return ", ".join(f"{word} ×{number}" for word, number in Counter(words).most_common())


class OperatorsPage:
    """Where there is an operator on the map, the operators below, the chosen one's snippet at the right."""

    name, title, icon = "operators", "Operators", "functions"

    def __init__(
        self, session: Session, stage: Stage, follower: RunFollower, starter: RunStarter, scores: RunScores
    ) -> None:
        self._session, self._stage, self._follower, self._scores = session, stage, follower, scores
        self._reading = Background(self._read, self._show_operators, self._unread, UNREADABLE)
        self._words = pmui.Typography("", variant="body2", margin=(8, 12), css_classes=["mt-operator-words"])
        self._go = pmui.Button(
            label="Training", icon="model_training", variant="outlined", margin=(4, 12), css_classes=["mt-go-training"]
        )
        self._go.on_click(lambda event: session.param.update(page="training"))
        self._code = pmui.TextAreaInput(
            label="Paste this into Python",
            rows=11,
            sizing_mode="stretch_width",
            margin=(8, 12),
            css_classes=["mt-snippet"],
            sx={
                "& textarea": {"fontFamily": "monospace", "fontSize": "11px", "whiteSpace": "pre", "overflowX": "auto"}
            },
        )
        self._banner = RunBanner(session, follower, starter)
        self._table = RowTable("mt-operators", choose=self._choose)
        self._names: list[str] = []
        session.param.watch(lambda *events: self._show(), ["page", "run", "partition", "dark"])
        follower.param.watch(lambda event: self._take_news(), "news")
        self._show()

    def centre(self) -> pn.viewable.Viewable:
        """Return the map."""
        return self._stage.view(pmui.Typography("Where there is an operator", variant="body2", margin=(16, 12)))

    def inspector(self) -> Sequence[Any]:
        """Return what the chosen operator is, and the code that opens it."""
        title = pmui.Typography("Operators", variant="h6", margin=(10, 12, 0, 12))
        return [title, self._banner.view, self._words, self._go, self._code]

    def drawer(self) -> pn.viewable.Viewable:
        """Return the table of operators."""
        return self._table.view

    def _choose(self, row: int) -> None:
        self._session.partition = self._names[row]

    def _show(self) -> None:
        if self._session.page != self.name:
            return
        self._show_map()
        run = self._scores.run
        self._code.visible = self._table.view.visible = run is not None
        self._go.visible = run is None
        if run is not None:
            self._reading()
            return
        self._reading.forget()
        first = "The first are being trained" if self._follower.busy else "Train first"
        self._words.object = f"None yet. {first}: each partition that is done has its operator here."

    def _take_news(self) -> None:
        """Show operators that came in since."""
        if self._session.page != self.name:
            return
        if not self._table.view.visible:
            self._show()
        else:
            self._show_map()
            self._reading.renew()

    async def _read(self) -> tuple[pd.DataFrame, str, Operator, str]:
        """Return the table of operators, and of the chosen one its name, itself, and what is to be said of it."""
        run = self._scores.run
        verdicts = await self._scores.of("verdicts", lambda one: one.verdicts())
        table = operator_table(await self._scores.skill(), verdicts, run.outputs)
        wanted = self._session.partition
        chosen = wanted if wanted in table.index else table.index[0]
        h = await self._scores.of(f"operator {chosen}", lambda one: one.operator(chosen))
        return table, chosen, h, verdict_words(verdicts, chosen)

    def _show_operators(self, found: tuple[pd.DataFrame, str, Operator, str]) -> None:
        table, chosen, h, judged = found
        self._names = list(table.index)
        self._table.show(table.reset_index(drop=True))
        inputs, outputs = (
            ", ".join(f"{safe_text(v.name)}{f' ({safe_text(v.unit)})' if v.unit else ''}" for v in variables)
            for variables in (h.inputs, h.outputs)
        )
        networks = f" ({words})" if (words := architectures(h.members)) else ""
        members = f"**{safe_text(chosen)}**: {len(h.members)} members{networks}. {inputs} → {outputs}"
        self._words.object = f"{members}\n\n{judged}"
        self._code.value = snippet(str(self._scores.run.path), chosen)

    def _unread(self, error: Exception) -> None:
        self._words.object = safe_text(error, limit=600)

    def _show_map(self) -> None:
        watch = self._follower.watch
        if watch is None or watch.plan is None or len(watch.plan.lat) != len(self._stage.map.locator):
            self._stage.show_nothing("no operator yet")
            return
        region = watch.plan.region_of_cell
        first = watch.state.reshape(-1, watch.plan.n_periods)[:, 0]
        codes = np.where(region >= 0, first[region], -1)
        self._stage.map.show_classes(codes, list(STATES), [STATE_COLOURS[state] for state in STATES], label="operator")
