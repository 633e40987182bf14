"""Train and evaluate every setting of a table with every seed. What is done is never done again: a stopped
ablation goes on where it was.

FOLDER/runs/SETTING/seed-N holds one run of `videoswin train`, with result.json when it is complete.
"""

from __future__ import annotations

import json
import logging
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from videoswin.ablate.order import order_accuracy, require_labels
from videoswin.ablate.tables import NEEDS_FLAT_WEIGHTS, TABLES, Setting, TableName
from videoswin.errors import ConfigError
from videoswin.evaluate import read_predictions
from videoswin.evaluate.output import PREDICTIONS_NAME, REPORT_NAME
from videoswin.model.config import SWIN_T
from videoswin.peers.config import PeerName, peer_name
from videoswin.storage import write_atomically
from videoswin.train.checks import read_source
from videoswin.train.config import TrainConfig
from videoswin.train.data_config import DataConfig
from videoswin.train.output import as_plain
from videoswin.train.run import train
from videoswin.train.start import choose_clip, read_pretrained
from videoswin.weights.inflation import Inflation

logger = logging.getLogger(__name__)

RESULT = "result.json"
SETTING, SEED = "{setting}", "{seed}"
"""May stand in `weights`: each run then starts from weights of its own."""

Pair = tuple[str, str]


@dataclass(frozen=True, kw_only=True)
class AblateConfig:
    """One ablation. `run.output` and `run.seed` have no meaning here."""

    table: TableName
    run: TrainConfig
    seeds: tuple[int, ...] = (0, 1, 2)
    output: str = "runs/ablate"
    only: tuple[str, ...] = ()
    """Names of the settings to run; empty: all of the table."""
    pairs: tuple[Pair, ...] = ()
    """Labels that the order of time alone tells apart; an accuracy between the two of each is added."""
    peers: tuple[str, ...] = ()
    """Other backbones to train and evaluate through the same protocol, as more rows: NAME, or NAME=WEIGHTS to
    start from weights of its own."""

    def __post_init__(self) -> None:
        if not self.seeds or len(set(self.seeds)) < len(self.seeds) or min(self.seeds) < 0:
            raise ConfigError(f"seeds are {list(self.seeds)}; allowed: one or more different numbers from 0")
        if not (self.run.data.test or self.run.data.val):
            raise ConfigError("data.test and data.val are empty; an ablation needs videos to evaluate on")


@dataclass(frozen=True, kw_only=True)
class Result:
    """One run. Accuracies in [0, 1]; order: the share of `pairs` told apart, None without pairs."""

    setting: str
    seed: int
    top1: float
    top5: float
    top_k: int
    num_videos: int
    order: float | None
    weights: str


def settings_of(config: AblateConfig) -> tuple[Setting, ...]:
    """The rows of the ablation. Raises ConfigError for a name that is none, or a run that does not fit."""
    run = with_known_model(config.run)
    if config.table in NEEDS_FLAT_WEIGHTS and not run.weights:
        raise ConfigError(
            f"the table {config.table} compares starts from a 2D model; name its file in weights"
        )
    rows = TABLES[config.table].settings(run)
    names = [row.name for row in rows]
    unknown = [name for name in config.only if name not in names]
    if unknown:
        raise ConfigError(
            f"no setting {unknown[0]!r} in the table {config.table}; allowed: {', '.join(names)}"
        )
    kept = tuple(row for row in rows if not config.only or row.name in config.only)
    peers = (Setting(name=peer_of(peer), run=_run_of_peer(config.run, peer)) for peer in config.peers)
    return (*kept, *peers)


def peer_of(text: str) -> PeerName:
    """The name in NAME or NAME=WEIGHTS. Raises ConfigError for an unknown one."""
    return peer_name(text.partition("=")[0])


def _run_of_peer(run: TrainConfig, text: str) -> TrainConfig:
    """The same run without what only a Video Swin has. Its clip is that of the run, or the peer's own."""
    return replace(
        run,
        peer=peer_of(text),
        weights=text.partition("=")[2],
        model=None,
        inflation=Inflation(),
        recompute_stages=0,
        recompute="blocks",
        residual="fp32",
        skip_dropped=False,
        freeze_stages=0,
        compile_blocks=False,
        optimizer=replace(run.optimizer, layer_decay=1.0),
    )


