"""Reading the text files that people write, with whatever editor and shell they have."""

import codecs
from pathlib import Path

_UTF32 = {codecs.BOM_UTF32_LE: "utf-32-le", codecs.BOM_UTF32_BE: "utf-32-be"}
_UTF16 = {codecs.BOM_UTF16_LE: "utf-16-le", codecs.BOM_UTF16_BE: "utf-16-be"}
_MARKS = {codecs.BOM_UTF8: "utf-8", **_UTF32, **_UTF16}
"""Byte order marks by the encoding they stand for; that of UTF-32 begins with that of UTF-16."""


def read_user_text(path: Path) -> str:
    r"""Read a text file without its byte order mark, its lines ended by "\n"; see `decoded`.

    Raises:
        OSError: If it cannot be read.
        ValueError: If it is not text.
    """
    return decoded(path.read_bytes()).replace("\r\n", "\n").replace("\r", "\n")


def decoded(raw: bytes) -> str:
    """Decode a text as UTF-8, or as its byte order mark says.

    PowerShell's `>` writes UTF-16 with a mark, and some editors put one before UTF-8.

    Raises:
        ValueError: If it is neither.
    """
    try:
        return as_utf8(raw).decode("utf-8")
    except UnicodeDecodeError as error:
        msg = f"{error}; save it as UTF-8"
        raise ValueError(msg) from error


def as_utf8(raw: bytes) -> bytes:
    """Remove the byte order mark; convert to UTF-8 if it stands for another encoding.

    Raises:
        ValueError: If the bytes are not in the encoding that their mark stands for.
    """
    for mark, encoding in _MARKS.items():
        if raw.startswith(mark):
            rest = raw.removeprefix(mark)
            if encoding == "utf-8":
                return rest
            try:
                return rest.decode(encoding).encode("utf-8")
            except UnicodeError as error:
                what = encoding[: len("utf-16")].upper()
                msg = f"has the byte order mark of {what} and is not {what}; save it as UTF-8"
                raise ValueError(msg) from error
    return raw
