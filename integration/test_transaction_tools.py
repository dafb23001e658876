"""kafka-transactions over transactions that go on, have ended, or hang."""

import time

import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient

from clients.confluent import Confluent

client = Confluent()


def transactional(server, transactional_id: str, **config) -> Producer:
    producer = Producer({"bootstrap.servers": server.bootstrap, "transactional.id": transactional_id, **config})
    producer.init_transactions(20)
    return producer


def leave_open(server, topic: str, transactional_id: str, **config) -> Producer:
    """A transaction with a record in partition 0 that nobody ends."""
    producer = transactional(server, transactional_id, **config)
    producer.begin_transaction()
    producer.produce(topic, b"open", partition=0)
    assert producer.flush(20) == 0
    return producer


def table(text: str) -> list[list[str]]:
    """The rows of what a tool shows, without the headings."""
    return [[cell.strip() for cell in line.split("\t")] for line in text.splitlines() if "\t" in line][1:]


@pytest.fixture
def transactions(server, kafka_tools):
    def run(*arguments: str, **options) -> str:
        return kafka_tools.run(
            "org.apache.kafka.tools.TransactionsCommand", "--bootstrap-server", server.bootstrap, *arguments, **options
        )

    return run


def state(transactions, transactional_id: str) -> str:
    return {row[0]: row[3] for row in table(transactions("list"))}[transactional_id]


def wait_for_state(transactions, transactional_id: str, wanted: str) -> None:
    deadline = time.monotonic() + 20
    while (found := state(transactions, transactional_id)) != wanted:
        assert time.monotonic() < deadline, f"{transactional_id} is {found}, not {wanted}"


def test_list_and_describe(server, topic, transactions):
    client.create_topic(server.bootstrap, topic, 2)
    ended = transactional(server, f"ended-{topic}")
    ended.begin_transaction()
    ended.produce(topic, b"1", partition=1)
    ended.commit_transaction(20)
    producer = leave_open(server, topic, f"open-{topic}", **{"transaction.timeout.ms": 50000})
    wait_for_state(transactions, f"ended-{topic}", "CompleteCommit")
    assert state(transactions, f"open-{topic}") == "Ongoing"
    assert [row[0] for row in table(transactions("list", "--transactional-id-pattern", f"op.n-{topic}"))] == [
        f"open-{topic}"
    ]
    assert table(transactions("list", "--duration-filter", "3000000", "--transactional-id-pattern", "open.*")) == []
    transactions("list", "--transactional-id-pattern", "(", fails=True)
    (row,) = table(transactions("describe", "--transactional-id", f"open-{topic}"))
    assert row[1] == f"open-{topic}" and row[4] == "Ongoing" and row[5] == "50000" and row[8] == f"{topic}-0"
    (row,) = table(transactions("describe-producers", "--topic", topic, "--partition", "0"))
    assert row[5] == "0", "the offset where its transaction begins"
    assert "could not be found" in transactions("describe", "--transactional-id", f"no-{topic}", fails=True)
    producer.abort_transaction(20)
    wait_for_state(transactions, f"open-{topic}", "CompleteAbort")


def test_force_terminate(server, topic, transactions):
    client.create_topic(server.bootstrap, topic)
    producer = leave_open(server, topic, f"stuck-{topic}")
    transactions("forceTerminateTransaction", "--transactionalId", f"stuck-{topic}")
    deadline = time.monotonic() + 20
    while state(transactions, f"stuck-{topic}") not in ("CompleteAbort", "Empty"):
        assert time.monotonic() < deadline
    with pytest.raises(Exception, match="(?i)fenced|epoch"):
        producer.commit_transaction(20)


@pytest.mark.furrow_only
def test_a_hanging_transaction_is_found_and_aborted(servers, topic, kafka_tools):
    """Its coordinator has forgotten it."""
    server = servers.start()
    client.create_topic(server.bootstrap, topic)
    producer = leave_open(server, topic, "forgotten")
    admin = AdminClient({"bootstrap.servers": server.bootstrap})
    admin.delete_topics(["__transaction_state"])["__transaction_state"].result(20)

    def transactions(*arguments: str, **options) -> str:
        return kafka_tools.run(
            "org.apache.kafka.tools.TransactionsCommand", "--bootstrap-server", server.bootstrap, *arguments, **options
        )

    (row,) = table(transactions("find-hanging", "--topic", topic, "--max-transaction-timeout", "0"))
    assert row[:2] == [topic, "0"] and row[5] == "0"
    transactions("abort", "--topic", topic, "--partition", "0", "--start-offset", "0")
    assert table(transactions("find-hanging", "--topic", topic, "--max-transaction-timeout", "0")) == []
    assert "Could not find any open transactions" in transactions(
        "abort", "--topic", topic, "--partition", "0", "--start-offset", "0", fails=True
    )
    del producer


@pytest.mark.furrow_only
def test_a_transaction_goes_on_after_a_crash_of_the_server(servers, topic, kafka_tools):
    server = servers.start()
    client.create_topic(server.bootstrap, topic)
    producer = leave_open(server, topic, "survivor")
    server.kill()
    server.start()
    producer.produce(topic, b"behind the crash", partition=0)
    producer.commit_transaction(30)
    text = kafka_tools.run(
        "org.apache.kafka.tools.TransactionsCommand", "--bootstrap-server", server.bootstrap, "list"
    )
    assert table(text)[0][3] in ("CompleteCommit", "PrepareCommit")
