"""What no well-made client sends to a group, and what two clients send at once."""

import threading

from differential.consumer_groups import DESCRIBE, HEARTBEAT as CONSUMER_HEARTBEAT, beat, beat_body, describe, held
from differential.groups import (
    DELETE_GROUPS,
    DESCRIBE_GROUPS,
    FIND_COORDINATOR,
    HEARTBEAT,
    JOIN,
    LEAVE,
    LIST_GROUPS,
    MEMBER_ID_REQUIRED,
    OFFSET_COMMIT,
    OFFSET_DELETE,
    OFFSET_FETCH,
    SUBSCRIPTION,
    SYNC,
    commit_body,
    join,
    join_body,
    keep_ids,
    member,
    sync_body,
    wait_for_coordinators,
)
from differential.messages import MESSAGES
from differential.peers import Pair, Peer, UNKNOWN_ID, resolve
from differential.transactions import find_coordinators

RANGE = {"name": "range", "metadata": SUBSCRIPTION}
STICKY = {"name": "sticky", "metadata": SUBSCRIPTION}
ROUND_ROBIN = {"name": "roundrobin", "metadata": SUBSCRIPTION}


class Together:
    """Requests of several clients that wait for each other: each has a connection of its own."""

    def __init__(self, pair: Pair):
        self.pair = pair
        self.running: list[tuple[str, str | None, list, list[threading.Thread]]] = []

    def call(self, key: int, version: int, body: dict, note: str, name: str | None = None) -> None:
        answers = [None, None]

        def run(at: int, peer: Peer) -> None:
            client = Peer(peer.server)
            answers[at] = client.call(key, version, resolve(body, peer), 20)
            client.close()

        threads = [threading.Thread(target=run, args=each) for each in enumerate(self.pair.peers())]
        self.running.append((f"{MESSAGES[key, 'request'].name} v{version} {note}", name, answers, threads))
        for thread in threads:
            thread.start()

    def wait(self) -> None:
        for call, name, answers, threads in self.running:
            for thread in threads:
                thread.join()
            if name is not None:
                keep_ids(self.pair, name, answers)
            self.pair.note(call, answers)
        self.running.clear()


def generations(pair: Pair) -> None:
    """Two members: who leads, which protocol is chosen, who waits for whom."""
    wait_for_coordinators(pair)
    together = Together(pair)
    for version in (3, 4, 9):
        group = f"generations-{version}"
        both, other = [RANGE, STICKY], [ROUND_ROBIN, RANGE, STICKY]

        def named(name: str, protocols: list, group=group, **more) -> dict:
            return join_body(group, name, protocols=protocols, **more)

        for name in ("a", "b") if version >= 4 else ():
            answers = pair.call(JOIN, version, named(None, both), f"{name} asks for an id")
            keep_ids(pair, name, answers)
            assert answers[0]["error_code"] == MEMBER_ID_REQUIRED
        if version < 4:
            keep_ids(pair, "a", pair.call(JOIN, version, named(None, both), "a is alone", seconds=10))
        else:
            pair.call(JOIN, version, named("a", both), "a is alone", seconds=10)
        pair.call(SYNC, version if version < 4 else 5, sync_body(group, "a", 1), "a leads")
        together.call(JOIN, version, named("b" if version >= 4 else None, other), "b joins", "b")
        until_rebalancing(pair, group, "a", 1)
        pair.call(OFFSET_COMMIT, 8, commit_body(pair, group, 8, member_id=member("a"), generation_id_or_member_epoch=1),
                  "while others join")
        pair.call(SYNC, 5, sync_body(group, "a", 1), "while others join")
        pair.call(DESCRIBE_GROUPS, 6, {"groups": [group]}, "while others join", quiet=True)
        pair.call(JOIN, version, named("a", both), "a joins again", seconds=10)
        together.wait()
        pair.call(DESCRIBE_GROUPS, 6, {"groups": [group]}, "before the sync", quiet=True)
        pair.every(HEARTBEAT, {"group_id": group, "generation_id": 2, "member_id": member("b")}, "before the sync")
        commit = commit_body(pair, group, 8, member_id=member("b"), generation_id_or_member_epoch=2)
        pair.call(OFFSET_COMMIT, 8, commit, "before the sync")
        together.call(SYNC, 5, {**sync_body(group, "b", 2), "assignments": []}, "b waits for the leader")
        given = [{"member_id": member(name), "assignment": name.encode()} for name in ("b", "a", "b")]
        stranger = {"member_id": "nobody", "assignment": b"lost"}
        pair.call(SYNC, 5, {**sync_body(group, "a", 2), "assignments": [*given, stranger]}, "one twice, and a stranger")
        together.wait()
        for name in ("a", "b"):
            pair.call(SYNC, 5, {**sync_body(group, name, 2), "assignments": []}, f"{name} again")
        pair.call(JOIN, version, named("b", other), "b follows, and has the same protocols", seconds=10)
        together.call(JOIN, version, named("b", [STICKY]), "b knows less")
        until_rebalancing(pair, group, "a", 2)
        pair.call(JOIN, version, named("a", both), "a again", seconds=10)
        together.wait()
        unknown = {"group_id": group, "member_id": "x", "members": [{"member_id": member("a")}, {"member_id": "x"}]}
        pair.call(LEAVE, 5, unknown, "the leader and a stranger")
        pair.call(HEARTBEAT, 4, {"group_id": group, "generation_id": 3, "member_id": member("b")}, "the leader is gone")
        pair.call(JOIN, version, named("b", [STICKY]), "b leads", seconds=10)
        pair.call(LEAVE, 1, {"group_id": group, "member_id": member("b")}, "the last")


