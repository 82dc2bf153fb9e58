"""Writes store files as Python does, before and after a change.

stdin: [{"shape", "indent", "ascii", "compact", "elements": [json], "keys": [map key], "keep": [bool],
         "replace": {position: json}, "add": [json], "addKeys": [map key]}]
stdout: [{"before": text, "after": text}]; "after" is without the elements not kept, with others replaced and added.
"""
import json
import sys


def write(case, values, keys):
    how = {"ensure_ascii": case["ascii"]}
    if case["compact"]:
        how["separators"] = (",", ":")
    if case["shape"] == "jsonl":
        return "".join(json.dumps(value, **how) + "\n" for value in values)
    return json.dumps(dict(zip(keys, values)) if case["shape"] == "map" else values, indent=case["indent"], **how)


def change(case):
    values = [json.loads(text) for text in case["elements"]]
    before = write(case, values, case["keys"])
    for position, text in case["replace"].items():
        values[int(position)] = json.loads(text)
    kept = [i for i, keep in enumerate(case["keep"]) if keep]
    added = [json.loads(text) for text in case["add"]]
    if not values:
        case = {**case, "indent": 2, "compact": False}  # an empty file does not show its layout
    if case["shape"] == "jsonl" and case["compact"]:
        lines = write(case, [values[i] for i in kept], [])
        return {"before": before, "after": lines + write({**case, "compact": False}, added, [])}
    after = write(case, [values[i] for i in kept] + added, [case["keys"][i] for i in kept] + case["addKeys"])
    return {"before": before, "after": after}


json.dump([change(case) for case in json.load(sys.stdin)], sys.stdout)
