"""What a person at a terminal, or a log of CI, sees."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.progress import Progress as Bars
from rich.table import Table

from auditkit.progress import Progress, SilentProgress
from auditkit.record import CheckRecord, EngineRecord, Measurement, Record, Verdict
from auditkit.report.formats import clean, ends, plural, quantity
from auditkit.report.headlines import headlines, readings
from auditkit.report.measured import slice_text
from auditkit.report.words import term
from auditkit.requirements import Outcome, outcome

if TYPE_CHECKING:
    from auditkit.verify import Verification

__all__ = [
    "BarProgress",
    "PlainProgress",
    "print_run",
    "print_verdicts",
    "print_verification",
    "progress",
]

_COLOURS = {
    "pass": "green",
    "fail": "bold red",
    "inconclusive": "yellow",
    "missing": "yellow",
    "error": "bold red",
    "none": "default",
}
_SECONDS_BETWEEN_LINES = 10.0
_MOST_MISMATCHES = 20


def progress(*, quiet: bool = False) -> Progress:
    """Return a progress bar on a terminal and plain lines elsewhere; both go to stderr."""
    if quiet:
        return SilentProgress()
    console = Console(stderr=True)
    return BarProgress(console) if console.is_terminal else PlainProgress()


class BarProgress:
    """A bar with the time left."""

    def __init__(self, console: Console) -> None:
        self._bars = Bars(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            console=console,
        )
        self._task: TaskID | None = None

    def start(self, stage: str, total: int, done: int = 0, *, unit: str = "examples") -> None:
        """Show a bar for ``stage``."""
        self._bars.start()
        shown = stage if unit == "examples" else f"{stage} ({unit})"
        self._task = self._bars.add_task(escape(shown), total=total, completed=done)

    def advance(self, steps: int) -> None:
        """Move the bar."""
        if self._task is not None:
            self._bars.advance(self._task, steps)

    def finish(self) -> None:
        """Leave the bar as it is and go on below."""
        self._bars.stop()

    def say(self, message: str) -> None:
        """Print a line."""
        self._bars.console.print(escape(message), style="dim", highlight=False, soft_wrap=True)


class PlainProgress:
    """A line now and then, for logs."""

    def __init__(self) -> None:
        self._stage = ""
        self._total = 0
        self._done = 0
        self._last = 0.0

    def start(self, stage: str, total: int, done: int = 0, *, unit: str = "examples") -> None:
        """Print the beginning of a stage."""
        self._stage, self._total, self._done = stage, total, done
        self._last = time.monotonic()
        found = f", {done:,} already done" if done else ""
        self.say(f"{stage}: {total:,} {unit.removesuffix('s') if total == 1 else unit}{found}")

    def advance(self, steps: int) -> None:
        """Print how far it is, not too often."""
        self._done += steps
        now = time.monotonic()
        if now - self._last >= _SECONDS_BETWEEN_LINES and self._done < self._total:
            self._last = now
            self.say(f"{self._stage}: {self._done:,} of {self._total:,}")

    def finish(self) -> None:
        """Print the end of a stage."""
        self.say(f"{self._stage}: done")

    def say(self, message: str) -> None:
        """Print a line."""
        print(message, file=sys.stderr, flush=True)  # noqa: T201


def print_verdicts(
    verdicts: Sequence[Verdict],
    result: Outcome,
    partial: Sequence[str],
    *,
    quiet: bool = False,
) -> None:
    """Print each verdict with its reason, and the outcome; if ``quiet``, leave out passes."""
    console = Console(highlight=False, soft_wrap=True)
    for verdict in verdicts:
        if quiet and verdict.status == "pass":
            continue
        colour = _COLOURS[verdict.status]
        console.print(f"[{colour}]{verdict.status.upper():<13}[/]{escape(verdict.text)}")
        console.print(f"{'':<13}{escape(verdict.why)}", style="dim")
    console.print(f"[{_COLOURS[result.status]}]{escape(result.sentence)}[/]")
    for reason in partial:
        console.print(f"[yellow]Partial, not for release:[/] {escape(reason)}")


def print_run(record: Record, folder: Path, *, quiet: bool = False) -> None:
    """Print the headline figures of a run, its verdicts, and where the card is.

    If ``quiet``, only checks that are not ok, verdicts that are no pass, and the outcome.
    """
    console = Console(highlight=False, soft_wrap=True)
    for check in record.checks:
        if check.status != "ok":
            console.print(
                f"[{_COLOURS['error']}]{escape(check.name)} "
                f"{'is in error' if check.status == 'error' else 'was skipped'}:[/] "
                f"{escape(check.error or '')}"
            )
            continue
        if quiet:
            continue
        title = f"{check.name}, {record.ran_on}" if check.volatile else check.name
        table = Table(title=escape(title), title_justify="left", box=None, pad_edge=False)
        for heading in ("metric", "value", "interval", "n"):
            table.add_column(heading, justify="left" if heading == "metric" else "right")
        shown = headlines(check)
        for one in shown:
            value = "not measurable" if one.value is None else _shown(one, one.value)
            between = ""
            if one.low is not None and one.high is not None and not one.is_exact:
                between = _between(one, one.low, one.high)
            metric = f"{one.metric}, {slice_text(one.slice)}" if one.slice else one.metric
            table.add_row(escape(metric), value, between, f"{one.n:,}")
        console.print(table)
        if severities := _severities(check, shown):
            console.print(
                f"Of each kind that severity of {', '.join(severities)} is shown that changes most "
                "decisions; the card has all.",
                style="dim",
            )
        for said in readings(check, record):
            console.print(escape(clean(said)), style="dim")
        console.print()
    result = outcome(record.verdicts, record.checks)
    print_verdicts(record.verdicts, result, record.partial, quiet=quiet)
    if quiet:
        return
    if record.engine is not None:
        console.print(_asked(record.engine), style="dim")
    console.print(f"Card: {escape(str(folder / 'card.html'))}")


def _severities(check: CheckRecord, shown: Sequence[Measurement]) -> list[str]:
    """Return the severities out of which each kind's flip rate was chosen; none for no choice."""
    found: dict[str, set[str]] = {one.slice["kind"]: set() for one in shown if _is_graded(one)}
    for one in check.measurements:
        if _is_graded(one) and one.slice["kind"] in found:
            found[one.slice["kind"]].add(one.slice["severity"])
    return sorted(set().union(*(some for some in found.values() if len(some) > 1)))