def until_rebalancing(pair: Pair, group: str, name: str, generation: int) -> None:
    for peer in pair.peers():
        body = {"group_id": group, "generation_id": generation, "member_id": peer.named[name]}
        for _ in range(1000):
            if peer.call(HEARTBEAT, 4, body)["error_code"] == 27:
                break
        else:
            raise AssertionError(f"{peer.server.kind}: nobody has joined")


def odd_joins(pair: Pair) -> None:
    wait_for_coordinators(pair)
    for note, more in {
        "a protocol without a name": {"protocols": [{"name": "", "metadata": SUBSCRIPTION}]},
        "a protocol without metadata": {"protocols": [{"name": "range", "metadata": b""}]},
        "no rebalance timeout": {"rebalance_timeout_ms": 0},
        "negative rebalance timeout": {"rebalance_timeout_ms": -1},
        "the shortest session": {"session_timeout_ms": 6000},
        "one ms less": {"session_timeout_ms": 5999},
        "the longest session": {"session_timeout_ms": 1800000},
        "one ms more": {"session_timeout_ms": 1800001},
        "blank group": {"group_id": "  "},
        "group with slashes": {"group_id": "odd/joins\n"},
        "long group": {"group_id": "g" * 300},
        "of connect": {"protocol_type": "connect", "protocols": [{"name": "c", "metadata": b"?"}]},
        "long member id": {"member_id": "m" * 300},
        "blank member id": {"member_id": " "},
    }.items():
        for version in (1, 3, 4, 9):
            body = {**join_body(f"odd-{version} {note}"), **more}
            if "group_id" in more and more["group_id"].strip():
                body["group_id"] += str(version)
            answers = pair.call(JOIN, version, body, note, seconds=10)
            if isinstance(answers[0], str) or isinstance(answers[1], str):
                continue
            if answers[0]["error_code"] == MEMBER_ID_REQUIRED:
                keep_ids(pair, "odd", answers)
                pair.call(JOIN, version, {**body, "member_id": member("odd")}, f"{note}, with its id", seconds=10)
            if answers[0]["error_code"] == 0:
                keep_ids(pair, "odd", answers)
            pair.call(LEAVE, 2, {"group_id": body["group_id"], "member_id": member("odd")}, f"after {note}")
            pair.call(DESCRIBE_GROUPS, 6, {"groups": [body["group_id"]]}, f"after {note}")
    for note, instance in {"empty": "", "blank": " ", "slash": "a/b", "dot": ".", "long": "i" * 300}.items():
        for version in (5, 9):
            body = join_body(f"odd-{version} instance {note}", group_instance_id=instance)
            pair.call(JOIN, version, body, f"instance {note}", seconds=10)
            pair.call(DESCRIBE_GROUPS, 6, {"groups": [body["group_id"]]}, f"instance {note}")


