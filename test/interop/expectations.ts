import { expect } from "vitest";
import { ServiceRoot } from "../helpers/root.ts";
import { ttsctl } from "../helpers/ttsctl.ts";
import { type Judgement, model } from "./python.ts";

/** When the stores were written; long before any test run. */
export const NOW = 1_700_000_000;

/** A root whose service runs in a zone that is not that of the tool. */
export function rootFor(port: number, timezone: string, store = "voice_task.json"): ServiceRoot {
  const root = new ServiceRoot();
  root.write("config.ini", `[redis]\nport = ${port}\n[service]\ntimezone = ${timezone}\n[store]\npath = ${store}\n`);
  return root;
}

/** What a run of the tool, in UTC, prints as JSON. It must go well, with no word but warnings. */
export async function json(root: ServiceRoot, line: string): Promise<Record<string, unknown>> {
  const run = await ttsctl([...line.split(" "), "-o", "json"], { cwd: root.path, env: { TZ: "UTC" } });
  expect(run.stderr.split("\n").filter((text) => text !== "" && !/^\[CLEANUP\]|^warning: /.test(text))).toEqual([]);
  expect(run.code).toBe(0);
  return JSON.parse(run.stdout) as Record<string, unknown>;
}

/** A retention in the middle of the tasks' ages. */
function retention(now = NOW): string {
  return `${Math.round(Date.now() / 1000 - now + 7 * 86_400)}`;
}

/** `cleanup --once`, on a root made awkward, does what Python's model says, to the byte. */
export async function expectModelCleanup(
  root: ServiceRoot,
  port: number,
  timezone: string,
  now = NOW,
): Promise<Judgement> {
  await model(timezone, "prepare", root.path, port, root.at("before"));
  const result = JSON.stringify(await json(root, `cleanup --once --retention ${retention(now)}`));
  const judgement = await model<Judgement>(timezone, "judge", root.path, port, root.at("before"), result);
  expect(judgement.problems).toEqual([]);
  return judgement;
}
