"""A disk that fails under a real server, where and when a test wants it (tests/faults/layer.c)."""

import os
from pathlib import Path

from servers import Furrowd


class Faults:
    """For a server that was not started yet."""

    def __init__(self, server: Furrowd):
        self.rules = server.folder / "faults"
        layer = server.binary.parent / "fault_layer.so"
        assert layer.is_file(), f"there is no {layer}: build with WITH_TESTS=ON"
        server.environment.update(
            {
                "LD_PRELOAD": str(layer),
                "FAULT_FOLDER": str(server.data.resolve()),
                "FAULT_RULES": str(self.rules),
                # A sanitizer's runtime wants to come first, and need not.
                "ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", "") + ":verify_asan_link_order=0",
            }
        )

    def set(self, *rules: str) -> None:
        """Lines `CALL ERROR PATH`; none: all works again."""
        self.rules.parent.mkdir(parents=True, exist_ok=True)
        new = Path(f"{self.rules}.new")
        new.write_text("".join(f"{rule}\n" for rule in rules))
        new.rename(self.rules)

    def clear(self) -> None:
        self.set()
