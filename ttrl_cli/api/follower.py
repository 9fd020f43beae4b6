"""Every process but the first: it carries out the orders of process 0."""

import os
import sys
from functools import partial

from ttrl_cli import process_group
from ttrl_cli.api.launch import Begin, End
from ttrl_cli.api.runtime import Runtime
from ttrl_cli.learner.parallel import Probed, Restore, Update
from ttrl_cli.process_group import ProcessGroup
from ttrl_cli.sampler.base import SeparateSampler
from ttrl_cli.sampler.parallel import Load, Sample, Score, Sleep, scores, share, stop_flag


def _say_ready() -> None:
    """Tell process 0 that this process is about to join; print nothing after that."""
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)


def follow() -> None:
    """Carry out the orders of process 0 until it ends the run."""
    import torch  # noqa: F401 # slow: done before this process says that it is ready

    if process_group.started_here():
        _say_ready()
    group = ProcessGroup()
    began: object = group.broadcast()
    assert isinstance(began, Begin)
    with Runtime.local(began.config, group) as runtime:
        order: object
        while not isinstance(order := group.broadcast(), End):
            _obey(order, runtime, group)
    process_group.leave()


def _obey(order: object, runtime: Runtime, group: ProcessGroup) -> None:
    """Carry out one order of process 0."""
    sampler, learner = runtime.sampler, runtime.learner
    match order:
        case Sample(prompts_P, step):
            told = partial(group.sees_flag, stop_flag(step))
            for completion in sampler.sample(share(prompts_P, group), step=step, stop=told):
                group.send(completion)
            group.send(None)
        case Load(adapter):
            sampler.load(adapter)
        case Update(round_):
            learner.update(round_)
        case Probed(probes):
            assert runtime.scorer is not None
            runtime.scorer.logprobs(probes)
        case Restore(folder, None):
            learner.warm_start(folder)
        case Restore(folder, int(policy)):
            learner.load(folder, policy=policy)
        case Score():
            assert isinstance(sampler, SeparateSampler)
            scores(sampler, order, group)
        case Sleep(on):
            assert isinstance(sampler, SeparateSampler)
            sampler.sleep() if on else sampler.wake_up()
        case _:
            msg = f"unknown order {order!r}"
            raise AssertionError(msg)
