"""Results that are kept: found again, apart by configuration, whole or not at all."""

from __future__ import annotations

import multiprocessing
from pathlib import Path

import pytest

from pcmesh.errors import VerificationError
from pcmesh.files.cache import ResultCache, fingerprint


def test_results_are_found_again_and_apart_by_configuration(tmp_path: Path) -> None:
    ResultCache(tmp_path, {"seed": 0}).put("a", {"x": 1})
    assert ResultCache(tmp_path, {"seed": 0}).get("a") == {"x": 1}
    assert ResultCache(tmp_path, {"seed": 1}).get("a") is None
    assert ResultCache(tmp_path, {"seed": 0}, fresh=True).get("a") is None


@pytest.mark.parametrize("text", ['{"key": 1', "[]", "[" * 100_000, '{"key": "a"}', "\0"])
def test_a_damaged_file_counts_as_missing(tmp_path: Path, text: str) -> None:
    kept = ResultCache(tmp_path, 0)
    kept.put("a", 1)
    kept.put("b", 2)
    damaged = next(file for file in tmp_path.rglob("*.json") if '"a"' in file.read_text())
    damaged.write_text(text, encoding="utf-8")
    again = ResultCache(tmp_path, 0)
    assert (again.get("a"), again.get("b"), len(again)) == (None, 2, 1)


def _put(folder: Path, first: int) -> None:
    kept = ResultCache(folder, 0)
    for number in range(first, 200, 2):
        kept.put(str(number), [number])


def test_two_processes_keep_all_of_their_entries(tmp_path: Path) -> None:
    context = multiprocessing.get_context("fork")
    processes = [context.Process(target=_put, args=(tmp_path, first)) for first in (0, 1)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    kept = ResultCache(tmp_path, 0)
    assert len(kept) == 200
    assert all(kept.get(str(number)) == [number] for number in range(200))


def test_what_another_one_kept_meanwhile_is_found(tmp_path: Path) -> None:
    here = ResultCache(tmp_path, 0)
    assert here.get("a") is None
    ResultCache(tmp_path, 0).put("a", {"x": 1})
    assert here.get("a") == {"x": 1}


def test_what_was_not_measured_has_no_value(tmp_path: Path) -> None:
    kept = ResultCache(tmp_path, 0)
    kept.put("enc-fc AB 0", 0.0)
    assert kept.measured("enc-fc AB 0") == 0.0
    with pytest.raises(VerificationError, match="no result was kept for 'enc-fc AB 1'"):
        kept.measured("enc-fc AB 1")


def test_without_a_folder_nothing_is_written(tmp_path: Path) -> None:
    kept = ResultCache(None, 0)
    kept.put("a", 1)
    assert kept.get("a") == 1
    assert not list(tmp_path.iterdir())


def test_fingerprints_depend_on_the_content_alone() -> None:
    assert fingerprint({"a": 1, "b": 2}) == fingerprint({"b": 2, "a": 1})
    assert fingerprint({"a": 1}) != fingerprint({"a": 2})
