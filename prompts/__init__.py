"""Typed, versioned prompts, and the schema and grammar of the slots that a model may fill."""

from prompts.schema import CandidateRow, Exam, ReaderSpan, SchemaViolationError, SlotSchema, slot_schema
from prompts.templates import Example, MissingVariablesError, Prompt, load_prompt, prompt_names, read_prompt

__all__ = [
    "CandidateRow",
    "Exam",
    "Example",
    "MissingVariablesError",
    "Prompt",
    "ReaderSpan",
    "SchemaViolationError",
    "SlotSchema",
    "load_prompt",
    "prompt_names",
    "read_prompt",
    "slot_schema",
]
