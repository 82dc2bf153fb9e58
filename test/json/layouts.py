"""stdin: [value]; stdout: for each value what json.dumps(ensure_ascii=False) writes, in several layouts.

{"compact": separators without spaces, "line": the default, "2", "4", "tab", "0": indented, "inside": indent=2 as the item of a list}
"""
import json
import sys


def layouts(value):
    dump = lambda value, **how: json.dumps(value, ensure_ascii=False, **how)
    return {
        "compact": dump(value, separators=(",", ":")),
        "line": dump(value),
        "2": dump(value, indent=2),
        "4": dump(value, indent=4),
        "tab": dump(value, indent="\t"),
        "0": dump(value, indent=0),
        "inside": dump([value], indent=2),
    }


json.dump([layouts(value) for value in json.load(sys.stdin)], sys.stdout)
