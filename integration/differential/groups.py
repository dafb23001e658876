"""Consumer groups of the classic protocol, from the first member to the group's end."""

import time

from differential.peers import Pair, UNKNOWN_ID

OFFSET_COMMIT, OFFSET_FETCH, FIND_COORDINATOR, JOIN, HEARTBEAT, LEAVE, SYNC = 8, 9, 10, 11, 12, 13, 14
DESCRIBE_GROUPS, LIST_GROUPS, DELETE_GROUPS, OFFSET_DELETE = 15, 16, 42, 47
MEMBER_ID_REQUIRED = 79
# Apache Kafka answers nobody whose subscription it cannot read. This one names the topic "other".
SUBSCRIPTION = b"\x00\x01" + b"\x00\x00\x00\x01" + b"\x00\x05other" + b"\xff\xff\xff\xff" + b"\x00\x00\x00\x00"


def member(name: str):
    """The member id that the server gave."""
    return lambda peer: peer.named.get(name, "nobody")


def join_body(group: str, name: str | None = None, **other) -> dict:
    body = {
        "group_id": group,
        "session_timeout_ms": 30000,
        "rebalance_timeout_ms": 30000,
        "member_id": member(name) if name else "",
        "protocol_type": "consumer",
        "protocols": [{"name": "range", "metadata": SUBSCRIPTION}],
    }
    return {**body, **other}


def keep_ids(pair: Pair, name: str, answers) -> None:
    for peer, answer in zip(pair.peers(), answers):
        assert not isinstance(answer, str), f"{peer.server.kind}: {answer}"
        peer.named[name] = answer["member_id"]


def join(pair: Pair, version: int, group: str, name: str, **other) -> None:
    """Joins alone, with as many requests as the version wants."""
    answers = pair.call(JOIN, version, join_body(group, **other), "first", seconds=10)
    keep_ids(pair, name, answers)
    if answers[0]["error_code"] == MEMBER_ID_REQUIRED:
        pair.call(JOIN, version, join_body(group, name, **other), "with its id", seconds=10)


def sync_body(group: str, name: str, generation: int, **other) -> dict:
    body = {
        "group_id": group,
        "generation_id": generation,
        "member_id": member(name),
        "protocol_type": "consumer",
        "protocol_name": "range",
        "assignments": [{"member_id": member(name), "assignment": b"all"}],
    }
    return {**body, **other}


def commit_body(pair: Pair, group: str, version: int, topic="committed", partition=0, **other) -> dict:
    named = {"topic_id": lambda peer: peer.id(topic)} if version >= 10 else {"name": topic}
    body = {
        "group_id": group,
        "generation_id_or_member_epoch": -1,
        "topics": [
            {
                **named,
                "partitions": [
                    {"partition_index": partition, "committed_offset": 5, "committed_metadata": "mine"},
                    {"partition_index": 7, "committed_offset": 5, "committed_metadata": None},
                ],
            }
        ],
    }
    return {**body, **other}


def wait_for_coordinators(pair: Pair) -> None:
    """Apache Kafka makes the topic in the background."""
    for peer in pair.peers():
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            found = peer.call(FIND_COORDINATOR, 4, {"key_type": 0, "coordinator_keys": ["g"]})
            body = {"group_id": "g", "generation_id": 1, "member_id": "nobody"}
            if not found["coordinators"][0]["error_code"] and peer.call(HEARTBEAT, 4, body)["error_code"] == 25:
                break
            time.sleep(0.1)


def find_coordinator(pair: Pair):
    wait_for_coordinators(pair)
    pair.every(FIND_COORDINATOR, {"key": "g", "key_type": 0}, "group", last=3)
    pair.every(FIND_COORDINATOR, {"key_type": 0, "coordinator_keys": ["g", "h", "g"]}, "groups", first=4)
    pair.every(FIND_COORDINATOR, {"key_type": 0, "coordinator_keys": []}, "none", first=4)
    pair.every(FIND_COORDINATOR, {"key": "", "key_type": 0}, "empty", last=3)
    pair.every(FIND_COORDINATOR, {"key_type": 0, "coordinator_keys": [""]}, "empty", first=4)
    pair.every(FIND_COORDINATOR, {"key_type": 9, "coordinator_keys": ["x"]}, "unknown type", first=4)