def odd_leaves(pair: Pair) -> None:
    wait_for_coordinators(pair)
    for version in pair.versions(LEAVE):
        if version < 3:
            continue
        group, named = f"leaves-{version}", {"group_instance_id": "one"}
        join(pair, 7, group, "a", **named)
        pair.call(SYNC, 5, sync_body(group, "a", 1, **named), "the leader's")
        for note, members in {
            "nobody": [],
            "no names": [{"member_id": ""}],
            "empty instance": [{"member_id": "", "group_instance_id": ""}],
            "another's instance": [{"member_id": "x", **named}],
            "unknown instance": [{"member_id": member("a"), "group_instance_id": "two"}],
            "the id alone, twice": [{"member_id": member("a")}] * 2,
            "after that": [{"member_id": member("a"), **named}],
        }.items():
            pair.call(LEAVE, version, {"group_id": group, "members": members}, note)


def odd_commits(pair: Pair) -> None:
    wait_for_coordinators(pair)
    pair.create("committed-odd", 2)
    topic = "committed-odd"
    for version in pair.versions(OFFSET_COMMIT):
        group = f"commits-{version}"
        join(pair, 7, group, "a", group_instance_id="one")
        pair.call(SYNC, 5, sync_body(group, "a", 1, group_instance_id="one"), "the leader's")

        def ask(note: str, version=version, group=group, partitions: list | None = None, **more) -> None:
            body = commit_body(pair, group, version, topic, **more)
            if partitions is not None:
                body["topics"][0]["partitions"] = partitions
            pair.call(OFFSET_COMMIT, version, body, note)

        ask("of nobody, with a generation", generation_id_or_member_epoch=1)
        ask("of nobody, generation -2", generation_id_or_member_epoch=-2)
        ask("a member without a generation", member_id=member("a"))
        ask("generation 0", member_id=member("a"), generation_id_or_member_epoch=0)
        ask("generation 2", member_id=member("a"), generation_id_or_member_epoch=2)
        ask("empty member, instance", group_instance_id="one") if version >= 7 else None
        if version >= 7:
            ask("another's instance", member_id="x", group_instance_id="one", generation_id_or_member_epoch=1)
            ask("unknown instance", member_id=member("a"), group_instance_id="two", generation_id_or_member_epoch=1)
        right = {"member_id": member("a"), "generation_id_or_member_epoch": 1}
        one = {"partition_index": 0, "committed_offset": 1, "committed_metadata": ""}
        ask("a partition twice", partitions=[one, {**one, "committed_offset": 2}], **right)
        ask("negative partition", partitions=[{**one, "partition_index": -1}], **right)
        ask("no partitions", partitions=[], **right)
        ask("a great offset", partitions=[{**one, "committed_offset": 2**63 - 1}], **right)
        ask("a negative offset", partitions=[{**one, "committed_offset": -5}], **right)
        if version >= 6:
            ask("a great epoch", partitions=[{**one, "committed_leader_epoch": 2**31 - 1}], **right)
            ask("a negative epoch", partitions=[{**one, "committed_leader_epoch": -7}], **right)
        body = commit_body(pair, group, version, topic, **right)
        pair.call(OFFSET_COMMIT, version, {**body, "topics": body["topics"] * 2}, "a topic twice")
        for name in ("", "a/b", "__consumer_offsets") if version < 10 else ():
            pair.call(OFFSET_COMMIT, version, {**commit_body(pair, group, version, **right),
                                               "topics": [{"name": name, "partitions": [one]}]}, f"topic '{name}'")
        if version >= 10:
            for note, of in {"no id": bytes(16), "unknown id": UNKNOWN_ID}.items():
                pair.call(OFFSET_COMMIT, version, {**body, "topics": [{"topic_id": of, "partitions": [one]}]}, note)
        pair.call(OFFSET_FETCH, 9, {"groups": [{"group_id": group, "topics": None}]}, "afterwards")


