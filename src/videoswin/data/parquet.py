"""Tables in Parquet, by pyarrow. The only module that imports it."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import get_args, get_type_hints

from videoswin.data.rows import Record
from videoswin.errors import AnnotationError
from videoswin.packages import require
from videoswin.storage import write_atomically

MAGIC = b"PAR1"

_BATCH_ROWS = 65_536


def read_parquet(file: Path) -> tuple[list[str], Iterator[Record]]:
    """(names of the columns, rows as texts, counted from 1).

    Empty values are empty texts; several classes in a list become one text with `|` between them. Raises
    AnnotationError for a damaged file, ConfigError where pyarrow is missing.
    """
    require(("pyarrow",), purpose=f"{file}: reading Parquet", extra="data")
    import pyarrow
    import pyarrow.parquet

    try:
        table = pyarrow.parquet.ParquetFile(file)
    except (pyarrow.ArrowException, OSError) as error:
        raise AnnotationError(f"{file}: not a readable Parquet file: {_one_line(error)}") from error
    return list(table.schema_arrow.names), _records(file, table)


def _records(file: Path, table: object) -> Iterator[Record]:
    import pyarrow
    import pyarrow.parquet

    assert isinstance(table, pyarrow.parquet.ParquetFile)
    line = 0
    try:
        for batch in table.iter_batches(batch_size=_BATCH_ROWS):
            columns = [[as_text(value) for value in column.to_pylist()] for column in batch.columns]
            for values in zip(*columns, strict=True):
                line += 1
                yield line, values
    except (pyarrow.ArrowException, OSError) as error:
        raise AnnotationError(f"{file}: damaged after row {line}: {_one_line(error)}") from error


def require_pyarrow(file: Path) -> None:
    """Raise ConfigError where it is missing."""
    require(("pyarrow",), purpose=str(file), extra="data")


def write_parquet(file: Path, kind: type, rows: Sequence[object]) -> None:
    """Rows of one dataclass as a table with a column a field. Texts that are no Unicode are escaped.

    Raises StorageError, ConfigError where pyarrow is missing.
    """
    require_pyarrow(file)
    import pyarrow
    import pyarrow.parquet

    columns = {}
    for name, hint in get_type_hints(kind).items():
        kinds = get_args(hint) or (hint,)
        values = [getattr(row, name) for row in rows]
        if int in kinds:
            columns[name] = pyarrow.array(values, pyarrow.int64())
        elif float in kinds:
            columns[name] = pyarrow.array(values, pyarrow.float64())
        else:
            columns[name] = pyarrow.array(
                [None if value is None else as_unicode(value) for value in values], pyarrow.string()
            )
    content = io.BytesIO()
    pyarrow.parquet.write_table(pyarrow.table(columns), content)
    write_atomically(file, content.getvalue())


def as_unicode(text: str) -> str:
    """With what is no Unicode escaped: the odd bytes of a file name."""
    return text.encode("utf-8", "backslashreplace").decode()


def as_text(value: object) -> str:
    """As a CSV would have it."""
    if value is None:
        return ""
    if isinstance(value, list | tuple):
        return "|".join(map(as_text, value))
    return str(value)


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:200]
