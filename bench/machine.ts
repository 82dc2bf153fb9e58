import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { availableParallelism, cpus, release, totalmem } from "node:os";
import { join } from "node:path";
import { PYTHON } from "./cost.ts";

/** On what and with what a bench was run. */
export interface Machine {
  /** The day, ISO 8601. */
  readonly date: string;
  readonly cpu: string;
  readonly cores: number;
  readonly memoryGb: number;
  readonly kernel: string;
  /** By program; one that is not there has none. */
  readonly versions: Record<string, string>;
}

export function machine(project: string): Machine {
  return {
    date: new Date().toISOString().slice(0, 10),
    cpu: cpus()[0]?.model.trim() ?? "unknown",
    cores: availableParallelism(),
    memoryGb: Math.round(totalmem() / 1e9),
    kernel: release(),
    versions: versions(project),
  };
}

function versions(project: string): Record<string, string> {
  const found: Record<string, string | undefined> = {
    ttsctl: packageVersion(join(project, "package.json")),
    Node: process.version.slice(1),
    Redis: said(["redis-server", "--version"]),
    Python: said([PYTHON, "--version"]),
    jq: said(["jq", "--version"]),
    "redis-py": said([PYTHON, "-c", "import redis; print(redis.__version__)"]),
    FastAPI: said([PYTHON, "-c", "import fastapi; print(fastapi.__version__)"]),
    uvicorn: said(["uvicorn", "--version"]),
  };
  return Object.fromEntries(Object.entries(found).flatMap(([name, version]) => (version ? [[name, version]] : [])));
}

/** The first version number that a program prints. */
function said([program, ...args]: readonly [string, ...string[]]): string | undefined {
  return /\d+(\.\d+)+/.exec(spawnSync(program, args, { encoding: "utf8" }).stdout ?? "")?.[0];
}

function packageVersion(path: string): string | undefined {
  try {
    return (JSON.parse(readFileSync(path, "utf8")) as { version: string }).version;
  } catch {
    return undefined; // not installed
  }
}
