r"""The label of a question: read as a completion is read, unless it is the bare answer already.

A label may be a worked solution that ends in `#### 4` or in \boxed{4}; what is found there is the
label. Where there are choices it is the letter, whether the letter, the text or a sentence was
given. A number beside choices may be a text, an index from 0 or one from 1: it is only taken for
what it alone can be, or for what the file says that it is.
"""

import re

from ttrl_cli.answers.extract import extract
from ttrl_cli.questions.choices import Choices
from ttrl_cli.questions.literals import literal, shown
from ttrl_cli.records import Json

_BARE = re.compile(r"\s*[-+]?[\w.,/%$]+\s*")  # needs no reading: a number, a letter, a word
_HASHES = re.compile(r"^####[ \t]*(\S[^\n]*)\Z", re.MULTILINE)  # GSM8K's last line
_LATEX = re.compile(r"\\[A-Za-z]+")
_WORD = re.compile(r"\b[a-z]{2,}\b")
_SENTENCE_END = re.compile(r"[.!?][\"'”’)\]$]*(?:\s+[A-Z]|\s*\Z)")
_FEW_WORDS, _MOST_WORDS = 3, 12  # of a sentence, of any answer
_INDEX = re.compile(r"\s*(\d{1,3})(?:\.0)?\s*")
_HOW = "give the letter, or call the key answer_index if it counts from 0"


def read_label(key: str, value: Json, choices: Choices, *, typed: bool = True) -> str | None:
    """Read a label: as the choice's letter if there are choices, else as text; None if blank.

    Args:
        key: The key that holds it, for messages.
        value: Text or a number.
        choices: The question's.
        typed: False for a cell of a table whose numbers are texts as well.

    Raises:
        ValueError: If it cannot be read; the message names the key.
    """
    label = None if value is None else literal(key, value)
    if label is None or not label.strip():
        return None
    if not choices.texts:
        return _free(key, label)
    number = type(value) is int or (not typed and label.strip().isdecimal())
    return _numbered(key, label, choices) if number else _choice(key, label, choices)


def read_index(key: str, value: Json, choices: Choices) -> str | None:
    """Read a label whose key says that it is an index of a choice, from 0; a letter counts too.

    Raises:
        ValueError: If there is no such choice; the message names the key.
    """
    written = None if value is None else literal(key, value).strip()
    if not written:
        return None
    place = _INDEX.fullmatch(written)
    letters = list(choices.texts)
    if place is not None and int(place[1]) < len(letters):
        return letters[int(place[1])]
    if written.upper() in letters:
        return written.upper()
    msg = f"{key}: {shown(value)} is no place among {len(letters)} choices, counted from 0"
    raise ValueError(msg)


def agreed(label: tuple[str, Json], index: tuple[str, Json], choices: Choices) -> str | None:
    """Read a label that is given twice, once as an index of a choice.

    Args:
        label: Key and value of the label.
        index: Key and value of the index.
        choices: The question's.

    Raises:
        ValueError: If one of them cannot be read, or they differ.
    """
    place = read_index(*index, choices)
    key, value = label
    if place is None or value is None:
        return place or read_label(key, value, choices)
    written = literal(key, value).strip()
    at = list(choices.texts).index(place)
    # a bare number may count from 0 or from 1: either confirms the place
    numbers = {str(at), str(at + 1), choices.texts[place].strip()}
    if written in numbers or read_label(key, value, choices) == place:
        return place
    msg = f"{key}: {shown(value)} and {index[0]}: {shown(index[1])} are two different choices"
    raise ValueError(msg)


def _free(key: str, label: str) -> str:
    """Return the label of a free-form question; if it is a solution, extract its final answer.

    Raises:
        ValueError: If it is a solution without a final answer that can be extracted.
    """
    if _BARE.fullmatch(label):
        return label
    hashes = _HASHES.search(label.rstrip())
    if hashes is not None:
        return hashes[1]
    found = extract(label)
    if found is not None:
        return found.answer
    if _is_prose(label):
        msg = f"{key}: no final answer can be read from {shown(label)}; expected the answer alone, "
        msg += r'or a solution that ends in "#### 4", \boxed{4} or "The answer is 4"'
        raise ValueError(msg)
    return label


def _is_prose(label: str) -> bool:
    """Decide whether a label is sentences or lines, such as a solution without a marked answer."""
    text = label.strip()
    if "\n" in text and "\\begin" not in text:
        return True
    words = len(_WORD.findall(_LATEX.sub(" ", text)))
    if "<<" in text or words > _MOST_WORDS:
        return True
    return words >= _FEW_WORDS and _SENTENCE_END.search(text) is not None


def _choice(key: str, label: str, choices: Choices) -> str:
    """Return the letter that a text stands for: exactly, or as extracted from a completion.

    Raises:
        ValueError: If it stands for no choice, or for two.
    """
    wanted = label.strip()
    letter = wanted.strip("(). ").upper()  # as in "(B)" and "B."
    meant = _exactly(wanted, letter, choices)
    if len(meant) == 1:
        return meant[0]
    if meant:
        why = "is the letter of one choice and the text of another"
    else:
        found = extract(label, choices=choices.texts)
        if found is not None:
            return found.answer
        why = "is no choice"
    msg = f"{key}: {shown(label)} {why}; expected a letter ({', '.join(choices.texts)}) or a text"
    if not meant and _INDEX.fullmatch(wanted):
        msg += f"; as an index it is ambiguous: {_HOW}"
    raise ValueError(msg)


def _exactly(wanted: str, letter: str, choices: Choices) -> list[str]:
    named = choices.names.get(wanted)
    return [
        k for k, text in choices.texts.items() if k in (letter, named) or wanted == text.strip()
    ]


def _numbered(key: str, label: str, choices: Choices) -> str:
    """Return the letter that a number stands for, if it can mean one choice only.

    Raises:
        ValueError: If it is no choice, or ambiguous.
    """
    wanted = label.strip()
    if wanted in choices.names:
        return choices.names[wanted]
    texts = [k for k, text in choices.texts.items() if wanted == text.strip()]
    if texts and not 0 <= int(wanted) <= len(choices.texts):
        return texts[0]
    why = f"is ambiguous: the text of choice {texts[0]}, or a place" if texts else "is no choice"
    msg = f"{key}: {shown(label)} {why}"
    msg += "" if texts else "'s letter or text, and as a place among them it is ambiguous"
    msg += f" (from 0 or from 1?); {_HOW}"
    raise ValueError(msg)
