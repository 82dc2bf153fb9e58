import { mkdirSync, mkdtempSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { record } from "../helpers/records.ts";
import { lines } from "../helpers/ttsctl.ts";
import { usePlace } from "./setup.ts";

const here = usePlace();
let home: string;
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), "ttsctl-home-"));
  here.root.writeStore([record("alice", "t1")]);
});
afterEach(() => rmSync(home, { recursive: true, force: true }));

/** Profiles by name: the text of a file, or the file that it links to. */
function profiles(files: Record<string, string>): Record<string, string> {
  mkdirSync(join(home, "ttsctl"));
  for (const [name, text] of Object.entries(files)) {
    const path = join(home, `ttsctl/${name}.ini`);
    if (text.startsWith("/")) symlinkSync(text, path);
    else writeFileSync(path, text);
  }
  return { XDG_CONFIG_HOME: home };
}
const tasks = (stdout: string) => JSON.parse(stdout).items.map(({ task_id }: { task_id: string }) => task_id);

describe("--profile", () => {
  it("chooses the config.ini of that name, from any directory", async () => {
    here.root.write("far/tasks.json", JSON.stringify([record("bob", "t9")]));
    const env = profiles({
      prod: here.root.at("config.ini"),
      far: `[redis]\nenabled = false\n[store]\npath = ${here.root.at("far/tasks.json")}\n`,
    });
    const cwd = home;
    expect(tasks((await here.run("list -o json --source file --profile prod", { cwd, env })).stdout)).toEqual(["t1"]);
    expect(tasks((await here.run("--profile far list -o json", { cwd, env })).stdout)).toEqual(["t9"]);
    const byVariable = { ...env, TTSCTL_PROFILE: "far" };
    expect(tasks((await here.run("list -o json", { env: byVariable })).stdout)).toEqual(["t9"]);
    // A flag comes before a variable.
    const other = { ...byVariable, TTSCTL_CONFIG: "none.ini" };
    expect(tasks((await here.run("list -o json --source file --profile prod", { env: other })).stdout)).toEqual(["t1"]);
    expect(tasks((await here.run("list -o json --source file --config config.ini", { env: other })).stdout)).toEqual([
      "t1",
    ]);
    expect(tasks((await here.run("list -o json --source file", { env })).stdout)).toEqual(["t1"]);
    expect(
      tasks((await here.run("list -o json --source file", { env: { ...env, TTSCTL_PROFILE: "" } })).stdout),
    ).toEqual(["t1"]);
  });
});

describe("config profiles", () => {
  it("lists them with what their files say, and marks the one in force", async () => {
    const env = profiles({
      prod: here.root.at("config.ini"),
      test: "[redis]\nurl = redis://u:s3cret@h/1\n[store]\npath = /x/tasks.json\n",
      off: "[redis]\nenabled = false\n",
      bad: "nonsense",
    });
    const run = await here.run("config profiles -o json --profile test", { env: { ...env, REDIS_HOST: "ignored" } });
    expect(run.code).toBe(0);
    const at = (name: string) => join(home, "ttsctl", name);
    expect(JSON.parse(run.stdout)).toEqual({
      folder: join(home, "ttsctl"),
      profiles: [
        { name: "bad", store: null, redis: null, path: at("bad.ini") },
        { name: "off", store: at("voice_task.json"), redis: "none", path: at("off.ini") },
        { name: "prod", store: here.root.store, redis: expect.any(String), path: here.root.at("config.ini") },
        { name: "test", store: "/x/tasks.json", redis: "redis://u:***@h/1", path: at("test.ini") },
      ].map((profile) => ({ ...profile, current: profile.name === "test" })),
    });
    expect(run.stderr).toContain("warning: profile bad: ");
    const table = await here.run("config profiles --profile test", { env });
    expect(table.stdout).toMatch(/^ +PROFILE +STORE +REDIS +FILE$/m);
    expect(table.stdout).toMatch(/^\* +test +\/x\/tasks\.json +redis:\/\/u:\*\*\*@h\/1 /m);
    expect(lines((await here.run("config profiles -o jsonl", { env })).stdout)).toHaveLength(4);
  });
});

describe("config init --profile", () => {
  it("makes a profile of the service here, with full paths", async () => {
    here.root.writeArtifacts([{ user_id: "alice", task_id: "t1" }]);
    const env = { XDG_CONFIG_HOME: join(home, "a/b") };
    const run = await here.run("config init --profile prod --yes", { env });
    expect(run.code).toBe(0);
    expect(run.stderr).toContain("next, run `ttsctl doctor --profile prod`");
    expect(statSync(join(home, "a/b/ttsctl")).mode & 0o777).toBe(0o700);
    const listed = JSON.parse((await here.run("list -o json --source file --profile prod", { cwd: home, env })).stdout);
    expect(listed.total).toBe(1);
    const settings = JSON.parse((await here.run("config -o json --profile prod", { cwd: home, env })).stdout);
    expect(settings).toMatchObject({
      "store.path": { value: here.root.store, source: "file" },
      "paths.output": { value: here.root.at("output"), source: "file" },
      "service.timezone": { value: "UTC", source: "file" },
    });
    expect(await here.run("config init --profile prod --yes", { env })).toMatchObject({ code: 2 });
  });
});
