"""Names of classes by number, from a file: JSON or a text with a name a line."""

from __future__ import annotations

import json
from pathlib import Path

from videoswin.data.rows import is_class_number, normal, read_text_lines, some
from videoswin.errors import AnnotationError


def read_label_map(file: Path) -> tuple[str, ...]:
    """The names in the order of their numbers.

    A JSON object {name: number} (as Something-Something's labels.json), a JSON list of names, or a text with
    a name a line, the first being number 0. Raises AnnotationError for names or numbers that occur twice and
    for numbers that are not 0 to K - 1.
    """
    text = "".join(read_text_lines(file))
    if text.lstrip().startswith(("{", "[")):
        content = parse_json(file, text)
        names = _from_object(file, content) if isinstance(content, dict) else content
    else:
        names = text.splitlines()
        while names and not names[-1].strip():
            names.pop()
    if not (isinstance(names, list) and all(isinstance(name, str) and name.strip() for name in names)):
        raise AnnotationError(f"{file}: expected names of classes, none of them empty")
    labels = tuple(normal(name.strip()) for name in names)
    twice = (
        sorted({name for name in labels if labels.count(name) > 1}) if len(set(labels)) < len(labels) else []
    )
    if twice or not labels:
        raise AnnotationError(f"{file}: {f'names that occur twice: {some(twice)}' if twice else 'no names'}")
    return labels


def parse_json(file: Path, text: str) -> object:
    """Raises AnnotationError naming the line."""
    try:
        return json.loads(text)
    except (json.JSONDecodeError, RecursionError) as error:
        if isinstance(error, json.JSONDecodeError):
            raise AnnotationError(f"{file}, line {error.lineno}: not JSON: {error.msg}") from error
        raise AnnotationError(f"{file}: not JSON of classes: nested too deeply") from error


def _from_object(file: Path, content: dict[str, object]) -> list[str]:
    wrong = [f"{name!r}: {number!r}" for name, number in content.items() if not is_class_number(str(number))]
    if wrong:
        raise AnnotationError(f"{file}: {len(wrong)} values are no class numbers: {some(wrong)}")
    name_of = {int(str(number)): name for name, number in content.items()}
    if sorted(name_of) != list(range(len(content))):
        raise AnnotationError(
            f"{file}: {len(content)} names have the numbers {some(map(str, sorted(name_of)))}; "
            f"expected 0 to {len(content) - 1}, each once"
        )
    return [name_of[number] for number in range(len(content))]
