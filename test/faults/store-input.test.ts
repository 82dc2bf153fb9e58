import { expect, it } from "vitest";
import { usePlace } from "../e2e/setup.ts";
import { ago, record } from "../helpers/records.ts";
import { SEED } from "../helpers/seed.ts";
import { lines } from "../helpers/ttsctl.ts";
import { triedBadInput } from "./helpers/tally.ts";

const here = usePlace();
const RECORDS = [record("a", "t1"), record("b", "t2"), record("c", "young", { updated_at: ago(60) })];

/** Every command that changes something because of what the store file says. */
const COMMANDS = [
  "sync",
  "sync --prune --yes --allow-empty --max-delete 100%",
  "cleanup --once --allow-empty",
  "delete --user a --ids t1 --yes --allow-empty",
  "delete --all --force --yes --allow-empty",
];

async function lay(): Promise<void> {
  here.root.writeStore(RECORDS);
  here.root.writeArtifacts(RECORDS);
  await here.server.call("FLUSHALL");
  await here.mirrored(...RECORDS, record("d", "orphan"));
}

/** Nothing was written, deleted from Redis or removed from the disk; one line names the file and the place. */
async function expectRefused(command: string, content: string | Buffer): Promise<void> {
  here.root.write("voice_task.json", content, 1_600_000_000);
  const before = [here.root.tree(), await here.server.dump()];
  const run = await here.run(`${command} -o json`);
  triedBadInput();
  const label = `TTSCTL_SEED=${SEED}, ${command}: ${JSON.stringify(String(content).slice(-80))}`;
  expect([run.code, run.stdout], `${label}: ${run.stderr}`).toEqual([1, ""]);
  expect(lines(run.stderr), label).toHaveLength(1);
  const error = JSON.parse(run.stderr);
  expect(error.code, label).toBe("STORE_INVALID");
  expect(error.error, label).toMatch(/voice_task\.json line \d+, byte \d+: /);
  expect([here.root.tree(), await here.server.dump()], label).toEqual(before);
}

it.each([
  ["empty", ""],
  ["cut after the first record", `${JSON.stringify(RECORDS, null, 2).split("},")[0]}},`],
  ["with NaN", JSON.stringify(RECORDS).replace('"progress":100', '"progress":NaN')],
  ["with a byte-order mark", `\ufeff${JSON.stringify(RECORDS)}`],
  ["with text after its end", `${JSON.stringify(RECORDS)}\nx`],
  ["that is a string", '"voice_task"'],
  ["that is one record over several lines", JSON.stringify(RECORDS[0], null, 2)],
  ["in UTF-16", Buffer.from(JSON.stringify(RECORDS), "utf16le")],
  ["of NUL bytes, as a crash of the machine leaves it", "\0".repeat(4096)],
])("row F, an invalid store file %s: nothing is written, deleted or removed anywhere", async (_, content) => {
  await lay();
  for (const command of COMMANDS) await expectRefused(command, content);
});
