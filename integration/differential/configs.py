"""Configurations described and changed."""

import time

from differential.peers import ALTER_CONFIGS, DESCRIBE_CONFIGS, INCREMENTAL_ALTER_CONFIGS, Pair


def describe_configs(pair: Pair):
    pair.create("conf", 1, retention_ms="5000", cleanup_policy="compact", min_insync_replicas="1")
    for version in pair.versions(DESCRIBE_CONFIGS):
        more = {"include_documentation": False} if version >= 3 else {}
        for note, resource in {
            "topic": (2, "conf", None),
            "some keys": (2, "conf", ["retention.ms", "nonsense", "segment.bytes"]),
            "no keys": (2, "conf", []),
            "unknown": (2, "nope", None),
            "invalid": (2, "a/b", None),
            "empty topic": (2, "", None),
            "broker": (4, "1", None),
            "broker keys": (
                4,
                "1",
                ["num.partitions", "node.id", "listeners", "log.retention.hours", "message.max.bytes"],
            ),
            "default broker": (4, "", None),
            "other broker": (4, "2", None),
            "not a broker": (4, "x", None),
            "loggers": (8, "2", None),
            "unknown type": (3, "x", None),
            "type 0": (0, "x", None),
            "type 99": (99, "x", None),
        }.items():
            item = {"resource_type": resource[0], "resource_name": resource[1], "configuration_keys": resource[2]}
            pair.call(DESCRIBE_CONFIGS, version, {"resources": [item], **more}, note)
            pair.call(
                DESCRIBE_CONFIGS, version, {"resources": [item], "include_synonyms": True, **more}, note + ", synonyms"
            )
        pair.call(DESCRIBE_CONFIGS, version, {"resources": []}, "none")
        twice = {"resource_type": 2, "resource_name": "conf", "configuration_keys": ["retention.ms"]}
        pair.call(DESCRIBE_CONFIGS, version, {"resources": [twice, twice]}, "twice")


def incremental_alter_configs(pair: Pair):
    SET, DELETE, APPEND, SUBTRACT = range(4)
    for version in pair.versions(INCREMENTAL_ALTER_CONFIGS):
        topic = f"alter{version}"
        pair.create(topic)
        for note, (kind, name, configs) in {
            "set": (2, topic, [("retention.ms", SET, "100")]),
            "set two": (2, topic, [("segment.ms", SET, "100"), ("max.message.bytes", SET, "2000000")]),
            "set null": (2, topic, [("retention.ms", SET, None)]),
            "set empty": (2, topic, [("retention.ms", SET, "")]),
            "set bad": (2, topic, [("retention.ms", SET, "x")]),
            "set out of range": (2, topic, [("retention.ms", SET, "-2")]),
            "set too large": (2, topic, [("segment.bytes", SET, "99999999999")]),
            "set unknown": (2, topic, [("nonsense", SET, "1")]),
            "set blank": (2, topic, [("segment.ms", SET, " 100 ")]),
            "good and bad": (2, topic, [("segment.ms", SET, "77"), ("nonsense", SET, "1")]),
            "delete": (2, topic, [("retention.ms", DELETE, None)]),
            "delete again": (2, topic, [("retention.ms", DELETE, None)]),
            "delete with value": (2, topic, [("retention.ms", DELETE, "5")]),
            "delete unknown": (2, topic, [("nonsense", DELETE, None)]),
            "append": (2, topic, [("cleanup.policy", APPEND, "compact")]),
            "append again": (2, topic, [("cleanup.policy", APPEND, "compact")]),
            "append bad": (2, topic, [("cleanup.policy", APPEND, "x")]),
            "append to number": (2, topic, [("retention.ms", APPEND, "5")]),
            "append null": (2, topic, [("cleanup.policy", APPEND, None)]),
            "append empty": (2, topic, [("cleanup.policy", APPEND, "")]),
            "append two": (2, topic, [("cleanup.policy", APPEND, "delete,compact")]),
            "append to replicas": (2, topic, [("leader.replication.throttled.replicas", APPEND, "0:1,1:1")]),
            "subtract from replicas": (2, topic, [("leader.replication.throttled.replicas", SUBTRACT, "0:1")]),
            "subtract": (2, topic, [("cleanup.policy", SUBTRACT, "delete")]),
            "subtract the last": (2, topic, [("cleanup.policy", SUBTRACT, "compact")]),
            "subtract missing": (2, topic, [("cleanup.policy", SUBTRACT, "compact")]),
            "subtract from number": (2, topic, [("retention.ms", SUBTRACT, "5")]),
            "policy null": (2, topic, [("cleanup.policy", SET, None)]),
            "unknown operation": (2, topic, [("retention.ms", 9, "5")]),
            "negative operation": (2, topic, [("retention.ms", -1, "5")]),
            "key twice": (2, topic, [("retention.ms", SET, "5"), ("retention.ms", SET, "6")]),
            "key set and deleted": (2, topic, [("retention.ms", SET, "5"), ("retention.ms", DELETE, None)]),
            "nothing": (2, topic, []),
            "unknown topic": (2, "nope", [("retention.ms", SET, "100")]),
            "invalid topic": (2, "a/b", [("retention.ms", SET, "100")]),
            "empty topic": (2, "", [("retention.ms", SET, "100")]),
            "unknown type": (3, "x", [("a", SET, "1")]),
            "type 0": (0, "x", [("a", SET, "1")]),
            "other broker": (4, "7", [("log.retention.ms", SET, "100")]),
            "not a broker": (4, "x", [("log.retention.ms", SET, "100")]),
            "broker, read only": (4, "1", [("node.id", SET, "100")]),
            "broker, unknown": (4, "1", [("nonsense", SET, "100")]),
            "compaction lags": (2, topic, [("min.compaction.lag.ms", SET, "10"), ("max.compaction.lag.ms", SET, "5")]),
            "bool": (2, topic, [("preallocate", SET, "maybe")]),
            "double": (2, topic, [("min.cleanable.dirty.ratio", SET, "1.5")]),
            "double text": (2, topic, [("min.cleanable.dirty.ratio", SET, "x")]),
            "double good": (2, topic, [("min.cleanable.dirty.ratio", SET, ".25")]),
            "timestamps": (2, topic, [("message.timestamp.type", SET, "x")]),
            "codec": (2, topic, [("compression.type", SET, "brotli")]),
            "gzip 0": (2, topic, [("compression.gzip.level", SET, "0")]),
            "lz4 0": (2, topic, [("compression.lz4.level", SET, "0")]),
            "remote": (2, topic, [("remote.storage.enable", SET, "true")]),
        }.items():
            items = [{"name": n, "config_operation": o, "value": v} for n, o, v in configs]
            body = {
                "resources": [{"resource_type": kind, "resource_name": name, "configs": items}],
                "validate_only": True,
            }
            pair.call(INCREMENTAL_ALTER_CONFIGS, version, body, note + ", validate only")
            pair.call(INCREMENTAL_ALTER_CONFIGS, version, {**body, "validate_only": False}, note)
            if kind == 2 and name == topic:
                own_configs(pair, topic, "after " + note)
        resource = {"resource_type": 2, "resource_name": topic, "configs": []}
        pair.call(INCREMENTAL_ALTER_CONFIGS, version, {"resources": [resource, resource]}, "twice")
        pair.call(INCREMENTAL_ALTER_CONFIGS, version, {"resources": []}, "none")


