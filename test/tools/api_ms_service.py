#!/usr/bin/env python3
"""A simulated GPT-SoVITS API service, whose layout in Redis is `api_ms`: what it writes, and how it reads.

    api_ms_service.py ROOT --redis-port PORT [--version older|v3]

Writes records (JSON array on stdin) as they are, with one rewrite of the file. --version: `older` scores both indexes by
updated_at; `v3` scores the users' indexes by created_at. Standard library only, no lock shared with ttsctl. Written from the
description in docs/contract.md, Deployments.
"""
import argparse
import json
import os
import re
import socket
import sys
from urllib.parse import quote_plus, unquote_plus

INDEX = "tts:tasks:index"


def q(text):
    return quote_plus(str(text or ""))


def safe(text):
    return re.sub(r"[^A-Za-z0-9_-]", "_", text) or "anonymous"


def scores_of(record, version):
    """In the global index and in the user's."""
    updated = int(record["updated_at"])
    return updated, int(record.get("created_at") or updated) if version == "v3" else updated


class Redis:
    def __init__(self, port, timeout=30):
        self.sock = socket.create_connection(("127.0.0.1", port), timeout=timeout)
        self.file = self.sock.makefile("rb")

    def __call__(self, *command):
        return self.pipeline([command])[0]

    def encoded(self, command):
        out = b"*%d\r\n" % len(command)
        for part in command:
            data = part if isinstance(part, bytes) else str(part).encode()
            out += b"$%d\r\n%s\r\n" % (len(data), data)
        return out

    def pipeline(self, commands, step=500):
        replies = []
        for i in range(0, len(commands), step):
            some = commands[i : i + step]
            self.sock.sendall(b"".join(self.encoded(command) for command in some))
            replies += [self.reply() for _ in some]
        return replies

    def reply(self):
        line = self.file.readline()
        kind, rest = line[:1], line[1:-2]
        if kind == b"-":
            raise OSError(rest.decode())
        if kind == b":":
            return int(rest)
        if kind == b"+":
            return rest.decode()
        if kind == b"*":
            return [self.reply() for _ in range(int(rest))]
        if int(rest) < 0:
            return None
        data = self.file.read(int(rest) + 2)[:-2]
        return data.decode()


class Service:
    def __init__(self, root, port, version="older"):
        self.root = root
        self.version = version
        self.path = os.path.join(root, "voice_task.json")
        self.redis = Redis(port)

    def items(self):
        try:
            with open(self.path, encoding="utf-8") as f:
                return json.load(f)
        except FileNotFoundError:
            return []

    def replace(self, items):
        temporary = os.path.join(self.root, "voice_task.tmp")
        with open(temporary, "w", encoding="utf-8") as f:
            json.dump(items, f, ensure_ascii=False, indent=2)
        os.replace(temporary, self.path)

    def write(self, record):
        self.replace([it for it in self.items() if it.get("task_id") != record["task_id"]] + [record])
        for command in self.commands(record):
            self.redis(*command)

    def fill(self, records):
        self.replace(records)
        self.redis.pipeline([command for record in records for command in self.commands(record)])

    def commands(self, record):
        user, task = str(record["user_id"]).strip(), str(record["task_id"]).strip()
        updated, own = scores_of(record, self.version)
        yield (
            "HSET", f"tts:task:{q(user)}:{q(task)}", "task_id", task, "user_id", user, "status", record.get("status", ""),
            "progress", str(record.get("progress", 0)), "segments_done", str(record.get("segments_done", 0)),
            "total_segments", str(record.get("total_segments", 0)), "result_url", record.get("result_url") or "",
            "error", record.get("error") or "", "updated_at", updated,
            "created_at", int(record.get("created_at") or updated), "payload", json.dumps(record, ensure_ascii=False),
        )
        yield ("ZADD", INDEX, updated, f"{q(user)}:{q(task)}")
        yield ("ZADD", f"tts:user:{q(user)}:index", own, q(task))
        yield ("SET", f"tts:task_lookup:{q(task)}", q(user))

    def delete(self, task):
        self.replace([it for it in self.items() if it.get("task_id") != task])
        user = self.redis("GET", f"tts:task_lookup:{q(task)}")
        if user is None:
            return
        self.redis("DEL", f"tts:task:{user}:{q(task)}")
        self.redis("ZREM", INDEX, f"{user}:{q(task)}")
        self.redis("ZREM", f"tts:user:{user}:index", q(task))
        self.redis("DEL", f"tts:task_lookup:{q(task)}")

    def hash(self, user, task):
        flat = self.redis("HGETALL", f"tts:task:{q(user)}:{q(task)}")
        fields = dict(zip(flat[::2], flat[1::2]))
        return json.loads(fields["payload"]) if fields else None

    def get(self, task):
        user = self.redis("GET", f"tts:task_lookup:{q(task)}")
        return None if user is None else self.hash(unquote_plus(user), task)


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("root")
    p.add_argument("--redis-port", type=int, required=True)
    p.add_argument("--version", choices=["older", "v3"], default="older")
    a = p.parse_args()
    Service(a.root, a.redis_port, a.version).fill(json.load(sys.stdin))


if __name__ == "__main__":
    main()
