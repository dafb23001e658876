"""ApiVersions, Metadata, the cluster, and frames that no client sends."""

import struct

from differential.messages import decode_response, encode_request
from differential.peers import API_VERSIONS, DESCRIBE_CLUSTER, DESCRIBE_TOPIC_PARTITIONS, METADATA, Pair, UNKNOWN_ID


def api_versions(pair: Pair):
    pair.every(API_VERSIONS, lambda v: {"client_software_name": "a", "client_software_version": "1"} if v >= 3 else {})
    for name, version in (("", "1"), ("a", ""), ("a b", "1"), ("-a", "1"), ("a", "1_2"), ("a.b-c", "1.0-x")):
        pair.call(
            API_VERSIONS, 4, {"client_software_name": name, "client_software_version": version}, f"{name!r} {version!r}"
        )
    frame = struct.pack(">hhih", 18, 9, 1, 4) + b"wire" + b"\0\1\1"
    answers = []
    for peer in pair.peers():
        got = peer.send_raw(struct.pack(">i", len(frame)) + frame, 5)
        answers.append(decode_response(18, 0, got) if not isinstance(got, str) else got)
    pair.note("ApiVersions v9", answers)


def raw_frames(pair: Pair):
    """What is closed and what is not."""
    metadata = encode_request(METADATA, 4, {"topics": []})
    frames = {
        "unknown key": struct.pack(">ihhih", 10, 999, 0, 1, -1),
        "negative key": struct.pack(">ihhih", 10, -1, 0, 1, -1),
        "version too new": struct.pack(">ihhih", 14, 3, 99, 1, -1) + struct.pack(">i", 0),
        "version negative": struct.pack(">ihhih", 14, 3, -1, 1, -1) + struct.pack(">i", 0),
        "fetch v0": struct.pack(">ihhih", 10, 1, 0, 1, -1),
        "empty frame": struct.pack(">i", 0),
        "short header": struct.pack(">ihh", 4, 3, 1),
        "negative size": struct.pack(">i", -1),
        "huge size": struct.pack(">i", 0x7FFFFFFF),
        "null client id": struct.pack(">ihhih", 15, 3, 4, 1, -1) + struct.pack(">ib", 0, 1),
        "trailing bytes": struct.pack(">i", len(metadata) + 1) + metadata[4:] + b"xxxxx",
        "truncated": struct.pack(">ihhih", 12, 3, 4, 1, -1) + b"\0\0",
        "metadata v0 with garbage count": struct.pack(">ihhihi", 14, 3, 0, 1, -1, 0x7FFFFFFF),
    }
    for name, frame in frames.items():
        pair.reconnect()
        answers = [peer.send_raw(frame, 2) for peer in pair.peers()]
        pair.note(name, ["answered" if isinstance(a, bytes) else a for a in answers])
    pair.reconnect()


def metadata(pair: Pair):
    pair.create("meta", 3)
    forms = {
        "all": None,
        "none": [],
        "one": ["meta"],
        "twice": ["meta", "meta"],
        "unknown": ["nope"],
        "invalid": ["bad/name"],
        "empty name": [""],
        "dot": ["."],
        "long": ["a" * 250],
        "longest": ["a" * 249],
        "mixed": ["nope", "meta", "b!d"],
    }
    for version in pair.versions(METADATA):
        for note, names in forms.items():
            if names is None and version == 0:
                continue
            topics = None if names is None else [{"name": name} for name in names]
            body = {"topics": topics, **({"allow_auto_topic_creation": False} if version >= 4 else {})}
            pair.call(METADATA, version, body, note)
            if version >= 8:
                more = {"include_topic_authorized_operations": True}
                if version <= 10:
                    more["include_cluster_authorized_operations"] = True
                pair.call(METADATA, version, {**body, **more}, note + ", operations")
        if version >= 10:
            for note, topic in {
                "by id": {"name": None, "topic_id": lambda p: p.id("meta")},
                "by unknown id": {"name": None, "topic_id": UNKNOWN_ID},
                "neither": {"name": None},
                "both": {"name": "meta", "topic_id": lambda p: p.id("meta")},
                "both, other id": {"name": "meta", "topic_id": UNKNOWN_ID},
                "unknown name and id": {"name": "nope", "topic_id": UNKNOWN_ID},
            }.items():
                pair.call(METADATA, version, {"topics": [topic], "allow_auto_topic_creation": False}, note)
            pair.call(
                METADATA,
                version,
                {"topics": [{"name": None, "topic_id": lambda p: p.id("meta")}, {"name": "meta"}]},
                "id and name",
            )


def describe_cluster(pair: Pair):
    for version in pair.versions(DESCRIBE_CLUSTER):
        for operations in (False, True):
            body = {"include_cluster_authorized_operations": operations}
            pair.call(DESCRIBE_CLUSTER, version, body, f"operations {operations}")
            if version >= 1:
                for kind in (0, 1, 2, 3, -1):
                    pair.call(
                        DESCRIBE_CLUSTER, version, {**body, "endpoint_type": kind}, f"endpoint {kind}, {operations}"
                    )
            if version >= 2:
                pair.call(DESCRIBE_CLUSTER, version, {**body, "include_fenced_brokers": True}, "fenced")


def describe_topic_partitions(pair: Pair):
    pair.create("dtp-a", 3)
    pair.create("dtp-b", 2)
    pair.create("dtp-c", 1)
    named = ["dtp-a", "dtp-b", "dtp-c"]

    def ask(note, names, **more):
        pair.call(DESCRIBE_TOPIC_PARTITIONS, 0, {"topics": [{"name": n} for n in names], **more}, note)

    ask("three", named)
    ask("reverse", named[::-1])
    ask("twice", ["dtp-a", "dtp-a"])
    ask("unknown", ["dtp-a", "dtp-aa", "dtp-b"])
    ask("invalid", ["a/b"])
    ask("empty name", [""])
    for limit in (0, -1, 1, 2, 3, 4, 5, 6, 7, 5000):
        ask(f"limit {limit}", named, response_partition_limit=limit)
        for topic, partition in (
            ("dtp-a", 0),
            ("dtp-a", 1),
            ("dtp-a", 3),
            ("dtp-a", 9),
            ("dtp-b", 1),
            ("dtp-aa", 1),
            ("zz", 0),
            ("", 0),
            ("dtp-c", -1),
        ):
            ask(
                f"limit {limit}, from {topic}-{partition}",
                named,
                response_partition_limit=limit,
                cursor={"topic_name": topic, "partition_index": partition},
            )
    ask("limit with unknown", ["dtp-a", "dtp-aa", "dtp-b"], response_partition_limit=3)
    ask("cursor, other topics", ["dtp-a"], cursor={"topic_name": "dtp-b", "partition_index": 0})
    ask("cursor of a missing topic", ["dtp-a", "nope"], cursor={"topic_name": "nope", "partition_index": 0})
    pair.reconnect()
