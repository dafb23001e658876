"""A real server whose clocks do what the clocks of small machines do (tests/clock/layer.c): no jump deletes anything, and
what is really too old goes."""

import mmap
import os
import struct
import time

import pytest

from clients import Record
from clients.confluent import Confluent
from servers import Furrowd, free_port
from test_retention import OFTEN, earliest, eventually, latest, segments

pytestmark = pytest.mark.furrow_only

client = Confluent()

HOUR = 3600_000
YEAR = 365 * 24 * HOUR


class Clock:
    """For a server that was not started yet."""

    def __init__(self, server: Furrowd):
        layer = server.binary.parent / "clock_layer.so"
        assert layer.is_file(), f"there is no {layer}: build with WITH_TESTS=ON"
        server.folder.mkdir(parents=True, exist_ok=True)
        path = server.folder / "clock"
        path.write_bytes(bytes(24))
        self.file = path.open("r+b")
        self.settings = mmap.mmap(self.file.fileno(), 24)
        self.wall = self.boot = 0
        server.environment.update(
            {
                "LD_PRELOAD": str(layer),
                "CLOCK_SETTINGS": str(path),
                # A sanitizer's runtime wants to come first, and need not.
                "ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", "") + ":verify_asan_link_order=0",
            }
        )

    def set(self, wall: int | None = None, passed: int = 0, synchronised: bool = False) -> None:
        """The wall clock becomes wrong by so much; time passes, on both clocks."""
        self.wall = (self.wall if wall is None else wall) + passed
        self.boot += passed
        self.settings[:] = struct.pack("=qqq", self.wall, self.boot, synchronised)


@pytest.fixture
def server(servers) -> Furrowd:
    return servers.new({**OFTEN, "log.retention.check.interval.ms": "150"}, port=free_port())


@pytest.fixture
def clock(server) -> Clock:
    return Clock(server)


def create(server, topic) -> None:
    config = {"retention.ms": str(HOUR), "message.timestamp.type": "LogAppendTime", "file.delete.delay.ms": "0"}
    client.create_topic(server.bootstrap, topic, config=config)


def write(server, topic, count=10) -> None:
    client.produce(server.bootstrap, [Record(b"%d" % number) for number in range(count)], topic)


def stays(server, topic) -> None:
    time.sleep(1)
    assert earliest(server, topic) == 0


def goes(server, topic) -> None:
    end = latest(server, topic)
    eventually(lambda: earliest(server, topic) == end)
    eventually(lambda: segments(server, topic) == [end])


def test_a_start_in_1970_and_then_the_right_time(server, clock, topic):
    clock.set(wall=-int(time.time() * 1000))
    server.start()
    create(server, topic)
    write(server, topic)
    stays(server, topic)
    clock.set(wall=0, synchronised=True)
    stays(server, topic)
    assert "the wall clock has jumped" in server.log.read_text()
    clock.set(passed=HOUR // 2, synchronised=True)
    stays(server, topic)
    clock.set(passed=HOUR, synchronised=True)
    goes(server, topic)


def test_2040_and_back(server, clock, topic):
    clock.set()
    server.start()
    create(server, topic)
    write(server, topic)
    clock.set(wall=16 * YEAR)
    write(server, topic)
    stays(server, topic)
    clock.set(wall=0)
    write(server, topic)
    stays(server, topic)
    clock.set(passed=2 * HOUR)
    goes(server, topic)


def test_a_night_counts_when_both_its_ends_are_right(server, clock, topic):
    clock.set(synchronised=True)
    server.start()
    create(server, topic)
    write(server, topic)
    stays(server, topic)
    server.stop()
    clock.set(wall=8 * HOUR)  # a battery keeps the clock, and nobody vouches for it
    server.start()
    stays(server, topic)
    server.kill()
    server.start()
    stays(server, topic)
    clock.set(synchronised=True)
    goes(server, topic)


def test_a_start_in_2040_deletes_nothing(server, clock, topic):
    clock.set()
    server.start()
    create(server, topic)
    write(server, topic)
    for _ in range(3):
        server.stop()
        clock.set(wall=16 * YEAR)
        server.start()
        stays(server, topic)
        server.kill()
        clock.set(wall=0, synchronised=True)
        server.start()
        stays(server, topic)
