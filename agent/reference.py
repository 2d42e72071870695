"""The reference pages in docs/, made of the program and its data: what they say is what the program does.

`./yingma docs` writes them, `./yingma check` fails when one is stale.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from agent.console import say

ROOT = Path(__file__).resolve().parent.parent
MADE = "<!-- Made by ./yingma docs. Do not edit. -->\n"


def pages() -> dict[str, str]:
    """Path from the root, and text, of each page."""
    return {
        "docs/cli.md": cli_page("en"),
        "docs/cli.zh.md": cli_page("zh"),
        "docs/settings.md": settings_page(),
        "docs/reasons.md": reasons_page(),
        "docs/slots.md": slots_page(),
        "docs/store.md": store_page(),
    }


def cli_page(lang: str) -> str:
    """The help of each command, as a person would see it in that language."""
    environment = {**os.environ, "YINGMA_LANG": lang, "PYTHONUTF8": "1", "PYTHONPATH": str(ROOT)}
    code = "from agent.reference import cli_text; print(cli_text(), end='')"
    return subprocess.run(
        [sys.executable, "-P", "-c", code],
        env=environment,
        check=True,
        capture_output=True,
        text=True,
        encoding="utf-8",
    ).stdout


def cli_text() -> str:
    """The page of the command line in the language of this process."""
    parts = [MADE, "# " + say("命令行", "Command line"), ""]
    for path, text in command_helps():
        parts += [f"## `./{path}`", "", "```text", text.strip(), "```", ""]
    return "\n".join(parts)


def command_helps() -> Iterator[tuple[str, str]]:
    """Each command with its help, groups before their commands."""
    import typer

    from agent.cli import app

    def walk(command: Any, path: Sequence[str], parent: Any) -> Iterator[tuple[str, str]]:
        context = command.make_context(path[-1], [], parent=parent, resilient_parsing=True)
        yield " ".join(path), command.get_help(context).replace("Usage: ", "Usage: ./", 1)
        for name, each in sorted(getattr(command, "commands", {}).items()):
            yield from walk(each, [*path, name], context)

    return walk(typer.main.get_command(app), ["yingma"], None)


def settings_page() -> str:
    """Each setting with its variable, type, default and meaning."""
    from agent.settings import PREFIX, Settings

    rows = []
    for name, each in Settings.model_fields.items():
        kind = _kind(each.annotation)
        default = _default(name, each)
        rows.append((f"`{PREFIX}{name.upper()}`", kind, default, each.description or ""))
    intro = (
        "A setting is an environment variable, or a line in `settings.toml` in the folder `YINGMA_HOME` with the name "
        'in lower case and without the prefix (`model = "local"`). The environment wins. A value that does not fit '
        "stops the start with one sentence."
    )
    return "\n".join(
        [MADE, "# Settings", "", intro, "", *markdown(("variable", "type", "default", "meaning"), rows), ""]
    )


def _kind(annotation: Any) -> str:
    """A type in words."""
    arguments = getattr(annotation, "__args__", ())
    if arguments and all(isinstance(each, str) for each in arguments):
        return " \\| ".join(f"`{each}`" for each in arguments)
    if arguments:
        return " or ".join(_kind(each) for each in arguments if each is not type(None))
    names = {"str": "text", "Path": "path", "int": "whole number", "float": "number", "bool": "true or false"}
    return names.get(annotation.__name__, "secret text" if annotation.__name__ == "SecretStr" else annotation.__name__)


def _default(name: str, each: Any) -> str:
    """A default in words."""
    if name == "home":
        return "the platform's folder for user data"
    if name == "lang":
        return "by the locale: `zh` where it is Chinese, else `en`"
    if each.default is None or str(each.default) == "":
        return ""
    return f"`{str(each.default).lower() if isinstance(each.default, bool) else each.default}`"


def reasons_page() -> str:
    """Reasons, conventions and signals: the closed sets behind a route, each with its sentence in both languages."""
    from agent.reasons import ConventionRow, EvidenceRow, ReasonRow, conventions, evidence_rows, reasons

    def weights(row: ReasonRow | ConventionRow | EvidenceRow) -> tuple[str, str]:
        return f"{row.weight:+g}", f"{row.expert:+g}"

    grave = [(f"`{each.id}`", each.route, *weights(each), each.zh, each.en) for each in reasons().values()]
    rules = [(f"`{each.id}`", *weights(each), each.source, each.zh, each.en) for each in conventions().values()]
    signals = [(f"`{each.id}`", *weights(each), each.zh, each.en) for each in evidence_rows().values()]
    return "\n".join(
        [
            *(MADE, "# Reasons, conventions, evidence", ""),
            "`yingma_reason` begins with the id of a reason, the gravest that holds; the gravest stand first. Rows of "
            "`standard/data/reasons.tsv`.",
            *("", *markdown(("reason", "route", "weight", "expert", "中文", "English"), grave), ""),
            "A convention fills or chooses a slot that the name leaves open. Rows of `standard/data/conventions.tsv`.",
            *("", *markdown(("convention", "weight", "expert", "source", "中文", "English"), rules), ""),
            "A score is the sum of its evidence in log-odds. Rows of `standard/data/evidence.tsv`. `weight` is what "
            "counts, fitted to labelled names (`standard/data/calibration.toml`, trust.md); `expert` is what an expert "
            "expects: its sign binds the fit, and its size counts where few labelled names show the row.",
            *("", *markdown(("signal", "weight", "expert", "中文", "English"), signals), ""),
        ]
    )


def slots_page() -> str:
    """The fields of the codes, by edition and modality."""
    from standard import edition_ids, load_edition
    from standard.catalogue import EDITIONS

    parts = [MADE, "# Slots", "", "What the characters of a code say, by edition and modality.", ""]
    for name in edition_ids(EDITIONS / "none"):
        edition = load_edition(name)
        for layout in edition.layouts:
            parts += [f"## {edition.id}: {', '.join(layout.modalities)}", ""]
            rows = [
                (
                    f"{each.start}" if each.length == 1 else f"{each.start}-{each.start + each.length - 1}",
                    f"`{each.slot}`",
                    each.zh,
                    each.en,
                    f"`{each.within}`" if each.within else "",
                    f"`{each.none}`" if each.none else "",
                )
                for each in layout.fields
            ]
            heads = ("characters", "slot", "中文", "English", "within", "where nothing is meant")
            parts += [*markdown(heads, rows), ""]
    return "\n".join(parts)


def store_page() -> str:
    """The tables of the database and the states of a cluster."""
    from agent.store import page

    return page.store_page(MADE)


def markdown(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """A table."""
    lines = ["| " + " | ".join(headings) + " |", "| " + " | ".join("---" for _ in headings) + " |"]
    return lines + ["| " + " | ".join(cell.replace("\n", " ") for cell in row) + " |" for row in rows]