def members(pair: Pair):
    wait_for_coordinators(pair)
    for version in pair.versions(JOIN):
        group = f"members-{version}"
        join(pair, version, group, "a")
        pair.every(HEARTBEAT, {"group_id": group, "generation_id": 1, "member_id": member("a")}, "before the sync")
        pair.call(DESCRIBE_GROUPS, 4, {"groups": [group]}, "before the sync")
        pair.call(SYNC, 3, sync_body(group, "a", 0), "old generation")
        pair.call(SYNC, 3, {**sync_body(group, "a", 1), "member_id": "nobody"}, "unknown member")
        pair.call(SYNC, 5, sync_body(group, "a", 1, protocol_type="connect"), "other type")
        pair.call(SYNC, 5, sync_body(group, "a", 1, protocol_name="x"), "other protocol")
        pair.call(SYNC, 5, sync_body(group, "a", 1, protocol_name=None), "no protocol")
        pair.call(SYNC, 5, sync_body(group, "a", 1), "the leader's")
        pair.every(SYNC, sync_body(group, "a", 1, assignments=[]), "again")
        pair.every(HEARTBEAT, {"group_id": group, "generation_id": 1, "member_id": member("a")}, "stable")
        pair.every(HEARTBEAT, {"group_id": group, "generation_id": 2, "member_id": member("a")}, "generation to come")
        pair.every(HEARTBEAT, {"group_id": group, "generation_id": 1, "member_id": "nobody"}, "unknown member")
        pair.every(
            HEARTBEAT,
            {"group_id": group, "generation_id": 1, "member_id": member("a"), "group_instance_id": "i"},
            "unknown instance",
            first=3,
        )
        pair.every(DESCRIBE_GROUPS, {"groups": [group], "include_authorized_operations": True}, "stable")
        pair.call(JOIN, version, join_body(group, protocol_type="connect"), "other protocol type")
        pair.call(JOIN, version, join_body(group, protocols=[{"name": "x", "metadata": SUBSCRIPTION}]), "other protocol")
        pair.call(JOIN, version, join_body(group, member_id="nobody"), "unknown member")
        pair.call(JOIN, version, join_body(group, "a"), "the leader again", seconds=10)
        pair.call(JOIN, version, join_body(group, "a"), "the leader once more", seconds=10)
        leaving = {"group_id": group, "member_id": member("a"), "members": [{"member_id": member("a")}]}
        pair.call(LEAVE, 2 if version < 5 else 5, {**leaving, "members": [{"member_id": "nobody"}], "member_id": "x"})
        pair.call(LEAVE, 2 if version < 5 else 5, leaving, "the last")
        pair.call(LEAVE, 2 if version < 5 else 5, leaving, "again")
        pair.every(DESCRIBE_GROUPS, {"groups": [group]}, "empty")
        pair.call(HEARTBEAT, 4, {"group_id": group, "generation_id": 3, "member_id": member("a")}, "empty group")


def refused_joins(pair: Pair):
    wait_for_coordinators(pair)
    pair.every(JOIN, join_body(""), "empty group")
    pair.every(JOIN, join_body("refused", session_timeout_ms=1), "session too short")
    pair.every(JOIN, join_body("refused", session_timeout_ms=2**31 - 1), "session too long")
    pair.every(JOIN, join_body("refused", session_timeout_ms=-1), "negative session")
    pair.every(JOIN, join_body("refused", protocols=[]), "no protocols")
    pair.every(JOIN, join_body("refused", protocol_type=""), "no protocol type")
    pair.every(JOIN, join_body("refused", member_id="nobody"), "unknown member")
    for key in (HEARTBEAT, SYNC):
        named = {"protocol_type": "consumer", "protocol_name": "range"} if key == SYNC else {}
        pair.every(key, {"group_id": "", "generation_id": 1, "member_id": "x", **named}, "empty group")
        pair.every(key, {"group_id": "nope", "generation_id": 1, "member_id": "x", **named}, "no group")
    pair.every(LEAVE, {"group_id": "nope", "member_id": "x", "members": [{"member_id": "x"}]}, "no group")
    pair.every(LEAVE, {"group_id": "", "member_id": "x", "members": [{"member_id": "x"}]}, "empty group")


def static_members(pair: Pair):
    wait_for_coordinators(pair)
    for version in (5, 7, 9):
        group = f"static-{version}"
        named = {"group_instance_id": "one"}
        join(pair, version, group, "a", **named)
        pair.call(SYNC, 5, sync_body(group, "a", 1, **named), "the leader's")
        pair.call(DESCRIBE_GROUPS, 5, {"groups": [group]}, "stable")
        answers = pair.call(JOIN, version, join_body(group, **named), "comes back", seconds=10)
        keep_ids(pair, "b", answers)
        heartbeat = {"group_id": group, "generation_id": 1, **named}
        pair.call(HEARTBEAT, 4, {**heartbeat, "member_id": member("a")}, "fenced")
        pair.call(HEARTBEAT, 4, {**heartbeat, "member_id": member("b")}, "the new one")
        pair.call(SYNC, 5, sync_body(group, "b", 1, assignments=[], **named), "the new one")
        pair.call(OFFSET_COMMIT, 8, commit_body(pair, group, 8, member_id=member("a"), **named,
                                                generation_id_or_member_epoch=1), "fenced")
        pair.call(LEAVE, 5, {"group_id": group, "members": [{"member_id": "", "group_instance_id": "two"}]}, "unknown")
        pair.call(LEAVE, 5, {"group_id": group, "members": [{"member_id": "", **named}]}, "by an operator")


