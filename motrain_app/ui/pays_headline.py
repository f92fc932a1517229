"""The headline of a run: whether partitioning pays, beside one operator for all, then beyond random partitions."""

import asyncio
from dataclasses import dataclass

import panel_material_ui as pmui

from motrain_app.runs.comparison.equal_rows import row_words
from motrain_app.runs.comparison.one_for_all import is_fitted_at_once
from motrain_app.runs.comparison.partitioning_pays import payoffs_over_sums, random_partitions_of, verdict_beyond
from motrain_app.runs.comparison.paying import Payoff, Verdict, find_one_for_all, pays
from motrain_app.runs.comparison.random_partitions import Control
from motrain_app.ui.escape import safe_text
from motrain_app.ui.ready import Background
from motrain_app.ui.run_scores import UNREADABLE, RunScores
from motrain_app.ui.services import Services
from motrain_app.ui.session import Session

READING = "The scores are being read…"
_SEVERITY: dict[Verdict, str] = {"pays": "success", "does not pay": "warning", "cannot be told": "info"}


@dataclass(frozen=True, slots=True)
class _Change:
    """What partitioning changes of the chosen output.

    Attributes
    ----------
    payoff
        None where it is not known.
    beside
        What it was held against, or why it is not known.
    """

    payoff: Payoff | None
    beside: str


class PaysHeadline:
    """An alert that says whether partitioning pays.

    The change is there within a second. Where it says that partitioning pays, random partitions are tried in a process
    of their own, which takes half a minute; the headline claims no more than what goes beyond them.

    Parameters
    ----------
    session, services, scores
        Whose output is chosen, who knows the other runs, and the run.
    """

    def __init__(self, session: Session, services: Services, scores: RunScores) -> None:
        self._session, self._services, self._scores = session, services, scores
        self._change: _Change | None = None
        self.view = pmui.Alert(
            object=READING,
            severity="info",
            sizing_mode="stretch_width",
            margin=(4, 12),
            css_classes=["mt-skill-headline"],
        )
        self._reading = Background(self._read_change, self._show_change, self._unread, UNREADABLE)
        self._trying = Background(self._try_random, self._show_random, self._untried, UNREADABLE)

    def __call__(self) -> None:
        """Read it anew."""
        self._reading()

    def renew(self) -> None:
        """Read it anew, after what is being read."""
        self._reading.renew()

    def forget(self) -> None:
        """Let what is being read lead to nothing."""
        self._reading.forget()
        self._trying.forget()

    def say(self, severity: str, words: str) -> None:
        """Say something else."""
        self.view.param.update(severity=severity, object=words)

    # The change, against one operator for all

    async def _read_change(self) -> _Change:
        run, output = self._scores.run, self._session.output
        if run.design.regions is None and run.design.periods is None:
            return _Change(None, "One operator for all: what partitions have to beat.")
        # Ridge of one operator for all follows from sums, but for one partition alone, which it would be itself.
        from_sums = is_fitted_at_once(run.design) and len(run.partitions) - run.counts.get("skipped", 0) > 1
        other = await asyncio.to_thread(find_one_for_all, self._services.runs_folder, run, same_rows=from_sums)
        if other is not None:
            payoffs = await self._scores.of(f"pays over {other.path.name}", lambda one: pays(one, other))
            rows = await self._scores.of(f"rows of {other.path.name}", lambda one: row_words(one, other))
        elif from_sums:
            submit = self._services.submit_slow
            payoffs = await self._scores.of("pays", lambda one: submit(payoffs_over_sums, str(one.path)).result())
            rows = ""
        else:
            return _Change(
                None,
                "Whether partitioning pays is not known: train one operator everywhere with the same learner, and come "
                "back.",
            )
        chosen = next((payoff for payoff in payoffs if payoff.output == output), None)
        if chosen is None:
            return _Change(None, f"Nothing of {safe_text(output)} was scored in both runs.")
        return _Change(chosen, f"n = {chosen.n:,}, against one operator for all. {rows}".strip())

    def _show_change(self, change: _Change) -> None:
        self._change = change
        if change.payoff is None:
            self.say("info", change.beside)
        elif change.payoff.verdict == "pays":
            self._show_pays("pays", "Random partitions of the same sizes are being tried…")
            self._trying()
        else:
            self._show_pays(change.payoff.verdict, "")

    def _unread(self, error: Exception) -> None:
        self.say("warning", safe_text(error, limit=600))

    # Random partitions

    async def _try_random(self) -> Control | str:
        submit = self._services.submit_slow
        job = "random partitions"
        return await self._scores.of(job, lambda run: submit(random_partitions_of, str(run.path)).result())

    def _show_random(self, control: Control | str) -> None:
        if isinstance(control, str):
            self._show_pays("pays", f"Random partitions can gain a little as well; none were tried: {control}.")
            return
        number = control.outputs.index(self._change.payoff.output)
        self._show_pays(
            verdict_beyond(self._change.payoff, control),
            f"Beyond random partitions of the same sizes ({control.dealt} dealt {len(control.draws)} times, by "
            f"{control.learner}): {control.beyond_words(number)}.",
        )

    def _untried(self, error: Exception) -> None:
        words = safe_text(error, limit=300)
        self._show_pays("pays", f"Random partitions can gain a little as well; they could not be tried: {words}")

    def _show_pays(self, verdict: Verdict, more: str) -> None:
        said = safe_text(self._change.payoff.sentence(named=False, verdict=verdict), limit=600)
        self.say(_SEVERITY[verdict], f"{said} {self._change.beside} {more}".strip())
