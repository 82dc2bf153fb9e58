#!/usr/bin/env python3
"""What Python says of a service root and its mirror, to compare ttsctl with (docs/contract.md).

    model.py mirror ROOT PORT                 compares every hash field, both indexes and every score with the file, and
                                              gives the tasks of all and of every user, newest first
    model.py older|2.2|v3 ROOT PORT           the same for a version of the published service, in the layout api_ms
    model.py prepare ROOT PORT STATE          makes a synced root awkward: other copies in Redis, duplicates, odd folders;
                                              and keeps what there is then, before a cleanup
    model.py judge ROOT PORT STATE RESULT     compares what there is after it with docs/contract.md, Cleanup; RESULT is its JSON

Naive times are in the zone of the process (TZ), as in the service. Prints JSON; a comparison lists what differs.
Standard library only.
"""
import argparse
import datetime as dt
import json
import os
import pickle
import random
import re
import shutil
import sys
from urllib.parse import quote_plus

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "tools"))
import api_ms_service

SHOWN = {
    **dict.fromkeys("queued pending waiting wait created".split(), "wait"),
    **dict.fromkeys("running processing started run".split(), "run"),
    **dict.fromkeys("succeeded success completed finished done".split(), "done"),
    **dict.fromkeys("failed failure error cancelled canceled".split(), "error"),
}
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


# ---------------------------------------------------------------------------------------------- the store file


class Store:
    """The records of a store file in any of its shapes."""

    def __init__(self, path):
        self.path = path
        with open(self.path, "rb") as f:
            self.bytes = f.read()
        text = self.bytes.decode()
        if self.path.endswith("jsonl"):
            self.shape = "jsonl"
            self.items = [(line, json.loads(line)) for line in text.splitlines(keepends=True)]
        else:
            whole = json.loads(text)
            self.shape = "map" if isinstance(whole, dict) else "array"
            self.items = list(whole.items()) if isinstance(whole, dict) else list(enumerate(whole))

    def without(self, removed):
        """The bytes that Python would have written without the records of some tasks."""
        kept = [(name, record) for name, record in self.items if ids_of(record) not in removed]
        if self.shape == "jsonl":
            return "".join(line for line, _ in kept).encode()
        whole = dict(kept) if self.shape == "map" else [record for _, record in kept]
        return json.dumps(whole, ensure_ascii=False, indent=2).encode()

    def tasks(self):
        """The record in force of each task, by (user, task); and the ids of invalid records."""
        tasks, invalid = {}, set()
        for _, record in self.items:
            ids = ids_of(record)
            if score_of(record) is None:
                if ids is not None:
                    invalid.add(ids)
            elif self.shape == "jsonl" or ids not in tasks or score_of(tasks[ids]) <= score_of(record):
                tasks[ids] = record
        return tasks, invalid


def store_path(root):
    paths = [os.path.join(root, name) for name in ("voice_task.json", "voice_task.jsonl")]
    return next(path for path in paths if os.path.exists(path))


def ids_of(record):
    if not isinstance(record, dict):
        return None
    ids = [record.get("user_id"), record.get("task_id")]
    if not all(isinstance(part, str) and part.strip() for part in ids):
        return None
    return tuple(part.strip() for part in ids)


def score_of(record):
    """Epoch seconds of a valid record, else None."""
    ids = ids_of(record)
    if ids is None or ":" in ids[0]:
        return None
    return epoch(record.get("updated_at"))


def epoch(value):
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        return None
    try:
        return dt.datetime.fromisoformat(value).timestamp() if isinstance(value, str) else float(value)
    except ValueError:
        return None


def iso(value):
    if value is None:
        return ""
    return value if isinstance(value, str) else dt.datetime.fromtimestamp(value, dt.timezone.utc).isoformat()


def shown(status):
    return SHOWN.get("".join(str(status).split()).lower())


def hash_of(record):
    user, task = ids_of(record)
    return {
        "user_id": user,
        "task_id": task,
        "status": record["status"],
        "error": record["error"] or "",
        "created_at": iso(record["created_at"]),
        "updated_at": iso(record["updated_at"]),
        "payload": json.dumps(record, ensure_ascii=False, separators=(",", ":")),
    }


# ---------------------------------------------------------------------------------------------- mirror and order


def mirror(root, port):
    tasks, _ = Store(store_path(root)).tasks()
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
    return {"tasks": len(tasks), "keys": len(actual), "differences": differences(expected, actual), **order(tasks)}


def api_ms(version, root, port):
    """Each task of the file as a version of the published service has it in Redis, whichever program wrote it there."""
    with open(os.path.join(root, "voice_task.json"), encoding="utf-8") as f:
        records = json.load(f)
    actual = Redis(port).everything()
    expected = {key: value for key, value in actual.items() if key.startswith("tts:ttsctl:")}
    expected[INDEX] = {}
    places = []
    for record in records:
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
    return {"tasks": len(records), "keys": len(actual), "differences": found, "all": everyone, "users": users}


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
        "statuses": {f"{user}:{task}": shown(tasks[user, task]["status"]) or tasks[user, task]["status"] for user, task in newest},
    }


