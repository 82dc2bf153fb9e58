import { onTestFinished } from "vitest";
import { type RedisCluster, sharedCluster } from "../helpers/cluster.ts";
import { putIntoMirror } from "../helpers/doubles.ts";
import { type RecordJson, ServiceRoot } from "../helpers/root.ts";
import { type Command, type Run, type RunOptions, start, ttsctl } from "../helpers/ttsctl.ts";

export const INDEX = "tts:tasks:index";

/** A service root over a cluster with replicas, until the test ends. */
export async function placeWithReplicas(): Promise<Place> {
  const here = new Place(await sharedCluster({ replicas: true }));
  onTestFinished(() => here.remove());
  return here;
}

/** A service root over a cluster, and commands in it. */
export class Place {
  readonly root = new ServiceRoot();
  readonly cluster: RedisCluster;

  constructor(cluster: RedisCluster) {
    this.cluster = cluster;
    this.root.write("config.ini", `[redis]\n${cluster.config}[service]\ntimezone = UTC\n`);
  }

  run(line: string, options: Partial<RunOptions> = {}): Promise<Run> {
    return ttsctl(line.split(" "), { cwd: this.root.path, ...options });
  }

  /** A run that is stopped if it goes on when the test ends. */
  start(line: string): Command {
    const run = start(line.split(" "), { cwd: this.root.path });
    onTestFinished(async () => {
      if (!run.hasEnded) await run.stop();
    });
    return run;
  }

  /** What a command prints with `-o json`, whatever its exit code. */
  async json(line: string): Promise<RecordJson & { code: number | null }> {
    const { stdout, code } = await this.run(`${line} -o json`);
    return { ...(JSON.parse(stdout) as RecordJson), code };
  }

  /** Puts records into Redis as a sync does. */
  mirrored(...records: RecordJson[]): Promise<void> {
    return putIntoMirror(this.cluster, records);
  }

  remove(): void {
    this.root.remove();
  }
}
