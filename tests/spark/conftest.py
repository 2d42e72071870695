"""The command line in this process, and a store beside it: the same as for jobs."""

from __future__ import annotations

from tests.jobs.conftest import english, kept, yingma

__all__ = ["english", "kept", "yingma"]