def with_known_model(run: TrainConfig) -> TrainConfig:
    """The run with the model and clip written out that it would choose by itself. Raises as `train` does."""
    if SETTING in run.weights or SEED in run.weights:
        if run.model is None or run.clip is None:
            raise ConfigError(
                f"weights are {run.weights!r}, others for each run; then model and clip must be given"
            )
        return run
    pretrained = read_pretrained(run)
    model = run.model or (SWIN_T if pretrained is None else pretrained.config)
    return replace(run, model=model, clip=choose_clip(run, pretrained))


def run_ablation(config: AblateConfig) -> Iterator[tuple[Result, int, int]]:
    """Do what is not done yet; give every result as soon as it is known, with its number and their total.

    All settings have a seed before the next seed begins, so that a stopped ablation compares all of them.
    Raises as `train` does; ConfigError if the folder holds runs of another configuration.
    """
    settings = settings_of(config)
    planned = [(setting, seed) for seed in config.seeds for setting in settings]
    runs = [_run_of(config, setting, seed) for setting, seed in planned]
    for run in runs:
        _require_same(run)
    if config.pairs:
        data = config.run.data
        require_labels(config.pairs, read_source(data, data.train).labels)
    for number, ((setting, seed), run) in enumerate(zip(planned, runs, strict=True), start=1):
        logger.info(f"run {number} of {len(planned)}: {setting.name}, seed {seed}")
        yield _result(run, setting.name, config.pairs), number, len(planned)


def _run_of(config: AblateConfig, setting: Setting, seed: int) -> TrainConfig:
    run = setting.run
    return replace(
        run,
        seed=seed,
        weights=run.weights.replace(SETTING, setting.name).replace(SEED, str(seed)),
        data=replace(run.data, test=run.data.test or run.data.val),
        output=str(Path(config.output) / "runs" / setting.name / f"seed-{seed}"),
    )


def _require_same(run: TrainConfig) -> None:
    """Raise ConfigError if a complete run in this place had another configuration: results of both in one
    table would compare nothing."""
    path = Path(run.output) / RESULT
    if not path.exists():
        return
    # A run of an older version knows fewer options; they had what is the default today.
    defaults = _leaves(as_plain(TrainConfig(data=DataConfig(train=run.data.train))))
    then, now = _leaves(json.loads(path.read_text())["run"]), _leaves(as_plain(run))
    differences = [
        f"{name} was {then.get(name, defaults.get(name))!r}, is {now.get(name)!r}"
        for name in sorted(then.keys() | now.keys())
        if then.get(name, defaults.get(name)) != now.get(name)
    ]
    if differences:
        raise ConfigError(f"{run.output} is of another run: {'; '.join(differences)}; name another --output")


def _leaves(tree: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """{"data": {"train": x}} -> {"data.train": x}."""
    leaves: dict[str, Any] = {}
    for name, value in tree.items():
        leaves |= _leaves(value, f"{prefix}{name}.") if isinstance(value, dict) else {prefix + name: value}
    return leaves


def _result(run: TrainConfig, setting: str, pairs: Sequence[Pair]) -> Result:
    folder = Path(run.output)
    if not (folder / RESULT).exists():
        if folder.exists():
            logger.info(f"  {folder} was stopped before its end; it starts again")
            shutil.rmtree(folder)
        _train(run)
    known: dict[str, Any] = json.loads((folder / RESULT).read_text())
    return Result(
        setting=setting,
        seed=run.seed,
        top1=known["top1"],
        top5=known["top5"],
        top_k=known["top5_k"],
        num_videos=known["n_listed"],
        order=_order(folder / known["evaluation"] / PREDICTIONS_NAME, pairs),
        weights=str(folder / "last.safetensors"),
    )


def _order(predictions: Path, pairs: Sequence[Pair]) -> float | None:
    return order_accuracy(read_predictions(predictions), pairs) if pairs else None


def _train(run: TrainConfig) -> None:
    """Train, evaluate and, as the last thing, write result.json."""
    evaluation = train(run).evaluation
    assert evaluation is not None, "data.test is named"
    report = json.loads((evaluation / REPORT_NAME).read_text())
    kept = {name: report[name] for name in ("top1", "top5", "top5_k", "n_listed", "labels")}
    kept |= {"evaluation": evaluation.name, "run": as_plain(run)}
    write_atomically(Path(run.output) / RESULT, json.dumps(kept, indent=2).encode())
