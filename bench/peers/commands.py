"""Writes the commands that mirror a store of make_store.py, as `redis-cli --pipe` takes them: commands.py FILE ARGUMENTS

Three a task, the layout of docs/contract.md: HSET with the seven fields, ZADD in both indexes. The arguments are those of make_store.py.
"""
import datetime as dt
import json
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "../../test/tools"))
import make_store  # noqa: E402


def resp(*words):
    out = [b"*%d\r\n" % len(words)]
    for word in words:
        data = word.encode()
        out.append(b"$%d\r\n%s\r\n" % (len(data), data))
    return b"".join(out)


def main():
    a = make_store.arguments()
    with open(a.root, "wb") as f:
        for rec, *_ in make_store.records(a):
            user, task = rec["user_id"], rec["task_id"]
            score = repr(dt.datetime.fromisoformat(rec["updated_at"]).timestamp())
            payload = json.dumps(rec, ensure_ascii=False, separators=(",", ":"))
            fields = ("status", "created_at", "updated_at")
            pairs = [word for name in fields for word in (name, rec[name])]
            f.write(resp("HSET", f"tts:task:{user}:{task}", "user_id", user, "task_id", task, *pairs,
                         "error", rec["error"] or "", "payload", payload))
            f.write(resp("ZADD", f"tts:user:{user}:index", score, task))
            f.write(resp("ZADD", "tts:tasks:index", score, f"{user}:{task}"))


if __name__ == "__main__":
    main()
