import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";

export type Answer = [section: string, options: [name: string, value: string | null][]][] | null;

/** What Python's configparser says of each text, from one process. */
export function askPython(texts: string[]): Answer[] {
  const script = fileURLToPath(new URL("read_ini.py", import.meta.url));
  const run = spawnSync("python3", [script], { input: JSON.stringify(texts), encoding: "utf8", maxBuffer: 1 << 28 });
  if (run.status !== 0) throw new Error(`python3: ${run.stderr || run.error}`);
  return JSON.parse(run.stdout) as Answer[];
}
