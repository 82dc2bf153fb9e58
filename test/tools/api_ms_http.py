#!/usr/bin/env python3
"""What the published GPT-SoVITS API service answers to requests for its tasks, as a model to compare `serve` with.

    api_ms_http.py ROOT --redis-port PORT [--version older|v3]

Takes requests (JSON array of {"method", "path", "body"} on stdin), and prints an array of {"status", "body"}. A DELETE is
answered, but deletes nothing. v3: answers by ids are sorted by `created_at`. Port 0 means without Redis. Standard library only.
"""
import argparse
import json
import re
import sys
from urllib.parse import parse_qs, unquote, urlsplit

from api_ms_service import Service, q


class Api(Service):
    def __init__(self, root, port, version):
        if port != 0:
            super().__init__(root, port, version)
            return
        self.path = f"{root}/voice_task.json"
        self.version = version
        self.get = self.hash = lambda *_: None

    def ask(self, request):
        url = urlsplit(request["path"])
        method, parts = request["method"], [unquote(part) for part in url.path.split("/")[2:]]
        if method == "POST":
            return self.query(json.loads(request["body"]))
        if not parts:
            return self.list({name: values[-1] for name, values in parse_qs(url.query).items()})
        return (self.one if method == "GET" else self.removal)(parts[0])

    def list(self, params):
        ids = [i for name in ("ids", "task_ids") for i in re.split(r"[\s,]+", params.get(name, "")) if i]
        ids += [params["task_id"].strip()] if params.get("task_id") else []
        return self.answer(params.get("user_id", ""), ids, params.get("page", 1), params.get("page_size", 10))

    def query(self, body):
        ids = [str(i).strip() for i in body.get("task_ids") or []]
        return self.answer(str(body.get("user_id", "")), ids, body.get("page", 1), body.get("page_size", 10))

    def answer(self, user, ids, page, size):
        user = user.strip()
        if not user:
            return envelope(3, "缺少 user_id", {})
        if ids:
            found = [task for task in (self.of_user(user, i) for i in ids) if task]
            if self.version == "v3":
                found.sort(key=lambda task: task.get("created_at", 0), reverse=True)
            return paged(found, len(found), 1, max(len(found), 1))
        page, size = max(1, int(page)), max(1, min(int(size), 100))
        key = f"tts:user:{q(user)}:index"
        members = self.redis("ZREVRANGE", key, (page - 1) * size, page * size - 1)
        tasks = [self.by_member(user, member) for member in members]
        return paged([task for task in tasks if task], self.redis("ZCARD", key), page, size)

    def by_member(self, user, member):
        return self.hash(user, unquote(member.replace("+", " ")))

    def of_user(self, user, task):
        in_file = (it for it in self.items() if it["user_id"].strip() == user and it["task_id"] == task)
        return self.hash(user, task) or next(in_file, None)

    def find(self, task):
        return self.get(task) or next((it for it in self.items() if it["task_id"] == task), None)

    def one(self, task):
        found = self.find(task)
        return envelope(0, "", found) if found else envelope(2, "not found", {})

    def removal(self, task):
        return envelope(0, "", {"removed": self.find(task) is not None})


def envelope(code, message, data):
    return {"status": 200, "body": {"code": code, "message": message, "data": data}}


def paged(tasks, total, page, size):
    return envelope(0, "", {"total": total, "pageIndex": page, "pageSize": size, "data": tasks})


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("root")
    p.add_argument("--redis-port", type=int, required=True)
    p.add_argument("--version", choices=["older", "v3"], default="older")
    a = p.parse_args()
    api = Api(a.root, a.redis_port, a.version)
    json.dump([api.ask(request) for request in json.load(sys.stdin)], sys.stdout)


if __name__ == "__main__":
    main()
