"""Groups of the consumer protocol (KIP-848), heartbeat by heartbeat."""

import time

from differential.groups import (
    DELETE_GROUPS,
    DESCRIBE_GROUPS,
    HEARTBEAT as CLASSIC_HEARTBEAT,
    JOIN,
    LIST_GROUPS,
    OFFSET_COMMIT,
    OFFSET_DELETE,
    OFFSET_FETCH,
    SYNC,
    commit_body,
    join,
    join_body,
    member,
    sync_body,
    wait_for_coordinators,
)
from differential.peers import CREATE_PARTITIONS, DELETE_TOPICS, Pair

HEARTBEAT, DESCRIBE, LEAVE = 68, 69, 13


def beat_body(group: str, name: str, epoch: int, **other) -> dict:
    body = {"group_id": group, "member_id": name, "member_epoch": epoch}
    if epoch == 0:
        body |= {"rebalance_timeout_ms": 30000, "subscribed_topic_names": ["cg"], "topic_partitions": []}
    return {**body, **other}


def held(**topics: list[int]) -> list[dict]:
    """What a member says that it holds."""
    return [
        {"topic_id": lambda peer, topic=topic: peer.id(topic), "partitions": partitions}
        for topic, partitions in topics.items()
    ]


def beat(pair: Pair, version: int, group: str, name: str, epoch: int, note: str, **other) -> tuple:
    return pair.call(HEARTBEAT, version, beat_body(group, name, epoch, **other), note, seconds=5)


def describe(pair: Pair, group: str, note: str) -> None:
    pair.every(DESCRIBE, {"group_ids": [group], "include_authorized_operations": True}, note)


def until(pair: Pair, group: str, name: str, epoch: int, done, **other) -> None:
    """Apache Kafka notices changes of topics, and resolves expressions, in the background."""
    for peer in pair.peers():
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            answer = peer.call(HEARTBEAT, 1, beat_body(group, name, epoch, **other))
            if done(answer):
                break
            time.sleep(0.2)


def consumer_members(pair: Pair):
    wait_for_coordinators(pair)
    pair.create("cg", 4)
    for version in pair.versions(HEARTBEAT):
        group = f"consumers-{version}"
        beat(pair, version, group, "a", 0, "first")
        beat(pair, version, group, "a", 2, "nothing new")
        beat(pair, version, group, "a", 0, "first again")
        describe(pair, group, "of one")
        beat(pair, version, group, "b", 0, "second", server_assignor="uniform", rack_id="r")
        beat(pair, version, group, "b", 3, "waits")
        describe(pair, group, "of two, reconciling")
        beat(pair, version, group, "a", 2, "is asked to give up")
        beat(pair, version, group, "a", 2, "does not say what it holds")
        beat(pair, version, group, "a", 2, "holds it still", topic_partitions=held(cg=[0, 1, 2, 3]))
        describe(pair, group, "of two, unrevoked")
        beat(pair, version, group, "a", 2, "has given up", topic_partitions=held(cg=[0, 1]))
        describe(pair, group, "of two, one to go")
        beat(pair, version, group, "b", 3, "is given")
        describe(pair, group, "of two, stable")
        beat(pair, version, group, "a", 2, "the epoch before, holds a part", topic_partitions=held(cg=[0]))
        beat(pair, version, group, "a", 2, "the epoch before, holds another's", topic_partitions=held(cg=[3]))
        beat(pair, version, group, "a", 3, "full", rebalance_timeout_ms=30000, subscribed_topic_names=["cg"],
             topic_partitions=held(cg=[0, 1]))
        beat(pair, version, group, "a", 3, "other assignor", server_assignor="range")
        beat(pair, version, group, "a", 8, "an epoch to come")
        beat(pair, version, group, "a", 0, "joins again")
        pair.every(DESCRIBE_GROUPS, {"groups": [group]}, "with the classic request")
        pair.every(LIST_GROUPS, {"states_filter": ["stable"], "types_filter": ["Consumer"]}, "by type", first=5)
        pair.call(DELETE_GROUPS, 2, {"groups_names": [group]}, "with members")
        beat(pair, version, group, "c", -1, "who is not there leaves")
        beat(pair, version, group, "b", -1, "leaves")
        describe(pair, group, "of one, assigning")
        beat(pair, version, group, "b", 3, "has left")
        beat(pair, version, group, "a", 3, "is given all")
        describe(pair, group, "of one again")
        beat(pair, version, group, "a", -1, "the last leaves")
        describe(pair, group, "empty")
        pair.call(DELETE_GROUPS, 2, {"groups_names": [group]}, "empty")
        describe(pair, group, "deleted")
        beat(pair, version, group, "a", 4, "of a group that is gone")


