import { spawnSync } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, beforeAll } from "vitest";
import { cleanEnv } from "../helpers/clean-env.ts";
import { RedisServer } from "../helpers/redis.ts";
import { binary, ttsctl } from "../helpers/ttsctl.ts";

export const PROJECT = new URL("../..", import.meta.url).pathname;

/** Commands of a document: what happened before them (`<!-- before: COMMAND -->`), and the output below each. */
export interface Scenario {
  readonly before: string[];
  readonly steps: { command: string; output: string[] }[];
}

/** The commands in the console blocks of a text. */
export function scenarioIn(text: string): Scenario {
  const found: Scenario = { before: [], steps: [] };
  for (const [, command, block] of text.matchAll(/^<!-- before: ([^\n]*) -->$|^```console\n(.*?)^```$/gms)) {
    if (command !== undefined) found.before.push(command);
    for (const line of block?.trimEnd().split("\n") ?? []) {
      if (line.startsWith("$ ")) found.steps.push({ command: line.slice(2), output: [] });
      else found.steps.at(-1)!.output.push(line);
    }
  }
  return found;
}

/** A document's output as a pattern. @param any the pattern for `...` */
export function patternOf(output: string, any: string): RegExp {
  return new RegExp(`^${output.replace(/[.*+?^${}()|[\]\\]/g, "\\$&").replaceAll("\\.\\.\\.", any)}$`);
}

/** Service roots with one Redis, for commands as documents have them. */
export interface Services {
  readonly port: number;
  /** A new root of the demo's service, and an empty Redis. */
  newRoot(name: string): Promise<string>;
  /** Runs a script; `ttsctl` and `redis-cli` are those of the services. */
  bash(script: string, cwd: string): Promise<{ status: number; stdout: string; stderr: string }>;
}

/** The arguments of a lone `ttsctl` with plain words; null for what needs a shell. */
function wordsOf(script: string): string[] | null {
  if (!/^ttsctl( +([\w.,:=@%+/-]+|"[^"$`\\]*"|'[^']*'))*$/.test(script)) return null;
  return [...script.slice("ttsctl".length).matchAll(/[^\s"']+|"([^"]*)"|'([^']*)'/g)].map(
    ([word, double, single]) => double ?? single ?? word,
  );
}

export function useServices(): Services {
  let server: RedisServer;
  let folder: string;
  let model: string;
  beforeAll(async () => {
    server = await RedisServer.start();
    folder = mkdtempSync(join(tmpdir(), "ttsctl-runbook-"));
    model = join(folder, "model");
    spawnSync(process.execPath, [join(PROJECT, "script/demo-root.mjs"), model]);
    utimesSync(join(model, "voice_task.json"), 1_600_000_000, 1_600_000_000); // or each rewrite would be watched
    const programs = { ttsctl: `${process.execPath} ${binary()}`, "redis-cli": `/usr/bin/redis-cli -p ${server.port}` };
    for (const [name, program] of Object.entries(programs)) {
      writeFileSync(join(folder, name), `#!/bin/sh\nexec ${program} "$@"\n`);
      chmodSync(join(folder, name), 0o755);
    }
  });
  afterAll(async () => {
    await server.remove();
    rmSync(folder, { recursive: true, force: true });
  });
  return {
    get port() {
      return server.port;
    },
    async newRoot(name) {
      const root = join(folder, name);
      mkdirSync(dirname(root), { recursive: true });
      spawnSync("cp", ["-a", model, root]);
      const config = readFileSync(join(root, "config.ini"), "utf8");
      const port = `port = ${server.port}`;
      const changed = config.replace("enabled = false", "enabled = true").replace(/port = \d+/, port);
      writeFileSync(join(root, "config.ini"), changed);
      await server.call("FLUSHALL");
      return root;
    },
    async bash(script, cwd) {
      const words = wordsOf(script);
      if (words !== null) {
        const { code, stdout, stderr } = await ttsctl(words, { cwd, env: { HOME: cwd } });
        return { status: code ?? -1, stdout, stderr };
      }
      const env = cleanEnv({ PATH: `${folder}:${process.env.PATH}`, HOME: cwd });
      const { status, stdout, stderr } = spawnSync("bash", ["-c", script], { cwd, env, encoding: "utf8" });
      return { status: status ?? -1, stdout, stderr };
    },
  };
}
