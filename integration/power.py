"""Power cuts for a real server.

The server runs with a layer preloaded (tests/power) that keeps a journal of all that is done to the data folder. A cut
kills it and makes the folder anew as a disk might have it then: what was synced is there; of a file's unsynced sectors
some are, in no order, some in part; its size may have arrived without its bytes; names that were made, renamed or
removed since their folder was synced may be there or not, a rename whole or not at all."""

import os
import random
import shutil
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from servers import Furrowd

CREATE, MAKE_FOLDER, RENAME, REMOVE, WRITE, RESIZE, SYNC, SYNC_ALL = range(1, 9)
HEAD = struct.Struct("<BQQQ")
SECTOR = 512


@dataclass(eq=False)
class Folder:
    pass


@dataclass(eq=False)
class File:
    durable: bytearray = field(default_factory=bytearray)
    pending: list[tuple[int, int, bytes | None]] = field(default_factory=list)  # journal position, position or size, bytes

    def sync(self, began: int) -> None:
        covered = [change for change in self.pending if change[0] < began]
        self.pending = [change for change in self.pending if change[0] >= began]
        for _, at, data in covered:
            apply(self.durable, at, data)

    def seen(self) -> bytes:
        content = bytearray(self.durable)
        for _, at, data in self.pending:
            apply(content, at, data)
        return bytes(content)

    def cut(self, chance: random.Random) -> None:
        if not self.pending:
            return
        seen = bytearray(self.durable)
        dirty: set[int] = set()
        for _, at, data in self.pending:
            start, end = (min(at, len(seen)), at + len(data)) if data is not None else sorted((at, len(seen)))
            dirty.update(range(start // SECTOR, -(-end // SECTOR)))
            apply(seen, at, data)
        self.pending = []
        old_size = len(self.durable)
        sizes = (old_size, len(seen), chance.randint(*sorted((old_size, len(seen)))))
        apply(self.durable, chance.choice(sizes), None)
        if len(self.durable) > old_size and chance.random() < 0.3:  # what stood on those sectors before
            self.durable[old_size:] = chance.randbytes(len(self.durable) - old_size)
        survival = chance.choice((0, 0.2, 0.5, 0.9, 1))
        for sector in sorted(dirty):
            if chance.random() < survival:
                start, end = sector * SECTOR, min((sector + 1) * SECTOR, len(seen), len(self.durable))
                if chance.random() < 0.1:  # torn
                    middle = start + chance.randrange(SECTOR)
                    start, end = (middle, end) if chance.random() < 0.5 else (start, min(middle, end))
                if start < end:
                    self.durable[start:end] = seen[start:end]


def apply(content: bytearray, at: int, data: bytes | None) -> None:
    """Writes `data` at a position; without data, `at` is the new size."""
    end = at if data is None else at + len(data)
    if end > len(content):
        content.extend(bytes(end - len(content)))
    if data is None:
        del content[at:]
    else:
        content[at:end] = data


Node = File | Folder
Name = tuple[Folder, str]


@dataclass(eq=False)
class Step:
    """Names before and after; whole or not at all."""

    journal: int
    changes: list[tuple[Name, Node | None, Node | None]]

    def needs(self, earlier: "Step") -> bool:
        """Renaming what was made needs the making; removing a folder needs it to be empty."""
        return any(
            name == other or (before is not None and before is other[0])
            for name, before, _ in self.changes
            for other, _, _ in earlier.changes
        )

    def take(self, names: dict[Name, Node]) -> None:
        for name, _, after in self.changes:
            if after is None:
                names.pop(name, None)
            else:
                names[name] = after


class Names:
    def __init__(self):
        self.root = Folder()
        self.seen: dict[Name, Node] = {}
        self.durable: dict[Name, Node] = {}
        self.pending: list[Step] = []

    def change(self, journal: int, *changes: tuple[Name, Node | None]) -> None:
        step = Step(journal, [(name, self.seen.get(name), after) for name, after in changes])
        step.take(self.seen)
        self.pending.append(step)

    def sync(self, folder: Folder | None, began: int) -> None:
        """One folder's names, or all."""
        chosen: list[Step] = []
        for step in reversed(self.pending):
            touches = folder is None or any(name[0] is folder for name, _, _ in step.changes)
            if (touches and step.journal < began) or any(later.needs(step) for later in chosen):
                chosen.append(step)
        self._keep(set(chosen))

    def cut(self, chance: random.Random) -> None:
        survival = chance.choice((0, 0.5, 0.9, 1))
        if chance.random() < 0.3:  # a file system that keeps the order
            self._keep(set(self.pending[: chance.randint(0, len(self.pending))]))
            survival = 0
        chosen: list[Step] = []
        for number, step in enumerate(self.pending):
            whole = all(earlier in chosen or not step.needs(earlier) for earlier in self.pending[:number])
            if whole and chance.random() < survival:
                chosen.append(step)
        self._keep(set(chosen))
        self.pending = []
        self.seen = dict(self.durable)

    def _keep(self, chosen: set[Step]) -> None:
        for step in self.pending:
            if step in chosen:
                step.take(self.durable)
        self.pending = [step for step in self.pending if step not in chosen]


class Power:
    """The power supply of one server. `deaf` is what the disk lies about: files, folders or both."""

    def __init__(self, server: Furrowd, seed: int, deaf: str = ""):
        self.server = server
        self.chance = random.Random(seed)
        self.journal = server.folder / "journal"
        self.names = Names()
        server.data.mkdir(parents=True)
        self.nodes: dict[int, Node] = {server.data.stat().st_ino: self.names.root}
        layer = server.binary.parent / "power_layer.so"
        server.environment = {
            "LD_PRELOAD": str(layer),
            "POWER_FOLDER": str(server.data),
            "POWER_JOURNAL": str(self.journal),
            "POWER_SYNC_US": "3000",
            "POWER_DEAF": deaf,
            "ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", "") + ":verify_asan_link_order=0",
        }

    def cut(self) -> None:
        """The server is dead afterwards, and its data folder what the disk has kept."""
        self.server.kill()
        self._replay()
        self.names.cut(self.chance)
        for node in set(self.nodes.values()):
            if isinstance(node, File):
                node.cut(self.chance)
        for entry in self.server.data.iterdir():
            shutil.rmtree(entry) if entry.is_dir() else entry.unlink()
        self.nodes = {self.server.data.stat().st_ino: self.names.root}
        reached: set[Node] = {self.names.root}
        self._write(self.names.root, self.server.data, reached)
        self.names.durable = {name: node for name, node in self.names.durable.items() if name[0] in reached}
        self.names.seen = dict(self.names.durable)

    def seen_files(self) -> dict[Path, bytes]:
        """What the journal says of the folder as programs see it. Syncs nothing, so a cut may follow."""
        self._replay()
        paths: dict[Node, Path] = {self.names.root: Path()}
        while len(paths) <= len(self.names.seen):
            paths.update({node: paths[name[0]] / name[1] for name, node in self.names.seen.items() if name[0] in paths})
        return {paths[node]: node.seen() for node in self.names.seen.values() if isinstance(node, File)}

    def cut_in(self, calls: int | None) -> None:
        """The next start dies in place of its n-th change or sync; None: it lives."""
        if calls is None:
            self.server.environment.pop("POWER_CUT_AT", None)
        else:
            self.server.environment["POWER_CUT_AT"] = str(calls)

    def _write(self, folder: Folder, path: Path, reached: set[Node]) -> None:
        for (parent, name), node in self.names.durable.items():
            if parent is not folder:
                continue
            if isinstance(node, Folder):
                (path / name).mkdir()
                reached.add(node)
                self._write(node, path / name, reached)
            else:
                (path / name).write_bytes(node.durable)
            self.nodes[(path / name).stat().st_ino] = node

    def _records(self) -> Iterator[tuple[int, int, int, int, bytes]]:
        journal = self.journal.read_bytes() if self.journal.exists() else b""
        self.journal.unlink(missing_ok=True)
        at = 0
        while at + HEAD.size <= len(journal):
            kind, node, value, size = HEAD.unpack_from(journal, at)
            end = at + HEAD.size + size
            if end > len(journal):
                return
            yield at, kind, node, value, journal[at + HEAD.size : end]
            at = end

    def _replay(self) -> None:
        names, nodes = self.names, self.nodes
        for at, kind, number, value, data in self._records():
            if kind == SYNC_ALL:
                names.sync(None, value)
                for node in nodes.values():
                    if isinstance(node, File):
                        node.sync(value)
                continue
            node = nodes[number]
            if kind in (CREATE, MAKE_FOLDER):
                nodes[value] = File() if kind == CREATE else Folder()
                names.change(at, ((node, data.decode()), nodes[value]))
            elif kind == RENAME:
                old, new = data.decode().split("\0")
                source, target = (node, old), (nodes[value], new)
                names.change(at, (source, None), (target, names.seen[source]))
            elif kind == REMOVE:
                names.change(at, ((node, data.decode()), None))
            elif kind == SYNC and isinstance(node, Folder):
                names.sync(node, value)
            elif kind == SYNC:
                node.sync(value)
            else:
                node.pending.append((at, value, data if kind == WRITE else None))
