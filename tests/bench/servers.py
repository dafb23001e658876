"""The processes that are measured, and what /proc says about them."""
import ctypes
import json
import mmap
import os
import pathlib
import shutil
import signal
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


def die_with_parent():
    """So that no server outlives a benchmark that is cut short."""
    PR_SET_PDEATHSIG = 1
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


class Server:
    """One process on a folder of its own; ended and removed with the `with` block. In it, it may be stopped and started
    again."""

    def __init__(self, command, where, environment=None, prepare=None, folder=None, start_limit=START_LIMIT_S):
        """`command` is called with the port and the folder and gives the arguments; `prepare` is called with the
        server once it listens; `folder`: an empty one to use, otherwise one is made."""
        self.prepare = prepare
        self.start_limit = start_limit
        self.folder = folder or pathlib.Path(tempfile.mkdtemp(prefix="furrow-bench-", dir=where))
        self.port = free_port()
        self.command = [str(argument) for argument in command(self.port, self.folder)]
        self.environment = {**os.environ, **(environment(self.folder) if environment else {})}
        self.process = None

    def __enter__(self):
        try:
            self.start()
            if self.prepare is not None:
                self.prepare(self)
        except Exception:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        self.stop(signal.SIGKILL)
        shutil.rmtree(self.folder)

    def start(self):
        with open(self.folder / "server.log", "ab") as log:
            self.process = subprocess.Popen(self.command, stdout=log, stderr=subprocess.STDOUT, env=self.environment,
                                            preexec_fn=die_with_parent)
        self.wait_until_it_listens()

    def stop(self, by):
        """Ends it with that signal."""
        if self.process is not None:
            self.process.send_signal(by)
            self.process.wait()
            self.process = None

    def wait_until_it_listens(self):
        deadline = time.monotonic() + self.start_limit
        while time.monotonic() < deadline and self.process.poll() is None:
            try:
                socket.create_connection(("127.0.0.1", self.port)).close()
                return
            except ConnectionRefusedError:
                time.sleep(0.005)
        text = (self.folder / "server.log").read_text(errors="replace")
        raise RuntimeError(f"{self.command[0]} does not listen:\n{text[-4000:]}")

    def tasks(self):
        return pathlib.Path(f"/proc/{self.process.pid}/task").iterdir()

    def cpu_seconds(self):
        """Of all threads that are there, in user space and in the kernel."""
        total = 0
        for task in self.tasks():
            try:
                total += int((task / "schedstat").read_text().split()[0])
            except (FileNotFoundError, ProcessLookupError):  # it has just ended
                pass
        return total / 1e9

    def written_bytes(self):
        """Given to the file system to write, in whole pages of the page cache; what was removed before it was
        written does not count."""
        words = pathlib.Path(f"/proc/{self.process.pid}/io").read_text().split()
        values = dict(zip(words[::2], map(int, words[1::2])))
        return values["write_bytes:"] - values["cancelled_write_bytes:"]

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

    def furrowd_with_topic(self, settings=(), environment=None, partitions=1, folder=None):
        return Server(
            lambda port, folder: self.furrowd_command(port, folder, settings), self.where, environment,
            prepare=lambda server: self.create_topic(server, partitions), folder=folder,
        )

    def create_topic(self, server, partitions=1, *arguments):
        self.load("create-topic", "--port", server.port, "--partitions", partitions, *arguments)

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
