import { afterAll, afterEach, beforeAll, beforeEach } from "vitest";
import { writeToMirror } from "../../src/store/redis/write.ts";
import { rulesFor, startRedis, type TestServer } from "../helpers/deployments.ts";
import { connectMirror } from "../helpers/doubles.ts";
import { taskIn } from "../helpers/records.ts";
import { type RecordJson, ServiceRoot } from "../helpers/root.ts";
import { type Run, type RunOptions, ttsctl } from "../helpers/ttsctl.ts";

/** A service root over a Redis, and the built binary in it. */
export interface Place {
  root: ServiceRoot;
  server: TestServer;
  run(line: string, options?: Partial<RunOptions>): Promise<Run>;
  /** The same for arguments that hold spaces. */
  runArgs(args: readonly string[], options?: Partial<RunOptions>): Promise<Run>;
  /** Puts records into Redis as a sync does. */
  mirrored(...records: RecordJson[]): Promise<void>;
}

/** One Redis for the tests of a file, empty for each, with a new root. */
export function usePlace(): Place {
  const here = {
    run: (line: string, options = {}) => here.runArgs(line.split(" "), options),
    runArgs: (args: readonly string[], options = {}) => ttsctl(args, { cwd: here.root.path, ...options }),
    mirrored: async (...records: RecordJson[]) => {
      const mirror = await connectMirror(here.server);
      const rules = rulesFor(here.server.port);
      await writeToMirror(
        mirror,
        records.map((record) => taskIn(rules, record)),
      );
      mirror.close();
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
  afterEach(() => here.root.remove());
  return here;
}
