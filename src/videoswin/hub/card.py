"""The model card (README.md) of a folder: what the model is, was trained on, reaches and can't do.

It says only what the weights, their notes and an evaluation report say. Nothing is filled in by guessing.
"""

from __future__ import annotations

import html
from dataclasses import dataclass, replace

from huggingface_hub import EvalResult, ModelCardData

from videoswin.errors import printable
from videoswin.hub.report import Evaluation
from videoswin.model import VARIANTS, SwinConfig
from videoswin.model.cost import cost
from videoswin.values import ClipSpec, Size3, Views

PAPER = "https://arxiv.org/abs/2106.13230"


@dataclass(frozen=True, kw_only=True, slots=True)
class Card:
    """Everything a model card is made of. name: repository id or name of the folder. license: an identifier
    of the Hub, such as `apache-2.0`. views: what the folder's video processor takes of a video."""

    name: str
    config: SwinConfig
    labels: tuple[str, ...]
    clip: ClipSpec
    views: Views
    notes: dict[str, str]
    license: str
    evaluation: Evaluation | None


def model_card(card: Card) -> str:
    """The card as Markdown behind a YAML front matter."""
    sections = [
        f"---\n{_front_matter(card).to_yaml()}\n---",
        f"# {_text(card.name)}",
        f"A Video Swin Transformer ([paper]({PAPER})): it names the action in a short video, one of "
        f"{card.config.num_classes} classes. Saved by videoswin.",
        _use(card),
        "## Model\n\n" + _table(_model_rows(card)),
        _labels(card),
        "## Training data and lineage\n\n" + _lineage(card.notes),
        "## Evaluation\n\n" + _evaluation(card.evaluation),
        "## Protocol\n\n" + _protocol(card),
        "## Limits\n\n" + _limits(card),
    ]
    return "\n\n".join(sections) + "\n"


def _front_matter(card: Card) -> ModelCardData:
    results = []
    if card.evaluation is not None:
        found = card.evaluation
        accuracies = {"top-1": found.top1, f"top-{found.top_k}": found.top_k_accuracy}
        results = [
            EvalResult(
                task_type="video-classification",
                dataset_type=found.data,
                dataset_name=found.data,
                metric_type="accuracy",
                metric_name=f"{name}, {found.views} views",
                metric_value=round(value, 4),
            )
            for name, value in accuracies.items()
        ]
    return ModelCardData(
        license=card.license,
        library_name="videoswin",
        pipeline_tag="video-classification",
        tags=["video-classification", "action-recognition", "video-swin-transformer", "arxiv:2106.13230"],
        metrics=["accuracy"] if results else None,
        model_name=card.name if results else None,
        eval_results=results or None,
    )


def _use(card: Card) -> str:
    name = printable(card.name).replace('"', "")
    return f"""## Use

```python
import videoswin.hub  # pip install 'videoswin[hub]'
from transformers import pipeline

classify = pipeline("video-classification", model="{name}")
classify("clip.mp4")
```

or without transformers' classes, as feature extractor or to train on:

```python
model = videoswin.VideoSwin.from_pretrained("{name}")
logits = model(clips)  # clips: (B, 3, {card.clip.num_frames}, {card.clip.size}, {card.clip.size}) uint8 RGB
```"""


def _model_rows(card: Card) -> dict[str, str]:
    config, clip = card.config, card.clip
    parts = cost(config, Size3(clip.num_frames, clip.size, clip.size))
    # The published sizes differ from each other in width, depth and window only.
    same = [
        name for name, size in VARIANTS.items() if replace(size, num_classes=config.num_classes) == config
    ]
    return {
        "size": same[0] if same else "none of the published ones",
        "parameters": f"{sum(part.parameters for part in parts):,}",
        "multiply-adds a clip": f"{sum(part.multiply_adds for part in parts) / 1e9:,.1f} G",
        "width, blocks, heads": f"{config.embed_dim}, {_list(config.depths)}, {_list(config.num_heads)}",
        "design, shift of windows": f"{config.design}, {config.shift}",
        "window, patch (time, height, width)": f"{_list(config.window)}, {_list(config.patch)}",
        "relative position index": "as the official code clamps it" if config.legacy_bias_index else "exact",
    }


def _labels(card: Card) -> str:
    if not card.labels:
        return "## Labels\n\nThe weights have no class names; predictions are class numbers."
    rows = "\n".join(f"{index}. {_text(label)}" for index, label in enumerate(card.labels))
    count = f"{len(card.labels)} class names, in the order of the head"
    return f"## Labels\n\n<details><summary>{count}</summary>\n\n{rows}\n\n</details>"


def _lineage(notes: dict[str, str]) -> str:
    if not notes:
        return "The weights carry no notes: what they were trained on is not recorded here."
    return "As noted in the header of the weights:\n\n" + _table(notes)


def _evaluation(found: Evaluation | None) -> str:
    if found is None:
        return "No evaluation report was given: nothing is claimed here about accuracy."
    low, high = found.top1_interval
    missing = found.num_listed - found.num_evaluated
    rows = {
        "data": found.data,
        "top-1": f"{found.top1:.2%} (95 % interval {low:.2%} to {high:.2%})",
        f"top-{found.top_k}": f"{found.top_k_accuracy:.2%}",
        "mean class accuracy": f"{found.mean_class_accuracy:.2%}",
        "videos": f"{found.num_listed} listed, {missing} of them unreadable and counted as wrong",
        "views, precision": f"{found.views}, {found.precision}",
    }
    return _table(rows)


def _protocol(card: Card) -> str:
    clip = card.clip
    frames = (
        f"frames {clip.stride} apart (`dense`)"
        if clip.sampling == "dense"
        else "one frame from each of as many equal parts of the video (`uniform`)"
    )
    return (
        f"A clip is {clip.num_frames} frames of {clip.size}x{clip.size} pixels, {frames}. By default a video "
        f"is seen in {card.views} views (clips in time x crops in space): the short side is resized to "
        f"{clip.size} pixels, each view gets a softmax, and the probabilities are their mean."
    )


def _limits(card: Card) -> str:
    count = card.config.num_classes
    limits = [
        f"It always answers with one of its {count} classes; a video of anything else gets one of them too.",
        "The probabilities are not calibrated.",
        "A long video is judged by the sampled clips alone, and it is not said when something happens.",
        "It knows what its training videos showed, with their faults in choice of people and places.",
    ]
    return "\n".join(f"- {limit}" for limit in limits)


def _table(rows: dict[str, str]) -> str:
    return "| | |\n|---|---|\n" + "\n".join(f"| {_text(key)} | {_text(rows[key])} |" for key in rows)


def _text(value: str) -> str:
    """One line of plain text: what a label or a note says must not become markup."""
    escaped = html.escape(printable(value), quote=False)
    return "".join(f"\\{c}" if c in "\\`*_[]|#" else c for c in escaped)


def _list(numbers: tuple[int, ...]) -> str:
    return "x".join(str(number) for number in numbers)
