import { afterAll, afterEach, beforeAll, beforeEach, expect } from "vitest";
import { startRedis, type TestServer } from "../helpers/deployments.ts";
import { putIntoMirror } from "../helpers/doubles.ts";
import { type RecordJson, ServiceRoot } from "../helpers/root.ts";
import { type Command, lines, type Run, type RunOptions, ttsctl } from "../helpers/ttsctl.ts";

/** A service root over a Redis, and the built binary in it. */
export interface Place {
  root: ServiceRoot;
  server: TestServer;
  run(line: string, options?: Partial<RunOptions>): Promise<Run>;
  /** The same for arguments that hold spaces. */
  runArgs(args: readonly string[], options?: Partial<RunOptions>): Promise<Run>;
  /** The object that a command prints with `-o json`, or its error, with its exit code and its stderr. */
  json(line: string | readonly string[], options?: Partial<RunOptions>): Promise<Printed>;
  /** Puts records into Redis as a sync does. */
  mirrored(...records: RecordJson[]): Promise<void>;
  /** Puts records into the file, and syncs them. */
  synced(...records: RecordJson[]): Promise<void>;
  /** Files and keys, to see that nothing changed. */
  state(): Promise<unknown>;
  /** The command, which is stopped if it goes on when the test ends. */
  ending<C extends Command>(command: C): C;
}

type Printed = ReturnType<typeof JSON.parse>;

/** The ids of tasks, as commands take them. */
export const namesOf = (tasks: readonly { user_id: string; task_id: string }[]): string[] =>
  tasks.map(({ user_id, task_id }) => `${user_id}:${task_id}`);

/** One Redis for the tests of a file, empty for each, with a new root. */
export function usePlace(): Place {
  const started: Command[] = [];
  const here = {
    run: (line: string, options = {}) => here.runArgs(line.split(" "), options),
    runArgs: (args: readonly string[], options = {}) => ttsctl(args, { cwd: here.root.path, ...options }),
    json: async (line: string | readonly string[], options = {}) => {
      const args = typeof line === "string" ? line.split(" ") : line;
      const { stdout, stderr, code } = await here.runArgs([...args, "-o", "json"], options);
      return { ...JSON.parse(stdout || lines(stderr).at(-1)!), exit: code, said: stderr };
    },
    mirrored: (...records: RecordJson[]) => putIntoMirror(here.server, records),
    synced: async (...records: RecordJson[]) => {
      here.root.writeStore(records);
      expect(await here.run("sync")).toMatchObject({ code: 0 });
    },
    state: async () => [here.root.tree(), await here.server.dump()],
    ending: (command: Command) => {
      started.push(command);
      return command;
    },
  } as Place;
  beforeAll(async () => {
    here.server = await startRedis();
  });
  afterAll(() => here.server.remove());
  beforeEach(async () => {
    await here.server.call("FLUSHALL");
    here.root = new ServiceRoot(here.server.port);
  });
  afterEach(async () => {
    for (const command of started.splice(0)) if (!command.hasEnded) await command.stop();
    here.root.remove();
  });
  return here;
}
