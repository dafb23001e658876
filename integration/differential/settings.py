"""What is set of brokers, groups and loggers at run time."""

import time

from differential.peers import (
    ALTER_CONFIGS,
    DESCRIBE_CONFIGS,
    INCREMENTAL_ALTER_CONFIGS,
    LIST_CONFIG_RESOURCES,
    Pair,
)

TOPIC, BROKER, LOGGER, METRICS, GROUP = 2, 4, 8, 16, 32
SET, DELETE, APPEND, SUBTRACT = range(4)


def shown(pair: Pair, kind: int, name: str, keys: list[str], note: str) -> None:
    """These keys, wherever they come from; Apache Kafka shows a change a little later."""
    resource = {"resource_type": kind, "resource_name": name, "configuration_keys": keys}
    for _ in range(20):
        body = {"resources": [resource], "include_synonyms": True}
        answers = [peer.call(DESCRIBE_CONFIGS, 4, body)["results"][0] for peer in pair.peers()]
        values = [{c["name"]: c["value"] for c in answer["configs"]} for answer in answers]
        if values[0] == values[1]:
            break
        time.sleep(0.05)
    pair.note(f"{note}, shown", answers)


def set_and_show(pair: Pair, cases: dict, kind: int, name: str, keys: list[str]) -> None:
    for version in pair.versions(INCREMENTAL_ALTER_CONFIGS):
        for note, configs in cases.items():
            items = [{"name": n, "config_operation": o, "value": v} for n, o, v in configs]
            body = {"resources": [{"resource_type": kind, "resource_name": name, "configs": items}]}
            pair.call(INCREMENTAL_ALTER_CONFIGS, version, {**body, "validate_only": True}, note + ", validate only")
            pair.call(INCREMENTAL_ALTER_CONFIGS, version, body, note)
            if keys:
                shown(pair, kind, name, keys, f"v{version} {note}")


def replace_and_show(pair: Pair, cases: dict, kind: int, name: str, keys: list[str]) -> None:
    for version in pair.versions(ALTER_CONFIGS):
        for note, configs in cases.items():
            items = [{"name": n, "value": v} for n, v in configs]
            body = {"resources": [{"resource_type": kind, "resource_name": name, "configs": items}]}
            pair.call(ALTER_CONFIGS, version, {**body, "validate_only": True}, note + ", validate only")
            pair.call(ALTER_CONFIGS, version, body, note)
            if keys:
                shown(pair, kind, name, keys, f"v{version} replaced, {note}")


BROKER_CASES = {
    "set": [("log.retention.ms", SET, "100000")],
    "set two": [("log.retention.bytes", SET, "5000000"), ("log.roll.ms", SET, "7000000")],
    "not a number": [("log.retention.ms", SET, "x")],
    "null": [("log.retention.ms", SET, None)],
    "empty": [("log.retention.ms", SET, "")],
    "too small": [("log.segment.bytes", SET, "10")],
    "append": [("log.cleanup.policy", APPEND, "compact")],
    "append again": [("log.cleanup.policy", APPEND, "compact")],
    "subtract": [("log.cleanup.policy", SUBTRACT, "delete")],
    "append to a number": [("log.retention.ms", APPEND, "5")],
    "subtract from a number": [("log.retention.ms", SUBTRACT, "5")],
    "bad list": [("log.cleanup.policy", SET, "burn")],
    "read only": [("node.id", SET, "7")],
    "read only deleted": [("node.id", DELETE, None)],
    "read only hours": [("log.retention.hours", SET, "7")],
    "read only partitions": [("num.partitions", SET, "7")],
    "read only groups": [("group.max.size", SET, "7")],
    "good and read only": [("log.retention.ms", SET, "300"), ("node.id", SET, "7")],
    "key twice": [("log.retention.ms", SET, "300"), ("log.retention.ms", SET, "400")],
    "operation 9": [("log.retention.ms", 9, "300")],
    "gzip 0": [("compression.gzip.level", SET, "0")],
    "no codec": [("compression.type", SET, "x")],
    "codec": [("compression.type", SET, "zstd")],
    "no boolean": [("log.preallocate", SET, "maybe")],
    "ratio": [("log.cleaner.min.cleanable.ratio", SET, "2")],
    "negative": [("log.cleaner.backoff.ms", SET, "-1")],
    "timestamps": [("log.message.timestamp.type", SET, "x")],
    "nothing": [],
    "unclean": [("unclean.leader.election.enable", SET, "true")],
    "connections": [("max.connections.per.ip", SET, "1000")],
    "deleted": [("log.retention.ms", DELETE, None), ("log.retention.bytes", DELETE, "7")],
    "all deleted": [
        (key, DELETE, None)
        for key in ("log.roll.ms", "log.cleanup.policy", "compression.type", "unclean.leader.election.enable",
                    "max.connections.per.ip")
    ],
}
BROKER_KEYS = ["log.retention.bytes", "log.cleanup.policy", "compression.type", "unclean.leader.election.enable"]