def consumer_refusals(pair: Pair):
    wait_for_coordinators(pair)
    for version in pair.versions(HEARTBEAT):
        group = f"refused-{version}"
        for note, other in {
            "no group id": {"group_id": ""},
            "no member id": {"member_id": "", "member_epoch": 1},
            "no member id, leaving": {"member_id": "", "member_epoch": -1},
            "empty instance": {"instance_id": ""},
            "blank rack": {"rack_id": " "},
            "no rebalance timeout": {"rebalance_timeout_ms": -1},
            "holds something": {"topic_partitions": held(cg=[0])},
            "does not say what it holds": {"topic_partitions": None},
            "no subscription": {"subscribed_topic_names": None},
            "static leave without instance": {"member_epoch": -2},
            "epoch -3": {"member_epoch": -3},
            "unknown assignor": {"server_assignor": "sticky"},
            "unknown group": {"member_epoch": 4, "topic_partitions": None},
            "leaves unknown group": {"member_epoch": -1},
        }.items():
            pair.call(HEARTBEAT, version, {**beat_body(group, "a", 0), **other}, note)
    for note, regex in {"no expression": "(", "look-ahead": "a(?=b)", "reference": "(a)\\1"}.items():
        beat(pair, 1, "refused", "a", 0, note, subscribed_topic_regex=regex)
    describe(pair, "nope", "unknown")
    describe(pair, "", "empty")


def consumer_instances(pair: Pair):
    """Static members."""
    wait_for_coordinators(pair)
    pair.create("cg-static", 2)
    for version in pair.versions(HEARTBEAT):
        group, one = f"instances-{version}", {"instance_id": "one", "subscribed_topic_names": ["cg-static"]}
        late = {"instance_id": "one"}
        beat(pair, version, group, "a", 0, "static", **one)
        beat(pair, version, group, "b", 0, "second", subscribed_topic_names=["cg-static"])
        beat(pair, version, group, "a", 2, "is asked", **late)
        beat(pair, version, group, "a", 2, "gives up", topic_partitions=held(**{"cg-static": [0]}), **late)
        beat(pair, version, group, "b", 3, "is given")
        beat(pair, version, group, "c", 0, "its place is taken", **one)
        beat(pair, version, group, "c", 3, "fenced", **late)
        beat(pair, version, group, "c", 3, "unknown instance", instance_id="two")
        beat(pair, version, group, "a", 3, "without its instance")
        beat(pair, version, group, "a", -2, "means to come back", **late)
        describe(pair, group, "one away")
        beat(pair, version, group, "a", 3, "is away", **late)
        beat(pair, version, group, "c", 0, "comes back", **one)
        describe(pair, group, "back")
        beat(pair, version, group, "a", 3, "was replaced", **late)
        beat(pair, version, group, "b", 3, "noticed nothing")
        pair.call(LEAVE, 5, {"group_id": group, "members": [{"member_id": "c", "group_instance_id": "one"}]}, "classic")
        pair.call(LEAVE, 5, {"group_id": group, "members": [{"member_id": "", "group_instance_id": "one"}]}, "operator")
        beat(pair, version, group, "c", 3, "was removed", **late)
        describe(pair, group, "one is left")


