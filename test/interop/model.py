#!/usr/bin/env python3
"""What Python says of a service root and its mirror, to compare ttsctl with (docs/contract.md).

    model.py mirror ROOT PORT                 compares every hash field, both indexes and every score with the file, and
                                              gives the tasks of all and of every user, newest first
    model.py older|v3 ROOT PORT               the same for a version of the published service, in the layout api_ms

Naive times are in the zone of the process (TZ), as in the service. Prints JSON; a comparison lists what differs.
Standard library only.
"""
import argparse
import datetime as dt
import json
import os
import sys
from urllib.parse import quote_plus

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "tools"))
import api_ms_service

INDEX = "tts:tasks:index"


class Redis(api_ms_service.Redis):
    def everything(self):
        """Hashes as dicts, sorted sets as dicts of score texts, strings as they are."""
        keys = sorted(self("KEYS", "*"))
        kinds = self.pipeline([("TYPE", key) for key in keys])
        read = {"hash": ("HGETALL",), "zset": ("ZRANGE", 0, -1, "WITHSCORES"), "string": ("GET",)}
        replies = self.pipeline([(read[kind][0], key, *read[kind][1:]) for key, kind in zip(keys, kinds)])
        pairs = lambda flat: dict(zip(flat[::2], flat[1::2]))
        return {key: reply if kind == "string" else pairs(reply) for key, kind, reply in zip(keys, kinds, replies)}


def tasks_of(root):
    """The record of each task, by (user, task), of a store file in any of its shapes."""
    path = os.path.join(root, "voice_task.json")
    is_lines = not os.path.exists(path)
    with open(path + "l" * is_lines, encoding="utf-8") as f:
        whole = [json.loads(line) for line in f] if is_lines else json.load(f)
    records = whole.values() if isinstance(whole, dict) else whole
    return {(record["user_id"], record["task_id"]): record for record in records}


def score_of(record):
    value = record["updated_at"]
    return dt.datetime.fromisoformat(value).timestamp() if isinstance(value, str) else float(value)


def iso(value):
    return value if isinstance(value, str) else dt.datetime.fromtimestamp(value, dt.timezone.utc).isoformat()


def hash_of(record):
    return {
        "user_id": record["user_id"],
        "task_id": record["task_id"],
        "status": record["status"],
        "error": record["error"] or "",
        "created_at": iso(record["created_at"]),
        "updated_at": iso(record["updated_at"]),
        "payload": json.dumps(record, ensure_ascii=False, separators=(",", ":")),
    }


def mirror(root, port):
    tasks = tasks_of(root)
    actual = Redis(port).everything()
    marks = ("tts:ttsctl:synced", "tts:ttsctl:counted")
    expected = {**{key: actual.get(key) for key in marks}, INDEX: {}}
    for (user, task), record in tasks.items():
        score = repr(score_of(record))
        expected[f"tts:task:{user}:{task}"] = hash_of(record)
        expected[INDEX][f"{user}:{task}"] = score
        expected.setdefault(f"tts:user:{user}:index", {})[task] = score
    for key, value in actual.items():
        if key.endswith(":index"):
            actual[key] = {member: repr(float(score)) for member, score in value.items()}
    return {"tasks": len(tasks), "differences": differences(expected, actual), **order(tasks)}


def api_ms(version, root, port):
    """Each task of the file as a version of the published service has it in Redis, whichever program wrote it there."""
    with open(os.path.join(root, "voice_task.json"), encoding="utf-8") as f:
        records = json.load(f)
    actual = Redis(port).everything()
    expected = {key: value for key, value in actual.items() if key.startswith("tts:ttsctl:")}
    expected[INDEX] = {}
    places = []
    for record in sorted(records, key=lambda record: record["updated_at"]):  # an id leads to its newest task
        user, task = quote_plus(record["user_id"].strip()), quote_plus(record["task_id"].strip())
        updated = int(record["updated_at"])
        own = int(record["created_at"]) if version == "v3" else updated
        counts = {name: str(record.get(name, 0)) for name in ("progress", "segments_done", "total_segments")}
        expected[f"tts:task:{user}:{task}"] = {
            "task_id": record["task_id"].strip(), "user_id": record["user_id"].strip(), "status": record["status"], **counts,
            "result_url": record.get("result_url") or "", "error": record.get("error") or "", "updated_at": str(updated),
            "created_at": str(int(record["created_at"])), "payload": record,
        }
        expected[INDEX][f"{user}:{task}"] = updated
        expected.setdefault(f"tts:user:{user}:index", {})[task] = own
        expected[f"tts:task_lookup:{task}"] = user
        places.append((record, own, updated, task, f"{user}:{task}"))
    for key, value in actual.items():
        if key.endswith(":index"):
            actual[key] = {member: float(score) for member, score in value.items()}
        elif isinstance(value, dict) and "payload" in value:
            value["payload"] = json.loads(value["payload"])
    users = {}
    for record, _, _, _, _ in sorted(places, key=lambda place: (place[1], place[3]), reverse=True):
        users.setdefault(record["user_id"], []).append(record["task_id"])
    newest = sorted(places, key=lambda place: (place[2], place[4]), reverse=True)
    everyone = [[record["user_id"], record["task_id"]] for record, *_ in newest]
    found = differences(expected, actual)
    return {"tasks": len(records), "differences": found, "all": everyone, "users": users}


def differences(expected, actual):
    found = []
    for key in sorted(expected.keys() | actual.keys()):
        if expected.get(key) != actual.get(key):
            found.append({"key": key, "expected": expected.get(key), "actual": actual.get(key)})
    return {"count": len(found), "first": str(found[:3])[:3000]}


def order(tasks):
    newest = sorted(tasks, key=lambda ids: (score_of(tasks[ids]), f"{ids[0]}:{ids[1]}".encode()), reverse=True)
    users = sorted({user for user, _ in newest})
    return {
        "all": [list(ids) for ids in newest],
        "users": {user: [task for owner, task in newest if owner == user] for user in users},
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("action", choices=("mirror", "older", "v3"))
    parser.add_argument("root")
    parser.add_argument("port", type=int)
    a = parser.parse_args()
    answer = mirror(a.root, a.port) if a.action == "mirror" else api_ms(a.action, a.root, a.port)
    json.dump(answer, sys.stdout, ensure_ascii=False)


if __name__ == "__main__":
    main()
