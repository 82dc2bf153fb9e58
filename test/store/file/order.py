"""stdin: [[score, user, task]]; stdout: the positions in the order of `updated_at` descending, ties by member bytes descending"""
import json
import sys

rows = json.load(sys.stdin)
key = lambda i: (rows[i][0], f"{rows[i][1]}:{rows[i][2]}".encode())
json.dump(sorted(range(len(rows)), key=key, reverse=True), sys.stdout)
