#!/usr/bin/env python3
"""A small text-to-speech service in Python that keeps its tasks in a JSON file and mirrors them in Redis.

    python3 service.py ROOT PORT [REDIS_PORT]

POST /voice-tasks {"user_id", "text"} queues a task; GET /voice-tasks, POST /voice-tasks/query and GET /voice-tasks/ID read.
Without REDIS_PORT, or while Redis is down, all is read from the file. ttsctl works beside it: docs/layouts.md says by what.
"""
import json
import os
import shutil
import sys
import threading
import time
import uuid
import wave
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

ROOT = Path(sys.argv[1])
STORE, TEMPORARY = ROOT / "voice_task.json", ROOT / "voice_task.tmp"
SHOWN = {"queued": "wait", "running": "run", "succeeded": "done", "failed": "error"}
RETENTION_S = 7 * 86400
INDEX, LOCK = "tts:tasks:index", threading.Lock()


def key(user, task):
    return f"tts:task:{user}:{task}"


def connect(port):
    import redis  # python3-redis of Debian, or redis of PyPI

    return redis.Redis("127.0.0.1", int(port), decode_responses=True, socket_timeout=2)


MIRROR = connect(sys.argv[3]) if len(sys.argv) > 3 else None


def mirrored(work):
    """What Redis answers; None without it. An error of Redis never stops the service: the file has everything."""
    try:
        return MIRROR and work(MIRROR)
    except Exception as error:
        print("redis:", error, file=sys.stderr, flush=True)
        return None


def read():
    """The file as it is now, not as it was in memory: ttsctl may have purged or marked tasks since."""
    return json.loads(STORE.read_text()) if STORE.exists() else []


def change(work):
    """Changes the records: one writer at a time, a temporary file, os.replace. `work` returns the new list."""
    with LOCK:
        records = work(read())
        TEMPORARY.write_text(json.dumps(records, ensure_ascii=False, indent=2))
        os.replace(TEMPORARY, STORE)


def put(pipe, record):
    user, task, score = record["user_id"], record["task_id"], datetime.fromisoformat(record["updated_at"]).timestamp()
    names = ["user_id", "task_id", "status", "error", "created_at", "updated_at"]
    fields = {name: record[name] or "" for name in names} | {"payload": json.dumps(record, ensure_ascii=False)}
    pipe.hset(key(user, task), mapping=fields)
    pipe.zadd(INDEX, {f"{user}:{task}": score})
    pipe.zadd(f"tts:user:{user}:index", {task: score})


def upsert(record):
    """The file first, then Redis. The time has microseconds: two states in one second have an order."""
    record["updated_at"] = datetime.now().astimezone().isoformat()
    same = lambda other: (other["user_id"], other["task_id"]) == (record["user_id"], record["task_id"])
    isNew = record["status"] == "queued"
    # A task that was deleted while it ran doesn't come back.
    change(lambda all: [record if same(one) else one for one in all] + ([record] if isNew else []))
    if isNew or any(same(one) for one in read()):
        pipe = MIRROR and MIRROR.pipeline()
        mirrored(lambda _: (put(pipe, record), pipe.execute()))


def delete(user, task):
    change(lambda all: [one for one in all if (one["user_id"], one["task_id"]) != (user, task)])
    forget = lambda redis: redis.pipeline().delete(key(user, task)).zrem(INDEX, f"{user}:{task}").zrem(f"tts:user:{user}:index", task).execute()
    mirrored(forget)
    shutil.rmtree(ROOT / "output" / user / task, ignore_errors=True)
    for log in ROOT.glob(f"Logs/*/*/{task}.log"):
        log.unlink(missing_ok=True)
    print(f"[CLEANUP] user={user} task={task}", flush=True)


def speak(record):
    """Half a second of silence, and a line in the log of the hour."""
    folder = ROOT / "output" / record["user_id"] / record["task_id"]
    folder.mkdir(parents=True, exist_ok=True)
    with wave.open(str(folder / "audio.wav"), "wb") as audio:
        audio.setparams((1, 2, 8000, 0, "NONE", ""))
        audio.writeframes(bytes(8000))
    log = ROOT / "Logs" / time.strftime("%Y%m%d/%H") / f"{record['task_id']}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("a") as lines:
        lines.write(f"{datetime.now().isoformat()} spoken\n")


def work():
    while True:
        record = next((one for one in read() if one["status"] == "queued"), None)
        if record is None:
            time.sleep(0.05)
            continue
        try:
            upsert(record | {"status": "running"})
            speak(record)
            upsert(record | {"status": "succeeded"})
        except OSError as error:
            upsert(record | {"status": "failed", "error": str(error)})


def clean():
    while True:
        for one in read():
            age = time.time() - datetime.fromisoformat(one["updated_at"]).timestamp()
            if one["status"] in ("succeeded", "failed") and age >= RETENTION_S:
                delete(one["user_id"], one["task_id"])
        time.sleep(300)


def page(user, ids, number, size):
    """A page, newest first, from Redis or from the file; of ids, all of them."""
    index = f"tts:user:{user}:index" if user else INDEX
    members = mirrored(lambda redis: ids or redis.zrevrange(index, (number - 1) * size, number * size - 1))
    names = [(user, one) if user else tuple(one.split(":", 1)) for one in members or []]
    found = mirrored(lambda redis: [redis.hget(key(*name), "payload") for name in names]) if names else None
    if found and None not in found:
        items, total = [json.loads(one) for one in found], len(ids) or mirrored(lambda redis: redis.zcard(index))
    else:
        all = [one for one in read() if user in (None, one["user_id"]) and (not ids or one["task_id"] in ids)]
        all.sort(key=lambda one: datetime.fromisoformat(one["updated_at"]), reverse=True)
        items, total = all if ids else all[(number - 1) * size : number * size], len(all)
    return {"total": total, "items": [one | {"status": SHOWN.get(one["status"], one["status"])} for one in items]}


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        url = urlsplit(self.path)
        query = {name: values[-1] for name, values in parse_qs(url.query).items()}
        user, ids = query.get("user_id"), query.get("task_ids", "").replace(",", " ").split()
        if url.path == "/voice-tasks":
            return self.answer(page(user, ids, int(query.get("page", 1)), int(query.get("page_size", 20))))
        items = page(user, [unquote(url.path.rsplit("/", 1)[-1])], 1, 1)["items"] if user else []
        self.answer(items[0], 200) if items else self.answer({"error": "not found"}, 404)

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers.get("content-length", 0))) or b"{}")
        if self.path == "/voice-tasks/query":
            return self.answer(page(body.get("user_id"), body.get("task_ids", []), body.get("page", 1), body.get("page_size", 20)))
        record = {"user_id": body["user_id"], "task_id": uuid.uuid4().hex, "status": "queued", "error": None, "text": body["text"]}
        record["created_at"] = datetime.now().astimezone().isoformat()
        upsert(record)
        self.answer(record, 201)

    def answer(self, value, status=200):
        body = json.dumps(value, ensure_ascii=False).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


if __name__ == "__main__":
    mirrored(lambda redis: (redis.ping(), [put(redis, record) for record in read()]))
    for loop in (work, clean):
        threading.Thread(target=loop, daemon=True).start()
    server = ThreadingHTTPServer(("127.0.0.1", int(sys.argv[2])), Handler)
    print(f"listening on {server.server_port}", flush=True)
    server.serve_forever()
