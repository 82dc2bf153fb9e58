import { spawnSync } from "node:child_process";
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { cleanEnv } from "../helpers/clean-env.ts";
import { ago, record } from "../helpers/records.ts";
import { RedisServer } from "../helpers/redis.ts";
import { ServiceRoot } from "../helpers/root.ts";
import { Running } from "../helpers/ttsctl.ts";
import { until } from "../helpers/until.ts";

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

const released = join(folder, "released");
const TARBALL = /^ttsctl-.*\.tgz$/;

/** All that a release has, of a clone of the sources as they are. */
function release(to: string): void {
  const clone = join(folder, `clone of ${to}`);
  const left = new Set(["node_modules", ".git", "dist", "man", "bench/data"].map((name) => join(ROOT, name)));
  cpSync(ROOT, clone, { recursive: true, filter: (path) => !left.has(path) });
  symlinkSync(join(ROOT, "node_modules"), join(clone, "node_modules"));
  mkdirSync(join(clone, ".git/info"), { recursive: true });
  writeFileSync(join(clone, ".git/info/exclude"), "node_modules\n"); // .gitignore doesn't name a link
  const identity = ["-c", "user.name=t", "-c", "user.email=t@example.com"];
  const date = "2026-01-01T00:00:00Z";
  const env = { GIT_AUTHOR_DATE: date, GIT_COMMITTER_DATE: date };
  const commit = [...identity, "commit", "-q", "--no-verify", "-m", "x"];
  for (const args of [["init", "-q"], ["add", "-A"], commit])
    expect(run("git", args, clone, env)).toMatchObject({ status: 0 });
  expect(run("script/release", [join(folder, to)], clone)).toMatchObject({ status: 0, stderr: "" });
}

/** The package as published. */
beforeAll(async () => {
  release("released");
  npm("install", "-g", "--prefix", prefix, join(released, readdirSync(released).find((name) => TARBALL.test(name))!));
  server = await RedisServer.start();
}, 120_000);
afterAll(async () => {
  await server.remove();
  rmSync(folder, { recursive: true, force: true });
});

describe("a release", () => {
  it("has the same bytes when it is made again elsewhere", { timeout: 120_000 }, () => {
    release("again");
    const isSame = (name: string) =>
      readFileSync(join(folder, "again", name)).equals(readFileSync(join(released, name)));
    expect(readdirSync(released).filter((name) => !isSame(name))).toEqual([]);
  });

  it("has the package, its checksums, the man page and the completions", () => {
    const names = ["_ttsctl", "sha256sums", "ttsctl.1", "ttsctl.bash", "ttsctl.cdx.json", "ttsctl.fish"];
    const others = readdirSync(released).filter((name) => !TARBALL.test(name));
    expect(others.sort()).toEqual(names);
    expect(run("sha256sum", ["-c", "--quiet", "sha256sums"], released)).toMatchObject({ status: 0, stdout: "" });
    expect(run("bash", ["-n", "ttsctl.bash"], released)).toMatchObject({ status: 0, stderr: "" });
  });
});

/** A user without rights, where this one has them all. */
const uid = process.getuid?.() === 0 ? 65_534 : undefined;

