"""Sending a run's metrics to a tracker, by transformers' integrations.

A tracker gets the metrics of each step and the name of the run, and nothing else: no prompt, no
solution, no option of the run, no variable of the environment. Where and how it sends them is for
its own settings to say, such as WANDB_MODE or MLFLOW_TRACKING_URI.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

from ttrl_cli.config import RunConfig
from ttrl_cli.environ import variables
from ttrl_cli.errors import SetupError
from ttrl_cli.loop.step import Reporter
from ttrl_cli.records import Json, StepProgress, Watch
from ttrl_cli.rundir import RunDir, files

PACKAGES: Mapping[str, tuple[str, ...]] = {
    "tensorboard": ("tensorboard", "tensorboardX"),
    "wandb": ("wandb",),
    "trackio": ("trackio",),
    "mlflow": ("mlflow",),
}
"""The packages that a tracker needs, one of which is enough."""

_SILENT = {
    "WANDB_CONSOLE": "off",
    "WANDB_DISABLE_CODE": "true",
    "WANDB_DISABLE_GIT": "true",
    "WANDB_LOG_MODEL": "false",
    "WANDB_WATCH": "false",
    "WANDB_X_DISABLE_META": "true",
    "HF_MLFLOW_LOG_ARTIFACTS": "false",
}
"""What trackers are told not to send: the command line, which may hold a server's password, what
is printed, code and weights."""


def require_tracker(config: RunConfig) -> None:
    """Refuse a tracker that is not installed.

    Raises:
        SetupError: If it is not installed.
    """
    name = config.report_to
    if name is not None and not any(find_spec(package) for package in PACKAGES[name]):
        msg = f"--report-to {name}: {name} is not installed; pip install 'ttrl-cli[{name}]'"
        raise SetupError(msg)


@contextmanager
def tracked(reporter: Reporter, run: RunDir) -> Iterator[Reporter]:
    """Have the tracker that a run names told of its steps, besides a reporter.

    Args:
        reporter: Told of everything.
        run: The run.

    Raises:
        SetupError: If the tracker is not installed, or cannot be started.
    """
    if run.config.report_to is None:
        yield reporter
        return
    require_tracker(run.config)
    tracker = _Tracker(run)
    try:
        yield _Both(reporter, tracker)
    finally:
        tracker.end()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Arguments:
    """What transformers' callbacks look up in a Trainer's arguments: the run's name and folder."""

    run_name: str
    output_dir: str
    project: str = "ttrl"
    trackio_space_id: str | None = None
    trackio_bucket_id: str | None = None
    trackio_static_space_id: str | None = None
    hub_private_repo: bool = True

    def to_dict(self) -> dict[str, Json]:
        """Return what is sent as the run's configuration."""
        return {"run_name": self.run_name}

    def to_json_string(self) -> str:
        """Return the same as JSON."""
        return json.dumps(self.to_dict())


class _Tracker:
    """One run of a tracker.

    Args:
        run: The run whose metrics it gets.
    """

    def __init__(self, run: RunDir) -> None:
        from transformers import TrainerControl, TrainerState
        from transformers.integrations import integration_utils

        made: Mapping[str, Any] = integration_utils.INTEGRATION_TO_CALLBACK
        name = run.config.report_to
        assert name is not None
        self._state, self._control = TrainerState(), TrainerControl()
        self._arguments = _Arguments(run_name=run.path.name, output_dir=str(run.path / "tracker"))
        try:
            with variables(_SILENT):
                self._callback = made[name]()
                self._tell(self._callback.on_train_begin)
        except (ImportError, RuntimeError, OSError, ValueError) as error:
            msg = f"--report-to {name}: the tracker cannot be started: {error}"
            raise SetupError(msg) from error

    def log(self, metrics: Mapping[str, float]) -> None:
        """Send the metrics of a step; those that are not finite are left out."""
        self._state.global_step = int(metrics["step"])
        kept = {key: value for key, value in files.finite(metrics).items() if value is not None}
        self._tell(self._callback.on_log, logs=kept)

    def end(self) -> None:
        """End the tracker's run."""
        self._tell(self._callback.on_train_end)

    def _tell(self, event: Callable[..., object], **more: object) -> None:
        event(self._arguments, self._state, self._control, model=None, **more)


class _Both:
    """A reporter that a tracker follows; see `Reporter`."""

    def __init__(self, reporter: Reporter, tracker: _Tracker) -> None:
        self._reporter = reporter
        self._tracker = tracker

    def began(self, watch: Watch) -> None:
        """Pass it on."""
        self._reporter.began(watch)

    def step_began(self, stage: str, look: Callable[[], StepProgress]) -> None:
        """Pass it on."""
        self._reporter.step_began(stage, look)

    def sampled(self, step: int, done: int, total: int) -> None:
        """Pass it on."""
        self._reporter.sampled(step, done, total)

    def step_done(self, metrics: Mapping[str, float], stage: str) -> None:
        """Send the metrics to the tracker, and pass them on."""
        self._tracker.log(metrics)
        self._reporter.step_done(metrics, stage)

    def warned(self, text: str) -> None:
        """Pass it on."""
        self._reporter.warned(text)