def odd_fetches(pair: Pair) -> None:
    """OffsetFetch and its like, after odd_commits."""
    for version in pair.versions(OFFSET_FETCH):
        group, topic = "commits-9", "committed-odd"
        named = {"topic_id": lambda peer: peer.id(topic)} if version >= 10 else {"name": topic}

        def ask(note: str, topics, version=version, group=group, **more) -> None:
            one = {"group_id": group, "topics": topics}
            if version >= 9:
                one |= more
            stable = {"require_stable": True} if version >= 7 else {}
            body = {"groups": [one], **stable} if version >= 8 else {**one, **stable}
            pair.call(OFFSET_FETCH, version, body, note)

        ask("a partition twice", [{**named, "partition_indexes": [0, 0, 1]}])
        ask("negative partition", [{**named, "partition_indexes": [-1]}])
        ask("a topic twice", [{**named, "partition_indexes": [0]}] * 2)
        ask("no partitions", [{**named, "partition_indexes": []}])
        if version >= 9:
            for note, more in {
                "a stranger": {"member_id": "x", "member_epoch": 1},
                "a stranger without epoch": {"member_id": "x"},
                "an epoch of nobody": {"member_epoch": 4},
                "empty member": {"member_id": "", "member_epoch": 1},
                "epoch -2": {"member_epoch": -2},
                "the member": {"member_id": member("a"), "member_epoch": 1},
            }.items():
                ask(note, [{**named, "partition_indexes": [0]}], **more)
                ask(f"{note}, all", None, **more)
        if version >= 8:
            one = {"group_id": group, "topics": [{**named, "partition_indexes": [0]}]}
            pair.call(OFFSET_FETCH, version, {"groups": []}, "no groups")
            pair.call(OFFSET_FETCH, version, {"groups": [one, one]}, "a group twice")


def odd_lists(pair: Pair) -> None:
    """Calls that name groups. The groups of the scenarios before are there."""
    wait_for_coordinators(pair)
    find_coordinators(pair)
    pair.create("cg-lists")
    beat(pair, 1, "lists-consumer", "a", 0, "first", subscribed_topic_names=["cg-lists"])
    join(pair, 9, "lists-classic", "a")
    for states in (["EMPTY"], ["preparingrebalance"], ["PreparingRebalance", "COMPLETINGREBALANCE"], ["Dead"], ["dead"],
                   [""], [" "], ["Assigning", "Reconciling"], ["unknown"], ["Stable", "Stable"]):
        pair.every(LIST_GROUPS, {"states_filter": states}, f"states {states}", first=4)
    for kinds in (["Classic"], ["CONSUMER"], ["share"], ["streams"], ["nope"], [""], ["classic", "consumer"],
                  ["unknown"], ["classic", "nope"]):
        pair.every(LIST_GROUPS, {"types_filter": kinds}, f"types {kinds}", first=5)
    for states, kinds in (["Stable"], ["classic"]), (["stable"], ["consumer"]), (["Assigning"], ["classic"]):
        pair.every(LIST_GROUPS, {"states_filter": states, "types_filter": kinds}, f"{states} of {kinds}", first=5)
    for names in [], ["nope", "nope"], ["lists-classic", "lists-classic"], ["lists-consumer", "lists-classic"], [" "]:
        pair.every(DESCRIBE_GROUPS, {"groups": names}, f"{names}")
        pair.every(DESCRIBE, {"group_ids": names}, f"{names}")
    for names in [], ["nope", "nope"], ["lists-consumer", "lists-classic"]:
        pair.every(DELETE_GROUPS, {"groups_names": names}, f"{names}")
    for kind in (-1, 1, 2, 3):
        for name in ("g", "", "g:AAAAAAAAAAAAAAAAAAAAAA:0", "g:x:0", "::", "g:AAAAAAAAAAAAAAAAAAAAAA:-1"):
            pair.every(FIND_COORDINATOR, {"key": name, "key_type": kind}, f"'{name}' of type {kind}", first=1, last=3)
            asked = {"coordinator_keys": [name], "key_type": kind}
            pair.every(FIND_COORDINATOR, asked, f"'{name}' of type {kind}", first=4)
    for group in ("lists-consumer", "lists-classic"):
        for note, topics in {
            "nothing": [],
            "no partitions": [{"name": "cg-lists", "partitions": []}],
            "a partition two times": [{"name": "cg-lists", "partitions": [{"partition_index": 0}] * 2}],
            "negative partition": [{"name": "cg-lists", "partitions": [{"partition_index": -1}]}],
            "a topic twice": [{"name": "cg-lists", "partitions": [{"partition_index": 0}]}] * 2,
            "a topic without a name": [{"name": "", "partitions": [{"partition_index": 0}]}],
        }.items():
            pair.call(OFFSET_DELETE, 0, {"group_id": group, "topics": topics}, f"{group} {note}")


