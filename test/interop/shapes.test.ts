import { expect, it } from "vitest";
import { usePlace } from "../e2e/setup.ts";
import { LONG } from "../helpers/long.ts";
import type { Ids } from "../helpers/records.ts";
import { makeStore, modelOf } from "./python.ts";

const here = usePlace();

const TASKS = LONG ? 1000 : 300;
const MORE = [
  { what: "in an array with UTC times", zone: "UTC", args: ["--times", "iso-utc"] },
  { what: "in JSON Lines", zone: "Asia/Shanghai", args: ["--shape", "jsonl"] },
];

/** When the stores were written; long before any test run. */
const NOW = 1_700_000_000;

/** What a run of the tool, in UTC, prints as JSON. It must go well. */
async function json(line: string): Promise<Record<string, unknown>> {
  const { code, stdout, stderr } = await here.run(`${line} -o json`);
  expect(code, stderr).toBe(0);
  return JSON.parse(stdout) as Record<string, unknown>;
}

it.each<{ what: string; zone: string; args: string[]; now?: number }>([
  { what: "in an array with epoch times", zone: "UTC", args: ["--times", "epoch"] },
  { what: "in a map", zone: "Asia/Shanghai", args: ["--shape", "map"] },
  { what: "in JSON Lines with epoch times", zone: "UTC", args: ["--shape", "jsonl", "--times", "epoch"] },
  // Two weeks around the end of summer time: an hour of local times comes twice.
  { what: "in Berlin, when the clocks go back", zone: "Europe/Berlin", args: [], now: 1_699_000_000 },
  { what: "in New York, when the clocks go forward", zone: "America/New_York", args: [], now: 1_710_500_000 },
  ...(LONG ? MORE : []),
])("some hundred tasks, $what", async ({ zone, args, now = NOW }) => {
  const store = args.includes("jsonl") ? "voice_task.jsonl" : "voice_task.json";
  const settings = `[redis]\nport = ${here.server.port}\n[service]\ntimezone = ${zone}\n[store]\npath = ${store}\n`;
  here.root.write("config.ini", settings);
  makeStore(here.root.path, zone, "--tasks", TASKS, "--now", now, "--seed", 3, ...args);
  expect(await json("sync")).toMatchObject({ total: TASKS, written: TASKS });
  const report = modelOf("mirror", here.root.path, here.server.port, zone);
  expect(report).toMatchObject({ tasks: TASKS, differences: { count: 0 } });
  for (const source of ["redis", "file"]) {
    const items = (await json(`list --page-size 1000 --source ${source}`)).items as Ids[];
    expect(items.map((item) => [item.user_id, item.task_id])).toEqual(report.all);
  }
  const retention = Math.round(Date.now() / 1000 - now + 7 * 86_400); // in the middle of the tasks' ages
  const purged = Number((await json(`cleanup --once --retention ${retention}`)).purged);
  expect(purged).toBeGreaterThan(TASKS / 10);
  const left = modelOf("mirror", here.root.path, here.server.port, zone);
  expect(left).toMatchObject({ tasks: TASKS - purged, differences: { count: 0 } });
});
