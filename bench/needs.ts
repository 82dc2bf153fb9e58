import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { delimiter, join } from "node:path";
import { PYTHON } from "./cost.ts";

/** A module of Debian's Python. */
export const REDIS_PY = "python3-redis";

/** Which of these are not there: names of programs, or `REDIS_PY`. */
export function missingOf(needs: readonly string[]): string[] {
  return needs.filter((need) => !(need === REDIS_PY ? hasRedisPy() : isProgram(need)));
}

function hasRedisPy(): boolean {
  return spawnSync(PYTHON, ["-c", "import redis"]).status === 0;
}

function isProgram(name: string): boolean {
  return (process.env.PATH ?? "").split(delimiter).some((folder) => folder !== "" && existsSync(join(folder, name)));
}