def odd_heartbeats(pair: Pair) -> None:
    """Of the consumer protocol."""
    wait_for_coordinators(pair)
    pair.create("cg-odd", 3)
    for version in pair.versions(CONSUMER_HEARTBEAT):
        for note, other in {
            "rebalance timeout 0": {"rebalance_timeout_ms": 0},
            "rebalance timeout -2": {"rebalance_timeout_ms": -2},
            "no topics": {"subscribed_topic_names": []},
            "a topic twice": {"subscribed_topic_names": ["cg-odd", "cg-odd"]},
            "a topic without a name": {"subscribed_topic_names": [""]},
            "an invalid topic": {"subscribed_topic_names": ["a/b"]},
            "an internal topic": {"subscribed_topic_names": ["__consumer_offsets"]},
            "no assignor's name": {"server_assignor": ""},
            "an assignor in capitals": {"server_assignor": "Range"},
            "long member id": {"member_id": "m" * 300},
            "odd member id": {"member_id": "a/b c"},
            "blank member id": {"member_id": " "},
            "no member id": {"member_id": ""},
            "blank group": {"group_id": " "},
            "blank instance": {"instance_id": " "},
            "empty rack": {"rack_id": ""},
        }.items():
            body = {**beat_body(f"odd-beats-{version} {note}", "a", 0, subscribed_topic_names=["cg-odd"]), **other}
            generated = body["member_id"] == "" and version == 0
            pair.call(CONSUMER_HEARTBEAT, version, body, note, quiet=generated)
            describe(pair, body["group_id"], f"after {note}") if not generated else None
        group = f"odd-beats-{version}"
        beat(pair, version, group, "a", 0, "first", subscribed_topic_names=["cg-odd"])
        id_ = {"topic_id": lambda peer: peer.id("cg-odd")}
        for note, owned in {
            "a partition that is not there": [{**id_, "partitions": [0, 1, 2, 9]}],
            "negative partition": [{**id_, "partitions": [-1]}],
            "a partition twice": [{**id_, "partitions": [0, 0, 1, 2]}],
            "a topic twice": [{**id_, "partitions": [0, 1, 2]}] * 2,
            "an unknown topic": [{"topic_id": UNKNOWN_ID, "partitions": [0]}],
            "no topic": [{"topic_id": bytes(16), "partitions": [0]}],
            "no partitions": [{**id_, "partitions": []}],
            "less": [{**id_, "partitions": [1]}],
        }.items():
            beat(pair, version, group, "a", 2, f"holds {note}", topic_partitions=owned)
        for note, other in {
            "rebalance timeout": {"rebalance_timeout_ms": 1000},
            "a rack": {"rack_id": "r"},
            "an instance": {"instance_id": "late"},
            "unknown assignor": {"server_assignor": "x"},
            "the same topics": {"subscribed_topic_names": ["cg-odd"]},
            "the same topic twice": {"subscribed_topic_names": ["cg-odd", "cg-odd"]},
            "no topics": {"subscribed_topic_names": []},
        }.items():
            before = [self_epoch(peer, group, "a") for peer in pair.peers()]
            assert before[0] == before[1], before
            beat(pair, version, group, "a", before[0], f"then {note}", **other)
            describe(pair, group, f"then {note}")
        epoch = self_epoch(pair.kafka, group, "a")
        beat(pair, version, group, "b", epoch, "a stranger")
        beat(pair, version, group, "b", -1, "a stranger leaves")
        beat(pair, version, group, "b", -2, "a stranger leaves for a while", instance_id="x")
        beat(pair, version, group, "a", -1, "leaves with an instance that it never had", instance_id="x")
        beat(pair, version, group, "a", -2, "dynamic, leaves for a while", instance_id="x")
        beat(pair, version, group, "a", -1, "leaves", topic_partitions=held(**{"cg-odd": [0]}))
        describe(pair, group, "left")
        beat(pair, version, group, "a", -1, "leaves again")


