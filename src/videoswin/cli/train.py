"""`videoswin train`: train or fine-tune on your own videos."""

from __future__ import annotations

from videoswin.cli.parse import call
from videoswin.data.augment import Augment
from videoswin.model.config import SwinConfig
from videoswin.peers.config import peer_name
from videoswin.train.config import DataConfig, OptimizerConfig, Precision, ScheduleConfig, TrainConfig
from videoswin.train.packages import require_packages
from videoswin.values import ClipSpec
from videoswin.weights.inflation import Inflation


def main(arguments: list[str]) -> int:
    return call(train, arguments, prog="videoswin train")


# The options are the fields of TrainConfig, one by one: a test holds the two together.
def train(
    weights: str = TrainConfig.weights,
    inflation: Inflation = TrainConfig.inflation,
    peer: str = TrainConfig.peer,
    model: SwinConfig | None = TrainConfig.model,
    clip: ClipSpec | None = TrainConfig.clip,
    augment: Augment = TrainConfig.augment,
    data: DataConfig = TrainConfig.data,
    optimizer: OptimizerConfig = TrainConfig.optimizer,
    schedule: ScheduleConfig = TrainConfig.schedule,
    epochs: int = TrainConfig.epochs,
    batch_size: int = TrainConfig.batch_size,
    accumulate: int = TrainConfig.accumulate,
    precision: Precision = TrainConfig.precision,
    label_smoothing: float = TrainConfig.label_smoothing,
    drop_path_rate: float = TrainConfig.drop_path_rate,
    head_dropout: float = TrainConfig.head_dropout,
    views: str = TrainConfig.views,
    checkpoint_blocks: bool = TrainConfig.checkpoint_blocks,
    seed: int = TrainConfig.seed,
    output: str = TrainConfig.output,
    max_bad_fraction: float = TrainConfig.max_bad_fraction,
) -> int:
    """Train or fine-tune a Video Swin Transformer on your own videos. Only --data.train is required.

    Name pretrained weights with --weights to fine-tune; without them training starts from scratch. Writes
    best.safetensors, last.safetensors, curves.png, metrics.csv, TensorBoard logs, config.yaml and, if videos
    can't be read, bad_samples.jsonl to --output; with --data.test also evaluation/, the report of the last
    weights on those videos. recipes/finetune.yaml is a complete --config to start from.

    Args:
        weights: Pretrained weights to start from, of a Video Swin or a 2D Swin. Empty: from scratch.
        inflation: How a 2D Swin becomes a Video Swin.
        peer: Another backbone by the same protocol. Of torchvision: r3d_18, r2plus1d_18, mc3_18, s3d,
            mvit_v1_b, mvit_v2_s, swin3d_t, swin3d_s, swin3d_b; of transformers: timesformer, vivit, videomae,
            vjepa2. Its weights are a state dict of torchvision or a folder that transformers saved.
        model: The architecture. Null: that of the weights, from scratch Swin-T. With weights, the window,
            design, shift and bias settings may differ from theirs.
        clip: How a clip is cut from a video. Null: as the weights were trained, from scratch the defaults.
        augment: Random changes of training clips.
        data: The videos.
        optimizer: AdamW and its parameter groups.
        schedule: The learning rate over time.
        epochs: Times every training video is seen.
        batch_size: Clips a step holds in memory at once, on each device.
        accumulate: Batches whose gradients make one update.
        precision: Of the computation. bf16 suits a recent GPU; fp16 needs a GPU and can overflow.
        label_smoothing: Share of the target spread over all classes (paper: 0.1 on Something-Something).
        drop_path_rate: Stochastic depth of the last block (paper: T 0.1, S 0.2, B 0.3).
        head_dropout: Dropout before the head.
        views: Test-time views for --data.test, such as 4x3. Empty: 4x3, for uniform sampling 1x3.
        checkpoint_blocks: Recompute activations in the backward pass: less memory, a third more time.
        seed: Initial values, hold-out, order, clips and dropout follow from it.
        output: Folder for everything the run writes; new or empty.
        max_bad_fraction: Share of unreadable videos above which the run stops, once there are 10 of them.
    """
    config = TrainConfig(
        weights=weights,
        inflation=inflation,
        peer=peer,
        model=model,
        clip=clip,
        augment=augment,
        data=data,
        optimizer=optimizer,
        schedule=schedule,
        epochs=epochs,
        batch_size=batch_size,
        accumulate=accumulate,
        precision=precision,
        label_smoothing=label_smoothing,
        drop_path_rate=drop_path_rate,
        head_dropout=head_dropout,
        views=views,
        checkpoint_blocks=checkpoint_blocks,
        seed=seed,
        output=output,
        max_bad_fraction=max_bad_fraction,
    )
    require_packages()
    if config.peer:
        from videoswin.peers.packages import require_library

        require_library(peer_name(config.peer))  # before Lightning meets torchvision
    from videoswin.train.run import train as run  # Lightning takes seconds to import: not for --help

    run(config)
    return 0