def broker_settings(pair: Pair):
    for name in ("1", ""):
        set_and_show(pair, BROKER_CASES, BROKER, name, BROKER_KEYS)
    for name in ("7", "x"):
        set_and_show(pair, {"of " + name: [("log.retention.ms", SET, "100")]}, BROKER, name, [])
    both = {"retention": [("log.retention.bytes", SET, "100")]}
    set_and_show(pair, both, BROKER, "", BROKER_KEYS)
    pair.create("inherits")
    shown(pair, TOPIC, "inherits", ["retention.bytes", "cleanup.policy"], "a topic inherits from all")
    set_and_show(pair, {"retention": [("log.retention.bytes", SET, "200")]}, BROKER, "1", BROKER_KEYS)
    shown(pair, TOPIC, "inherits", ["retention.bytes", "cleanup.policy"], "a topic inherits from one")
    replace_and_show(
        pair,
        {
            "one": [("log.cleanup.policy", "compact")],
            "bad": [("log.cleanup.policy", "burn")],
            "read only": [("node.id", "3")],
            "null": [("log.retention.ms", None)],
            "twice": [("log.retention.ms", "5"), ("log.retention.ms", "6")],
            "nothing": [],
        },
        BROKER,
        "1",
        BROKER_KEYS,
    )
    set_and_show(pair, {"the end": [("log.retention.bytes", DELETE, None)]}, BROKER, "", BROKER_KEYS)
    shown(pair, TOPIC, "inherits", ["retention.bytes", "cleanup.policy"], "a topic inherits nothing")


GROUP_KEYS = ["consumer.session.timeout.ms", "consumer.heartbeat.interval.ms", "nonsense"]
GROUP_CASES = {
    "set": [("consumer.session.timeout.ms", SET, "50000")],
    "too short": [("consumer.session.timeout.ms", SET, "1")],
    "zero": [("consumer.session.timeout.ms", SET, "0")],
    "not a number": [("consumer.session.timeout.ms", SET, "x")],
    "null": [("consumer.session.timeout.ms", SET, None)],
    "too long": [("consumer.session.timeout.ms", SET, "70000")],
    "interval too long": [("consumer.heartbeat.interval.ms", SET, "70000")],
    "interval too short": [("consumer.heartbeat.interval.ms", SET, "1")],
    "interval": [("consumer.heartbeat.interval.ms", SET, "6000")],
    "append": [("consumer.heartbeat.interval.ms", APPEND, "6000")],
    "unknown": [("nonsense", SET, "6000")],
    "unknown deleted": [("nonsense", DELETE, None)],
    "twice": [("consumer.session.timeout.ms", SET, "50000"), ("consumer.session.timeout.ms", DELETE, None)],
    "nothing": [],
    "deleted": [("consumer.session.timeout.ms", DELETE, None)],
}


def group_settings(pair: Pair):
    for name in ("settled", "a/b c"):
        set_and_show(pair, GROUP_CASES, GROUP, name, GROUP_KEYS)
    set_and_show(pair, {"no name": GROUP_CASES["set"]}, GROUP, "", GROUP_KEYS)
    shown(pair, GROUP, "nobody", GROUP_KEYS, "nothing was set")
    for version in pair.versions(DESCRIBE_CONFIGS):
        for name in ("settled", "nobody"):
            item = {"resource_type": GROUP, "resource_name": name, "configuration_keys": None}
            pair.call(DESCRIBE_CONFIGS, version, {"resources": [item]}, f"group {name}")
    replace_and_show(
        pair,
        {
            "one": [("consumer.session.timeout.ms", "46000")],
            "too short": [("consumer.session.timeout.ms", "6000")],
            "unknown": [("nonsense", "6000")],
            "null": [("consumer.session.timeout.ms", None)],
            "nothing": [],
        },
        GROUP,
        "settled",
        GROUP_KEYS,
    )


def logger_settings(pair: Pair):
    cases = {
        "root": [("root", SET, "ERROR")],
        "no level": [("root", SET, "X")],
        "no such logger": [("nope", SET, "INFO")],
        "root deleted": [("root", DELETE, None)],
        "appended": [("root", APPEND, "INFO")],
    }
    set_and_show(pair, cases, LOGGER, "1", ["root"])
    for name in ("2", "", "x"):
        set_and_show(pair, {f"of {name!r}": cases["root"]}, LOGGER, name, [])
    replace_and_show(pair, {"logger": [("root", "ERROR")]}, LOGGER, "1", ["root"])


def resources(pair: Pair):
    pair.every(LIST_CONFIG_RESOURCES, {}, "all")
    for note, types in {
        "topics": [TOPIC], "brokers": [BROKER], "loggers": [LOGGER], "metrics": [METRICS], "groups": [GROUP],
        "two": [BROKER, GROUP], "one twice": [BROKER, BROKER], "unknown": [3], "zero": [0], "99": [99],
        "known and unknown": [BROKER, 3],
    }.items():
        pair.every(LIST_CONFIG_RESOURCES, {"resource_types": types}, note, first=1)


SETTINGS = [broker_settings, group_settings, logger_settings, resources]