def odd_instances(pair: Pair) -> None:
    """Static members of the consumer protocol who take what belongs to others."""
    wait_for_coordinators(pair)
    pair.create("cg-instances", 2)
    named = {"subscribed_topic_names": ["cg-instances"]}
    for version in pair.versions(CONSUMER_HEARTBEAT):
        group = f"odd-instances-{version}"

        def look(note: str, name: str, epoch: int, group=group, version=version, **other) -> None:
            beat(pair, version, group, name, epoch, note, **other)
            describe(pair, group, note)

        look("a is static", "a", 0, instance_id="one", **named)
        look("b is not", "b", 0, **named)
        look("c is static", "c", 0, instance_id="two", **named)
        look("b takes an instance", "b", 0, instance_id="three", **named)
        look("b drops it", "b", 0, **named)
        look("a is away", "a", -2, instance_id="one")
        look("a comes back itself", "a", 0, instance_id="one", **named)
        look("c is away", "c", -2, instance_id="two")
        look("c comes back as nobody's instance", "c", 0, instance_id="four", **named)
        look("c comes back without", "c", 0, **named)
        look("a leaves by another's name", "a", -1, instance_id="two")
        look("a leaves without its instance", "a", -1)


def odd_expressions(pair: Pair) -> None:
    pair.create("cg-regex-a")
    for note, other in {
        "empty": {"subscribed_topic_regex": ""},
        "empty, no names": {"subscribed_topic_regex": "", "subscribed_topic_names": None},
        "no names": {"subscribed_topic_regex": "nope-.*", "subscribed_topic_names": None},
        "both": {"subscribed_topic_regex": "nope-.*", "subscribed_topic_names": ["cg-regex-a"]},
        "blank": {"subscribed_topic_regex": " "},
        "bracket": {"subscribed_topic_regex": "[a"},
        "star": {"subscribed_topic_regex": "*"},
        "counted": {"subscribed_topic_regex": "a{2,1}"},
        "class": {"subscribed_topic_regex": "\\p{Nope}"},
        "escape": {"subscribed_topic_regex": "\\"},
        "great count": {"subscribed_topic_regex": "a{1001}"},
        "possessive": {"subscribed_topic_regex": "a++"},
        "atomic": {"subscribed_topic_regex": "(?>a)"},
        "quoted": {"subscribed_topic_regex": "\\Qnope.\\E"},
        "named": {"subscribed_topic_regex": "(?P<x>nope)"},
    }.items():
        group = f"odd-expressions {note}"
        beat(pair, 1, group, "a", 0, note, **other)
        beat(pair, 1, group, "a", -1, f"{note}, leaves")


GROUP_EDGES = [
    generations,
    odd_joins,
    odd_leaves,
    odd_commits,
    odd_fetches,
    odd_lists,
    odd_heartbeats,
    odd_instances,
    odd_expressions,
]


def self_epoch(peer: Peer, group: str, name: str) -> int:
    answer = peer.call(DESCRIBE, 1, {"group_ids": [group]})
    return next(m["member_epoch"] for m in answer["groups"][0]["members"] if m["member_id"] == name)
