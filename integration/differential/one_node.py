"""What makes sense on clusters of many nodes, asked of one."""

from differential.peers import Pair

DESCRIBE_ACLS, CREATE_ACLS, DELETE_ACLS, MOVE_LOG_DIRS, ELECT, REASSIGN, REASSIGNMENTS, QUORUM, FEATURES, PRODUCERS = (
    29, 30, 31, 34, 43, 45, 46, 55, 57, 61,
)


def acls(pair: Pair):
    rule = {"resource_type": 2, "resource_name": "t", "principal": "User:a", "host": "*", "operation": 3}
    filter_ = {"resource_type_filter": 1, "pattern_type_filter": 1, "operation": 1, "permission_type": 1}
    pair.every(DESCRIBE_ACLS, filter_, "all")
    pair.every(CREATE_ACLS, {"creations": [{**rule, "permission_type": 3}] * 2}, "two")
    pair.every(CREATE_ACLS, {"creations": []}, "none")
    pair.every(DELETE_ACLS, {"filters": [filter_]}, "one")


def elections(pair: Pair):
    pair.create("elected", 2)
    for kind in (0, 1):
        pair.every(ELECT, {"election_type": kind, "topic_partitions": None}, f"all, type {kind}")
        some = [{"topic": "elected", "partitions": [0, 1, 7]}, {"topic": "nope", "partitions": [0]}]
        pair.every(ELECT, {"election_type": kind, "topic_partitions": some}, f"some, type {kind}")
        pair.every(ELECT, {"election_type": kind, "topic_partitions": []}, f"none, type {kind}")


def reassignments(pair: Pair):
    pair.create("moved", 2)
    for note, replicas in {"here": [1], "elsewhere": [7], "twice": [1, 1], "nowhere": [], "cancel": None}.items():
        asked = [{"name": "moved", "partitions": [{"partition_index": 0, "replicas": replicas}]}]
        pair.every(REASSIGN, {"topics": asked}, note)
    asked = [{"name": name, "partitions": [{"partition_index": 9, "replicas": [1]}]} for name in ("moved", "nope")]
    pair.every(REASSIGN, {"topics": asked}, "unknown")
    pair.every(REASSIGN, {"topics": []}, "none")
    pair.every(REASSIGNMENTS, {"topics": None}, "all")
    pair.every(REASSIGNMENTS, {"topics": [{"name": "moved", "partition_indexes": [0, 9]}]}, "some")


def log_dirs_changed(pair: Pair):
    pair.create("stays")
    topics = [{"name": "stays", "partitions": [0, 9]}, {"name": "nope", "partitions": [0]}]
    here = {"path": lambda peer: str(peer.server.data), "topics": topics}
    pair.every(MOVE_LOG_DIRS, {"dirs": [here]}, "here")
    pair.every(MOVE_LOG_DIRS, {"dirs": [{**here, "path": "/nowhere"}]}, "elsewhere")
    pair.every(MOVE_LOG_DIRS, {"dirs": []}, "none")


def producers(pair: Pair):
    pair.create("produced")
    pair.every(PRODUCERS, {"topics": [{"name": "produced", "partition_indexes": [0, 9]}]}, "nobody")
    pair.every(PRODUCERS, {"topics": [{"name": "nope", "partition_indexes": [0]}]}, "unknown")
    pair.every(PRODUCERS, {"topics": []}, "none")


def quorum(pair: Pair):
    metadata = "__cluster_metadata"
    for note, topics in {
        "metadata": [(metadata, [0])], "two": [(metadata, [0, 1])], "other": [("nope", [0])], "twice": [(metadata, [0])] * 2,
        "no partitions": [(metadata, [])], "none": [],
    }.items():
        asked = [{"topic_name": name, "partitions": [{"partition_index": i} for i in parts]} for name, parts in topics]
        pair.every(QUORUM, {"topics": asked}, note)


def features(pair: Pair):
    for note, (name, level, kind) in {
        "as it is": ("group.version", 1, 1), "too high": ("group.version", 7, 1), "unknown": ("nope", 1, 1),
        "no name": ("", 1, 1), "negative": ("group.version", -1, 1), "kind 9": ("group.version", 1, 9),
        "kind 0": ("group.version", 1, 0), "unsafe": ("group.version", 1, 3),
    }.items():
        update = {"feature": name, "max_version_level": level}
        for only in (True, False):
            pair.every(
                FEATURES,
                lambda version: {
                    "timeout_ms": 1000,
                    "feature_updates": [{**update, "upgrade_type": kind} if version else update],
                    **({"validate_only": only} if version else {}),
                },
                note,
            )
    pair.every(FEATURES, {"timeout_ms": 1000, "feature_updates": []}, "none")


ONE_NODE = [acls, elections, reassignments, log_dirs_changed, producers, quorum, features]
