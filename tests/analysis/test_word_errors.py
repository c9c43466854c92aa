from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from pcmesh.analysis.word_errors import word_errors

SENTENCES = st.lists(st.lists(st.sampled_from("abcd"), min_size=1, max_size=6), min_size=1, max_size=4)


def distance(said: list[str], written: list[str]) -> int:
    """Levenshtein by its definition."""
    if not said or not written:
        return len(said) + len(written)
    if said[0] == written[0]:
        return distance(said[1:], written[1:])
    ways = ((said[1:], written[1:]), (said[1:], written), (said, written[1:]))
    return 1 + min(distance(*way) for way in ways)


@given(SENTENCES, st.data())
def test_errors_are_the_sum_of_word_distances(said: list[list[str]], data: st.DataObject) -> None:
    words = st.lists(st.sampled_from("abcd"), max_size=4)
    written = [data.draw(words) for _ in said]
    found = word_errors([" ".join(one) for one in said], [" ".join(one) for one in written])
    assert found.errors == sum(distance(*pair) for pair in zip(said, written, strict=True))
    assert found.words == sum(map(len, said))
    assert found.rate == found.errors / found.words


def test_the_rate_is_that_of_the_set() -> None:
    found = word_errors(["one", "two three four"], ["", "two three four five"])
    assert (found.substitutions, found.deletions, found.insertions) == (0, 1, 1)
    assert found.rate == 0.5
