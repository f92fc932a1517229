"""The command ``motrain``: opens the app, and leads from data to scores and operators' files from a terminal.

Verdicts, comparisons and whether partitioning pays are told by the screen and by Python alone.

Exit codes: 0 as asked, 1 with warnings or with failed partitions, 2 not possible, with a sentence that says why.
"""

import argparse
import json
import signal
import sys
import tempfile
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from motrain_app import __version__

if TYPE_CHECKING:
    import pandas as pd

    from motrain_app.runs import Run

USABLE, WARNINGS, UNUSABLE = 0, 1, 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return its exit code; whatever goes wrong is told in sentences."""
    from motrain_app.data import DataError
    from motrain_app.design import DesignError
    from motrain_app.operators import OperatorError
    from motrain_app.runs import RunError

    try:
        options = parse(sys.argv[1:] if arguments is None else arguments)
        _prepare_output(options)
        code: int = options.command(options)
        return code
    except (DataError, DesignError, OperatorError, RunError) as error:
        _say(error)
    except BrokenPipeError:  # the reader of our output (head, less) has gone
        sys.stderr.close()
    except OSError as error:
        _say(f"{error.filename or ''}: {error.strerror or error}".removeprefix(": "))
    except Exception as error:
        with tempfile.NamedTemporaryFile("w", prefix="motrain-", suffix=".log", delete=False) as log:
            traceback.print_exc(file=log)
        _say(
            f"This is a fault of motrain ({type(error).__name__}: {error}). Please report it with the file {log.name}."
        )
    return UNUSABLE


def _prepare_output(options: argparse.Namespace) -> None:
    """Let output take any name: UTF-8 for what is read by programs, escapes where a terminal lacks a character."""
    reconfigure = getattr(sys.stdout, "reconfigure", None)  # what takes the place of stdout may have none
    if reconfigure is not None:
        for_programs = getattr(options, "csv", False) or getattr(options, "json", False)
        reconfigure(encoding="utf-8" if for_programs else None, errors="backslashreplace")


def _say(error: object) -> None:
    for line in str(error).splitlines():
        print(f"motrain: {line}", file=sys.stderr)


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """Parse arguments; ``serve`` may be left out.

    Raises
    ------
    DesignError
        Where the first one is a word that is neither a command nor a file.
    """
    from motrain_app.design import DesignError
    from motrain_app.design.errors import did_you_mean

    parser, commands = _parser()
    arguments = _with_bins_joined(arguments)
    first = arguments[0] if arguments else ""
    if first in (*commands, "-h", "--help", "--version"):
        return parser.parse_args(arguments)
    if first.isalpha() and not Path(first).exists():
        raise DesignError(f"There is neither a command nor a file {first!r}. {did_you_mean(first, commands)}")
    return parser.parse_args(["serve", *arguments])


def _with_bins_joined(arguments: Sequence[str]) -> list[str]:
    """Return arguments in which the numbers behind --bins are one: argparse takes what follows, or -1e1, for others."""
    left, found = list(arguments), list[str]()
    while left:
        found.append(left.pop(0))
        ends = []
        while found[-1] == "--bins" and left and _are_numbers(left[0]):
            ends.append(left.pop(0))
        if ends:
            found[-1] = f"--bins={','.join(ends)}"
    return found


def _are_numbers(word: str) -> bool:
    try:
        _numbers(word)
    except ValueError:
        return False
    return True


def _numbers(word: str) -> list[float]:
    return [float(one) for one in word.split(",")]


def _parser() -> tuple[argparse.ArgumentParser, list[str]]:
    """Return the parser, and the names of the commands."""
    parser = argparse.ArgumentParser(
        prog="motrain", description="Train, judge and take home machine-learned measurement operators."
    )
    parser.add_argument("--version", action="version", version=f"motrain {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def add(name: str, command: Any, text: str) -> argparse.ArgumentParser:
        part = commands.add_parser(name, help=text, description=text)
        part.set_defaults(command=command)
        return part

    part = add("serve", _serve, "Open the app in a browser; `motrain` alone does the same, on the sample dataset.")
    part.add_argument("target", nargs="?", metavar="DATA|DESIGN|RUN", help="what to open; by default the sample")
    part.add_argument("--port", type=int, help="port on this machine (5006, or a free one where that is taken)")
    part.add_argument("--runs", type=Path, default=Path("runs"), help="folder for runs (./runs)")
    part.add_argument(
        "--root", type=Path, action="append", metavar="DIR", help="folder that may be read (.; repeat for several)"
    )
    part.add_argument(
        "--host-name", action="append", metavar="NAME", help="name besides localhost by which the app is reached"
    )
    part.add_argument("--no-browser", action="store_true", help="print the address, and open no browser")
    _add_cluster(part)

    part = add("sample", _sample, "Write the sample dataset and its design: DIR/data.zarr, DIR/design.json.")
    part.add_argument("dir", type=Path, metavar="DIR")
    part.add_argument("--cells", type=int, default=400, help="number of cells (400)")
    part.add_argument("--years", type=int, default=8, help="number of years (8)")
    part.add_argument("--seed", type=int, default=0, help="seed of the random numbers (0)")

    part = add("check", _check, "Say what is wrong with a dataset, and what to do.")
    part.add_argument("data", nargs="+", metavar="DATA")
    part.add_argument("--json", action="store_true", help="as JSON")

    part = add("train", _train, "Train a design. The last line printed is the run folder.")
    part.add_argument("design", type=Path, metavar="DESIGN")
    part.add_argument(
        "--data", action="append", help="train on this dataset in place of the design's (repeat for several)"
    )
    part.add_argument("--runs", type=Path, default=Path("runs"), help="folder for runs (./runs)")
    part.add_argument(
        "--fresh", action="store_true", help="train every partition, also what an earlier run in the folder has trained"
    )
    part.add_argument("--rows-of", type=Path, metavar="RUN", help="take no row that lies in no partition of this run")
    _add_register(part)
    _add_cluster(part)
    part.add_argument("--quiet", action="store_true", help="no progress bar")

    part = add("resume", _resume, "Finish what is not finished of a run; nothing is trained twice.")
    part.add_argument("run", type=Path, metavar="RUN")
    _add_register(part)
    _add_cluster(part)
    part.add_argument("--quiet", action="store_true", help="no progress bar")

    _add_skill(add("skill", _skill, "Print the out-of-fold scores of a run, or write them to a file."))

    part = add("export", _export, "Write the operators of a run as files.")
    part.add_argument("run", type=Path, metavar="RUN")
    part.add_argument("--to", type=Path, required=True, metavar="DIR", help="a new or empty folder")
    return parser, list(commands.choices)


def _add_cluster(part: argparse.ArgumentParser) -> None:
    where = part.add_mutually_exclusive_group()
    where.add_argument("--workers", type=int, help="processes on this machine (one a core)")
    where.add_argument("--scheduler", help="address or scheduler file of a dask cluster to use instead")


def _add_skill(part: argparse.ArgumentParser) -> None:
    part.add_argument("run", type=Path, metavar="RUN")
    part.add_argument(
        "--by",
        action="append",
        metavar="GROUP",
        help="season, year, month, fold, cell, or a variable of the data; all: of all partitions together (repeat: "
        "--by all --by season)",
    )
    part.add_argument(
        "--bins",
        type=_numbers,
        metavar="END…",
        help="ends of the ranges of the variable that --by names: --bins 0 0.2 0.5, or 0,0.2,0.5",
    )
    part.add_argument("--metric", action="append", metavar="NAME", help="this metric (repeat for several)")
    part.add_argument("--workers", type=int, help="processes on this machine for what was not stored (one a core)")
    form = part.add_mutually_exclusive_group()
    form.add_argument("--csv", action="store_true", help="every metric, as CSV")
    form.add_argument("--json", action="store_true", help="every metric, as JSON")
    form.add_argument("--to", type=Path, metavar="FILE", help="every metric, as FILE.csv, .json, .parquet or .nc")
    part.add_argument("--open-test", action="store_true", help="open the test, which is recorded, and print its scores")
    _add_register(part)


def _add_register(part: argparse.ArgumentParser) -> None:
    part.add_argument(
        "--register",
        action="append",
        default=[],
        metavar="MODULE",
        help="import learners and metrics of your own: a module's name, or a .py file (repeat for several)",
    )


def _serve(options: argparse.Namespace) -> int:
    from motrain_app.ui.server import serve
    from motrain_app.ui.services import Cluster

    code: int = serve(
        options.target,
        port=options.port,
        runs=options.runs,
        roots=options.root or (),
        cluster=Cluster(options.workers, options.scheduler),
        host_names=options.host_name or (),
        open_browser=not options.no_browser,
    )
    return code


def _sample(options: argparse.Namespace) -> int:
    from motrain_app.data import write_sample
    from motrain_app.design import DesignError
    from motrain_app.design.sample_design import sample_design

    try:
        options.dir.mkdir(parents=True, exist_ok=True)
        data = write_sample(options.dir / "data.zarr", cells=options.cells, years=options.years, seed=options.seed)
    except (FileExistsError, ValueError) as error:
        raise DesignError(str(error)) from None
    print(data)
    print(sample_design(data, years=options.years).save(options.dir / "design.json"))
    return USABLE


def _check(options: argparse.Namespace) -> int:
    from motrain_app.data import DataError, check_dataset, open_source

    try:
        opened = open_source(options.data)
        problems = [*opened.problems, *check_dataset(opened.dataset)]
    except DataError as error:
        problems = list(error.problems)
    worst = {problem.severity for problem in problems}
    if options.json:
        print(json.dumps([problem.to_json() for problem in problems], indent=2, ensure_ascii=False))
    else:
        _print_problems(problems, "" if "error" in worst else _describe(opened.dataset))
    return UNUSABLE if "error" in worst else WARNINGS if "warning" in worst else USABLE


def _describe(dataset: Any) -> str:
    time = dataset["time"].values
    span = f"{str(time[0])[:10]} to {str(time[-1])[:10]}" if len(time) else "no time"
    return f"{dataset.sizes['space']:,} cells × {len(time):,} times ({span}), variables {', '.join(dataset.data_vars)}"


def _print_problems(problems: Sequence[Any], description: str) -> None:
    from rich.console import Console
    from rich.markup import escape

    console = Console(soft_wrap=True, highlight=False)
    if description:
        console.print(escape(description))
    colour = {"error": "red", "warning": "yellow", "note": "cyan"}
    for problem in problems:
        console.print(
            f"[{colour[problem.severity]}]{problem.severity}[/] {escape(f'[{problem.code}] {problem.sentence}')}"
        )
    if not problems:
        console.print("No problem found.")


def _train(options: argparse.Namespace) -> int:
    from motrain_app.design import Design
    from motrain_app.runs import create_run

    design = Design.load(options.design)
    if options.data:
        design = design.change(data=[str(Path(path).absolute()) for path in options.data])
    folder = create_run(
        design,
        options.runs,
        register=options.register,
        take_over=not options.fresh,
        rows_of=options.rows_of,
    )
    _print_budget(folder, options)
    return _drive(folder, options)


def _print_budget(folder: Any, options: argparse.Namespace) -> None:
    from motrain_app.runs.budget import budget_of_run, workers_of

    what, *more = budget_of_run(folder).words(workers_of(options.workers, options.scheduler))
    print(f"{what}: {', '.join(more)}" if more else what, flush=True)


def _resume(options: argparse.Namespace) -> int:
    from motrain_app.runs import RunFolder

    run = RunFolder(options.run)
    run.info()
    return _drive(run, options)


def _drive(folder: Any, options: argparse.Namespace) -> int:
    """Drive a run in this process. Ctrl-C stops it, a second one cancels; what is finished stays."""
    from motrain_app.runs import Run, drive_run
    from motrain_app.runs.control import Control
    from motrain_app.runs.progress import ProgressBar

    control = Control(folder.path)

    def interrupt(*_: object) -> None:
        again = control.asked("stop")
        control.ask("cancel" if again else "stop")
        print(
            "Cancelling." if again else "Stopping when what runs is finished; Ctrl-C again cancels it.",
            file=sys.stderr,
        )

    before = signal.signal(signal.SIGINT, interrupt)
    try:
        with ProgressBar(quiet=options.quiet) as bar:
            drive_run(
                folder,
                workers=options.workers,
                scheduler=options.scheduler,
                register=options.register,
                watch=bar.show,
            )
    finally:
        signal.signal(signal.SIGINT, before)
    code = _summary(Run(folder.path))
    print(folder.path)
    return code


def _summary(run: "Run") -> int:
    counts = run.counts
    for name, reason in list(run.failures.items())[:20]:
        _say(f"{name}: {reason}")
    if len(run.failures) > 20:
        _say(f"… and {len(run.failures) - 20} more, in run.failures")
    if counts.get("waiting"):
        _say(f"{counts['waiting']} partitions wait; go on with: motrain resume {run.path}")
    for sentence in run.lack() if counts.get("done") else ():
        _say(sentence)
    words = [f"{number} {state}" for state, number in sorted(counts.items())]
    print(f"{', '.join(words)}.{_taken_over(run)} Scores: motrain skill {run.path}")
    return USABLE if set(counts) == {"done"} else WARNINGS


def _taken_over(run: "Run") -> str:
    """Say how many partitions were taken over, as a sentence to follow another; empty where none was."""
    from motrain_app.runs.progress import Progress

    words = Progress.of_run(run.path).taken_over_words
    return f" {words}." if words else ""


def _skill(options: argparse.Namespace) -> int:
    from motrain_app.learning.registering import register_module
    from motrain_app.runs import Run, RunFolder
    from motrain_app.runs.environment import processes
    from motrain_app.runs.scores.score_files import check_target, has_scores, to_csv, to_json, why_no_scores
    from motrain_app.runs.scores.score_table import SHOWN, print_scores, shown
    from motrain_app.runs.scores.scoring import check_question

    for name in options.register:
        register_module(name)
    run = Run.open(options.run)
    processes(options.workers)  # refused before a test is opened
    if options.to is not None:
        check_target(options.to)
    metrics = options.metric
    printed = not (options.csv or options.json or options.to)
    if printed and options.by and metrics is None:
        metrics = SHOWN
    rows = "test" if options.open_test else "held-out"
    if options.open_test:
        check_question(RunFolder(run.path), by=options.by, metrics=metrics, rows=rows, bins=options.bins)
        run.open_test(workers=options.workers)
    frame = run.skill(by=options.by, metrics=metrics, rows=rows, bins=options.bins, workers=options.workers)
    if not has_scores(frame):
        frame = frame.iloc[:0]
    if options.csv:
        print(to_csv(run, frame), end="")
    elif options.json:
        print(to_json(run, frame))
    elif options.to is not None:
        _write_scores(run, frame, options.to)
    else:
        print_scores(run, frame, each=options.metric is not None)
        for remark in () if options.by or options.open_test or frame.empty else run.remarks():
            print(shown(remark))
    if frame.empty:
        _say(f"There is no score: {why_no_scores(run)}")
    elif not printed and run.partial:
        _say(f"The scores are partial: {run.partial}; the run is {run.state}.")
    return WARNINGS if frame.empty else USABLE


def _write_scores(run: "Run", frame: "pd.DataFrame", path: Path) -> None:
    """Write scores to a file; where that fails after all, print them: a test may have been opened for them."""
    from motrain_app.runs import RunError
    from motrain_app.runs.scores.score_files import to_csv, write_scores

    replaced = ", in place of the file that was there" if path.exists() else ""
    try:
        write_scores(run, frame, path)
    except (OSError, RuntimeError) as error:  # of which the latter is how netCDF4 tells of a full disk
        if isinstance(error, RunError):
            raise
        print(to_csv(run, frame), end="")
        reason = getattr(error, "strerror", None) or error
        raise RunError(f"{path} could not be written ({reason}); the scores are printed instead, as CSV.") from None
    print(f"{len(frame)} scores in {path}{replaced}.")


def _export(options: argparse.Namespace) -> int:
    from motrain_app.runs import Run

    paths = Run.open(options.run).export(options.to)
    print(f"{len(paths)} operators, and operators.json, in {options.to}")
    return USABLE
