"""Reads a W&B run file: LevelDB's log format around protocol buffers."""

import json
import struct
from dataclasses import dataclass, field

from wandb.proto import wandb_internal_pb2

BLOCK, FILE_HEADER, HEADER = 32 * 1024, 7, struct.Struct("<IHB")
FULL, LAST = 1, 4


def records(path):
    content = path.read_bytes()
    position, parts = FILE_HEADER, []
    while position + HEADER.size <= len(content):
        left = BLOCK - position % BLOCK
        if left < HEADER.size:
            position += left
            continue
        _, length, kind = HEADER.unpack_from(content, position)
        position += HEADER.size
        parts.append(content[position : position + length])
        position += length
        if kind in (FULL, LAST):
            yield wandb_internal_pb2.Record.FromString(b"".join(parts))
            parts = []


@dataclass
class Run:
    id: str = ""
    rows: list = field(default_factory=list)
    config: dict = field(default_factory=dict)
    summaries: dict = field(default_factory=dict)

    def keys(self):
        return {key for row in self.rows for key in row}

    def series(self, key):
        return [row[key] for row in self.rows if key in row]


def row(items):
    """A picture comes as several items with a path of keys each."""
    found = {}
    for item in items:
        name, *rest = item.nested_key or [item.key]
        value = json.loads(item.value_json)
        if rest:
            found.setdefault(name, {})["/".join(rest)] = value
        else:
            found[name] = value
    return found


def read(path):
    run = Run()
    for record in records(path):
        kind = record.WhichOneof("record_type")
        if kind == "run":
            run.id = record.run.run_id
            updates = record.run.config.update
        elif kind == "config":
            updates = record.config.update
        else:
            updates = ()
        run.config |= {u.key or "/".join(u.nested_key): json.loads(u.value_json) for u in updates}
        if kind == "history":
            run.rows.append(row(record.history.item))
        if kind == "metric":
            run.summaries[record.metric.name] = record.metric.summary
    return run
