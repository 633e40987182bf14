"""Decoders of the data benchmark behind one call. Peers are no dependencies: each is imported from where it
lies."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from functools import partial
from importlib.machinery import PathFinder
from typing import Any

import numpy as np
import numpy.typing as npt

from videoswin.data.crops import short_side_size
from videoswin.data.decode import open_video
from videoswin.data.picture import resize_picture
from videoswin.data.sampling import IntArray
from videoswin.errors import ConfigError

Pictures = npt.NDArray[np.uint8]
Decode = Callable[[str, IntArray, int], Pictures]
"""(file, indices, short side) -> (T, h, w, 3): opens the file, reads, closes."""


def import_peer(module: str, folder: str, package: str) -> Any:
    """A module from `folder` (pip install --no-deps --target FOLDER PACKAGE). Raises ConfigError."""
    if PathFinder.find_spec(module, [folder]) is None:
        raise ConfigError(f"{package} cannot be imported from {folder!r}: it is not in it")
    sys.path.append(folder)
    try:
        return importlib.import_module(module)
    except (ImportError, OSError, RuntimeError) as error:
        reason = str(error).strip().splitlines()[0]
        raise ConfigError(f"{package} in {folder!r} cannot be imported: {reason}") from error


def ours(path: str, indices: IntArray, short_side: int) -> Pictures:
    with open_video(path) as video:
        return video.read(lambda num_frames: indices, short_side=short_side).pixels


def decord_decode(module: Any, path: str, indices: IntArray, short_side: int) -> Pictures:
    """Decoded at full size, resized as we do."""
    reader = module.VideoReader(path, num_threads=1)
    return _resized(reader.get_batch(indices.tolist()).asnumpy(), short_side)


def decord_scaled(module: Any, path: str, indices: IntArray, short_side: int) -> Pictures:
    """Scaled by decord's own scaler as it decodes."""
    height, width = _stored_size(path)
    height, width = short_side_size(height, width, short_side)
    reader = module.VideoReader(path, num_threads=1, width=width, height=height)
    pictures: Pictures = reader.get_batch(indices.tolist()).asnumpy()
    return pictures


def opencv_decode(module: Any, path: str, indices: IntArray, short_side: int) -> Pictures:
    """Seek to the first, then grab; only what is wanted is converted."""
    file = module.VideoCapture(path, module.CAP_FFMPEG, [module.CAP_PROP_N_THREADS, 1])
    file.set(module.CAP_PROP_POS_FRAMES, int(indices.min()))
    found: dict[int, Pictures] = {}
    wanted = set(indices.tolist())
    for index in range(int(indices.min()), int(indices.max()) + 1):
        if not file.grab():
            break
        if index in wanted:
            picture = module.cvtColor(file.retrieve()[1], module.COLOR_BGR2RGB)
            height, width = short_side_size(picture.shape[0], picture.shape[1], short_side)
            found[index] = module.resize(picture, (width, height), interpolation=module.INTER_LINEAR)
    file.release()
    missing = [index for index in wanted if index not in found]
    if missing:
        raise ConfigError(f"opencv cannot read {len(missing)} of {len(wanted)} frames of {path}")
    return np.stack([found[index] for index in indices.tolist()])


def torchcodec_decode(module: Any, path: str, indices: IntArray, short_side: int) -> Pictures:
    decoder = module.VideoDecoder(path, num_ffmpeg_threads=1, dimension_order="NHWC")
    return _resized(decoder.get_frames_at(indices.tolist()).data.numpy(), short_side)


def decoders(*, decord2: str, opencv: str, torchcodec: str) -> dict[str, Decode]:
    """Name to decoder, ours first; a peer where its folder is given. Raises ConfigError."""
    arms: dict[str, Decode] = {"videoswin": ours}
    if decord2:
        module = import_peer("decord", decord2, "decord2")
        module.logging.set_level(module.logging.QUIET)
        arms["decord2"] = partial(decord_decode, module)
        arms["decord2, its own scaler"] = partial(decord_scaled, module)
    if opencv:
        module = import_peer("cv2", opencv, "opencv-python-headless")
        module.setNumThreads(1)
        arms["opencv"] = partial(opencv_decode, module)
    if torchcodec:
        arms["torchcodec"] = partial(
            torchcodec_decode, import_peer("torchcodec.decoders", torchcodec, "torchcodec")
        )
    return arms


def _resized(pictures: Pictures, short_side: int) -> Pictures:
    height, width = short_side_size(pictures.shape[1], pictures.shape[2], short_side)
    resized = np.empty((len(pictures), height, width, 3), dtype=np.uint8)
    for slot, picture in enumerate(pictures):
        resized[slot] = resize_picture(picture, height=height, width=width)
    return resized


def _stored_size(path: str) -> tuple[int, int]:
    with open_video(path) as video:
        info = video.info
    size = (info.height, info.width)
    return size[::-1] if abs(info.rotation) == 90 else size
