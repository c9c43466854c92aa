"""Sound files that a program wrote to a pipe, where it could not go back and state their length.

libsndfile reads a length of 2 GiB and more as "to the end", but one of 0 as nothing at all.
Sources: Microsoft, "Multimedia Programming Interface" (RIFF); EBU Tech 3306 (RF64); Sun's au and Apple's CAF formats.
"""

from __future__ import annotations

import struct

_OPEN = 0xFFFF_FFFF
_TWO_GIB = 0x7F00_0000


def state_length(content: bytes) -> bytes | None:
    """Return a sound file that libsndfile reads to its end, or None where the length is no matter of a pipe."""
    if content[:4] in (b"RIFF", b"RF64") and content[8:12] == b"WAVE":
        return _riff(content)
    if content[:4] == b".snd" and len(content) >= 24:
        start, stated = struct.unpack(">II", content[4:12])
        unknown = (stated == 0 or stated >= _TWO_GIB) and start < len(content)
        return content[:8] + struct.pack(">I", _OPEN) + content[12:] if unknown else None
    return _caf(content) if content[:4] == b"caff" else None


def _riff(content: bytes) -> bytes | None:
    at = 12
    while at + 8 <= len(content):
        name, stated = content[at : at + 4], int.from_bytes(content[at + 4 : at + 8], "little")
        if name == b"data":
            streamed = stated == _OPEN or (stated == 0 and not _only_chunks(content, at + 8))
            opened = struct.pack("<I", _OPEN)
            return b"RIFF" + opened + content[8 : at + 4] + opened + content[at + 8 :] if streamed else None
        at += 8 + stated + stated % 2
    return None


def _only_chunks(content: bytes, at: int) -> bool:
    """Whether nothing but whole chunks follows, so that the data is empty indeed."""
    while at + 8 <= len(content):
        stated = int.from_bytes(content[at + 4 : at + 8], "little")
        at += 8 + stated + stated % 2
    return at in (len(content), len(content) + 1)


def _caf(content: bytes) -> bytes | None:
    at = 8
    while at + 12 <= len(content):
        stated = int.from_bytes(content[at + 4 : at + 12], "big", signed=True)
        if content[at : at + 4] == b"data" and stated in (-1, 0):
            return content[: at + 4] + struct.pack(">q", len(content) - at - 12) + content[at + 12 :]
        if stated < 0:
            return None
        at += 12 + stated
    return None
