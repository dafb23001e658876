"""The processes that are measured, and what /proc says about them."""
import json
import mmap
import os
import pathlib
import shutil
import socket
import struct
import subprocess
import tempfile
import time

START_LIMIT_S = 10
QUIET_LOOK_S = 0.3
QUIET_BUSY_CORES = 0.25
CHUNK = bytes(1 << 20)


def busy_seconds():
    """Of all processors, since the start."""
    fields = [int(field) for field in pathlib.Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]]
    ticks = os.sysconf("SC_CLK_TCK")
    idle = fields[3] + fields[4]
    return (sum(fields) - idle) / ticks


def wait_for_quiet(limit):
    """Until others use less than a quarter of a processor; not longer than `limit` seconds. Seconds waited."""
    start = time.monotonic()
    while time.monotonic() < start + limit:
        before = busy_seconds()
        time.sleep(QUIET_LOOK_S)
        if busy_seconds() - before < QUIET_LOOK_S * QUIET_BUSY_CORES:
            break
    return time.monotonic() - start


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Server:
    """One process on a folder of its own; ended and removed with the `with` block."""

    def __init__(self, command, where, environment=None, prepare=None):
        """`command` is called with the port and the folder and gives the arguments; `prepare` is called with the
        server once it listens."""
        self.prepare = prepare
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="furrow-bench-", dir=where))
        self.port = free_port()
        self.log = open(self.folder / "server.log", "wb")
        self.process = subprocess.Popen(
            command(self.port, self.folder), stdout=self.log, stderr=subprocess.STDOUT,
            env={**os.environ, **(environment(self.folder) if environment else {})},
        )

    def __enter__(self):
        try:
            self.wait_until_it_listens()
            if self.prepare is not None:
                self.prepare(self)
        except Exception:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        self.log.close()
        shutil.rmtree(self.folder)

    def wait_until_it_listens(self):
        deadline = time.monotonic() + START_LIMIT_S
        while time.monotonic() < deadline and self.process.poll() is None:
            try:
                socket.create_connection(("127.0.0.1", self.port)).close()
                return
            except ConnectionRefusedError:
                time.sleep(0.005)
        text = (self.folder / "server.log").read_text(errors="replace")
        raise RuntimeError(f"{self.process.args[0]} does not listen:\n{text}")

    def tasks(self):
        return pathlib.Path(f"/proc/{self.process.pid}/task").iterdir()

    def cpu_seconds(self):
        """Of all threads, in user space and in the kernel."""
        return sum(int((task / "schedstat").read_text().split()[0]) for task in self.tasks()) / 1e9

    def resident_mib(self):
        return self.status(pathlib.Path(f"/proc/{self.process.pid}"), "VmRSS") / 1024

    def sleeps(self):
        """How often a thread has gone to sleep, and so woken up."""
        return sum(self.status(task, "voluntary_ctxt_switches") for task in self.tasks())

    @staticmethod
    def status(folder, key):
        for line in (folder / "status").read_text().splitlines():
            if line.startswith(key + ":"):
                return int(line.split()[1])
        raise KeyError(key)


class SyncCount:
    """Counts a server's syncs by a preloaded library."""

    def __init__(self, library, where):
        self.library = library
        self.file = tempfile.NamedTemporaryFile(prefix="furrow-bench-syncs-", dir=where)
        self.file.write(bytes(8))
        self.file.flush()
        self.map = mmap.mmap(self.file.fileno(), 8)

    def environment(self, _folder):
        return {"LD_PRELOAD": str(self.library), "BENCH_SYNCS": self.file.name}

    def value(self):
        return struct.unpack("=Q", self.map[:8])[0]


class Programs:
    """Where the programs are, and how each is started."""

    def __init__(self, furrowd, folder, where, patience):
        self.patience = patience  # seconds that may still be waited for others to be quiet
        self.furrowd_path = furrowd
        self.bin = folder
        self.where = where

    def furrowd_command(self, port, folder, settings=()):
        sets = [argument for setting in settings for argument in ("--set", setting)]
        return [self.furrowd_path, "--data", folder / "data", "--set", f"listeners=127.0.0.1:{port}", *sets]

    def furrowd_with_topic(self, settings=(), environment=None):
        return Server(
            lambda port, folder: self.furrowd_command(port, folder, settings), self.where, environment,
            prepare=lambda server: self.load("create-topic", "--port", server.port),
        )

    def baseline(self, name):
        return Server(lambda port, folder: [self.bin / name, str(port), folder / "file"], self.where)

    def load_command(self, *arguments):
        return [self.bin / "bench_load", *map(str, arguments)]

    def load(self, *arguments):
        """What bench_load says; ends the benchmark when it fails."""
        run = subprocess.run(self.load_command(*arguments), stdout=subprocess.PIPE, check=True, text=True)
        return json.loads(run.stdout) if run.stdout else None

    def wait_for_quiet(self):
        self.patience -= wait_for_quiet(self.patience)

    def recycle_pages(self, size):
        """Makes the kernel's next page cache pages ones that the machine has touched before: on a virtual machine
        the first use of a page costs more than all that is measured here."""
        with tempfile.TemporaryFile(dir=self.where) as file:
            for _ in range(size // len(CHUNK) + 1):
                file.write(CHUNK)
