"""Removes finished tasks older than seven days as an operator's own script would, without a guard: purge.py ROOT PORT [--redis-only]"""
import json
import os
import shutil
import sys
import time
from datetime import datetime
from pathlib import Path

import redis

ROOT, CUTOFF = Path(sys.argv[1]), time.time() - 7 * 86400
FINISHED = ("succeeded", "failed")
mirror = redis.Redis("127.0.0.1", int(sys.argv[2]), decode_responses=True)
pipe = mirror.pipeline(transaction=False)


def batches(items):
    return (items[at : at + 1000] for at in range(0, len(items), 1000))


def from_redis():
    members = mirror.zrangebyscore("tts:tasks:index", "-inf", CUTOFF)
    for some in batches(members):
        for member in some:
            pipe.hget(f"tts:task:{member}", "status")
        yield from (member.split(":", 1) for member, status in zip(some, pipe.execute()) if status in FINISHED)


def is_old(task):
    return task["status"] in FINISHED and datetime.fromisoformat(task["updated_at"]).timestamp() < CUTOFF


store = ROOT / "voice_task.json"
tasks = [] if "--redis-only" in sys.argv else json.loads(store.read_text())
gone = [(task["user_id"], task["task_id"]) for task in tasks if is_old(task)] if tasks else list(from_redis())
for some in batches(gone):
    for user, name in some:
        pipe.delete(f"tts:task:{user}:{name}")
        pipe.zrem("tts:tasks:index", f"{user}:{name}")
        pipe.zrem(f"tts:user:{user}:index", name)
    pipe.execute()
if tasks:
    names = {name for _, name in gone}
    for user, name in gone:
        shutil.rmtree(ROOT / "output" / user / name, ignore_errors=True)
    for log in ROOT.glob("Logs/*/*/*.log"):
        if log.stem in names:
            log.unlink()
    with open(ROOT / "rewritten", "w") as f:
        json.dump([task for task in tasks if not is_old(task)], f, ensure_ascii=False, indent=2)
    os.replace(ROOT / "rewritten", store)
print(len(gone))
