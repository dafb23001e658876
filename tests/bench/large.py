"""The lines of tests/bench/compare about large logs, and about what is written to the disk."""
import contextlib
import json
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile
import time

from beside import SHAPE_1K, SPEED_UP
from table import Row, against, alone, text_of

LARGE = 100_000  # batches of 100 × 1 KB: 10 GB
DEVICE_BYTES = 1 << 30
SECTOR = 512
SETTLING_S = 1.5


def fill(c, server, partitions):
    """Returns how many batches."""
    requests = c.amount(LARGE)
    c.load(server, "produce", *SHAPE_1K, *SPEED_UP, "--partitions", partitions, "--requests", requests)
    return requests


def size_text(c):
    return f"{10 * c.scale:g} GB"


def forget_pages(folder):
    """Puts the page cache's copy of the folder's files away."""
    for path in folder.rglob("*"):
        if path.is_file():
            with open(path, "rb") as file:
                os.fsync(file.fileno())
                os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def middle(c):
    def measure(server):
        offset = fill(c, server, 1) * 100 // 2 + 7
        ways = ("first-read", "--records", 100, "--offset", offset)
        c.load(server, *ways, "--requests", 200)
        c.programs.wait_for_quiet()
        hot = [c.load(server, *ways, "--requests", 20)["p50_us"] / 1e3 for _ in range(c.rounds)]
        forget_pages(server.folder)
        cold = c.load(server, *ways, "--requests", 1)["p50_us"] / 1e3
        return sorted(hot)[len(hot) // 2], cold

    with c.furrowd() as server:
        ours = measure(server)
    with c.kafka() as server:
        theirs = measure(server)
    figure = f"consumer from the middle of {size_text(c)}: connected, first MiB there"
    yield against(figure, [(ours[0], theirs[0])], "ms", 2, False, by_ratio=False)
    yield against("… with nothing of it in the page cache", [(ours[1], theirs[1])], "ms", None, False, by_ratio=False)


def restart(c):
    partitions = 100

    def until_read(server):
        command = ["startup", "--port", server.port, "--until-read", "--partitions", partitions, "--", *server.command]
        return c.programs.load(*command)["ms"]

    def start(server):
        """Kafka's leaders come, go and come back while it starts."""
        server.start()
        for _ in range(2):
            c.load(server, "await-leaders", "--partitions", partitions)
            time.sleep(SETTLING_S)
        c.load(server, "await-leaders", "--partitions", partitions)

    def measure(server):
        fill(c, server, partitions)
        server.stop(signal.SIGKILL)
        times = {"all": [until_read(server)], "clean": [], "killed": []}
        for _ in range(c.rounds):
            start(server)
            server.stop(signal.SIGTERM)
            c.programs.wait_for_quiet()
            times["clean"].append(until_read(server))
            start(server)
            server.stop(signal.SIGTERM)
            start(server)
            c.load(server, "produce", *SHAPE_1K, *SPEED_UP, "--partitions", partitions, "--requests", c.amount(1000))
            server.stop(signal.SIGKILL)
            times["killed"].append(until_read(server))
        return times

    with c.furrowd(partitions=partitions) as server:
        ours = measure(server)
    with c.kafka(partitions=partitions) as server:
        theirs = measure(server)
    pairs = {name: list(zip(ours[name], theirs[name])) for name in ours}
    figure = f"start, {size_text(c)} in {partitions} partitions"
    yield against(f"{figure}, after a clean stop", pairs["clean"], "ms", 30, False, False)
    yield against(f"… after kill -9, {100 * c.scale:g} MB since the last sync", pairs["killed"], "ms", 300, False, False)
    yield against("… after kill -9, all since the last sync", pairs["all"], "ms", None, False, False)


def compaction(c):
    """Against the least work for it, and what producers notice: tests/bench/compact. Nothing of it needs Kafka."""
    programs = c.programs
    command = [pathlib.Path(__file__).parent / "compact", "--json", "--rounds", c.rounds, "--furrowd",
               programs.furrowd_path, "--programs", programs.bin, "--folder", programs.where]

    def run(name, records):
        words = list(map(str, [*command, "--records", records, "--keys", records // 10, name]))
        output = subprocess.run(words, stdout=subprocess.PIPE, text=True).stdout
        if not output:
            raise RuntimeError(f"tests/bench/compact {name} says nothing")
        return json.loads(output)[name]

    records = c.amount(5_000_000)
    cost = run("cost", records)
    figure = f"compaction, {records / 1e6:g} M records of {records // 10000} k keys, 1 MiB: its rate"
    yield Row(figure, text_of(cost["seconds"], "s"), text_of(cost["least_seconds"], "s"), cost["ratio"], cost["ratio"],
              cost["target"], True, True)
    for acks, row in run("latency", 5_000_000).items():
        before, during = row["p99_us"]
        yield Row(f"… p99 of produce, {acks}, meanwhile, against without", text_of(during, "µs"), text_of(before, "µs"),
                  row["ratio"], row["ratio"], row["target"], False, True)


@contextlib.contextmanager
def device(where):
    """A file system of its own on a loop device: (its folder, bytes written to the device so far). Needs root; else the
    second is None."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="furrow-bench-", dir=where))
    image = folder / "image"
    try:
        if os.geteuid() != 0 or not shutil.which("mkfs.ext4"):
            yield folder, None
            return
        with open(image, "wb") as file:
            file.truncate(DEVICE_BYTES)
        subprocess.run(["mkfs.ext4", "-q", "-E", "lazy_itable_init=0,lazy_journal_init=0", image], check=True)
        mounted = folder / "mounted"
        mounted.mkdir()
        subprocess.run(["mount", "-o", "loop", image, mounted], check=True)
        name = subprocess.run(["losetup", "--associated", image, "--noheadings", "--output", "NAME"], check=True,
                              stdout=subprocess.PIPE, text=True).stdout.strip()
        statistics = pathlib.Path("/sys/block", name.removeprefix("/dev/"), "stat")
        try:
            yield mounted, lambda: int(statistics.read_text().split()[6]) * SECTOR
        finally:
            subprocess.run(["umount", mounted], check=True)
    finally:
        shutil.rmtree(folder)


def written(c, start, *load):
    """(bytes that the server gave to the file system, bytes that reached the device or None), for each byte appended
    and for each request."""
    with device(c.programs.where) as (folder, device_bytes):
        inside = folder / "server"
        inside.mkdir()
        with start(inside) as server:
            c.load(server, "paced", "--rate", 1000, "--acks", -1, "--requests", 20)
            subprocess.run(["sync", "-f", folder], check=True)
            given, reached = server.written_bytes(), device_bytes and device_bytes()
            result = c.load(server, "paced", *load)
            subprocess.run(["sync", "-f", folder], check=True)
            given = server.written_bytes() - given
            reached = device_bytes and device_bytes() - reached
    amounts = (given, reached)
    return ([amount and amount / result["bytes"] for amount in amounts],
            [amount and amount / result["requests"] / 1024 for amount in amounts])


def trickle(c):
    """An hour of 1 KB a second. The server's clock goes faster (bench_clock.so); the device's, and so the file system's
    own write-back, does not."""
    factor = 60
    seconds = c.amount(3600)
    preload = {"LD_PRELOAD": str(c.programs.bin / "bench_clock.so"), "BENCH_CLOCK_FACTOR": str(factor)}
    hour, _ = written(c, lambda folder: c.furrowd(folder=folder, environment=lambda _: preload),
                      "--rate", factor, "--value-size", 930, "--requests", seconds)
    figure = f"1 KB/s for {seconds} s, acks=1: written for a byte appended"
    yield alone(figure, [hour[0]], "", 2, False)
    if hour[1]:
        yield alone("… on the device, with ext4's journal", [hour[1]], "", None, False)
    load = ("--rate", 200, "--acks", -1, "--requests", c.amount(2000))
    _, ours = written(c, lambda folder: c.furrowd(folder=folder), *load)
    _, theirs = written(c, lambda folder: c.kafka(["log.flush.interval.messages=1"], folder=folder), *load)
    figure = "acks=all, 100 B: written for a record"
    yield against(figure, [(ours[0], theirs[0])], "KiB", 8, False, False)
    if ours[1]:
        yield against("… on the device, with ext4's journal", [(ours[1], theirs[1])], "KiB", None, False, False)