describe("an ordinary user, without a network", () => {
  const home = mkdtempSync(join(tmpdir(), "ttsctl-user-"));
  const [own, root] = [join(home, "own"), new ServiceRoot()];
  const program = join(own, "bin/ttsctl");
  const [YOUNG, OLD] = [record("a", "young", { updated_at: ago(60) }), record("a", "old")];
  const give = (path: string) => uid === undefined || run("chown", ["-R", `${uid}:${uid}`, path]);
  const env = { HOME: home, npm_config_cache: join(home, "cache"), npm_config_update_notifier: "false" };
  const as = (command: string, ...args: string[]) =>
    spawnSync(command, args, { cwd: root.path, encoding: "utf8", env: cleanEnv(env), ...(uid && { uid, gid: uid }) });
  const install = (tarball: string) => {
    const flags = ["--prefix", own, "--offline", "--no-audit", "--no-fund"];
    expect(as("npm", "install", "-g", ...flags, tarball)).toMatchObject({ status: 0 });
  };
  const start = (...args: string[]) =>
    new Running(args, { cwd: root.path, program, env: { HOME: home }, ...(uid && { uid }) });
  const newest = () => join(home, readdirSync(home).find((name) => TARBALL.test(name))!);
  /** The same program as the version before. */
  const former = join(home, "former.tgz");

  beforeAll(() => {
    cpSync(released, home, { recursive: true });
    run("tar", ["-xzf", newest()], home);
    const about = join(home, "package/package.json");
    writeFileSync(about, readFileSync(about, "utf8").replace(/"version": ".*?"/, '"version": "0.0.9"'));
    npm("pack", join(home, "package"), "--pack-destination", home, "--ignore-scripts");
    renameSync(join(home, "ttsctl-0.0.9.tgz"), former);
    root.writeStore([YOUNG]);
    root.writeArtifacts([YOUNG]);
    root.configure(server.port);
    for (const path of [home, root.path]) give(path);
  });
  afterAll(() => {
    root.remove();
    rmSync(home, { recursive: true, force: true });
  });

  it("installs the package, and uses all of it", () => {
    install(newest());
    expect(as(program, "--version").stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
    expect(as(program, "sync")).toMatchObject({ status: 0 });
    expect(as(program, "doctor")).toMatchObject({ status: 0, stdout: expect.stringMatching(/^ok +drift/m) });
    expect(as(program, "list", "-o", "ids").stdout).toBe("a:young\n");
    expect(readFileSync(join(own, "share/man/man1/ttsctl.1"), "utf8")).toMatch(/^\.TH/m);
    expect(as(program, "completion", "bash").stdout).toBe(readFileSync(join(released, "ttsctl.bash"), "utf8"));
    const library = join(own, "lib/node_modules/ttsctl/dist/library.mjs");
    const code = `import { openTaskStore } from ${JSON.stringify(library)};
      const store = await openTaskStore({ store: "voice_task.json" });
      console.log((await store.get("a", "young")).status);
      await store.close();`;
    expect(as(process.execPath, "--input-type=module", "-e", code)).toMatchObject({ stdout: "done\n" });
  });

  it("upgrades beside a watcher and a server: they go on until they are started again, and nothing is lost", async () => {
    install(former);
    expect(as(program, "--version").stdout).toBe("0.0.9\n");
    const [watcher, serving] = [start("cleanup", "--watch"), start("serve", "--no-cleanup", "--port", "0")];
    await watcher.says(/\[CLEANUP\] pass/);
    await serving.says(/listening on/);
    install(newest());
    root.writeStore([OLD, YOUNG]);
    give(root.path);
    await until(() => {
      watcher.kill("SIGHUP"); // begins a pass at once
      return root.readStore().length === 1;
    });
    const [, url] = /listening on (http:\/\/[^/]+)/.exec(serving.stderr)!;
    for (const path of ["/voice-tasks", "/", "/stats"]) expect((await fetch(url + path)).status).toBe(200);
    for (const command of [watcher, serving]) command.kill("SIGTERM");
    for (const command of [watcher, serving]) expect((await command.end()).code).toBe(0);
    const again = start("cleanup", "--watch");
    await again.says(/\[CLEANUP\] pass/);
    again.kill("SIGTERM");
    expect((await again.end()).code).toBe(0);
    expect(root.readStore()).toEqual([YOUNG]);
    expect(root.has("output/a/young/young.wav")).toBe(true);
  });
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
    expect(readdirSync(join(prefix, "lib/node_modules"))).toEqual(["ttsctl"]);
  });

  it("has the documentation, the samples and the licenses of bundled packages, and no sources", () => {
    const names = readdirSync(installed);
    const wanted = ["README.md", "README.zh-CN.md", "LICENSE", "config.ini", "examples", "docs"];
    expect(names).toEqual(expect.arrayContaining(wanted));
    for (const name of ["src", "test", "bench", "script", "node_modules"]) expect(names).not.toContain(name);
    const licenses = readFileSync(join(installed, "dist/LICENSES.txt"), "utf8");
    expect(licenses).toMatch(/ioredis .*\n\n.*Copyright|MIT License/s);
  });
});
