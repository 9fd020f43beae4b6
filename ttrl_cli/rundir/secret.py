"""The secret of a run that measures: what its trials are drawn from.

It is a file of the run directory that its owner alone can read, and stands in no other: not in the
configuration, in a prompt, in a report or in a log.
"""

import hashlib
import os
from pathlib import Path

from ttrl_cli.errors import UsageError
from ttrl_cli.reading import read_user_text
from ttrl_cli.rundir import files

SECRET_FILE = "secret"
_LEAST, _MOST = 16, 1024
_SALT, _ROUNDS = b"the secret of a ttrl run", 200_000


def write_secret(run: Path, secret: str) -> None:
    """Write the secret of a new run.

    Raises:
        UnwritableError: If it cannot be written.
    """
    path = run / SECRET_FILE
    with files.writing(path):
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(secret + "\n")
        files.sync(path)


def run_secret(run: Path) -> str:
    """Read the secret of a run.

    Raises:
        UsageError: If it is not there: other trials would not be comparable.
    """
    path = run / SECRET_FILE
    if not path.exists():
        msg = f"{path} is missing: without it the run's trials cannot be drawn again"
        raise UsageError(msg)
    return read_secret(path, where=str(path))


def digest_of(secret: str) -> str:
    """Return what tells a secret from others and cannot be turned back into it.

    It is salted, by the same salt in all runs, so that two runs can be compared; and slow to
    compute (0.1 s), so that a short secret that somebody chose is not found by trying.
    """
    return hashlib.pbkdf2_hmac("sha256", secret.encode(), _SALT, _ROUNDS).hex()[:32]


def read_secret(path: Path, *, where: str = "") -> str:
    """Read a secret from a file that somebody made.

    Args:
        path: The file; blanks around the secret do not count.
        where: How the message names it.

    Raises:
        UsageError: If it cannot be read, or is no secret of 16 to 1,024 characters.
    """
    where = where or f"--secret-file {path}"
    try:
        secret = read_user_text(path).strip()
    except (OSError, ValueError) as error:
        msg = f"{where}: cannot be read: {getattr(error, 'strerror', None) or error}"
        raise UsageError(msg) from error
    if not _LEAST <= len(secret) <= _MOST:
        msg = f"{where}: a secret has {_LEAST} to {_MOST} characters (this one has {len(secret)})"
        raise UsageError(msg)
    return secret
