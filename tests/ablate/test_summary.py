from __future__ import annotations

import csv
import io

import pytest

from videoswin.ablate.measure import ModelCost
from videoswin.ablate.run import Result
from videoswin.ablate.summary import cells, in_words, spread, summarise, to_csv, to_markdown
from videoswin.ablate.tables import Setting
from videoswin.train.config import TrainConfig
from videoswin.train.data_config import DataConfig

RUN = TrainConfig(data=DataConfig(train="train", val="val"))
COST = ModelCost(parameters=28_158_070, multiply_adds=87_760_000_000, seconds=1.2345)


def result(seed: int, top1: float, order: float | None) -> Result:
    return Result(
        setting="joint", seed=seed, top1=top1, top5=0.9, top_k=4, num_videos=10, order=order, weights="w"
    )


def row(*, order: bool):
    setting = Setting(name="joint", run=RUN, paper_top1="78.8", paper_top5="93.6")
    results = [result(seed, top1, top1 / 2 if order else None) for seed, top1 in enumerate((0.7, 0.8, 0.9))]
    return summarise(setting, results, COST)


def test_spread_is_mean_and_sample_deviation() -> None:
    three = spread([0.7, 0.8, 0.9])
    assert (round(three.mean, 9), round(three.deviation, 9), three.count) == (0.8, 0.1, 3)
    assert str(three) == "80.0 ± 10.0"
    assert str(spread([0.788])) == "78.8"


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (12, "12"),
        (4_278, "4.28 k"),
        (320_123, "320.1 k"),
        (28_158_070, "28.16 M"),
        (105_700_000_000, "105.7 G"),
    ],
)
def test_counts_in_words(count: int, text: str) -> None:
    assert in_words(count) == text


def test_cells_have_ours_beside_the_papers() -> None:
    headings, table = cells([row(order=False)])
    assert headings[:3] == ["setting", "top-1", "top-4"]  # the data has 4 classes
    assert table == [["joint", "80.0 ± 10.0", "90.0 ± 0.0", "87.76 G", "28.16 M", "1.23", "78.8", "93.6"]]


def test_order_is_a_column_where_it_was_measured() -> None:
    headings, table = cells([row(order=True)])
    assert (headings[3], table[0][3]) == ("order", "40.0 ± 5.0")
    assert len(headings) == len(table[0])


def test_markdown_has_one_line_a_row() -> None:
    lines = to_markdown("Table 4", [row(order=True)]).splitlines()
    assert lines[0] == "Table 4"
    assert lines[2].startswith("| setting | top-1 | top-4 | order |")
    assert lines[3].count("---") == lines[2].count("|") - 1 == lines[4].count("|") - 1


def test_csv_holds_plain_numbers() -> None:
    (line,) = csv.DictReader(io.StringIO(to_csv([row(order=False)])))
    assert (line["setting"], line["seeds"], line["parameters"]) == ("joint", "3", "28158070")
    assert float(line["top1_mean"]) == pytest.approx(0.8)
    assert (line["topk"], line["order_mean"], line["paper_top1"]) == ("4", "", "78.8")
