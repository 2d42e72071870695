"""`yingma eval GOLD.tsv`: the measures over all rows, by category, source and modality; every wrong accept by name."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agent.answer import Query
from agent.console import emit_json, out, say
from agent.opening import open_pipeline
from evals.ablation import Step, ablate
from evals.gold import GoldRow, read_gold
from evals.metrics import Measures, Pair, by, measure
from evals.report.command import ReportWish, options_of
from evals.scored import score_report, tell_scores
from evals.tables import share as _share
from evals.tables import table as _table

if TYPE_CHECKING:
    from agent.pipeline import Pipeline
    from evals.retrieval import Recall
    from evals.voices import VoiceReport

CUTS = (("category", "类别"), ("source", "来源"), ("modality", "检查类型"))


def run_eval(
    gold: Sequence[Path],
    *,
    no_modality: bool = False,
    model: str = "none",
    edition: str | None = None,
    ablation: bool = False,
    retrieval: bool = False,
    voices: bool = False,
    wish: ReportWish | None = None,
    as_json: bool = False,
) -> int:
    """Measure and print, and keep a report where `wish` asks for one; the exit code, always 0.

    InputError for a gold file that does not hold, or a report that cannot be kept or compared with.
    """
    rows = read_gold(gold)
    prepared = wish.prepared(gold) if wish is not None else None
    pipeline = open_pipeline(edition, model, retrieve=ablation)
    answers = pipeline.answer([Query(row.name, "" if no_modality else row.modality) for row in rows])
    pairs = list(zip(rows, answers, strict=True))
    steps = ablate(rows, pipeline, no_modality) if ablation else []
    recalls = _recalls(gold, pipeline, not no_modality) if retrieval else []
    compared = _voices(rows, edition, no_modality) if voices else None
    report = _report(pairs, steps, no_modality, pipeline.versions)
    report["retrieval"] = [recall._asdict() for recall in recalls]
    report["voices"] = compared.to_dict() if compared is not None else None
    scores = score_report(pairs)
    report["scores"] = scores.to_dict()
    if prepared is not None:
        prepared.keep(pairs, pipeline, options_of(pipeline, no_modality, model, edition))
    if as_json:
        emit_json(report)
    else:
        _print(pairs, steps, no_modality)
        tell_scores(scores)
        if recalls:
            from evals.retrieval import recall_table

            out().print(recall_table(recalls))
        if compared is not None:
            _print_voices(compared)
    return 0


def _voices(rows: Sequence[GoldRow], edition: str | None, no_modality: bool) -> VoiceReport:
    """What reader, own model and classifier say of the rows, each by itself."""
    from evals.voices import ask_voices, compare_voices

    asked = [(row.name, "" if no_modality else row.modality) for row in rows]
    return compare_voices(rows, ask_voices(asked, edition))


def _recalls(gold: Sequence[Path], pipeline: Pipeline, modality: bool) -> list[Recall]:
    from agent.settings import load_settings
    from evals.retrieval import measure_recall

    home = load_settings().home
    found = []
    for path in gold:
        found += measure_recall(path, pipeline.catalogue, home, pipeline.lexicon, modality=modality)
    return found


def _report(pairs: list[Pair], steps: list[Step], no_modality: bool, versions: dict[str, str]) -> dict[str, Any]:
    return {
        "modality_hidden": no_modality,
        "all": measure("all", pairs).to_dict(),
        **{key: [each.to_dict() for each in by(pairs, _key(key))] for key, _ in CUTS},
        "wrong": [_wrong(pair) for pair in pairs if _is_wrong(pair)],
        "missed": [_wrong(pair) for pair in pairs if pair[0].route == "auto" and pair[1].route == "review"],
        "ablation": [step.to_dict() for step in steps],
        "versions": versions,
    }


def _key(column: str) -> Any:
    return lambda row: getattr(row, column)


def _is_wrong(pair: Pair) -> bool:
    return pair[1].route == "accepted" and not pair[0].right(pair[1].codes)


def _wrong(pair: Pair) -> dict[str, Any]:
    row, answer = pair
    return {
        "id": row.id,
        "source": row.source,
        "modality": row.modality,
        "name": row.name,
        "gold": _gold(row),
        "got": "+".join(answer.codes),
        "reason": answer.reason,
        "detail": answer.detail,
    }


def _gold(row: GoldRow) -> str:
    return " / ".join("+".join(sorted(each)) for each in row.alternatives)


def _print(pairs: list[Pair], steps: list[Step], no_modality: bool) -> None:
    console = out()
    if no_modality:
        console.print(say("检查类型列已隐藏。", "The modality column was hidden."))
    table = _table(
        say("采用的答案", "Accepted answers"),
        say(
            "部分|名称|采用|其中对|准确率|95% 区间|覆盖率|可采用者覆盖率|不安全",
            "part|names|accepted|right|precision|95 % interval|coverage|of the acceptable|unsafe",
        ),
    )
    _row(table, measure(say("全部", "all"), pairs))
    for key, zh in CUTS:
        table.add_section()
        for each in by(pairs, _key(key)):
            _row(table, each, f"{say(zh, key)} ")
    console.print(table)
    wrong = [_wrong(pair) for pair in pairs if _is_wrong(pair)]
    console.print(say(f"采用而错误：{len(wrong)}", f"accepted and wrong: {len(wrong)}"))
    for fault in wrong:
        console.print(
            f"  {fault['id']}  {fault['modality']}  {fault['name']}  gold {fault['gold']}  got {fault['got']}",
            markup=False,
        )
    if steps:
        _print_steps(steps)


def _row(table: Any, measures: Measures, label: str = "") -> None:
    low, high = measures.interval
    table.add_row(
        label + measures.part,
        str(measures.rows),
        str(measures.accepted),
        str(measures.right),
        _share(measures.precision),
        f"{low:.3f}-{high:.3f}" if measures.accepted else "-",
        _share(measures.coverage),
        _share(measures.coverage_of_acceptable),
        str(measures.unsafe),
    )


def _print_steps(steps: list[Step]) -> None:
    table = _table(
        say("检索与模型各加什么", "What retrieval and the model add"),
        say(
            "步骤|采用|准确率|可采用者覆盖率|首选对（有编码者）|待审中首选对",
            "step|accepted|precision|of the acceptable|first answer right|in review: first answer right",
        ),
    )
    for step in steps:
        table.add_row(
            step.step,
            str(step.accepted),
            _share(step.precision),
            _share(step.coverage_of_acceptable),
            f"{step.offered_right}/{step.offered}",
            f"{step.review_offered_right}/{step.review_offered}",
        )
    out().print(table)


def _print_voices(report: VoiceReport) -> None:
    names = {
        "reader": say("词典", "reader"),
        "model": say("自带模型", "own model"),
        "classifier": say("分类器", "classifier"),
    }
    table = _table(
        say("各自的答案（整组编码正确）", "Each by itself (the whole set of codes right)"),
        say("来源|一个检查|多个检查|应拒答|全部", "voice|one exam|several exams|to be refused|all"),
    )
    for each in report.alone:
        counts = (each.one, each.several, each.refusal, each.all)
        table.add_row(names[each.voice], *(f"{a}/{b} {_share(a / b if b else None)}" for a, b in counts))
    out().print(table)
    table = _table(
        say("一致时", "Where they agree on a code"),
        say(
            "来源|一致|其中对|准确率|95% 区间|可采用者中一致|其中对|同错",
            "voices|agree|right|precision|95 % interval|of route auto|right|same wrong answer",
        ),
    )
    for group in report.together:
        low, high = group.interval
        share = _share(group.auto_agree / group.auto if group.auto else None)
        table.add_row(
            " + ".join(names[voice] for voice in group.voices),
            f"{group.agree}/{group.rows}",
            str(group.right),
            _share(group.precision),
            f"{low:.3f}-{high:.3f}" if group.agree else "-",
            share,
            str(group.auto_right),
            str(len(group.same_wrong)),
        )
    out().print(table)
