"""A program must see no environment variable of ours, and a user and a home that are its own."""

import os
import pwd
import uuid

import pytest

from tests._sandboxes import attack
from tests.attacks._programs import inside
from tests.attacks.programs import environment
from ttrl_cli.sandbox.base import Backend, Property, SandboxSpec
from ttrl_cli.sandbox.session import Sandbox


@attack(Property.ENVIRONMENT)
def test_secrets_of_ours_are_nowhere_in_its_environment(
    backend: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No variable of ours is in a program's environment, as it sees it or the kernel does."""
    secret = f"canary-{uuid.uuid4().hex}"
    for key in ("TTRL_CANARY", "OPENAI_API_KEY", "HF_TOKEN", "LD_LIBRARY_PATH", "PYTHONPATH"):
        monkeypatch.setenv(key, secret)
    with Sandbox(backend, SandboxSpec()) as sandbox:
        length, text = inside(sandbox, environment.environment)
    assert length > 0
    assert secret not in text


@attack(Property.ENVIRONMENT)
def test_a_program_has_a_user_and_a_home(sandbox: Sandbox) -> None:
    """The usual ways to ask for a user's name and home give some, and not ours."""
    found = inside(sandbox, environment.user_and_home)
    assert found == ["candidate", "candidate candidate\n", 1, True]


@attack(Property.ENVIRONMENT)
def test_a_program_has_an_entry_of_its_user(sandbox: Sandbox) -> None:
    """The list of users and groups names a program's own ids in Python, and no unknown one."""
    named = inside(sandbox, environment.entry_of_the_user)
    entry = pwd.getpwuid(os.getuid())
    ours = [entry.pw_name, entry.pw_dir]
    assert named == (["candidate", "/tmp"] if sandbox.isolated else ours)
