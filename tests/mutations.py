"""Files that went wrong: bytes lost, doubled, flipped, or replaced by what breaks readers."""

from __future__ import annotations

from hypothesis import strategies as st

NASTY = (
    *(b"\0", b"\xff\xfe", b"\xc3", b"\xef\xbb\xbf", b"\r", b"\n", b'"', b"\\", b"\x1b[31m", b"\xe2\x80\xa8", b"\t"),
    *(b"-1", b"0", b"1e400", b"nan", b"-inf", b"9" * 40, b"9" * 5000, b"0x" + b"f" * 5000, b"1.5", b"true", b"null"),
    *(b"[" * 2000, b"{" * 2000, b"[]", b"{}", b"=", b",", b":", b"../..", b"x" * 5000, b"\xf0\x9f\x98\x80", b"\\ud800"),
)


@st.composite
def mutated(draw: st.DrawFn, content: bytes) -> bytes:
    """Draw a file with one to three faults."""
    for _ in range(draw(st.integers(1, 3))):
        content = draw(_fault(content))
    return content


@st.composite
def _fault(draw: st.DrawFn, content: bytes) -> bytes:
    start = draw(st.integers(0, len(content)))
    stop = min(len(content), start + draw(st.sampled_from((0, 1, 1, 2, 4, 8, 64, 1024))))
    kind = draw(st.sampled_from(("lose", "double", "flip", "insert", "replace", "cut", "swap")))
    part = content[start:stop]
    if kind == "cut":
        return content[:start]
    if kind == "flip" and part:
        part = bytes([part[0] ^ 1 << draw(st.integers(0, 7))]) + part[1:]
    elif kind == "swap":
        other = draw(st.integers(0, len(content)))
        part = content[other : other + len(part)]
    elif kind in ("insert", "replace"):
        part = draw(st.sampled_from(NASTY)) + (part if kind == "insert" else b"")
    elif kind in ("lose", "double"):
        part = part * (2 if kind == "double" else 0)
    return content[:start] + part + content[stop:]
