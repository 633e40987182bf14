"""`videoswin train`: train or fine-tune on your own videos."""

from __future__ import annotations

from videoswin.cli.parse import call
from videoswin.peers.config import peer_name
from videoswin.train.config import TrainConfig
from videoswin.train.packages import require_packages


def main(arguments: list[str]) -> int:
    return call(train, arguments, prog="videoswin train")


def train(config: TrainConfig) -> int:
    """Train or fine-tune a Video Swin Transformer on your own videos. Only --data.train is required.

    Name pretrained weights with --weights to fine-tune; without them training starts from scratch. Writes
    best.safetensors, last.safetensors, curves.png, metrics.csv, TensorBoard logs, config.yaml and, if videos
    can't be read, bad_samples.jsonl to --output; with --data.test also evaluation/, the report of the last
    weights on those videos. recipes/finetune.yaml is a complete --config to start from.
    """
    require_packages()
    if config.peer:
        from videoswin.peers.packages import require_library

        require_library(peer_name(config.peer))  # before Lightning meets torchvision
    from videoswin.train.run import train as run  # Lightning takes seconds to import: not for --help

    run(config)
    return 0
