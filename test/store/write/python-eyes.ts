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

/** The record of each task by \`user:task\`. */
export function readWithPython(path: string): Record<string, RecordJson> {
  const run = spawnSync("python3", ["-c", SCRIPT, path], { encoding: "utf8", maxBuffer: 1 << 30 });
  if (run.status !== 0) throw new Error(`python3: ${run.stderr}`);
  return JSON.parse(run.stdout) as Record<string, RecordJson>;
}
