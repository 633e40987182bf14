"""`videoswin train`: train or fine-tune on your own videos."""

from __future__ import annotations

from videoswin.cli.parse import call, parse_values
from videoswin.launch import adopt_slurm, is_launched, launch
from videoswin.peers.config import peer_name
from videoswin.train.config import TrainConfig
from videoswin.train.packages import require_packages

_PROG = "videoswin train"


def main(arguments: list[str]) -> int:
    adopt_slurm()
    if not is_launched():
        num_processes = parse_values(train, arguments, prog=_PROG).scale.devices
        if num_processes > 1:
            return launch(["train", *arguments], num_processes=num_processes)
    return call(train, arguments, prog=_PROG)


def train(config: TrainConfig) -> int:
    """Train or fine-tune a Video Swin Transformer on your own videos. Only --data.train is required.

    Name pretrained weights with --weights to fine-tune; without them training starts from scratch. Writes
    best.safetensors, last.safetensors, report.html, curves.png, metrics.csv, TensorBoard logs, config.yaml,
    checkpoints/ and, if videos can't be read, bad_samples.jsonl to --output; with --data.test also
    evaluation/, the report of the last weights on those videos. recipes/finetune.yaml is a complete --config
    to start from.

    A run that was stopped or killed continues with the same command. --scale.devices N trains in N processes;
    torchrun and SLURM start theirs with this same command.
    """
    require_packages()
    if config.peer:
        from videoswin.peers.packages import require_library

        require_library(peer_name(config.peer))  # before Lightning meets torchvision
    if config.find_learning_rate:
        from videoswin.train.find_rate import find_rate

        find_rate(config)
        return 0
    from videoswin.train.run import train as run  # Lightning takes seconds to import: not for --help

    run(config)
    return 0
