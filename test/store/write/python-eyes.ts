import { spawnSync } from "node:child_process";
import type { RecordJson } from "../../helpers/root.ts";

/** Reads a store file of any shape as a service in Python would; of duplicates in an array the newest counts. */
const SCRIPT = `
import json, sys
text = open(sys.argv[1], encoding="utf-8").read()
held = {}
def put(r, last):
    name = r["user_id"] + ":" + r["task_id"]
    if r.get("deleted") is True: held.pop(name, None)
    elif last or name not in held or held[name]["updated_at"] <= r["updated_at"]: held[name] = r
try:
    data = json.loads(text)
    lines = isinstance(data, dict) and "user_id" in data
except ValueError:
    lines = True
if lines:
    for line in text.split("\\n"):
        if line.strip(): put(json.loads(line), True)
else:
    for r in data.values() if isinstance(data, dict) else data: put(r, False)
json.dump(held, sys.stdout)
`;

/** Replaces a store file by what Python's `json` makes of it. */
export function rewriteWithPython(path: string): void {
  const script = `
import json, os, sys
path = sys.argv[1]
text = open(path, encoding="utf-8").read()
lines = text[0] == "{" and text.split("\\n")[0].endswith("}")
values = [json.loads(line) for line in text.splitlines()] if lines else json.loads(text)
with open(path + ".py", "w") as out:
    if lines: out.writelines(json.dumps(value) + "\\n" for value in values)
    else: json.dump(values, out, indent=2)
os.replace(path + ".py", path)
`;
  const run = spawnSync("python3", ["-c", script, path], { encoding: "utf8" });
  if (run.status !== 0) throw new Error(`python3: ${run.stderr}`);
}

/** The record of each task by \`user:task\`. */
export function readWithPython(path: string): Record<string, RecordJson> {
  const run = spawnSync("python3", ["-c", SCRIPT, path], { encoding: "utf8", maxBuffer: 1 << 30 });
  if (run.status !== 0) throw new Error(`python3: ${run.stderr}`);
  return JSON.parse(run.stdout) as Record<string, RecordJson>;
}