def _is_graded(one: Measurement) -> bool:
    return one.metric == "flip_rate" and {"kind", "severity"} <= one.slice.keys()


def _asked(engine: EngineRecord) -> str:
    """Return how many questions the model really answered."""
    if not engine.queries:
        return "The model was asked nothing: all evidence was there already"
    return (
        f"The model was asked {plural(engine.queries, 'time')}: it ran "
        f"{plural(engine.unique, 'text')}, {plural(engine.disk_hits, 'answer')} "
        f"{'was' if engine.disk_hits == 1 else 'were'} in the cache on disk, "
        f"{engine.cache_hits:,} had been given before"
    )


def _shown(one: Measurement, value: float) -> str:
    words = term(one.metric)
    if words.unit:
        return quantity(value, words.unit, digits=4)
    return f"{value:,.0f}" if words.whole else f"{value:.4f}"


def _between(one: Measurement, low: float, high: float) -> str:
    unit = term(one.metric).unit
    return "–".join(ends(low, high, 4, unit)) if unit else f"{low:.4f}–{high:.4f}"


def print_verification(found: Verification, folder: Path, *, quiet: bool = False) -> None:
    """Print what holds, each thing that does not, and what was not looked at.

    ``quiet`` leaves out what holds and what is not covered.
    """
    console = Console(highlight=False, soft_wrap=True)
    for what, count in () if quiet else found.held.items():
        console.print(f"[{_COLOURS['pass']}]{'HOLDS':<13}[/]{what} ({count:,})")
    for mismatch in found.mismatches[:_MOST_MISMATCHES]:
        console.print(f"[{_COLOURS['fail']}]{'DOES NOT HOLD':<14}[/]{escape(str(mismatch))}")
    left = len(found.mismatches) - _MOST_MISMATCHES
    if left > 0:
        console.print(f"{'':<13}and {left:,} more")
    for name in found.not_verified:
        console.print(f"[{_COLOURS['missing']}]{'NOT VERIFIED':<13}[/]{escape(name)}")
    not_covered = () if quiet else found.not_covered
    for name in not_covered:
        console.print(f"{'NOT COVERED':<13}{escape(name)}", style="dim")
    if any("(rendered" in name for name in not_covered):
        hint = f"make the pages anew from the record: auditkit report {folder}"
        console.print(f"{'':<13}{escape(hint)}", style="dim")
    colour = _COLOURS[{0: "pass", 1: "fail"}.get(found.exit_code, "missing")]
    console.print(f"[{colour}]{escape(found.sentence)}[/]")
