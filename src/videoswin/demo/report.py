"""The page that tells the demo's story: one HTML file that asks for nothing from outside."""

from __future__ import annotations

import shlex
import time
from collections.abc import Iterable, Sequence
from html import escape

from videoswin.demo.cards import first_clips, guess_bars, motion_cards, shuffled_clips, wrong_clips
from videoswin.demo.motion import MOTIONS
from videoswin.demo.outcome import CHANCE
from videoswin.demo.pictures import png_uri
from videoswin.demo.render import FRAMES_PER_SECOND, HEIGHT, NUM_FRAMES, WIDTH
from videoswin.demo.story import Measured, Story
from videoswin.demo.style import CSS
from videoswin.evaluate import Metrics
from videoswin.evaluate.output import PICTURE_NAME


def render_page(story: Story) -> str:
    """The whole page. Reads the clips, curves and confusion pictures of the story."""
    sections = (_opening, _motions, _steps, _held_out, _shuffled, _one_file, _own_videos, _closing)
    body = "\n".join(section(story) for section in sections)
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>videoswin demo</title>
<style>{CSS}</style>
</head>
<body>
<main>
{body}
</main>
</body>
</html>
"""


def _opening(story: Story) -> str:
    ordered, shuffled = story.ordered.outcome, story.shuffled.outcome
    num_test, num_train = story.ordered.report.metrics.num_listed, story.counts.train * len(MOTIONS)
    tiles = (
        _tile(
            f"{ordered.all_classes:.1%}",
            f"top-1 on {num_test} clips it has never seen; chance is {CHANCE.all_classes:.1%}",
        ),
        _tile(
            f"{ordered.pair_choice:.0%} → {shuffled.pair_choice:.0%}",
            "of motions told from their reverse, before and after shuffling the frames; "
            f"chance is {CHANCE.pair_choice:.0%}",
        ),
        _tile(f"{story.seconds['train'] / 60:.1f} min", f"of training from scratch on {num_train} clips"),
        _tile(f"{story.num_parameters:,}", "parameters; the same code as Swin-T to Swin-L, in miniature"),
    )
    return f"""<p class="kicker">videoswin demo</p>
<h1>A small Video Swin<br>learns to see motion</h1>
<p class="lead">Eight classes of video clips in which no single picture gives the answer away. A Video Swin
Transformer has learned them from scratch, on this machine.</p>
<div class="grid tiles">{"".join(tiles)}</div>"""


def _tile(number: str, text: str) -> str:
    return f'<div class="card tile"><b>{number}</b><span>{text}</span></div>'


def _motions(story: Story) -> str:
    return f"""<h2>Eight motions</h2>
<p>Shape, texture, colours, background, size, speed, start, brightness and camera noise are random and alike
in all classes. Caught at a random moment, an object is anywhere, at any angle and of any size, with the same
chance whatever its class. Slides, turns and zooms come in pairs, one the other played backwards: the order of
time alone tells them apart.</p>
<div class="grid gallery">{motion_cards(story)}</div>"""


def _steps(story: Story) -> str:
    counts, config = story.counts, story.config
    clip, model = story.ordered.report.clip, config.model
    assert model is not None
    num_clips = [len(MOTIONS) * count for count in (counts.train, counts.validation, counts.test)]
    num_test, views = num_clips[-1], story.ordered.report.views
    rows = (
        (f"render {' + '.join(map(str, num_clips))} clips to train, validate and test", "render"),
        (f"train for {config.epochs} epochs, validating after each", "train"),
        (f"evaluate the {num_test} test clips, {views} views of each", "evaluate"),
        ("evaluate them again with their frames shuffled", "shuffle"),
        ("predict one file", "predict"),
    )
    return f"""<h2>What was done</h2>
<p>The clips are H.264 files of {NUM_FRAMES} frames, {WIDTH}×{HEIGHT} pixels, {FRAMES_PER_SECOND} a second.
The model sees {clip.num_frames} frames with a stride of {clip.stride}, cropped to {clip.size}×{clip.size}
pixels. It has {len(model.depths)} stages of {" and ".join(map(str, model.depths))} blocks, {model.embed_dim}
channels in the first, windows of {"×".join(map(str, model.window))} tokens, and shifts them in every second
block.</p>
{_table(("step", "time"), [(text, f"{story.seconds[step]:.1f} s") for text, step in rows])}
<h3>Training curves</h3>
<figure class="card"><img class="chart" alt="loss, learning rate and validation accuracy over the updates"
src="{png_uri(story.trained.curves)}"></figure>"""


def _held_out(story: Story) -> str:
    report = story.ordered.report
    metrics = report.metrics
    assert isinstance(metrics, Metrics), "each clip has one class"
    low, high = metrics.top1_interval
    num_wrong = int(metrics.confusion.sum() - metrics.confusion.diagonal().sum())
    return f"""<h2>Clips it has never seen</h2>