def own_configs(pair: Pair, topic, note):
    """The topic's own settings."""
    body = {"resources": [{"resource_type": 2, "resource_name": topic, "configuration_keys": None}]}
    for _ in range(10):  # Apache Kafka shows a change a little later
        answers = []
        for peer in pair.peers():
            configs = peer.call(DESCRIBE_CONFIGS, 4, body)["results"][0]["configs"]
            answers.append({c["name"]: c["value"] for c in configs if c["config_source"] == 1})
        if answers[0] == answers[1]:
            break
        time.sleep(0.03)
    pair.note(note, answers)


def alter_configs(pair: Pair):
    for version in pair.versions(ALTER_CONFIGS):
        topic = f"replace{version}"
        pair.create(topic, 1, segment_ms="1000")
        for note, (kind, name, configs) in {
            "set": (2, topic, [("retention.ms", "100")]),
            "bad": (2, topic, [("retention.ms", "x")]),
            "unknown": (2, topic, [("nonsense", "x")]),
            "null": (2, topic, [("retention.ms", None)]),
            "twice": (2, topic, [("retention.ms", "1"), ("retention.ms", "2")]),
            "nothing": (2, topic, []),
            "unknown topic": (2, "nope", [("retention.ms", "1")]),
            "invalid topic": (2, "a/b", [("retention.ms", "1")]),
            "empty topic": (2, "", [("retention.ms", "1")]),
            "unknown type": (3, "x", []),
            "other broker": (4, "7", [("log.retention.ms", "100")]),
            "not a broker": (4, "x", [("log.retention.ms", "100")]),
            "type 0": (0, "x", []),
        }.items():
            items = [{"name": n, "value": v} for n, v in configs]
            body = {
                "resources": [{"resource_type": kind, "resource_name": name, "configs": items}],
                "validate_only": True,
            }
            pair.call(ALTER_CONFIGS, version, body, note + ", validate only")
            pair.call(ALTER_CONFIGS, version, {**body, "validate_only": False}, note)
            if kind == 2 and name == topic:
                own_configs(pair, topic, "after " + note)
        resource = {"resource_type": 2, "resource_name": topic, "configs": []}
        pair.call(ALTER_CONFIGS, version, {"resources": [resource, resource]}, "twice")
