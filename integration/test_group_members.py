"""Every client as a member of a consumer group: it joins, shares, crashes, leaves and goes on, and no record is lost."""

import time

import pytest

from groups import PARTITIONS, Writing, by_number, client, committed, fill, has_all, in_all_partitions, owns_all, shared
from members import MEMBERS, Member, wait_for

SETTINGS = {"group.min.session.timeout.ms": "1000"}


@pytest.mark.parametrize("member_class", MEMBERS, ids=lambda found: found.name)
def test_no_record_is_lost_while_members_come_and_go(server, topic, member_class):
    client.create_topic(server.bootstrap, topic, PARTITIONS)
    group = f"group-{topic}"

    def join() -> Member:
        return member_class(server.bootstrap, group, topic, session=2000)

    with Writing(server, topic) as writing:
        first = join()
        wait_for(owns_all(first), what="an assignment")
        second = join()
        wait_for(shared(first, second), what="a share for each")
        values = second.vanish()
        wait_for(owns_all(first), what="what the vanished one had")
        second = join()
        wait_for(shared(first, second), what="a share for each, again")
        values += first.leave()
        wait_for(owns_all(second), what="what the other one had")
    missing = lambda: {*writing.values} - {*values, *second.values}  # noqa: E731
    wait_for(lambda: len(missing()) <= member_class.may_drop, what="all that was written")
    second.leave()
    assert committed(server, group, topic) == in_all_partitions(len(writing.values) // PARTITIONS)
    again = join()
    last = fill(server, topic, len(writing.values), 8)
    wait_for(has_all([again], last), what="the last records")
    assert by_number(again.leave()) == last


def has_settled(member):
    """A cooperative client joins once more behind what it has given up."""
    rebalances = member.rebalances
    time.sleep(1)
    return member.rebalances == rebalances


@pytest.mark.parametrize(
    "member_class", [found for found in MEMBERS if found.instances], ids=lambda found: found.name
)
def test_a_static_member_comes_back_without_a_rebalance(server, topic, member_class):
    client.create_topic(server.bootstrap, topic, PARTITIONS)
    filled = fill(server, topic, 0, 100)
    group = f"group-{topic}"
    session = 20_000  # ms; on a busy machine a client takes seconds to come back
    stays = member_class(server.bootstrap, group, topic, instance="one", session=session)
    wait_for(owns_all(stays), what="an assignment")
    restarted = member_class(server.bootstrap, group, topic, instance="two", session=session)
    wait_for(shared(stays, restarted), what="a share for each")
    wait_for(lambda: has_settled(stays), what="the end of rebalancing")
    before, rebalances = restarted.assigned.copy(), stays.rebalances
    restarted.vanish()
    again = member_class(server.bootstrap, group, topic, instance="two", session=session)
    wait_for(lambda: again.assigned == before, what="the same partitions")
    wait_for(lambda: {*stays.values, *again.values} >= {*filled}, what="all records")
    assert stays.rebalances == rebalances
    again.leave()
    stays.leave()
