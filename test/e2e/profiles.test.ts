import { mkdirSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { beforeEach, expect, it } from "vitest";
import { useFolder } from "../helpers/files.ts";
import { record } from "../helpers/records.ts";
import { lines } from "../helpers/ttsctl.ts";
import { namesOf, usePlace } from "./setup.ts";

const here = usePlace();
const home = useFolder();
beforeEach(() => here.root.writeStore([record("alice", "t1")]));

/** Profiles by name: the text of a file, or the file that it links to. */
function profiles(files: Record<string, string>): Record<string, string> {
  mkdirSync(home("ttsctl"));
  for (const [name, text] of Object.entries(files)) {
    const path = home(`ttsctl/${name}.ini`);
    if (text.startsWith("/")) symlinkSync(text, path);
    else writeFileSync(path, text);
  }
  return { XDG_CONFIG_HOME: home() };
}

async function listed(env: Record<string, string>, flags = "", cwd = here.root.path): Promise<string[]> {
  return namesOf((await here.json(`list --source file${flags}`, { cwd, env })).items);
}

it("--profile chooses the config.ini of that name, from any directory", async () => {
  here.root.write("far/tasks.json", JSON.stringify([record("bob", "t9")]));
  const env = profiles({
    prod: here.root.at("config.ini"),
    far: `[redis]\nenabled = false\n[store]\npath = ${here.root.at("far/tasks.json")}\n`,
  });
  expect(await listed(env, " --profile prod", home())).toEqual(["alice:t1"]);
  expect((await here.json("--profile far list", { cwd: home(), env })).total).toBe(1);
  const byVariable = { ...env, TTSCTL_PROFILE: "far" };
  expect(await listed(byVariable)).toEqual(["bob:t9"]);
  // A flag comes before a variable.
  const other = { ...byVariable, TTSCTL_CONFIG: "none.ini" };
  expect(await listed(other, " --profile prod")).toEqual(["alice:t1"]);
  expect(await listed(other, " --config config.ini")).toEqual(["alice:t1"]);
  expect(await listed(env)).toEqual(["alice:t1"]);
  expect(await listed({ ...env, TTSCTL_PROFILE: "" })).toEqual(["alice:t1"]);
});

it("config profiles lists them with what their files say, and marks the one in force", async () => {
  const env = profiles({
    prod: here.root.at("config.ini"),
    test: "[redis]\nurl = redis://u:s3cret@h/1\n[store]\npath = /x/tasks.json\n",
    off: "[redis]\nenabled = false\n",
    bad: "nonsense",
  });
  const run = await here.run("config profiles -o json --profile test", { env: { ...env, REDIS_HOST: "ignored" } });
  expect(run.code).toBe(0);
  const at = (name: string) => home(`ttsctl/${name}`);
  expect(JSON.parse(run.stdout)).toEqual({
    folder: home("ttsctl"),
    profiles: [
      { name: "bad", store: null, redis: null, path: at("bad.ini") },
      { name: "off", store: at("voice_task.json"), redis: "none", path: at("off.ini") },
      { name: "prod", store: here.root.store, redis: expect.any(String), path: here.root.at("config.ini") },
      { name: "test", store: "/x/tasks.json", redis: "redis://u:***@h/1", path: at("test.ini") },
    ].map((profile) => ({ ...profile, current: profile.name === "test" })),
  });
  expect(run.stderr).toContain("warning: profile bad: ");
  expect((await here.run("config profiles --profile test", { env })).stdout).toMatch(/^\* +test +\/x\/tasks\.json /m);
  expect(lines((await here.run("config profiles -o jsonl", { env })).stdout)).toHaveLength(4);
});

it("config init --profile makes a profile of the service here, with full paths", async () => {
  here.root.writeArtifacts([record("alice", "t1")]);
  const env = { XDG_CONFIG_HOME: home("a/b") };
  expect((await here.run("config init --profile prod --yes", { env })).code).toBe(0);
  expect(statSync(home("a/b/ttsctl")).mode & 0o777).toBe(0o700);
  expect(await listed(env, " --profile prod", home())).toEqual(["alice:t1"]);
  expect(await here.json("config --profile prod", { cwd: home(), env })).toMatchObject({
    "store.path": { value: here.root.store, source: "file" },
    "paths.output": { value: here.root.at("output"), source: "file" },
    "service.timezone": { value: "UTC", source: "file" },
  });
  expect(await here.run("config init --profile prod --yes", { env })).toMatchObject({ code: 2 });
});
