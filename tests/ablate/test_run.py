"""A table trained, evaluated, stopped and gone on with, on real videos of a few frames."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from tests.train.material import micro_config, write_videos
from videoswin.ablate.finish import finish
from videoswin.ablate.run import AblateConfig, run_ablation, settings_of
from videoswin.errors import ConfigError


@pytest.fixture(scope="module")
def videos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_videos(tmp_path_factory.mktemp("videos"), per_class=2)


def config(videos: Path, output: Path, **changes) -> AblateConfig:
    run = replace(micro_config(videos, output, val=videos, epochs=1), views="1x1")
    given = {"only": ("joint", "factorized"), "seeds": (0, 1), "pairs": (("bright", "dark"),)}
    return AblateConfig(table="designs", run=run, output=str(output), **(given | changes))


@pytest.fixture(scope="module")
def done(videos: Path, tmp_path_factory: pytest.TempPathFactory):
    """A complete ablation, its results and its folder."""
    output = tmp_path_factory.mktemp("ablation")
    complete = config(videos, output)
    return complete, [result for result, _, _ in run_ablation(complete)], output


def test_every_setting_has_a_seed_before_the_next_seed_begins(done) -> None:
    _, results, output = done
    order = [(result.setting, result.seed) for result in results]
    assert order == [("joint", 0), ("factorized", 0), ("joint", 1), ("factorized", 1)]
    for result in results:
        assert result.num_videos == 4
        assert result.top_k == 2
        assert 0 <= result.top1 <= result.top5 == 1.0
        assert result.order == result.top1  # with two classes it is the same question
        assert (
            Path(result.weights)
            == output / "runs" / result.setting / f"seed-{result.seed}" / "last.safetensors"
        )


def test_the_table_is_three_files(done) -> None:
    complete, results, output = done
    rows, written = finish(complete, settings_of(complete), results)
    assert [path.name for path in written] == ["table.md", "table.csv", "table.png"]
    assert [row.setting.name for row in rows] == ["joint", "factorized"]
    assert rows[1].cost.parameters > rows[0].cost.parameters
    assert all(row.cost.seconds > 0 for row in rows)
    assert "4 videos of" in (output / "table.md").read_text()
    assert (output / "table.png").read_bytes().startswith(b"\x89PNG")


def test_what_is_done_is_not_done_again_and_a_stopped_run_starts_again(done) -> None:
    complete, results, output = done
    kept, stopped = (output / "runs" / name / "seed-1" for name in ("joint", "factorized"))
    before = (kept / "last.safetensors").stat().st_mtime_ns
    (stopped / "result.json").unlink()
    (stopped / "left_over").touch()
    again = [result for result, _, _ in run_ablation(complete)]
    assert (kept / "last.safetensors").stat().st_mtime_ns == before
    assert not (stopped / "left_over").exists()
    assert again == results  # the same seed gives the same run


def test_a_folder_of_another_run_is_refused(done, videos: Path) -> None:
    complete = done[0]
    other = replace(complete, run=replace(complete.run, epochs=2))
    with pytest.raises(ConfigError, match=r"seed-0 is of another run: epochs was 1, is 2; name another"):
        next(run_ablation(other))


def test_a_result_of_a_version_with_fewer_options_is_still_one(done) -> None:
    complete, _, output = done
    path = output / "runs" / "joint" / "seed-0" / "result.json"
    known = json.loads(path.read_text())
    del known["run"]["augment"]["flip_probability"], known["run"]["label_smoothing"]
    path.write_text(json.dumps(known))
    assert next(run_ablation(complete))[0].setting == "joint"


def test_weights_of_each_run_of_its_own(done, videos: Path, tmp_path: Path) -> None:
    output = done[2]
    weights = str(output / "runs" / "{setting}" / "seed-{seed}" / "last.safetensors")
    later = config(videos, tmp_path, only=("factorized",), seeds=(1,))
    later = replace(later, run=replace(later.run, weights=weights))
    ((result, number, total),) = run_ablation(later)
    assert (number, total) == (1, 1)
    recorded = json.loads((Path(result.weights).parent / "result.json").read_text())
    assert recorded["run"]["weights"] == weights.format(setting="factorized", seed=1)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"seeds": ()}, r"seeds are \[\]; allowed: one or more different numbers from 0"),
        ({"seeds": (1, 1)}, r"seeds are \[1, 1\]"),
        (
            {"only": ("joined",)},
            "no setting 'joined' in the table designs; allowed: joint, split, factorized",
        ),
        ({"table": "embed-init", "only": ()}, "compares starts from a 2D model; name its file in weights"),
    ],
)
def test_what_can_not_be_run_is_refused(videos: Path, tmp_path: Path, changes, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        settings_of(replace(config(videos, tmp_path), **changes))


def test_an_ablation_needs_videos_to_evaluate_on(videos: Path, tmp_path: Path) -> None:
    run = micro_config(videos, tmp_path)
    with pytest.raises(ConfigError, match=r"data.test and data.val are empty"):
        AblateConfig(table="shift", run=run)


def test_pairs_are_checked_before_anything_is_trained(videos: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="pairs name 'up'; allowed: labels of the data: bright, dark"):
        next(run_ablation(config(videos, tmp_path, pairs=(("up", "dark"),))))
    assert not (tmp_path / "runs").exists()


def test_weights_for_each_run_need_a_named_model(videos: Path, tmp_path: Path) -> None:
    run = replace(micro_config(videos, tmp_path, val=videos, model=None), weights="{setting}.safetensors")
    with pytest.raises(ConfigError, match="then model and clip must be given"):
        settings_of(AblateConfig(table="shift", run=run))
