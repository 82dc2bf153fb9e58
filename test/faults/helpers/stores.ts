import { existsSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import type { Place } from "../../e2e/setup.ts";
import type { Ids } from "../../helpers/records.ts";
import type { RecordJson } from "../../helpers/root.ts";

export type TestRecord = RecordJson & Ids;

export const nameOf = ({ user_id, task_id }: Ids): string => `${user_id}:${task_id}`;

/** Each task's copies and artifacts, by `user:task`. */
export interface Everything {
  readonly file: string[];
  readonly hashes: string[];
  readonly members: string[];
  readonly userMembers: string[];
  readonly audio: string[];
  readonly logs: string[];
  /** What should not be there: temporary files, the purge folder. */
  readonly leftovers: string[];
}

/** Looks at both stores and the disk, with nothing of what is tested. */
export async function everything({ root, server }: Place): Promise<Everything> {
  const keys = (await server.call("KEYS", "tts:*")) as string[];
  const users = keys.filter((key) => key.startsWith("tts:user:"));
  const userMembers = await Promise.all(
    users.map(async (key) => (await server.zset(key)).map(([task]) => `${key.split(":")[2]}:${task}`)),
  );
  return {
    file: root.readStore().map((record) => nameOf(record as TestRecord)),
    hashes: keys.filter((key) => key.startsWith("tts:task:")).map((key) => key.slice("tts:task:".length)),
    members: (await server.zset("tts:tasks:index")).map(([member]) => member),
    userMembers: userMembers.flat(),
    audio: filesBelow(root.at("output")).map((path) => path.split("/").slice(-3, -1).join(":")),
    logs: filesBelow(root.at("Logs")).map((path) =>
      path
        .split("/")
        .at(-1)!
        .replace(/\.log$/, ""),
    ),
    leftovers: leftovers(root.path),
  };
}

/** Files and keys, without ttsctl's own keys, to see that nothing changed. */
export async function everyByte({ root, server }: Place) {
  const keys = Object.entries(await server.dump()).filter(([key]) => !key.startsWith("tts:ttsctl:"));
  return { disk: root.tree(), redis: Object.fromEntries(keys) };
}

function filesBelow(folder: string): string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .map((name) => join(folder, name))
    .flatMap((path) => (statSync(path).isDirectory() ? filesBelow(path) : [path]));
}

function leftovers(root: string): string[] {
  const here = readdirSync(root).filter((name) => /\.(ttsctl|tmp|spool|part)$/.test(name));
  return existsSync(join(root, "output/.ttsctl-purge")) ? [...here, "output/.ttsctl-purge"] : here;
}

/** What is to be there in the end: these tasks, with audio and log, in both stores, and nothing else. */
export function exactly(records: readonly Ids[]): Everything {
  const names = records.map(nameOf);
  const sorted = [...names].sort();
  return {
    ...{ file: names, hashes: sorted, members: sorted, userMembers: sorted, audio: sorted },
    logs: records.map(({ task_id }) => task_id).sort(),
    leftovers: [],
  };
}

/** The same with the parts sorted whose order says nothing. */
export function sorted(all: Everything): Everything {
  const { file, ...others } = all;
  const entries = Object.entries(others).map(([name, values]) => [name, [...values].sort()]);
  return { file, ...Object.fromEntries(entries) } as Everything;
}

/** How many of these tasks one of the stores or the disk lacks. */
export function missingOf(records: readonly Ids[], { file, hashes, members, userMembers, audio }: Everything): number {
  const places = [file, hashes, members, userMembers, audio].map((names) => new Set(names));
  return records.filter((record) => places.some((names) => !names.has(nameOf(record)))).length;
}
