"""Answers what datetime makes of ISO texts and of epoch seconds.

stdin: {"aware": [text], "naive": [text], "zones": [name], "transitions": [first year, last year], "epochs": [number], "seed": n}
stdout: {"aware": [timestamp], "naive": {zone: [timestamp]}, "zoned": {zone: [timestamp]},
         "transitions": {zone: [[text, timestamp]]}, "formatted": [text]}

"naive" are truly naive times of a process whose TZ is the zone; "zoned" the same with a tzinfo. null: Python refuses.
"""
import json
import os
import random
import sys
import time
from datetime import datetime, timedelta, timezone
from zoneinfo import ZoneInfo


def stamp(moment):
    try:
        return moment.timestamp()
    except (OverflowError, ValueError):
        return None


def use_zone(name):
    os.environ["TZ"] = name
    time.tzset()


def transitions(zone, first, last):
    """The last second, epoch, before each change of the offset."""
    offset = lambda at: datetime.fromtimestamp(at, zone).utcoffset()
    at, end = (int(datetime(year, 1, 1, tzinfo=timezone.utc).timestamp()) for year in (first, last + 1))
    while at < end:
        low, high = at, at + 86400
        while offset(low) != offset(high) and high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if offset(middle) == offset(low) else (low, middle)
        if offset(low) != offset(high):
            yield low
        at += 86400


def around(name, first, last, rnd):
    """Wall clock times in and beside the gaps and overlaps of a zone."""
    zone = ZoneInfo(name)
    for at in transitions(zone, first, last):
        for utc in (at, at + 1):
            wall = datetime.fromtimestamp(utc, zone).replace(tzinfo=None)
            near = [timedelta(seconds=rnd.choice((rnd.randrange(-90000, 90000), rnd.randrange(-7300, 7300)))) for _ in range(4)]
            micros = timedelta(microseconds=rnd.randrange(1000000))
            for step in [timedelta(0), timedelta(seconds=1), timedelta(seconds=-1), micros, *near, near[0] + micros]:
                yield (wall + step).replace(fold=0)


q = json.load(sys.stdin)
aware = [datetime.fromisoformat(text) for text in q.get("aware", [])]
naive = [datetime.fromisoformat(text) for text in q.get("naive", [])]
a = {"aware": [stamp(moment) for moment in aware], "naive": {}, "zoned": {}, "transitions": {}}
for name in q.get("zones", []):
    use_zone(name)
    a["naive"][name] = [stamp(moment) for moment in naive]
    a["zoned"][name] = [stamp(moment.replace(tzinfo=ZoneInfo(name))) for moment in naive]
    if "transitions" in q:
        rnd = random.Random(f"{q['seed']}{name}")
        a["transitions"][name] = [[m.isoformat(), m.timestamp()] for m in around(name, *q["transitions"], rnd)]
a["formatted"] = [datetime.fromtimestamp(epoch, timezone.utc).isoformat() for epoch in q.get("epochs", [])]
json.dump(a, sys.stdout)
