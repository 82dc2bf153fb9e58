"""Puts jobs into an RQ queue: rq-fill.py REDIS_URL COUNT. One is enqueued by RQ; the server copies it under other ids."""
import sys

import redis
from rq import Queue

COPY = """
for i = ARGV[1], ARGV[2] do
  local id = 'copy' .. i
  redis.call('COPY', KEYS[1], 'rq:job:' .. id)
  redis.call('RPUSH', KEYS[2], id)
end
"""

connection = redis.Redis.from_url(sys.argv[1])
queue = Queue(connection=connection)
job = queue.enqueue("time.sleep", 0)
left = int(sys.argv[2]) - 1
for i in range(0, left, 10_000):
    connection.eval(COPY, 2, job.key, queue.key, i + 1, min(i + 10_000, left))
