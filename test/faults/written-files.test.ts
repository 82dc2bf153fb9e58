import { spawnSync } from "node:child_process";
import { chmodSync, closeSync, linkSync, lstatSync, openSync, symlinkSync, writeSync } from "node:fs";
import { dirname } from "node:path";
import { describe, expect, it } from "vitest";
import { usePlace } from "../e2e/setup.ts";
import { LONG } from "../helpers/long.ts";
import { record } from "../helpers/records.ts";
import { binary, built, lines, Running } from "../helpers/ttsctl.ts";
import { until } from "../helpers/until.ts";
import { lay } from "./helpers/cases.ts";
import { triedFault } from "./helpers/tally.ts";

const here = usePlace();
const NOBODY = 65_534;
const isRoot = process.getuid?.() === 0;
/** How soon a signal ends a run, milliseconds. */
const SOON = 5000;

const make = (...args: string[]) => expect(spawnSync(args[0]!, args.slice(1)).status).toBe(0);

/** What may be at the path of an output file; each leaves its path in the root. */
const PLACES: { what: string; make?: (path: string) => void; path?: string; root?: true }[] = [
  { what: "a pipe", make: (path) => make("mkfifo", path) },
  { what: "a device", make: (path) => make("mknod", path, "c", "1", "3"), root: true },
  { what: "a link to the store file", make: (path) => symlinkSync(here.root.store, path) },
  { what: "a hard link to the store file", make: (path) => linkSync(here.root.store, path) },
  { what: "a link to nothing", make: (path) => symlinkSync(here.root.at("elsewhere"), path) },
  { what: "a link to config.ini", make: (path) => symlinkSync("config.ini", path) },
  { what: "config.ini", path: "config.ini" },
  { what: "the store file", path: "voice_task.json" },
  { what: "the audit ledger", path: "audit.jsonl" },
  { what: "/dev/null", path: "/dev/null" },
  { what: "/dev/stdout", path: "/dev/stdout" },
  { what: "/dev/fd/1", path: "/dev/fd/1" },
];

const COMMANDS = [
  "cleanup --once --metrics-file",
  "cleanup --once --backup",
  "delete --all --yes --backup",
  "export --force --to",
];

describe("row B, an output path that isn't a regular file, or belongs to another user", () => {
  const cases = COMMANDS.flatMap((line) => PLACES.map((place) => ({ line, place }))).filter(
    ({ line, place }) => LONG || line === COMMANDS[0] || !place.path?.startsWith("/dev/"),
  );

  it.each(cases)("$line: $place.what is refused at once, in one line", async ({ line, place }) => {
    if (place.root === true && !isRoot) return;
    await lay(here);
    here.root.configure(here.server.port, "[audit]\npath = audit.jsonl\n");
    here.root.write("audit.jsonl", "");
    place.make?.(here.root.at("target"));
    const kindBefore = lstatSync(here.root.at("target"), { throwIfNoEntry: false })?.mode;
    const [tree, dump] = [withoutLedger(), await here.server.dump()];
    const isShared = place.path?.startsWith("/dev/") === true && isRoot;
    if (isShared) openTo(NOBODY);
    const args = [...line.split(" "), place.path ?? "target"];
    // A fault of ours must not reach the machine's devices.
    const run = isShared ? built(args, { cwd: here.root.path, uid: NOBODY }) : here.runArgs(args);
    const { code, stderr, stdout } = await run;
    triedFault();
    expect([1, 2], stderr).toContain(code);
    expect(lines(stderr).filter((text) => text.startsWith("error:"))).toHaveLength(1);
    expect(stderr).not.toContain("INTERNAL");
    expect(stdout).toBe("");
    expect(lstatSync(here.root.at("target"), { throwIfNoEntry: false })?.mode).toBe(kindBefore);
    expect(withoutLedger()).toEqual(tree);
    expect(await here.server.dump()).toEqual(dump);
  });

  function openTo(user: number): void {
    for (const folder of [here.root.path, `${dirname(binary())}/..`]) chmodSync(folder, 0o755);
    make("chown", "-R", `${user}:${user}`, here.root.path);
  }

  function withoutLedger(): Record<string, string> {
    const { "audit.jsonl": _, ...tree } = here.root.tree();
    return tree;
  }

  it("a hard link in the place of a temporary file is not written through", async () => {
    await lay(here);
    linkSync(here.root.store, here.root.at(".ttsctl.prom.ttsctl"));
    const before = here.root.storeText();
    expect(await here.run("cleanup --once --retention 10000d --metrics-file ttsctl.prom")).toMatchObject({ code: 0 });
    expect(here.root.storeText()).toBe(before);
    expect(here.root.has("ttsctl.prom")).toBe(true);
  });
});

it.each([
  { from: "a pipe without a writer", args: ["import", "pipe"], writes: false },
  { from: "a pipe whose writer stalls", args: ["import", "pipe"], writes: true },
  { from: "a stdin that stalls", args: ["import", "-"], writes: false },
])("row H, a signal while an input is awaited: import from $from ends with 130", async ({ args, writes }) => {
  for (const signal of ["SIGTERM", "SIGINT"] as const) {
    await lay(here);
    make("mkfifo", here.root.at("pipe"));
    const before = here.root.storeText();
    const run = new Running(args, { cwd: here.root.path, keepsStdin: true });
    const writer = writes ? openSync(here.root.at("pipe"), "r+") : null;
    if (writer !== null) writeSync(writer, `${JSON.stringify(record("a", "half"))}\n`);
    await until(() => run.openFiles().some((path) => path.includes("spool")));
    const began = performance.now();
    run.kill(signal);
    const timer = setTimeout(() => run.kill("SIGKILL"), SOON);
    const { code, stderr } = await run.end();
    clearTimeout(timer);
    if (writer !== null) closeSync(writer);
    triedFault();
    expect(code, `${signal}: ${stderr}`).toBe(130);
    expect(performance.now() - began).toBeLessThan(SOON);
    expect(here.root.storeText()).toBe(before);
  }
});
