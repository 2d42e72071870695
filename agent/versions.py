"""All that an answer depends on besides its name and what people decided, by its version or a hash.

Answers that are kept (pieces of a job, on one machine, several, or Spark) are of one make only while all of it is the
same: a checkout whose code was changed under the same version number is another make, too.
"""

from __future__ import annotations

import hashlib
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from agent.pipeline import Pipeline

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("standard", "prompts", "retrieval", "agent")  # what a pipeline is made of
KINDS = (".py", ".tsv", ".toml")


def versions_of(pipeline: Pipeline) -> dict[str, str]:
    """What the answers of a run are made with: the pipeline's versions, the program, its code and data, the items."""
    from agent.model.kept import catalogue_hash

    items = catalogue_hash(pipeline.catalogue)  # an edition of one's own may have the name of another one
    return {**pipeline.versions, "program": version("yingma"), "code": code_hash(), "items": items}


@cache
def code_hash(root: Path = ROOT) -> str:
    """Of the code and the tables as they are on the disk; 12 hexadecimal digits."""
    digest = hashlib.sha256()
    for package in PACKAGES:
        for path in sorted((root / package).rglob("*")):
            if path.suffix in KINDS:
                content = path.read_bytes()
                digest.update(f"{path.relative_to(root).as_posix()}\0{len(content)}\0".encode() + content)
    return digest.hexdigest()[:12]
