"""`yingma eval --report FOLDER`: what is asked for, checked before anything is measured, and then kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from agent.console import language, note, say
from evals.report.model import Baselines, GoldFile, Options, Report
from standard.errors import InputError

if TYPE_CHECKING:
    from agent.pipeline import Pipeline
    from evals.metrics import Pair


@dataclass(frozen=True, slots=True)
class ReportWish:
    """What the person asked for: where the report goes, what it is compared with, whether other ways are measured too,
    and the precision that their thresholds must reach."""

    folder: Path
    against: Path | None
    baselines: bool
    precision: float

    def prepared(self, gold: Sequence[Path]) -> Prepared:
        """Everything that can be wrong, before the time is spent. InputError says what is."""
        from evals.report.build import gold_files
        from evals.report.files import report_before

        return Prepared(self, gold_files(gold), report_before(self.folder, self.against))


@dataclass(frozen=True, slots=True)
class Prepared:
    """A wish that can be fulfilled."""

    wish: ReportWish
    gold: tuple[GoldFile, ...]
    before: tuple[Report, str] | None

    def keep(self, pairs: Sequence[Pair], pipeline: Pipeline, options: Options) -> None:
        """Builds the report and writes it; says where. InputError where it cannot be written."""
        from evals.report.build import build
        from evals.report.files import HTML, keep

        report = build(
            pairs,
            self.gold,
            options,
            pipeline.versions,
            pipeline.catalogue,
            pipeline.lexicon,
            self._baselines(pairs, pipeline, options) if self.wish.baselines else None,
            self.before,
        )
        keep(report, self.wish.folder, language())
        note(say(f"报告写入 {self.wish.folder / HTML}", f"report written to {self.wish.folder / HTML}"))

    def _baselines(self, pairs: Sequence[Pair], pipeline: Pipeline, options: Options) -> Baselines:
        from agent.settings import load_settings
        from evals.report.baselines import ask_ways, compare_ways

        names = [(row.name, "" if options.modality_hidden else row.modality) for row, _ in pairs]
        ways = ask_ways(names, pipeline.catalogue, pipeline.lexicon, load_settings().home)
        return compare_ways(pairs, ways, self.wish.precision)


def options_of(pipeline: Pipeline, no_modality: bool, model: str, edition: str | None) -> Options:
    """How the names were asked. An endpoint is told without user and password."""
    if model not in ("none", "local"):
        model = pipeline.versions["model.endpoint"]
    return Options(modality_hidden=no_modality, model=model, edition=edition)


def wish(folder: Path | None, against: Path | None, baselines: bool, precision: float) -> ReportWish | None:
    """The options of the command line as a wish. InputError for options that only a report has, without one."""
    if folder is None:
        if against is not None or baselines:
            raise InputError(
                "--against 和 --baselines 只用于报告；请同时给出 --report 文件夹。",
                "--against and --baselines are for a report; give --report FOLDER too.",
            )
        return None
    return ReportWish(folder, against, baselines, precision)
