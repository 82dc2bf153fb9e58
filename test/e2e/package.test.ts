import { spawnSync } from "node:child_process";
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { cleanEnv } from "../helpers/clean-env.ts";
import { RedisServer } from "../helpers/redis.ts";
import { ttsctl } from "../helpers/ttsctl.ts";

const ROOT = new URL("../..", import.meta.url).pathname;
const folder = mkdtempSync(join(tmpdir(), "ttsctl-pack-"));
const prefix = join(folder, "prefix");
const installed = join(prefix, "lib/node_modules/ttsctl");
let server: RedisServer;

function run(command: string, args: readonly string[], cwd = folder, env: Record<string, string> = {}) {
  const ours = { HOME: folder, npm_config_cache: join(folder, "cache"), npm_config_update_notifier: "false", ...env };
  return spawnSync(command, args, { cwd, encoding: "utf8", env: cleanEnv(ours) });
}

/** An npm that must get by without a network. */
function npm(...args: string[]) {
  const ended = run("npm", [...args, "--offline", "--no-audit", "--no-fund"]);
  expect(`${ended.stderr}${ended.status}`).toMatch(/0$/);
  return ended;
}

/** The package as published, packed by `npm pack` in a fresh clone, whose npm packages it gets first. */
beforeAll(async () => {
  const [clone, shims] = [join(folder, "clone"), join(folder, "shims")];
  const left = new Set(
    ["node_modules", ".git", "dist", "output", "Logs", "test", "bench"].map((name) => join(ROOT, name)),
  );
  cpSync(ROOT, clone, { recursive: true, filter: (path) => !left.has(path) });
  mkdirSync(shims);
  // An npm whose `ci` and `install` need no network: for the other processor it has this one's binaries.
  const real = run("sh", ["-c", "command -v npm"]).stdout.trim();
  const shim = `#!/bin/sh
case $1 in
  ci) mkdir node_modules && exec ln -s '${ROOT}'/node_modules/* '${ROOT}/node_modules/.bin' node_modules/ ;;
  install)
    other=\${4#--cpu=} ours='${ROOT}/node_modules/@koromix/koffi-linux-${process.arch}'
    folder=\${2#--prefix=}/node_modules/@koromix/koffi-linux-$other
    mkdir -p "$folder" && cp "$ours/package.json" "$folder"
    for libc in linux musl; do cp -r "$ours/$libc"_* "$folder/$libc"_"$other"; done
    exit ;;
esac
exec '${real}' "$@"
`;
  writeFileSync(join(shims, "npm"), shim, { mode: 0o755 });
  const packed = run(join(shims, "npm"), ["pack", "--offline"], clone, { PATH: `${shims}:${process.env.PATH}` });
  expect(packed).toMatchObject({ status: 0, stdout: expect.stringMatching(/ttsctl-.*\.tgz\n$/) });
  expect(existsSync(join(clone, "dist/main.cjs"))).toBe(true);
  npm("install", "-g", "--prefix", prefix, join(clone, packed.stdout.trim().split("\n").at(-1)!));
  server = await RedisServer.start();
}, 120_000);
afterAll(async () => {
  await server.remove();
  rmSync(folder, { recursive: true, force: true });
});

describe("the package", () => {
  it("has every document that a message names", () => {
    const bundles = ["main.cjs", "library.cjs"].map((name) => readFileSync(join(installed, "dist", name), "utf8"));
    const named = new Set(bundles.join("").match(/\b(?:docs|examples)\/[\w/-]+\.\w+/g));
    expect(named).toContain("docs/runbook.md");
    for (const name of named) expect(existsSync(join(installed, name)), name).toBe(true);
  });

  it("installs from its tarball alone, with all that it needs inside", () => {
    const { version } = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8"));
    expect(run(join(prefix, "bin/ttsctl"), ["--version"])).toMatchObject({ status: 0, stdout: `${version}\n` });
    expect(existsSync(join(installed, "node_modules"))).toBe(false);
    expect(readdirSync(join(prefix, "lib/node_modules"))).toEqual(["ttsctl"]);
  });

  it("has the native calls for Linux on x64 and arm64, with glibc and with musl", () => {
    const platforms = ["linux_arm64", "linux_x64", "musl_arm64", "musl_x64"];
    expect(readdirSync(join(installed, "dist/build/koffi")).sort()).toEqual(platforms);
    for (const platform of platforms) {
      const header = readFileSync(join(installed, "dist/build/koffi", platform, "koffi.node")).subarray(0, 4);
      expect(header.toString("latin1")).toBe("\x7fELF");
    }
    expect(run(join(prefix, "bin/ttsctl"), ["doctor", "--no-redis"]).stdout).toMatch(/^ok {4}exchange /m);
  });

  it("has the documentation, the samples and the licenses of bundled packages, and no sources", () => {
    const names = readdirSync(installed);
    expect(names).toEqual(
      expect.arrayContaining(["README.md", "README.zh-CN.md", "LICENSE", "config.ini", "examples", "docs"]),
    );
    for (const name of ["src", "test", "bench", "script", "node_modules"]) expect(names).not.toContain(name);
    expect(readFileSync(join(installed, "dist/LICENSES.txt"), "utf8")).toMatch(
      /ioredis .*\n\n.*Copyright|MIT License/s,
    );
  });

  it("knows every command of the READMEs and of the pages for operators", async () => {
    const root = join(folder, "demo");
    expect(run("node", [join(ROOT, "script/demo-root.mjs"), root]).status).toBe(0);
    utimesSync(join(root, "voice_task.json"), 1_600_000_000, 1_600_000_000); // or each rewrite would be watched
    const env = { HOME: folder, REDIS_ENABLED: "1", REDIS_PORT: `${server.port}` };
    // Commands that need a shell, a terminal or a file of their own, or run until stopped, are tested elsewhere.
    const pages = readdirSync(join(installed, "docs/commands")).map((name) => `docs/commands/${name}`);
    const others = ["audit", "guarantees", "monitoring", "output", "zh-CN"].map((name) => `docs/${name}.md`);
    const text = ["README.md", "README.zh-CN.md", ...others, ...pages].map((name) =>
      readFileSync(join(installed, name), "utf8"),
    );
    const commands = [...text.join("\n").matchAll(/^ *\$ (ttsctl [^|;>&\n]*)$/gm)].map(([, line]) => line!);
    const lines = [...new Set(commands)].filter(
      (line) => !/--watch|--follow|ttsctl events|logs .*-f|config init|--profile|\/var\//.test(line),
    );
    expect(lines.length).toBeGreaterThan(20);
    for (const line of lines) {
      const words = run("sh", ["-c", `printf '%s\\n' ${line}`], root)
        .stdout.trimEnd()
        .split("\n");
      const { code, stderr } = await ttsctl(words.slice(1), { cwd: root, env });
      expect(`${line}: ${stderr}`).not.toMatch(/error: (unknown|unexpected|missing|option)/);
      expect([0, 1, 3]).toContain(code);
    }
  });

  it("leaves nothing behind when it is uninstalled", () => {
    npm("uninstall", "-g", "--prefix", prefix, "ttsctl");
    const left = readdirSync(prefix, { recursive: true, withFileTypes: true }).filter((entry) => !entry.isDirectory());
    expect(left.map(({ name }) => name)).toEqual([]);
    expect(existsSync(installed)).toBe(false);
  });
});
