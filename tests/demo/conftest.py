from __future__ import annotations

from pathlib import Path

import pytest

from videoswin.demo.render import ClipCounts
from videoswin.demo.run import DemoSize, run_demo
from videoswin.demo.story import Story

SMALL_SIZE = DemoSize(counts=ClipCounts(train=2, validation=1, test=2), epochs=1)


@pytest.fixture(scope="session")
def story(tmp_path_factory: pytest.TempPathFactory) -> Story:
    """A whole demo, too short to learn anything, in a folder whose name is no HTML."""
    folder = tmp_path_factory.mktemp("demo") / "a<b>&c"
    return run_demo(str(folder), seed=3, size=SMALL_SIZE, progress=lambda step, done, total: None)


@pytest.fixture(scope="session")
def videos(story: Story) -> Path:
    return story.videos
