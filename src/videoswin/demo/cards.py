"""Single clips on the page: the moving picture of a class, and film strips with what the model said."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from videoswin.demo.motion import MOTIONS, PAIRS
from videoswin.demo.pictures import strip_uri, video_uri
from videoswin.demo.story import Story
from videoswin.evaluate import Report

MAX_WRONG = 6
NUM_GUESSES = 3


def readable(label: str) -> str:
    return escape(label.replace("_", " "))


def motion_cards(story: Story) -> str:
    """One moving clip a class."""
    return "".join(
        f'<figure class="card"><video src="{video_uri(story.videos / "test" / label / "000.mp4")}" '
        f"autoplay loop muted playsinline></video><figcaption><b>{readable(label)}</b></figcaption></figure>"
        for label in MOTIONS
    )


def first_clips(story: Story) -> str:
    """The first test clip of every class, right or wrong: none is chosen."""
    report = story.ordered.report
    true_classes = [sample.label for sample in report.samples]
    firsts = [true_classes.index(index) for index in range(len(report.labels))]
    return "".join(clip_card(report, index) for index in firsts)


def wrong_clips(story: Story) -> str:
    """The first MAX_WRONG that were taken for another class."""
    report = story.ordered.report
    predicted = report.probabilities.argmax(dim=1).tolist()
    wrong = [index for index, sample in enumerate(report.samples) if sample.label != predicted[index]]
    if not wrong:
        return "<p>Every test clip was named right.</p>"
    return "".join(clip_card(report, index) for index in wrong[:MAX_WRONG])


def shuffled_clips(story: Story) -> str:
    """Of each pair one test clip, as it is and shuffled."""
    cards = []
    for label, _ in PAIRS:
        for report in (story.ordered.report, story.shuffled.report):
            indices = [i for i, sample in enumerate(report.samples) if report.labels[sample.label] == label]
            cards.append(clip_card(report, indices[0]))
    return "".join(cards)


def clip_card(report: Report, index: int) -> str:
    """The film strip of one clip of a report, beside the verdict and the highest probabilities."""
    sample = report.samples[index]
    true_label = report.labels[sample.label]
    probabilities = report.probabilities[index]
    order = probabilities.argsort(descending=True, stable=True)[:NUM_GUESSES].tolist()
    guesses = [(report.labels[k], float(probabilities[k])) for k in order]
    name = "/".join(sample.file.parts[-3:])
    return (
        f'<div class="card clip"><div><p class="name"><b>{readable(true_label)}</b> · {escape(name)}</p>'
        f'<img class="strip" alt="frames of {escape(name)}" src="{strip_uri(sample.file)}"></div>'
        f"<div>{verdict(guesses[0][0], true_label)}{guess_bars(guesses)}</div></div>"
    )


def verdict(predicted: str, true_label: str) -> str:
    if predicted == true_label:
        return '<div class="verdict right">✓ right</div>'
    return f'<div class="verdict wrong">✗ taken for {readable(predicted)}</div>'


def guess_bars(guesses: Sequence[tuple[str, float]]) -> str:
    """Class names with their probabilities as bars."""
    return "".join(
        f'<div class="guess"><span>{readable(label)}</span><i>{share:.1%}</i>'
        f'<div class="bar"><div style="width:{100 * share:.1f}%"></div></div></div>'
        for label, share in guesses
    )
