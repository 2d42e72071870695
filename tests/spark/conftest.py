"""The command line in this process, and a store beside it: the same as for jobs."""

from __future__ import annotations

from tests.jobs.conftest import english, kept

__all__ = ["english", "kept"]