# ---------------------------------------------------------------------------------------------- a cleanup


def prepare(root, port, state, seed=1):
    """Copies in Redis that disagree with the file, members without hashes, odd records, folders of every age."""
    rnd = random.Random(seed)
    redis = Redis(port)
    store = Store(store_path(root))
    tasks, _ = store.tasks()
    young = dt.datetime.now().isoformat()
    ids = list(tasks)
    rnd.shuffle(ids)
    take = iter(ids)
    some = lambda count: [next(take) for _ in range(min(count, len(ids) // 20))]
    commands = []
    for user, task in some(40):  # requeued in Redis alone
        commands.append(("HSET", f"tts:task:{user}:{task}", "status", "queued"))
    for user, task in some(40):  # worked on in Redis a moment ago
        commands.append(("HSET", f"tts:task:{user}:{task}", "updated_at", young, "status", "succeeded"))
    for user, task in some(40):  # without a hash, or without anything in Redis
        commands.append(("DEL", f"tts:task:{user}:{task}"))
    for user, task in some(40):
        commands += [("DEL", f"tts:task:{user}:{task}"), ("ZREM", INDEX, f"{user}:{task}"), ("ZREM", f"tts:user:{user}:index", task)]
    for n in range(60):  # only in Redis: finished or not, old or young, with a hash or dangling
        user, task = f"user{n % 7:04d}", f"redis{n:06d}"
        when = dt.datetime.fromtimestamp(1_500_000_000 + n).isoformat() if n % 2 else young
        score = repr(dt.datetime.fromisoformat(when).timestamp())
        if n % 3:
            status = "succeeded" if n % 5 else "running"
            commands.append(("HSET", f"tts:task:{user}:{task}", "user_id", user, "task_id", task, "status", status, "updated_at", when))
        commands += [("ZADD", INDEX, score, f"{user}:{task}"), ("ZADD", f"tts:user:{user}:index", score, task)]
        folder = os.path.join(root, "output", user, task)
        if n % 4 == 0:
            os.makedirs(os.path.join(folder, "parts", "empty"), exist_ok=True)
            write(os.path.join(folder, "parts", "1.wav"), b"x" * n)
    redis.pipeline(commands)
    add_records(store, tasks, ids, rnd)
    age(root, rnd)
    return remember(root, port, state)


def add_records(store, tasks, ids, rnd):
    """Older duplicates and invalid records, where the shape can hold them."""
    if store.shape != "array":
        return
    records = [record for _, record in store.items]
    for user, task in ids[-30:-20]:
        old = dict(tasks[user, task], updated_at="2001-02-03T04:05:06.000007", status="succeeded", text="an older duplicate")
        records.insert(rnd.randrange(len(records)), old)
    for user, task in ids[-20:-10]:
        records.insert(rnd.randrange(len(records)), {"user_id": user, "task_id": task, "status": "succeeded", "updated_at": "soon"})
    for odd in (5, None, "text", [], {}, {"user_id": "a:b", "task_id": "t", "updated_at": "2001-02-03", "status": "succeeded"}):
        records.insert(rnd.randrange(len(records)), odd)
    with open(store.path, "w", encoding="utf-8") as f:
        json.dump(records, f, ensure_ascii=False, indent=2)
    os.utime(store.path, (1_600_000_000, 1_600_000_000))


def age(root, rnd):
    """Old files; folders of users, hours and dates old or new by chance, and some empty hours."""
    for name in ("20170101/07", "20170101/08", "20170102/09"):
        os.makedirs(os.path.join(root, "Logs", name), exist_ok=True)
    for top in ("output", "Logs"):
        for folder, _, files in os.walk(os.path.join(root, top), topdown=False):
            for file in files:
                os.utime(os.path.join(folder, file), (1_550_000_000, 1_550_000_000))
            task_folder = top == "output" and os.path.relpath(folder, root).count(os.sep) >= 2
            if task_folder or rnd.random() < 0.7:
                os.utime(folder, (1_550_000_000, 1_550_000_000))
    os.utime(Store(store_path(root)).path, (1_600_000_000, 1_600_000_000))


def write(path, data):
    with open(path, "wb") as f:
        f.write(data)


def listing(root):
    """Every path below output/ and Logs/: its mtime, its size (None for a folder)."""
    found = {}
    for top in ("output", "Logs"):
        for folder, folders, files in os.walk(os.path.join(root, top)):
            for name in folders + files:
                path = os.path.join(folder, name)
                stats = os.lstat(path)
                found[os.path.relpath(path, root)] = (stats.st_mtime, None if name in folders else stats.st_size)
    return found


def copy_of(path, state):
    return state + os.path.splitext(path)[1]


def remember(root, port, state):
    store = Store(store_path(root))
    with open(state, "wb") as f:
        pickle.dump({"redis": Redis(port).everything(), "files": listing(root)}, f)
    shutil.copy(store.path, copy_of(store.path, state))
    return {"records": len(store.items)}


def judge(root, port, state, result):
    with open(state, "rb") as f:
        before = pickle.load(f)
    store = Store(store_path(root))
    original = Store(copy_of(store.path, state))
    limit = dt.datetime.fromisoformat(result["expireBefore"]).timestamp()
    plan = plan_cleanup(original, before["redis"], limit)
    files, freed = files_after(before["files"], plan, limit)
    bad = []
    if original.without(plan["purged"]) != store.bytes:
        bad.append("the store file is not what json.dump writes of the remaining records")
    after = Redis(port).everything()
    before["redis"]["tts:ttsctl:counted"] = after.get("tts:ttsctl:counted")
    redis = differences(redis_after(before["redis"], plan["purged"]), after)
    if redis["count"]:
        bad.append(redis)
    actual = set(listing(root))
    if files != actual:
        bad.append({"should be gone": sorted(actual - files)[:5], "should be there": sorted(files - actual)[:5]})
    counts = {"candidates": len(plan["purged"]) + plan["skipped"], "purged": len(plan["purged"]), "skipped": plan["skipped"], "failed": 0, "returned": 0, **freed}
    reported = {name: result[name] for name in counts}
    if counts != reported:
        bad.append({"expected": counts, "reported": reported})
    return {**counts, "removed": len(before["files"]) - len(files), "problems": bad}


def plan_cleanup(store, redis, limit):
    """docs/contract.md, Cleanup, steps 1 to 4."""
    tasks, invalid = store.tasks()
    index = redis.get(INDEX, {})
    expired = lambda status, score: shown(status) in ("done", "error") and score is not None and score <= limit
    looked = {ids for ids, record in tasks.items() if expired(record["status"], score_of(record))}
    looked |= {tuple(member.split(":", 1)) for member, score in index.items() if float(score) <= limit}
    purged, skipped = set(), 0
    for ids in looked:
        copies = []
        if ids in tasks:
            copies.append(expired(tasks[ids]["status"], score_of(tasks[ids])))
        copy = redis.get(f"tts:task:{ids[0]}:{ids[1]}")
        if copy is not None:
            copies.append(expired(copy.get("status", ""), epoch(copy.get("updated_at"))))
        dangling = copy is None and f"{ids[0]}:{ids[1]}" in index
        if ids not in invalid and all(copies) and (copies or dangling):
            purged.add(ids)
        elif any(copies) or dangling:
            skipped += 1
    owners = set(tasks) | invalid | {tuple(member.split(":", 1)) for member in index}
    return {"purged": purged, "skipped": skipped, "owners": owners}


def redis_after(redis, purged):
    after = {}
    for key, value in redis.items():
        if key == INDEX:
            value = {member: score for member, score in value.items() if tuple(member.split(":", 1)) not in purged}
        elif key.endswith(":index"):
            user = key[len("tts:user:") : -len(":index")]
            value = {task: score for task, score in value.items() if (user, task) not in purged}
        elif key.startswith("tts:task:") and tuple(key[len("tts:task:") :].split(":", 1)) in purged:
            continue
        if value:
            after[key] = value
    return after


def files_after(files, plan, limit):
    """The paths that stay, and what is freed."""
    purged = plan["purged"]
    kept_ids = {task for user, task in plan["owners"] if (user, task) not in purged}
    gone_ids = {task for _, task in purged}
    freed = {"files": 0, "bytes": 0}
    left = dict(files)
    for path, (_, size) in files.items():
        parts = path.split(os.sep)
        is_artifact = parts[0] == "output" and len(parts) >= 3 and (parts[1], parts[2]) in purged
        log = re.fullmatch(r"Logs/\d{8}/\d{2}/(.+)\.log", path)
        is_log = log is not None and log[1] in gone_ids and log[1] not in kept_ids
        if is_artifact or is_log:
            del left[path]
            if size is not None:
                freed["files"] += 1
                freed["bytes"] += size
    for pattern in (r"output/[^/]+", r"Logs/\d{8}/\d{2}", r"Logs/\d{8}"):
        parents = {os.path.dirname(path) for path in left}
        for path in [path for path in left if re.fullmatch(pattern, path)]:
            mtime, size = files[path]
            if size is None and path not in parents and mtime < limit:
                del left[path]
    return set(left), freed


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("action", choices=("mirror", "older", "2.2", "v3", "prepare", "judge"))
    parser.add_argument("root")
    parser.add_argument("port", type=int)
    parser.add_argument("state", nargs="?")
    parser.add_argument("result", nargs="?", type=json.loads)
    a = parser.parse_args()
    if a.action == "mirror":
        answer = mirror(a.root, a.port)
    elif a.action in ("older", "2.2", "v3"):
        answer = api_ms(a.action, a.root, a.port)
    elif a.action == "prepare":
        answer = prepare(a.root, a.port, a.state)
    else:
        answer = judge(a.root, a.port, a.state, a.result)
    json.dump(answer, sys.stdout, ensure_ascii=False)


if __name__ == "__main__":
    sys.exit(main())
