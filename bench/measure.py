"""Runs a program to its end and says what it took: measure.py RESULT STDIN STDOUT STDERR PROGRAM [ARGUMENT...]

RESULT becomes {"seconds", "cpuSeconds", "peakKiB", "code"}: wall time and CPU time from start to end, the largest resident memory that
the kernel saw (wait4), and the exit code. The other three are the program's stdin, stdout and stderr: files, so a slow
reader can't delay it.
"""
import json
import os
import sys
import time

result, stdin, stdout, stderr, *program = sys.argv[1:]
write = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
files = [
    (os.POSIX_SPAWN_OPEN, 0, stdin, os.O_RDONLY, 0),
    (os.POSIX_SPAWN_OPEN, 1, stdout, write, 0o600),
    (os.POSIX_SPAWN_OPEN, 2, stderr, write, 0o600),
]
began = time.perf_counter()
pid = os.posix_spawnp(program[0], program, os.environ, file_actions=files)
_, status, usage = os.wait4(pid, 0)
seconds = time.perf_counter() - began
with open(result, "w", encoding="utf-8") as f:
    cpu = usage.ru_utime + usage.ru_stime
    json.dump({"seconds": seconds, "cpuSeconds": cpu, "peakKiB": usage.ru_maxrss, "code": os.waitstatus_to_exitcode(status)}, f)
