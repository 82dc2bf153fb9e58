"""Mirrors a store as an operator's own script would, without a guard or a second look: sync.py FILE PORT"""
import json
import sys
from datetime import datetime

import redis

FIELDS = ("user_id", "task_id", "status", "error", "created_at", "updated_at")

with open(sys.argv[1], encoding="utf-8") as f:
    tasks = json.load(f)
pipe = redis.Redis("127.0.0.1", int(sys.argv[2])).pipeline(transaction=False)
for number, task in enumerate(tasks, 1):
    user, name = task["user_id"], task["task_id"]
    score = datetime.fromisoformat(task["updated_at"]).timestamp()
    fields = {field: task[field] or "" for field in FIELDS}
    fields["payload"] = json.dumps(task, ensure_ascii=False, separators=(",", ":"))
    pipe.hset(f"tts:task:{user}:{name}", mapping=fields)
    pipe.zadd("tts:tasks:index", {f"{user}:{name}": score})
    pipe.zadd(f"tts:user:{user}:index", {name: score})
    if number % 1000 == 0:
        pipe.execute()
pipe.execute()
print(len(tasks))
