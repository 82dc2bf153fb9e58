import { writeFileSync } from "node:fs";
import { expect, it } from "vitest";
import { readWithPython } from "../store/write/python-eyes.ts";
import { expectNoFailure, useService, ZONE } from "./helpers/beside.ts";
import { times } from "./helpers/chance.ts";
import { type ProgramOptions, runProgram, type Said, wrongIn } from "./helpers/program.ts";
import { triedFault } from "./helpers/tally.ts";

const here = useService();

/** Everything that the program had resolved is in the file as it should be. */
function expectRight(said: Said, program: ProgramOptions): void {
  expect([said.code, said.stderr]).toEqual([0, ""]);
  const failed = [...said.failed.values()].filter((code) => code !== "LOCK_TIMEOUT"); // on a busy machine
  expect(failed).toEqual([]);
  const wrong = wrongIn(readWithPython(program.store), said, program);
  triedFault(said.done.size, wrong.length);
  expect(wrong).toEqual([]);
}

const programIn = (store: string): ProgramOptions => ({
  ...{ store, redis: here.server.url, timezone: ZONE, prefix: "lib" },
  ...{ count: times(26, 480), tasks: 12, width: 24 },
});

it.each(["array", "lines"])(
  "row C, a program that writes with the library beside cleanup and delete: they take what is theirs, and nothing else (%s)",
  async (shape) => {
    const expired = await here.seeds(60);
    const records = here.records();
    if (shape === "lines") {
      writeFileSync(here.root.store, records.map((record) => `${JSON.stringify(record)}\n`).join(""));
      expect((await here.run("sync --checksum")).code).toBe(0); // 1.0 has become 1
    }
    const theirs = expired.filter((name) => name.startsWith("user0000:")).map((name) => name.split(":")[1]);
    const program = programIn(here.root.store);
    const commands = async () => {
      const removed = await here.run(`delete --user user0000 --ids ${theirs.join(",")} --yes -o json`);
      return [removed, await here.run("cleanup --once -o json"), await here.run("cleanup --once -o json")];
    };
    const [said, runs] = await Promise.all([runProgram(program), commands()]);
    expectNoFailure(runs);
    expectRight(said, program);
    const left = new Set(Object.keys(readWithPython(here.root.store)));
    expect(expired.filter((name) => left.has(name))).toEqual([]);
    const running = records.filter(({ user_id, task_id }) => !expired.includes(`${user_id}:${task_id}`));
    expect(running.filter(({ user_id, task_id }) => !left.has(`${user_id}:${task_id}`))).toEqual([]);
    expect(await here.run("verify")).toMatchObject({ code: 0 });
  },
);