<p>Each of the {report.metrics.num_listed} test clips is seen in {report.views} views (clips in time × crops
in space), whose probabilities are averaged. Top-1 is <b>{report.metrics.top1:.1%}</b>, with a 95% interval
of {low:.1%} to {high:.1%}.</p>
<h3>The first test clip of every class</h3>
{first_clips(story)}
<h3>Clips it got wrong: {num_wrong} of {report.metrics.num_listed}</h3>
{wrong_clips(story)}"""


def _shuffled(story: Story) -> str:
    outcomes = (story.ordered.outcome, story.shuffled.outcome, CHANCE)
    rows = {
        "all classes": [outcome.all_classes for outcome in outcomes],
        "order-dependent classes: slides, turns, zooms": [outcome.ordered_classes for outcome in outcomes],
        "the class or its reverse, which is more probable?": [outcome.pair_choice for outcome in outcomes],
    }
    table = [(text, *(f"{share:.1%}" for share in shares)) for text, shares in rows.items()]
    return f"""<h2>The same pictures in random order</h2>
<p>Every test clip was written a second time with its frames shuffled. It holds the same pictures, so what the
model loses is what it had read from the order of time. Bounces go to and fro in any order: they may stay
right.</p>
{_table(("top-1", "in order", "shuffled", "chance"), table)}
<h3>Where the clips went</h3>
<div class="grid halves">
{_confusion(story.ordered, "Frames in order")}
{_confusion(story.shuffled, "Frames shuffled")}
</div>
<h3>Before and after</h3>
{shuffled_clips(story)}"""


def _confusion(test: Measured, title: str) -> str:
    return f"""<figure class="card"><img class="chart" alt="confusion matrix"
src="{png_uri(test.folder / PICTURE_NAME)}"><figcaption>{title}</figcaption></figure>"""


def _one_file(story: Story) -> str:
    prediction = story.prediction
    times = ", ".join(f"{part} {seconds:.2f} s" for part, seconds in prediction.seconds.items())
    command = [
        "videoswin",
        "predict",
        str(story.trained.last),
        prediction.path,
        "--views",
        str(prediction.views),
    ]
    return f"""<h2>One file</h2>
<pre>{escape(shlex.join(command))}</pre>
<figure class="card">{guess_bars(prediction.top(5))}
<figcaption>{prediction.views} views: {times}</figcaption></figure>"""


def _own_videos(story: Story) -> str:
    own = _commands(
        ("VIDEOS/train holds a folder of videos for each class; PRETRAINED are the weights to start from",
         "videoswin train --config recipes/finetune.yaml --weights PRETRAINED --data.train VIDEOS/train"),
        ("accuracy, as the paper measures it",
         "videoswin evaluate runs/finetune/best.safetensors VIDEOS/test --views 4x3"),
        ("the most probable classes of one file",
         "videoswin predict runs/finetune/best.safetensors CLIP.mp4"),
    )  # fmt: skip
    config, test = shlex.quote(f"{story.trained.output}/config.yaml"), shlex.quote(f"{story.videos}/test")
    again = _commands(
        ("train once more", f"videoswin train --config {config} --output again"),
        ("evaluate", f"videoswin evaluate again/last.safetensors {test} --output again_test"),
    )
    return f"""<h2>With your own videos</h2>
<p>The demo calls the functions behind these commands.</p>
{own}
<h3>This run once more</h3>
{again}"""


def _commands(*lines: tuple[str, str]) -> str:
    shown = (f'<span class="remark"># {escape(why)}</span>\n{escape(command)}' for why, command in lines)
    return "<pre>" + "\n\n".join(shown) + "</pre>"


def _closing(story: Story) -> str:
    minutes = sum(story.seconds.values()) / 60
    return f"""<footer>Seed {story.seed}. {escape(story.machine)}. {minutes:.1f} minutes in all, finished
{time.strftime("%Y-%m-%d %H:%M")}. Clips, weights, logs and predictions are in
<code>{escape(str(story.folder))}</code>.</footer>"""


def _table(headings: Sequence[str], rows: Iterable[tuple[str, ...]]) -> str:
    """The first column is text, the others are numbers."""
    head = "".join(f"<th>{heading}</th>" for heading in headings)
    body = "".join(
        f"<tr><td>{text}</td>" + "".join(f'<td class="number">{number}</td>' for number in numbers) + "</tr>"
        for text, *numbers in rows
    )
    return f'<div class="card scroll"><table><tr>{head}</tr>{body}</table></div>'
