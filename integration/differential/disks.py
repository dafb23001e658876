"""What the server says of its disk."""

from differential.batches import batch
from differential.peers import DESCRIBE_LOG_DIRS, PRODUCE, Pair


def describe_log_dirs(pair: Pair):
    pair.create("dld-a", 3)
    pair.create("dld-b", 1)
    for partition in (0, 2):
        data = {"index": partition, "records": batch()}
        body = {"acks": -1, "timeout_ms": 5000, "topic_data": [{"name": "dld-a", "partition_data": [data]}]}
        pair.call(PRODUCE, 7, body, "to be described")

    def ask(note, topics):
        body = {"topics": [{"topic": name, "partitions": partitions} for name, partitions in topics]}
        pair.every(DESCRIBE_LOG_DIRS, body, note)

    ask("some", [("dld-a", [0, 2]), ("dld-b", [0])])
    ask("other order", [("dld-b", [0]), ("dld-a", [2, 1])])
    ask("twice", [("dld-a", [0, 0, 1]), ("dld-b", [0]), ("dld-a", [1])])
    ask("none", [])
    ask("a topic without partitions", [("dld-a", [])])
    ask("unknown", [("dld-a", [0, 7, -1]), ("nope", [0]), ("", [0])])
    for version in pair.versions(DESCRIBE_LOG_DIRS):
        answers = pair.call(DESCRIBE_LOG_DIRS, version, {"topics": None}, quiet=True)
        for answer in answers:
            for result in answer["results"]:
                result["topics"] = [topic for topic in result["topics"] if topic["name"].startswith("dld-")]
        pair.note(f"DescribeLogDirs v{version} all", list(answers))