def offsets(pair: Pair):
    wait_for_coordinators(pair)
    pair.create("committed", 2)
    pair.create("other")
    for version in pair.versions(OFFSET_COMMIT):
        group = f"offsets-{version}"
        pair.call(OFFSET_COMMIT, version, commit_body(pair, group, version), "of no member")
        pair.call(OFFSET_COMMIT, version, commit_body(pair, group, version, "nope"), "unknown topic")
        long = commit_body(pair, group, version)
        long["topics"][0]["partitions"][0]["committed_metadata"] = "x" * 4097
        pair.call(OFFSET_COMMIT, version, long, "long metadata")
        negative = commit_body(pair, group, version)
        negative["topics"][0]["partitions"][0]["committed_offset"] = -1
        pair.call(OFFSET_COMMIT, version, {**negative, "group_id": f"{group}-negative"}, "negative offset")
        as_member = {"generation_id_or_member_epoch": 3, "member_id": "x"}
        pair.call(OFFSET_COMMIT, version, commit_body(pair, group, version, **as_member), "of an unknown member")
        pair.call(OFFSET_COMMIT, version, commit_body(pair, "nope", version, **as_member), "to no group")
        pair.call(OFFSET_COMMIT, version, commit_body(pair, "", version), "to the empty group")
        pair.call(OFFSET_COMMIT, version, {**commit_body(pair, group, version), "topics": []}, "of nothing")
    for version in pair.versions(OFFSET_FETCH):
        for group in ("offsets-8", "nope", ""):
            for note, topics in {"some": ["committed", "nope"], "all": None, "none": []}.items():
                if topics is None and version < 2:
                    continue
                indexes = {"partition_indexes": [0, 1, 9]}
                if version >= 10:
                    ids = {"committed": lambda peer: peer.id("committed"), "nope": UNKNOWN_ID}
                    asked = topics and [{"topic_id": ids[name], **indexes} for name in topics]
                else:
                    asked = topics and [{"name": name, **indexes} for name in topics]
                asked = asked if topics is None or asked else []
                one = {"group_id": group, "topics": asked}
                body = {"groups": [one, {**one, "group_id": "offsets-9"}]} if version >= 8 else one
                pair.call(OFFSET_FETCH, version, body, f"{note} of {group or 'the empty group'}")
    pair.every(DESCRIBE_GROUPS, {"groups": ["offsets-8", "nope", ""]}, "without members")
    pair.every(LIST_GROUPS, {"states_filter": ["Empty", "stable"], "types_filter": []}, "by state")
    pair.every(LIST_GROUPS, {"states_filter": ["Nonsense"]}, "by an unknown state", first=4)
    pair.every(LIST_GROUPS, {"types_filter": ["classic"]}, "by type", first=5)
    pair.every(LIST_GROUPS, {"types_filter": ["consumer"]}, "by another type", first=5)
    deletion = {"name": "committed", "partitions": [{"partition_index": 0}, {"partition_index": 9}]}
    unknown = {"name": "nope", "partitions": [{"partition_index": 0}]}
    pair.every(OFFSET_DELETE, {"group_id": "offsets-8", "topics": [deletion, unknown]}, "some")
    pair.every(OFFSET_DELETE, {"group_id": "offsets-8", "topics": [deletion]}, "again")
    pair.every(OFFSET_DELETE, {"group_id": "nope", "topics": [deletion]}, "no group")
    pair.every(OFFSET_DELETE, {"group_id": "", "topics": [deletion]}, "empty group")
    for version in pair.versions(DELETE_GROUPS):
        group = f"offsets-{version + 2}"
        pair.call(DELETE_GROUPS, version, {"groups_names": [group, "nope", ""]}, "one")
        pair.call(DELETE_GROUPS, version, {"groups_names": [group]}, "again")
        pair.call(DESCRIBE_GROUPS, 5, {"groups": [group]}, "deleted")


def subscribed_offsets(pair: Pair):
    """What members are subscribed to is not deleted under them."""
    join(pair, 7, "subscribed", "s")
    pair.call(SYNC, 5, sync_body("subscribed", "s", 1), "the leader's")
    for topic in ("other", "committed"):
        body = {"group_id": "subscribed", "topics": [{"name": topic, "partitions": [{"partition_index": 0}]}]}
        pair.call(OFFSET_DELETE, 0, body, topic)
    pair.call(DELETE_GROUPS, 2, {"groups_names": ["subscribed"]}, "with a member")
    commit = {"generation_id_or_member_epoch": 1, "member_id": member("s")}
    pair.call(OFFSET_COMMIT, 8, commit_body(pair, "subscribed", 8, **commit), "of the member")
    pair.call(OFFSET_COMMIT, 8, commit_body(pair, "subscribed", 8), "of no member")


GROUPS = [find_coordinator, members, refused_joins, static_members, offsets, subscribed_offsets]
