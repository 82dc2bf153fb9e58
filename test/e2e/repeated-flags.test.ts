import { expect, it } from "vitest";
import { record } from "../helpers/records.ts";
import { lines } from "../helpers/ttsctl.ts";
import { namesOf, usePlace } from "./setup.ts";

const here = usePlace();
const USERS = ["alice", "bob", "carol"];

const fill = () =>
  here.synced(
    ...USERS.flatMap((user) => [record(user, "t1"), record(user, "t2", { status: "failed", error: "no voice" })]),
  );

const names = (stdout: string) => namesOf(lines(stdout).map((line) => JSON.parse(line))).sort();

it.each([
  ["list", "redis"],
  ["list --limit 5000", "file"],
  ["export", "redis"],
  ["export", "file"],
])("--user, given several times, means all of them for %s from %s", async (command, source) => {
  await fill();
  const run = await here.run(`${command} --source ${source} -u alice -o jsonl --user carol --status error`);
  expect(run.code).toBe(0);
  expect(names(run.stdout)).toEqual(["alice:t2", "carol:t2"]);
  const all = await here.run(`${command} --source ${source} -u alice -u carol -o jsonl`);
  expect(names(all.stdout)).toEqual(["alice:t1", "alice:t2", "carol:t1", "carol:t2"]);
});

it.each([
  ["list --since 2h --since 7d", "--since"],
  ["ls -p 1 --page 2", "--page"],
  ["verify -u alice -u bob", "--user"],
  ["delete --all --max-delete 1 --max-delete 100 --yes", "--max-delete"],
  ["delete -u alice --yes --yes", "--yes"],
  ["-o json list -o csv", "--output"],
  ["--no-redis list --no-redis", "--no-redis"],
])("any other flag that is given twice is wrong usage: %s", async (line, flag) => {
  await fill();
  const before = await here.state();
  const run = await here.run(line);
  expect(run).toMatchObject({ code: 2, stdout: "" });
  expect(run.stderr).toContain(`${flag} is given twice`);
  expect(await here.state()).toEqual(before);
});