def consumer_topics(pair: Pair):
    """Topics that come, grow and go; subscriptions that change."""
    wait_for_coordinators(pair)
    pair.create("cg-grows", 1)
    both = {"subscribed_topic_names": ["cg-grows", "cg-comes"]}
    beat(pair, 1, "topics", "a", 0, "one of two exists", **both)
    pair.create("cg-comes", 2)
    until(pair, "topics", "a", 2, lambda answer: answer["member_epoch"] == 3)
    describe(pair, "topics", "a topic came")
    more = {"topics": [{"name": "cg-grows", "count": 3, "assignments": None}], "timeout_ms": 5000}
    pair.call(CREATE_PARTITIONS, 3, more, quiet=True, seconds=10)
    until(pair, "topics", "a", 3, lambda answer: answer["member_epoch"] == 4)
    describe(pair, "topics", "a topic grew")
    beat(pair, 1, "topics", "a", 4, "subscribes to less", subscribed_topic_names=["cg-comes"],
         topic_partitions=held(**{"cg-grows": [0, 1, 2], "cg-comes": [0, 1]}), rebalance_timeout_ms=30000)
    describe(pair, "topics", "subscribes to less")
    beat(pair, 1, "topics", "a", 4, "has given up", topic_partitions=held(**{"cg-comes": [0, 1]}))
    describe(pair, "topics", "less")
    pair.call(DELETE_TOPICS, 5, {"topic_names": ["cg-comes"], "timeout_ms": 5000}, quiet=True, seconds=10)
    until(pair, "topics", "a", 5, lambda answer: answer["assignment"] is not None)
    beat(pair, 1, "topics", "a", 5, "nothing is left", topic_partitions=[])
    describe(pair, "topics", "a topic went")


def consumer_offsets(pair: Pair):
    wait_for_coordinators(pair)
    pair.create("committed-cg", 2)
    beat(pair, 1, "owners", "a", 0, "first", subscribed_topic_names=["committed-cg"])
    beat(pair, 1, "owners", "b", 0, "second", subscribed_topic_names=["cg"])
    beat(pair, 1, "owners", "a", 2, "the next epoch")
    for version in pair.versions(OFFSET_COMMIT):
        for note, name, epoch in [("of it", "a", 3), ("the epoch before", "a", 2), ("an epoch before it had it", "a", 1), ("epoch 0", "a", 0),
                                  ("an epoch to come", "a", 9), ("of a stranger", "x", 3), ("of nobody", "", -1)]:
            body = commit_body(pair, "owners", version, "committed-cg", member_id=name,
                               generation_id_or_member_epoch=epoch)
            pair.call(OFFSET_COMMIT, version, body, note)
    for version in range(8, 11):
        named = {"topic_id": lambda peer: peer.id("committed-cg")} if version >= 10 else {"name": "committed-cg"}
        for note, said in {"of it": {"member_id": "a", "member_epoch": 3}, "stale": {"member_id": "a", "member_epoch": 2},
                           "of a stranger": {"member_id": "x", "member_epoch": 2}, "of nobody": {}}.items():
            group = {"group_id": "owners", "topics": [{**named, "partition_indexes": [0]}], **said}
            pair.call(OFFSET_FETCH, version, {"groups": [group]}, note)
    for topic in ("committed-cg", "cg"):
        body = {"group_id": "owners", "topics": [{"name": topic, "partitions": [{"partition_index": 0}]}]}
        pair.call(OFFSET_DELETE, 0, body, topic)


def other_protocol(pair: Pair):
    """Requests of one protocol to a group of the other, and an empty group that changes it."""
    wait_for_coordinators(pair)
    beat(pair, 1, "modern", "a", 0, "first")
    pair.call(CLASSIC_HEARTBEAT, 4, {"group_id": "modern", "generation_id": 1, "member_id": "a"}, "to a consumer group")
    pair.call(SYNC, 5, sync_body("modern", "a", 1, member_id="a", assignments=[]), "to a consumer group")
    pair.call(LEAVE, 5, {"group_id": "modern", "members": [{"member_id": "a"}]}, "to a consumer group")
    pair.call(JOIN, 9, join_body("modern", member_id="x", protocol_type="connect"), "of another type")
    beat(pair, 1, "modern", "a", -1, "leaves")
    join(pair, 9, "modern", "c")
    pair.call(SYNC, 5, sync_body("modern", "c", 1), "the leader's")
    pair.call(DESCRIBE_GROUPS, 6, {"groups": ["modern"]}, "is classic now")
    describe(pair, "modern", "is classic now")
    beat(pair, 1, "modern", "a", 3, "to a classic group")
    pair.call(LEAVE, 5, {"group_id": "modern", "members": [{"member_id": member("c")}]}, "leaves")
    beat(pair, 1, "modern", "a", 0, "and back")
    describe(pair, "modern", "is a consumer group again")


