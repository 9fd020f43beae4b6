"""From the bytes of a file to UTF-8, and what to do about other encodings and other files.

A byte order mark says what an encoding is, so UTF-16 with one (PowerShell's `>`) is read. Without
one nothing is guessed: a message names what the file looks like and the command that converts it.
"""

import re
import shlex

from ttrl_cli import reading
from ttrl_cli.errors import UsageError

PARQUET = b"PAR1"
"""How a Parquet file begins."""
_HIGH = re.compile(rb"[\x80-\xff]+")
_PEEK = 4096
_FORMS = (  # how a file begins, what it is, and what makes one of ours from it
    (b"\x1f\x8b", "a gzip file", "gunzip -c {file} > {stem}"),
    (b"BZh", "a bzip2 file", "bunzip2 -c {file} > {stem}"),
    (b"\xfd7zXZ\x00", "an xz file", "xz -dc {file} > {stem}"),
    (b"\x28\xb5\x2f\xfd", "a zstd file", "zstd -dc {file} > {stem}"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z file", "7z x {file}"),
    (b"Rar!", "a rar file", "unrar x {file}"),
    (b"\xd0\xcf\x11\xe0", "an old Excel file", "soffice --headless --convert-to csv {file}"),
    (
        b"ARROW1",
        "an Arrow file",
        "python -c 'import pyarrow.feather as f, sys; f.read_table(sys.argv[1]).to_pandas()"
        '.to_json("Q.jsonl", orient="records", lines=True)\' {file}',
    ),
    (
        b"\xff\xff\xff\xff",
        "an Arrow stream, as datasets keeps it",
        "python -c 'import datasets, sys; datasets.Dataset.from_file(sys.argv[1])"
        '.to_json("Q.jsonl")\' {file}',
    ),
    (b"SQLite format 3\x00", "an SQLite file", "sqlite3 -json {file} 'select * from T' > Q.json"),
    (b"version https://git-lfs.github.com", "a Git LFS pointer, not the file", "git lfs pull"),
    (b"%PDF", "a PDF file", "pdftotext {file}"),
)
_ZIP = b"PK\x03\x04"
_MARKUP = re.compile(rb"\s*<(?:!doctype|html|\?xml)", re.IGNORECASE)
_YAML = re.compile(
    rb"(?:---\s|-\s+\w+:\s|(?:question|prompt|problem|questions|data):\s)", re.IGNORECASE
)
_AS_JSON = "python -c 'import json, sys, yaml; json.dump(yaml.safe_load(sys.stdin), sys.stdout)'"


def as_utf8(raw: bytes, name: str) -> bytes:
    """Convert the contents of a file to UTF-8 without a byte order mark.

    Contents without a mark, and not in a known other form, are returned unchanged, even if they are
    not UTF-8.

    Raises:
        UsageError: If the contents do not match their mark, or have another form; the message says
            which, and how to convert them.
    """
    try:
        unmarked = reading.as_utf8(raw)
    except ValueError as error:
        msg = f"{name}: {error}"
        raise UsageError(msg) from error
    form = _other_form(raw, name) if unmarked == raw else ""
    if form:
        msg = f"{name}: {form}"
        raise UsageError(msg)
    return unmarked


def hint(raw: bytes, name: str) -> str:
    """Guess the encoding of bytes that are not UTF-8; say how to convert them."""
    runs = _HIGH.findall(raw)
    try:
        raw.decode("cp1252")
        western = max(map(len, runs), default=0) <= 2
    except UnicodeDecodeError:
        western = False
    if western:
        return f"it looks like cp1252, of Windows; convert it: {_iconv('cp1252', name)}"
    return f"convert it from its encoding, such as gb18030: {_iconv('gb18030', name)}"


def _other_form(raw: bytes, name: str) -> str:
    """Describe the form of a file that is not text, or is text of another form; else return ""."""
    file, stem = _file(name), _unpacked(name)
    for magic, what, command in _FORMS:
        if raw.startswith(magic):
            return f"is {what}; convert it: {command.format(file=file, stem=stem)}"
    if raw.startswith(_ZIP):
        if b"xl/" in raw[:_PEEK] or b"xl/" in raw[-_PEEK:]:
            return f"is an Excel file; convert it: soffice --headless --convert-to csv {file}"
        return f"is a zip file; unpack it: unzip {file}"
    for encoding, zeros in (("utf-16le", raw[1:_PEEK:2]), ("utf-16be", raw[0:_PEEK:2])):
        if len(zeros) > 1 and zeros.count(0) > 0.9 * len(zeros):
            how = f"convert it: {_iconv(encoding, name)}"
            return f"looks like {encoding.upper()} without a byte order mark; {how}"
    if b"\x00" in raw[:_PEEK] and not raw.startswith(PARQUET):
        return "is a binary file that is not known here; expected JSON, CSV or Parquet"
    if _MARKUP.match(raw):
        return f"is a page of HTML or XML, not the data; fetch the file itself instead of {file}"
    if _YAML.match(raw):
        return f"looks like YAML; convert it: {_AS_JSON} < {file} > Q.json"
    return ""


def _iconv(encoding: str, name: str) -> str:
    file = _file(name)
    return f"iconv -f {encoding} -t utf-8 {file} > {_converted(name)}"


def _unpacked(name: str) -> str:
    """Return the file's name without its last suffix, quoted for a shell.

    Return another name, Q.jsonl, if it would be the file itself or empty.
    """
    stem = "" if name.startswith("<") else re.sub(r"\.[A-Za-z0-9]+\Z", "", name)
    return shlex.quote(stem) if stem not in ("", name) else "Q.jsonl"


def _converted(name: str) -> str:
    if name.startswith("<"):
        return "Q.jsonl"
    return _file(re.sub(r"(\.\w+)?\Z", r".utf8\1", name, count=1))


def _file(name: str) -> str:
    """Return the file's name, quoted for a shell."""
    return "FILE" if name.startswith("<") else shlex.quote(name)
