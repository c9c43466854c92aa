"""Options that older versions had, and what stands in their place."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from pcmesh.errors import ConfigurationError

RENAMED: Mapping[tuple[str, str], str] = MappingProxyType(
    {
        ("sensitivity", "--utterances"): "--samples N",
        ("sensitivity", "--checkpoint"): "--weights FILE",
        ("sensitivity", "--chip-run"): "--chips N --alone",
        ("sensitivity", "--expansion-bits"): "--layer LAYER=AB,expand=ROWS",
    }
)


def check_spelling(arguments: Sequence[str]) -> None:
    """Refuse an option that has another name now.

    Raises:
        ConfigurationError: names the old option and the new one.
    """
    words = arguments[: arguments.index("--")] if "--" in arguments else arguments
    command = next((word for word in words if not word.startswith("-")), "")
    for word in words:
        option = word.partition("=")[0]
        if (command, option) in RENAMED:
            raise ConfigurationError(
                f"pcmesh {command} has no {option} any more", f"Give {RENAMED[command, option]} instead"
            )
