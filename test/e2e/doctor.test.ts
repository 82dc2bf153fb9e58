import { chmodSync, cpSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { describe, expect, it } from "vitest";
import { invoke } from "../cli/invoke.ts";
import { lacksRight } from "../helpers/lacks.ts";
import { record } from "../helpers/records.ts";
import { binary, built } from "../helpers/ttsctl.ts";
import { usePlace } from "./setup.ts";

const here = usePlace();
const NOBODY = 65_534;

describe("the binary", () => {
  it("fails if no record of the store file is valid; -q and the end of a screen have only what matters", async () => {
    here.root.write("voice_task.json", JSON.stringify([{ id: 1 }, { id: 2 }]));
    const run = await here.run("doctor -q");
    expect([run.code, run.stderr]).toEqual([1, ""]);
    expect(run.stdout).toMatch(/^fail {2}store\.content +no record is valid; /m);
    expect(run.stdout).not.toMatch(/^(ok|skip) /m);
    const shown = (await invoke(["doctor", "--no-color"], { cwd: here.root.path, terminal: { columns: 80 } })).stdout;
    expect(shown.split("\n\n").at(-1)).not.toMatch(/^(ok|skip) /m);
    expect(shown.match(/^fail {2}store\.content/gm)).toHaveLength(2);
  });

  it.skipIf(lacksRight("root", process.getuid?.() === 0))("sees what another user may not do", async () => {
    here.root.writeStore([record("alice", "t1")]);
    here.root.write("output/alice/t1/t1.wav", "x");
    here.root.write("Logs/x", "");
    chmodSync(here.root.path, 0o755);
    chmodSync(here.root.at("output"), 0o777);
    const program = mkdtempSync(join(tmpdir(), "ttsctl-doctor-"));
    cpSync(dirname(dirname(binary())), program, { recursive: true, dereference: true });
    chmodSync(program, 0o755);
    const options = { cwd: here.root.path, env: { HOME: "/" }, uid: NOBODY, program: join(program, "bin/ttsctl") };
    const run = async () => {
      const { stdout } = await built(["doctor", "-o", "json", "--no-redis"], options);
      const { checks } = JSON.parse(stdout) as { checks: { check: string; status: string; detail: string }[] };
      return Object.fromEntries(checks.map(({ check, status, detail }) => [check, `${status} ${detail}`]));
    };
    const first = await run();
    expect(first["store.folder"]).toContain("fail");
    expect(first["store.content"]).toContain("ok array of 1 task");
    expect(first.output).toContain(`fail ${here.root.at("output/alice")} is not writable`);
    expect(first.logs).toContain("fail");
    chmodSync(here.root.path, 0o777);
    expect((await run())["store.folder"]).toContain("fail a rewrite cannot keep the owner 0:0");
    chmodSync(here.root.store, 0o600);
    expect((await run())["store.content"]).toContain("EACCES");
    rmSync(program, { recursive: true });
  });
});

it.each([
  { what: "an empty", write: () => here.root.writeStore([]) },
  { what: "a lost", write: () => {} },
])("$what store beside a Redis with tasks fails, as the commands that change tasks refuse it", async ({ write }) => {
  write();
  await here.mirrored(record("a", "t1"));
  const { checks, exit } = await here.json("doctor");
  const found = { check: "store.content", status: "fail", hint: expect.stringContaining("verify --repair --restore") };
  expect([exit, checks]).toEqual([1, expect.arrayContaining([expect.objectContaining(found)])]);
});

it("a file and a Redis of two services: verify and export say so", async () => {
  here.root.writeStore(Array.from({ length: 6 }, (_, i) => record("a", `t${i}`)));
  await here.mirrored(...Array.from({ length: 6 }, (_, i) => record("b", `t${i}`)));
  for (const line of ["verify", "export"]) expect((await here.run(line)).stderr).toContain("have no task in common");
});
