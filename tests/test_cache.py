"""Results that are kept: found again, apart by configuration, whole or not at all."""

from __future__ import annotations

from pathlib import Path

from pcmesh.cache import ResultCache, fingerprint


def test_results_are_found_again_and_apart_by_configuration(tmp_path: Path) -> None:
    ResultCache(tmp_path, {"seed": 0}).put("a", {"x": 1})
    assert ResultCache(tmp_path, {"seed": 0}).get("a") == {"x": 1}
    assert ResultCache(tmp_path, {"seed": 1}).get("a") is None
    assert ResultCache(tmp_path, {"seed": 0}, fresh=True).get("a") is None


def test_a_damaged_file_counts_as_empty(tmp_path: Path) -> None:
    ResultCache(tmp_path, 0).put("a", 1)
    (file,) = tmp_path.iterdir()
    file.write_text('{"a": 1', encoding="utf-8")
    assert len(ResultCache(tmp_path, 0)) == 0


def test_without_a_folder_nothing_is_written(tmp_path: Path) -> None:
    kept = ResultCache(None, 0)
    kept.put("a", 1)
    assert kept.get("a") == 1
    assert not list(tmp_path.iterdir())


def test_fingerprints_depend_on_the_content_alone() -> None:
    assert fingerprint({"a": 1, "b": 2}) == fingerprint({"b": 2, "a": 1})
    assert fingerprint({"a": 1}) != fingerprint({"a": 2})
