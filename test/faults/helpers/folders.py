#!/usr/bin/env python3
"""Makes folders and opens files as the service does, on a very slow disk, until its stdin ends.

    folders.py ROOT

os.makedirs and open in output/{user}/{task}/ and Logs/YYYYMMDD/HH/, a thread for each user. Users busy* have a record, and
their folders look unused for 50 minutes, as those of the hours do; users fresh* have none, and their
folders are new; users new* are seen for the first time each time. Prints {"made", "errors"} as JSON.
"""
import datetime as dt
import itertools
import json
import os
import posixpath
import sys
import threading
import time

LOOKING_S, MAKING_S, WORKING_S = 0.5, 0.1, 0.4
root = sys.argv[1]
exists, mkdir = posixpath.exists, os.mkdir
numbers, errors, made = itertools.count(), [], []
over = threading.Event()


def slowly(call, seconds):
    def slow(*args):
        try:
            return call(*args)
        finally:
            time.sleep(seconds)

    return slow


posixpath.exists = os.path.exists = slowly(exists, LOOKING_S)
os.mkdir = slowly(mkdir, MAKING_S)


def make(kind, thread):
    number = next(numbers)
    user = f"{kind}{number if kind == 'new' else thread}"
    task = f"n{number}"
    out = os.path.join(root, "output", user, task)
    created = dt.datetime.now(dt.timezone.utc) - dt.timedelta(hours=thread)
    logs = os.path.join(root, "Logs", *created.strftime("%Y%m%d %H").split())
    wav, log = os.path.join(out, task + ".wav"), os.path.join(logs, task + ".log")
    try:
        os.makedirs(out, exist_ok=True)
        os.makedirs(logs, exist_ok=True)
        time.sleep(WORKING_S)
        with open(wav, "wb") as f:
            f.write(bytes(10))
        with open(log, "w") as f:
            f.write("done\n")
        made.append(task)
    except OSError as error:
        errors.append(f"{user}: {error!r}")
    old = time.time() - 3000
    for path in (wav, log, out, logs, os.path.dirname(logs), *(() if kind == "fresh" else (os.path.dirname(out),))):
        try:
            os.utime(path, (old, old))
        except FileNotFoundError:
            pass  # what is old may have been removed by now


def loop(kind, thread):
    while not over.is_set():
        make(kind, thread)


threads = [threading.Thread(target=loop, args=(kind, i)) for i, kind in enumerate(("busy", "fresh", "new") * 4)]
for thread in threads:
    thread.start()
sys.stdin.read()
over.set()
for thread in threads:
    thread.join()
print(json.dumps({"made": len(made), "errors": errors}))