def subscription(topic: str, held: list[int] = ()) -> bytes:
    """Version 1."""
    name = len(topic).to_bytes(2, "big") + topic.encode()
    owned = name + len(held).to_bytes(4, "big") + b"".join(partition.to_bytes(4, "big") for partition in held)
    return (b"\x00\x01\x00\x00\x00\x01" + name + b"\xff\xff\xff\xff"
            + (b"\x00\x00\x00\x01" + owned if held else b"\x00\x00\x00\x00"))


def assignment(topic: str, partitions: list[int]) -> bytes:
    name = len(topic).to_bytes(2, "big") + topic.encode()
    listed = len(partitions).to_bytes(4, "big") + b"".join(partition.to_bytes(4, "big") for partition in partitions)
    return b"\x00\x01\x00\x00\x00\x01" + name + listed + b"\xff\xff\xff\xff"


def migration(pair: Pair):
    """Members of both protocols in one group."""
    wait_for_coordinators(pair)
    pair.create("cg-both", 2)

    def old_join(note: str, *held: int, **other):
        spoken = [{"name": "cooperative-sticky", "metadata": subscription("cg-both", list(held))}]
        return pair.call(JOIN, 9, join_body("both", "old", protocols=spoken, **other), note, seconds=5)

    def old_sync(note: str, generation: int, *given: int, name="cooperative-sticky"):
        mine = [{"member_id": member("old"), "assignment": assignment("cg-both", list(given))}] if given else []
        body = sync_body("both", "old", generation, protocol_name=name, assignments=mine)
        pair.call(SYNC, 5, body, note, seconds=5)

    def old_beat(note: str, generation: int):
        body = {"group_id": "both", "generation_id": generation, "member_id": member("old")}
        pair.call(CLASSIC_HEARTBEAT, 4, body, note)

    def new_beat(note: str, epoch: int, **other):
        named = {"subscribed_topic_names": ["cg-both"]} if epoch == 0 else {}
        beat(pair, 1, "both", "new", epoch, note, **named, **other)

    spoken = [{"name": "cooperative-sticky", "metadata": subscription("cg-both")}]
    join(pair, 9, "both", "old", protocols=spoken)
    old_sync("leads", 1, 0, 1)
    new_beat("upgrades", 0)
    describe(pair, "both", "upgraded")
    pair.call(DESCRIBE_GROUPS, 6, {"groups": ["both"]}, "upgraded")
    old_beat("is to join", 1)
    old_beat("to come", 9)
    old_sync("is to join", 1)
    old_join("is to give up", 0, 1)
    describe(pair, "both", "is to give up")
    old_sync("other protocol", 1, name="range")
    old_sync("less", 1)
    old_beat("is to say so", 1)
    new_beat("waits", 2)
    old_join("has given up", 0)
    old_sync("the next", 2)
    old_beat("settled", 2)
    new_beat("is given", 2)
    describe(pair, "both", "stable")
    for note, name, epoch in [("of the old", member("old"), 2), ("stale", member("old"), 1), ("of the new", "new", 2)]:
        for version in (7, 9):
            body = commit_body(pair, "both", version, "cg-both", member_id=name, generation_id_or_member_epoch=epoch)
            pair.call(OFFSET_COMMIT, version, body, note)
    pair.call(JOIN, 9, join_body("both", protocols=[{"name": "range", "metadata": subscription("cg-both")}]), "other")
    pair.call(JOIN, 9, join_body("both", protocol_type="connect"), "another type")
    new_beat("leaves", -1)
    describe(pair, "both", "downgraded")
    pair.every(DESCRIBE_GROUPS, {"groups": ["both"]}, "downgraded")
    old_beat("is to join the classic group", 2)
    old_beat("in its generation", 3)
    old_join("the classic group", 0)
    old_sync("leads again", 4, 0, 1)
    pair.call(DESCRIBE_GROUPS, 6, {"groups": ["both"]}, "classic again")
    new_beat("to a classic group", 3)


CONSUMER_GROUPS = [
    consumer_members,
    consumer_refusals,
    consumer_instances,
    consumer_topics,
    consumer_offsets,
    other_protocol,
    migration,
]
