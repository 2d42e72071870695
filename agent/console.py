"""What the command line says and how: language, sentences on stderr, results on stdout, one shape for every error.

Results go to stdout, everything else (progress, notes, errors) to stderr. With `--json` an error is one object on
stdout, the same for every command:

    {"error": {"kind": "InputError", "sentence": "…", "zh": "…", "en": "…", "exit": 2}}

Exit codes: 0 done; 1 something of Yingma's own failed (its data, an index, a model); 2 what the user gave does not
hold; 130 stopped with Ctrl-C.
"""

from __future__ import annotations

import json
import os
import sys
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from standard.errors import CodeError, InputError, Lang, StoppedError, YingmaError

if TYPE_CHECKING:
    from rich.console import Console

EXIT_DONE, EXIT_FAILED, EXIT_USAGE, EXIT_STOPPED = 0, 1, 2, 130


@cache
def language() -> Lang:
    """Language of messages: YINGMA_LANG, else `lang` of settings.toml, else the locale; Chinese for zh*, else English.

    InputError for another value of YINGMA_LANG.
    """
    given = os.environ.get("YINGMA_LANG", "").strip().lower()
    if given in ("zh", "en"):
        return "zh" if given == "zh" else "en"
    if given:
        raise InputError(
            f"YINGMA_LANG={given} 不成立；请用 zh 或 en。",
            f"YINGMA_LANG={given} does not hold; use zh or en.",
        )
    return _from_settings() or _from_locale()


def settings_file() -> Path:
    """The file of settings, whether there is one or not; says so without loading what reads it."""
    home = os.environ.get("YINGMA_HOME", "").strip()
    if home:
        return Path(home).expanduser() / "settings.toml"
    import platformdirs

    return platformdirs.user_data_path("yingma", appauthor=False) / "settings.toml"


def _from_settings() -> Lang | None:
    """`lang` of settings.toml, if there is such a file."""
    if not settings_file().exists():
        return None
    from agent.settings import load_settings

    settings = load_settings()
    return settings.lang if "lang" in settings.model_fields_set else None


def _from_locale() -> Lang:
    """Chinese where the first locale variable that is set begins with zh."""
    for name in ("LC_ALL", "LC_MESSAGES", "LANG"):
        value = os.environ.get(name, "")
        if value:
            return "zh" if value.lower().startswith("zh") else "en"
    return "en"


def say(zh: str, en: str) -> str:
    """One of two sentences, in the language of this run."""
    return zh if language() == "zh" else en


@cache
def out() -> Console:
    """The console of results."""
    from rich.console import Console

    return Console(highlight=False, width=None if sys.stdout.isatty() else 120)


@cache
def err() -> Console:
    """The console of progress, notes and errors."""
    from rich.console import Console

    return Console(stderr=True, highlight=False, soft_wrap=True)


def note(sentence: str) -> None:
    """One sentence on stderr."""
    print(sentence, file=sys.stderr)


def emit_json(value: Any) -> None:
    """A result as JSON on stdout, Chinese kept readable."""
    sys.stdout.write(json.dumps(value, ensure_ascii=False, indent=2) + "\n")


def exit_code(error: YingmaError) -> int:
    """2 where the user can mend it, 130 where he stopped it, 1 for all else."""
    if isinstance(error, StoppedError):
        return EXIT_STOPPED
    return EXIT_USAGE if isinstance(error, InputError | CodeError) else EXIT_FAILED


def error_object(kind: str, zh: str, en: str, code: int) -> dict[str, Any]:
    """The one shape of an error."""
    sentence = zh if _safe_language() == "zh" else en
    return {"error": {"kind": kind, "sentence": sentence, "zh": zh, "en": en, "exit": code}}


def report(kind: str, zh: str, en: str, code: int, as_json: bool) -> int:
    """Tell an error: as JSON on stdout, or as a sentence on stderr. Gives the exit code back."""
    if as_json:
        emit_json(error_object(kind, zh, en, code))
    else:
        print(zh if _safe_language() == "zh" else en, file=sys.stderr)
    return code


def report_error(error: YingmaError, as_json: bool) -> int:
    """Tell one of Yingma's own errors."""
    return report(
        type(error).__name__.rstrip("_"), error.sentence("zh"), error.sentence("en"), exit_code(error), as_json
    )


def _safe_language() -> Lang:
    """The language, also where the setting of the language is what is wrong."""
    try:
        return language()
    except YingmaError:
        return _from_locale()
