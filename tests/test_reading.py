"""Files that people give: read right, or one clear error that names them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from pcmesh.errors import InputError
from pcmesh.files.reading import read_csv, read_json, read_text, read_toml, validation_problem

COLUMNS = ("path", "label")


def csv_rows(path: Path) -> Any:
    return read_csv(path, COLUMNS)


def refused(read: Callable[[Path], Any], path: Path) -> str:
    with pytest.raises(InputError) as caught:
        read(path)
    assert str(path) in caught.value.problem
    assert caught.value.remedy
    assert len(str(caught.value)) < 400 + 2 * len(str(path))
    return caught.value.problem


READERS = [read_text, read_json, read_toml, csv_rows]


@pytest.mark.parametrize("read", READERS)
def test_what_cannot_be_read_is_named(read: Callable[[Path], Any], tmp_path: Path) -> None:
    path = tmp_path / "file"
    assert "No such file" in refused(read, path)
    assert "directory" in refused(read, tmp_path)
    path.write_bytes(b'name = "caf\xe9"\n')
    assert "is no UTF-8 text (invalid continuation byte at byte 11)" in refused(read, path)
    path.write_text('name = "cafe"', encoding="utf-16")
    assert "is no UTF-8 text" in refused(read, path)
    path.write_bytes(b"name = 3\0\n")
    assert "zero byte at 8" in refused(read, path)
    assert "is longer than 268,435,456 bytes" in refused(read, Path("/dev/zero"))


def test_a_name_that_no_file_can_have() -> None:
    with pytest.raises(InputError, match=r"'a\\x00b': cannot be read"):
        read_text(Path("a\0b"))


def test_marks_and_line_ends_of_windows(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b'\xef\xbb\xbfname = "a"\r\nrows = 3\r\n')
    assert read_toml(path) == {"name": "a", "rows": 3}
    path.write_bytes(b'\xef\xbb\xbf{"a":\r\n1}')
    assert read_json(path) == {"a": 1}
    path.write_bytes(b"\xef\xbb\xbfpath,label\r\na.wav,yes\r\n")
    assert csv_rows(path) == [(2, {"path": "a.wav", "label": "yes"})]


@pytest.mark.parametrize(
    ("read", "text", "reason"),
    [
        (read_toml, "a = " + "[" * 3000 + "]" * 3000, "nested too deep"),
        (read_json, "[" * 200_000 + "]" * 200_000, "nested too deep"),
        (read_toml, "rows = " + "9" * 5000, "TOML"),
        (read_json, "9" * 5000, "JSON"),
        (read_toml, "rows = ", "at end of document"),
        (read_json, "{", "JSON"),
        (csv_rows, "path,label\n" + "x" * 200_000 + ",yes\n", "larger than field limit"),
        (csv_rows, 'path,label\n"' + "x,yes\n" * 100_000, "larger than field limit"),
        (csv_rows, "path,sound\na,b\n", "lacks the column 'label'"),
        (csv_rows, "", "lacks the column 'path'"),
        (csv_rows, "path,label\na.wav\n", "line 2: has no label"),
        (csv_rows, "path,label\n,yes\n", "line 2: has no path"),
    ],
    ids=lambda value: None if callable(value) else value[:12],
)
def test_text_that_means_nothing(read: Callable[[Path], Any], text: str, reason: str, tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text(text, encoding="utf-8")
    assert reason in refused(read, path)


def test_cells_keep_their_line_ends_and_other_columns_do_not_count(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text('label,more,path\nyes,,"a\u2028\nb.wav"\n', encoding="utf-8")
    assert csv_rows(path) == [(3, {"path": "a\u2028\nb.wav", "label": "yes"})]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    count: Annotated[int, Field(ge=1, le=8)] = 1
    share: float = 0.5
    kind: Literal["west", "east"] = "west"
    words: list[str] = []


class _Whole(BaseModel):
    part: _Part


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{}", "part: is missing"),
        ('{"part": 3}', "part: is no table"),
        ('{"part": {"count": 0}}', "part.count: is less than 1"),
        ('{"part": {"count": 9}}', "part.count: is more than 8"),
        ('{"part": {"count": "many"}}', "part.count: is no whole number"),
        ('{"part": {"share": null}}', "part.share: is no number"),
        ('{"part": {"share": NaN}}', "part.share: is not finite"),
        ('{"part": {"kind": "north"}}', "part.kind: is not 'west' or 'east'"),
        ('{"part": {"words": [3]}}', "part.words.0: is no text"),
        ('{"part": {"words": 3}}', "part.words: is no list"),
        ('{"part": {"wrods": []}}', "part.wrods: no such key"),
    ],
)
def test_what_a_validation_finds_is_said_in_our_words(text: str, said: str) -> None:
    with pytest.raises(ValidationError) as caught:
        _Whole.model_validate_json(text)
    assert validation_problem(caught.value) == said


def test_a_whole_that_is_no_json() -> None:
    with pytest.raises(ValidationError) as caught:
        _Whole.model_validate_json("{")
    assert validation_problem(caught.value, "its text").startswith("its text: is no JSON: ")
