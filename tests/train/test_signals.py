"""Real signals to this process, and a `scontrol` that writes down how it is called."""

from __future__ import annotations

import logging
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from videoswin.train.signals import NUMBERS, SignalFlag, requeue_slurm_job


@pytest.fixture(autouse=True)
def _handlers() -> Iterator[None]:
    """Those of pytest, back afterwards."""
    before = {number: signal.getsignal(number) for number in NUMBERS}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.fixture
def flag() -> SignalFlag:
    made = SignalFlag()
    made.listen()
    return made


def send(number: int) -> None:
    os.kill(os.getpid(), number)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGUSR1])
def test_t03_a_signal_is_remembered_and_said(
    number: signal.Signals, flag: SignalFlag, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "videoswin.train")
    assert flag.number == 0
    send(number)
    assert flag.number == number
    (said,) = caplog.messages
    assert said.startswith(f"{number.name}: the run saves after this update and stops")
    assert ("once more interrupts at once" in said) == (number == signal.SIGINT)


def test_the_first_signal_counts(flag: SignalFlag, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "videoswin.train")
    for number in (signal.SIGUSR1, signal.SIGTERM, signal.SIGTERM, signal.SIGINT):
        send(number)
    assert flag.number == signal.SIGUSR1
    assert len(caplog.messages) == 1


def test_t04_a_second_ctrl_c_interrupts_at_once(flag: SignalFlag) -> None:
    send(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        send(signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


# SLURM


@pytest.fixture
def slurm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A job 123; scontrol writes its arguments into the file returned and fails if beside it is `fault`."""
    calls = tmp_path / "calls"
    scontrol = tmp_path / "bin" / "scontrol"
    scontrol.parent.mkdir()
    scontrol.write_text(
        f'#!/bin/sh\necho "$@" >> {calls}\n'
        f"if [ -e {tmp_path}/fault ]; then echo 'Requeue is not allowed' >&2; exit 1; fi\n"
    )
    scontrol.chmod(0o755)
    monkeypatch.setenv("PATH", f"{scontrol.parent}:{os.environ['PATH']}")
    monkeypatch.setenv("SLURM_JOB_ID", "123")
    for name in ("SLURM_ARRAY_JOB_ID", "SLURM_ARRAY_TASK_ID"):
        monkeypatch.delenv(name, raising=False)
    return calls


@pytest.fixture
def said(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    caplog.set_level(logging.INFO, "videoswin.train")
    return caplog


def test_t03_a_slurm_job_goes_back_to_the_queue(slurm: Path, said: pytest.LogCaptureFixture) -> None:
    requeue_slurm_job()
    assert slurm.read_text() == "requeue 123\n"
    assert said.messages == ["SLURM job 123 is back in the queue"]


def test_a_task_of_an_array_is_requeued_by_its_number(slurm: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLURM_ARRAY_JOB_ID", "120")
    monkeypatch.setenv("SLURM_ARRAY_TASK_ID", "3")
    requeue_slurm_job()
    assert slurm.read_text() == "requeue 120_3\n"


def test_a_job_that_may_not_be_requeued_says_why(slurm: Path, said: pytest.LogCaptureFixture) -> None:
    (slurm.parent / "fault").touch()
    requeue_slurm_job()
    assert [(record.levelname, record.message) for record in said.records] == [
        ("WARNING", "SLURM job 123 is not requeued: Requeue is not allowed")
    ]


def test_without_scontrol_the_job_says_so(
    slurm: Path, said: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(slurm.parent))
    requeue_slurm_job()
    assert [(record.levelname, record.message) for record in said.records] == [
        ("WARNING", "SLURM job 123 is not requeued: no scontrol here")
    ]


@pytest.mark.parametrize("job", [None, "", "12; rm -rf"])
def test_outside_of_slurm_nothing_is_called(
    job: str | None, slurm: Path, said: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    if job is None:
        monkeypatch.delenv("SLURM_JOB_ID")
    else:
        monkeypatch.setenv("SLURM_JOB_ID", job)
    requeue_slurm_job()
    assert not slurm.exists()
    assert said.messages == []
