"""The newest 20 tasks of a store file, as a Python program would list them: list.py FILE"""
import json
import sys

with open(sys.argv[1], encoding="utf-8") as f:
    tasks = json.load(f)
tasks.sort(key=lambda task: task["updated_at"], reverse=True)
json.dump(tasks[:20], sys.stdout, ensure_ascii=False)
