"""The list of the HTTP API as a Python service would answer it: FastAPI, one uvicorn worker, redis-py with asyncio."""
import json
import os

import redis.asyncio as redis
from fastapi import FastAPI
from fastapi.responses import JSONResponse
from pydantic import BaseModel

SHOWN = {"queued": "wait", "running": "run", "succeeded": "done", "failed": "error"}
client = redis.from_url(os.environ["REDIS_URL"], decode_responses=True)
app = FastAPI()


class Query(BaseModel):
    user_id: str
    task_ids: list[str]


async def tasks(user, ids):
    async with client.pipeline(transaction=False) as pipe:
        for task in ids:
            pipe.hgetall(f"tts:task:{user}:{task}")
        hashes = await pipe.execute()
    items = []
    for fields in hashes:
        if fields:
            record = json.loads(fields["payload"])
            record["status"] = SHOWN.get(fields["status"], fields["status"])
            items.append(record)
    return items


def answer(total, page, page_size, items, missing):
    whole = {"total": total, "page": page, "pageSize": page_size, "source": "redis", "items": items}
    return JSONResponse({**whole, "missing": missing, "dangling": 0})


@app.get("/voice-tasks")
async def voice_tasks(user_id: str, page: int = 1, page_size: int = 20):
    key = f"tts:user:{user_id}:index"
    first = (page - 1) * page_size
    async with client.pipeline(transaction=False) as pipe:
        pipe.zcard(key)
        pipe.zrevrange(key, first, first + page_size - 1)
        total, ids = await pipe.execute()
    return answer(total, page, page_size, await tasks(user_id, ids), [])


@app.post("/voice-tasks/query")
async def query(body: Query):
    items = await tasks(body.user_id, body.task_ids)
    found = {item["task_id"] for item in items}
    missing = [task for task in body.task_ids if task not in found]
    return answer(len(items), 1, len(items), items, missing)
