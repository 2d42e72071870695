"""`yingma calibrate [GOLD...]`: fits weights and threshold to labelled names, shows what they are worth, writes them.

./yingma calibrate                      shows; changes nothing
./yingma calibrate --write              writes standard/data/calibration.toml
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from agent import calibration
from agent.console import emit_json, note, out, say
from agent.evidence import expert_weights
from agent.opening import open_pipeline
from agent.pipeline import Pipeline
from evals.calibrate import Aim, Calibrated, calibrate
from evals.calibration import THINNED, Observation, observe
from evals.labelled import Labelled, first_sight, for_a_fit
from evals.scored import PARTS, tell_promises, tell_reliability
from evals.tables import table
from evals.thinned import thinned
from evals.threshold import Chosen, promise, promise_sentence
from standard.errors import InputError

LEAST = 50  # answers and
SOURCES = 5  # sources under which there is nothing to fit

MODELS = (
    ("hand", ("专家的权重", "expert's weights")),
    ("fitted", ("拟合的权重", "fitted weights")),
    ("plain", ("逻辑回归，不限符号", "logistic, no signs")),
    ("boosted", ("单调梯度提升", "monotone boosting")),
)


def run_calibrate(
    gold: Sequence[Path],
    aim: Aim,
    *,
    model: str,
    edition: str | None,
    write: bool,
    as_json: bool,
) -> None:
    """Fit, print, and write where asked to. InputError for files that do not hold, or hold too little."""
    for name, value in (("--target", aim.target), ("--confidence", aim.confidence)):
        if not 0.5 <= value < 1:
            raise InputError(
                f"{name} 应在 0.5 和 1 之间，而不是 {value:g}。",
                f"{name} must be from 0.5 to below 1, not {value:g}.",
            )
    labelled = for_a_fit(gold)
    observations, versions = observe_modes(labelled, edition, model)
    sources = {each.source for each in observations}
    if len(observations) < LEAST or len(sources) < SOURCES:
        raise InputError(
            f"可拟合的答案只有 {len(observations)} 个，来自 {len(sources)} 个来源；"
            f"至少要 {LEAST} 个、{SOURCES} 个来源。请给出更多标注文件。",
            f"There are only {len(observations)} answers of {len(sources)} sources to fit to; "
            f"at least {LEAST} of {SOURCES} sources are needed. Give more labelled names.",
        )
    found = calibrate(observations, aim)
    made = {"names": len(labelled.rows), "sources": found.sources, "files": list(labelled.files), **versions}
    if as_json:
        emit_json({"made": made, **found.to_dict()})
    else:
        tell(found, any(labelled.discount))
    if write:
        text = as_toml(found, made)
        part = calibration.FILE.with_suffix(".part")
        part.write_text(text, encoding="utf-8")
        part.replace(calibration.FILE)
        note(say(f"已写 {calibration.FILE.name}", f"wrote {calibration.FILE.name}"))


def observe_modes(labelled: Labelled, edition: str | None, model: str) -> tuple[list[Observation], dict[str, str]]:
    """What is offered without a model, and where one is asked for, what it does with the voices; the versions."""
    observations: list[Observation] = []
    versions: dict[str, str] = {}
    for mode in dict.fromkeys(("none", model)):
        pipeline = open_pipeline(edition, mode)
        observations += observe(pipeline, labelled.rows, mode, labelled.discount)
        kept = ("catalogue", "lexicon", "model.model", "model.hash", "classifier.hash")
        versions |= {key: value for key, value in pipeline.versions.items() if key in kept}
        if mode == "none":
            observations += _unexplained(pipeline, labelled)
    return observations, versions


def _unexplained(pipeline: Pipeline, labelled: Labelled) -> Iterator[Observation]:
    """Of names in which a lexicon with words left out does not explain every character, and finds nothing else."""
    for lexicon in thinned(pipeline.lexicon):
        other = Pipeline(pipeline.catalogue, lexicon=lexicon, second=pipeline.second)
        for each in observe(other, labelled.rows, THINNED):
            if {key for key in each.rows if key[0] == "reason"} == {("reason", "unexplained")}:
                yield each


# -- what is written ---------------------------------------------------------------------------------------------------


def as_toml(found: Calibrated, made: Mapping[str, Any]) -> str:
    """calibration.toml: the same fit gives the same bytes."""
    said = found.threshold.promise
    lines = [
        "# What was fitted to labelled names (docs/trust.md): weights of the evidence in log-odds, and the least score",
        "# of an accepted answer. Made by ./yingma calibrate --write; a row that is not here has the expert's weight.",
        "# The bound is of names that have corrected the tables: it says nothing of a hospital that nobody has seen.",
        "",
        "[made]",
        *(f"{json.dumps(key)} = {json.dumps(value, ensure_ascii=False)}" for key, value in made.items()),
        "",
        "[threshold]",
        f"every = {found.threshold.threshold:g}",
        "",
        "[threshold.modality]",
        *(f"{json.dumps(name)} = {each.threshold:g}" for name, each in found.modalities.items()),
        "",
        "[bound]",
        f"target = {said.target:g}",
        f"confidence = {said.confidence:g}",
        f"accepted = {said.accepted}",
        f"wrong = {said.wrong}",
        f"proven = {str(said.proven).lower()}",
    ]
    for name in expert_weights()._fields:
        lines += ["", f"[weights.{name}]"]
        lines += [f"{key} = {weight:g}" for (kind, key), weight in found.weights.items() if kind == name]
    return "\n".join(lines) + "\n"


# -- what is told ------------------------------------------------------------------------------------------------------


def tell(found: Calibrated, known: bool) -> None:
    """Everything, on stdout. `known`: some of the names have corrected the tables that read them."""
    console = out()
    expert = expert_weights()._asdict()
    weights = table(
        say("证据的权重（对数几率）", "Weights of the evidence (log-odds)"),
        say("证据|专家|拟合|答案数", "evidence|expert|fitted|answers"),
    )
    for (kind, name), weight in found.weights.items():
        label = name if kind == "evidence" else f"{kind} {name}"
        weights.add_row(label, f"{expert[kind][name]:+.2f}", f"{weight:+.2f}", str(found.shown.get((kind, name), 0)))
    console.print(weights)
    _tell_models(found)
    for mode, parts in found.models["fitted"].items():
        tell_reliability(
            parts["all"], say(f"可靠性，留出来源，模型 {mode}", f"Reliability, source left out, model {mode}")
        )
    _tell_threshold(found)
    if known:
        _tell_first_sight(found)


def _tell_models(found: Calibrated) -> None:
    compared = table(
        say(
            "得分作为概率有多准（给出编码的答案；拟合的：留出来源）",
            "How good the scores are as probabilities (answers with codes; fits: source left out)",
        ),
        say(
            "得分|模型|按规则|答案|其中对|校准误差|Brier|对数损失",
            "score|model|by the rules|answers|right|ECE|Brier|log-loss",
        ),
    )
    for name, told in MODELS:
        compared.add_section()
        for mode, parts in found.models[name].items():
            for part, zh in PARTS:
                each = parts[part]
                numbers = (f"{each.error:.4f}", f"{each.brier:.4f}", f"{each.log_loss:.4f}")
                compared.add_row(say(*told), mode, say(zh, part), str(each.rows), str(each.right), *numbers)
    out().print(compared)


def _tell_threshold(found: Calibrated) -> None:
    console = out()
    console.print(say("采用的门槛（见过的来源）", "Threshold of acceptance (sources seen)"), style="bold")
    console.print(_threshold_sentence(say("全部", "all"), found.threshold))
    for name, each in found.modalities.items():
        console.print(_threshold_sentence(name, each))
    tell_promises(found.too_few)
    for cost in found.costs:
        console.print(
            say(
                f"{_mode(cost.mode)}：规则采用 {cost.accepted}（对 {cost.right}），过门槛 {cost.kept}（对 "
                f"{cost.kept_right}）。",
                f"{_mode(cost.mode)}: the rules accept {cost.accepted} ({cost.right} right), the threshold leaves "
                f"{cost.kept} ({cost.kept_right} right).",
            )
        )
    console.print(
        say(
            "未见过的来源（逐一留出，权重与门槛都没见过它）",
            "Sources not seen (each left out of weights and threshold)",
        ),
        style="bold",
    )
    for unseen in found.unseen:
        zh, en = promise_sentence(unseen.promise)
        console.print(
            say(
                f"模型 {unseen.mode}：{zh} {unseen.sources} 个来源中 {unseen.sources_wrong} 个有错。",
                f"model {unseen.mode}: {en} Of {unseen.sources} sources, {unseen.sources_wrong} had a wrong one.",
            )
        )


def _tell_first_sight(found: Calibrated) -> None:
    """What the sets that ship said before they corrected the tables: no threshold can take that knowledge back."""
    aim, seen = found.threshold.promise, first_sight()
    recent = [seen.sets[name] for name in seen.recent]
    said = promise(sum(e.accepted for e in recent), sum(e.wrong for e in recent), aim.target, aim.confidence)
    out().print(
        say(
            "初见（随附的后几份名称改正词典之前）",
            "At first sight (the later sets that ship, before they corrected the tables)",
        ),
        style="bold",
    )
    out().print(say(*promise_sentence(said)))
    out().print(
        say(
            "随附的名称已改正过词典，所以上面的承诺只对这样的来源成立；没有人见过的医院看这一行。",
            "The names that ship have corrected the tables, so what is promised above holds for such sources; for a "
            "hospital that nobody has seen, read this line.",
        )
    )


def _threshold_sentence(name: str, chosen: Chosen) -> str:
    return f"{name}: ≥ {chosen.threshold:g}  " + say(*promise_sentence(chosen.promise))


def _mode(mode: str) -> str:
    """A mode for people."""
    if mode == THINNED:
        return say(
            "模型 none，词典少了词，只看有字无法解释的", "model none, words left out, of what they do not explain"
        )
    return say(f"模型 {mode}", f"model {mode}")
