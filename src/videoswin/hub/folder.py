"""Models as folders, here or on the Hub: model.safetensors (ours, with its header), config.json and
video_preprocessor_config.json (transformers'), README.md (the model card)."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

from huggingface_hub import HfApi, constants, hf_hub_download
from huggingface_hub.errors import EntryNotFoundError, HFValidationError, RevisionResolutionError
from huggingface_hub.utils import httpx  # type: ignore[attr-defined]  # its own HTTP library, whichever

from videoswin import weights
from videoswin.errors import StorageError, WeightsError, printable
from videoswin.hub.card import Card, model_card
from videoswin.hub.config import config_of
from videoswin.hub.model import PROCESSOR_NAME, WEIGHTS_NAME
from videoswin.hub.processor import VideoSwinVideoProcessor
from videoswin.hub.report import read_evaluation
from videoswin.model import VideoSwin
from videoswin.storage import write_atomically
from videoswin.values import ClipSpec, Views, default_views

_Path = str | os.PathLike[str]

# What huggingface_hub raises for a Hub that is not there, refuses or has no such thing.
HUB_ERRORS = (OSError, httpx.HTTPError, HFValidationError, EntryNotFoundError, RevisionResolutionError)


def from_pretrained(
    source: _Path, *, revision: str | None = None, num_classes: int | None = None
) -> VideoSwin:
    """A model in eval mode, from a folder that `save_pretrained` wrote or a repository of the Hub.

    revision: branch, tag or commit of a repository. num_classes: another number of classes than the file's
    starts a new head (one log line says so). `weights.read(fetch(source))` gives labels and clip too.

    Raises WeightsError, one line, for a source that is not there or holds other weights.
    """
    return weights.build(weights.read(fetch(source, revision=revision)), num_classes=num_classes).eval()


def fetch(source: _Path, *, revision: str | None = None) -> Path:
    """The weights file of a folder or of a repository of the Hub, which is downloaded once and cached.

    Raises WeightsError for a repository that can't be had, also without network.
    """
    if os.path.isdir(source):
        return Path(source) / WEIGHTS_NAME
    name = os.fspath(source)
    try:
        return Path(hf_hub_download(name, WEIGHTS_NAME, revision=revision))
    except HUB_ERRORS as error:
        there = f"no such folder, and not to be had from {constants.ENDPOINT}"
        raise WeightsError(f"{printable(name)}: {there}: {_reason(error)}") from error


def save_pretrained(
    model: VideoSwin,
    folder: _Path,
    *,
    labels: tuple[str, ...],
    clip: ClipSpec,
    notes: Mapping[str, str] | None = None,
    views: Views | None = None,
    report: _Path | None = None,
    license: str = "unknown",
) -> Path:
    """Write the model as a folder that `from_pretrained` and transformers read; returns the folder. The four
    files replace what is there, the model card too.

    labels: class names in the order of the head, or none. clip: what the model was trained to see. notes:
    where the weights come from. views: what transformers' pipeline takes of a video; by default the paper's
    (4x3, or 1x3 for uniform sampling). report: report.json of an evaluation, whose numbers go into the card.
    license: of these weights, as the Hub names it; it is for the author to say.

    Raises ValueError if the number of labels is not that of classes, ConfigError for a wrong report or views
    that don't fit the clip, StorageError if writing fails.
    """
    path = Path(folder)
    card = _card(model, path.resolve().name, labels, clip, dict(notes or {}), views, report, license)
    _write(model, path, card)
    return path


def push_to_hub(
    model: VideoSwin,
    repo_id: str,
    *,
    labels: tuple[str, ...],
    clip: ClipSpec,
    notes: Mapping[str, str] | None = None,
    views: Views | None = None,
    report: _Path | None = None,
    license: str = "unknown",
    private: bool = False,
) -> str:
    """Upload what `save_pretrained` writes as one commit, into a repository made if needed; returns its
    address.

    The right to write comes from `hf auth login` or HF_TOKEN. private: make a new repository private; if not
    set, the account's default decides.
    Raises as `save_pretrained`, and StorageError when the Hub can't be reached or refuses.
    """
    card = _card(model, repo_id, labels, clip, dict(notes or {}), views, report, license)
    api = HfApi()
    with tempfile.TemporaryDirectory() as folder:
        _write(model, Path(folder), card)
        try:
            address = api.create_repo(repo_id, private=private or None, exist_ok=True)
            api.upload_folder(repo_id=repo_id, folder_path=folder, commit_message="Upload Video Swin")
        # ValueError: the Hub refuses the card's front matter, such as a license it does not know.
        except (*HUB_ERRORS, ValueError) as error:
            raise StorageError(
                f"cannot push to {printable(repo_id)} at {constants.ENDPOINT}: {_reason(error)}"
            ) from error
    return str(address)


def _card(
    model: VideoSwin,
    name: str,
    labels: tuple[str, ...],
    clip: ClipSpec,
    notes: dict[str, str],
    views: Views | None,
    report: _Path | None,
    license: str,
) -> Card:
    return Card(
        name=name,
        config=model.config,
        labels=labels,
        clip=clip,
        views=views or default_views(clip),
        notes=notes,
        license=license,
        evaluation=None if report is None else read_evaluation(report, labels=labels),
    )


def _write(model: VideoSwin, folder: Path, card: Card) -> None:
    """The four files; everything that can be refused is, before the first is written."""
    processor = VideoSwinVideoProcessor(clip=asdict(card.clip), views=str(card.views))
    config = config_of(model.config, labels=card.labels, clip=card.clip, notes=card.notes)
    texts = {
        "config.json": config.to_json_string(),
        PROCESSOR_NAME: processor.to_json_string(),
        "README.md": model_card(card),
    }
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StorageError(f"cannot make the folder {folder}: {error.strerror}") from error
    weights.save(folder / WEIGHTS_NAME, model, labels=card.labels, clip=card.clip, notes=card.notes)
    for name, text in texts.items():
        write_atomically(folder / name, text.encode())


def _reason(error: Exception) -> str:
    return printable(" ".join(str(error).split())) or type(error).__name__
