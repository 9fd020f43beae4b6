"""A file of questions, and the prompt that asks them.

The file is JSON (a record a line, an array, objects over several lines), CSV or Parquet, of records
with `question` (or `prompt`, or `problem`) and optional `id`, `answer` and `choices`; what else a
record holds is passed through. A YAML beside it may say how they are asked: `VotePrompt`.

An answer is text, kept as it was written: 142.0 stays "142.0", and 12345678901234567890 loses no
digit.
"""

from ttrl_cli.questions.file import Questions, load_questions, parse_questions
from ttrl_cli.questions.prompt import (
    DEFAULT_PROMPT,
    VotePrompt,
    load_prompt,
    question_messages,
)
from ttrl_cli.questions.record import TEXT_KEYS, Question

__all__ = [
    "DEFAULT_PROMPT",
    "TEXT_KEYS",
    "Question",
    "Questions",
    "VotePrompt",
    "load_prompt",
    "load_questions",
    "parse_questions",
    "question_messages",
]
