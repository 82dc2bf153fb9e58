import { writeToMirror } from "../../src/store/redis/write.ts";
import type { RedisCluster } from "../helpers/cluster.ts";
import { connectMirror } from "../helpers/doubles.ts";
import { taskOf } from "../helpers/records.ts";
import { type RecordJson, ServiceRoot } from "../helpers/root.ts";
import { type Run, Running, type RunOptions, ttsctl } from "../helpers/ttsctl.ts";

/** A service root over a cluster, and the built binary in it. */
export class Place {
  readonly root = new ServiceRoot();
  readonly cluster: RedisCluster;

  /** @param more the rest of config.ini */
  constructor(cluster: RedisCluster, more = "") {
    this.cluster = cluster;
    this.root.write("config.ini", `[redis]\n${cluster.config}[service]\ntimezone = UTC\n${more}`);
  }

  run(line: string, options: Partial<RunOptions> = {}): Promise<Run> {
    return ttsctl(line.split(" "), { cwd: this.root.path, ...options });
  }

  start(line: string): Running {
    return new Running(line.split(" "), { cwd: this.root.path });
  }

  /** What a command prints with `-o json`, whatever its exit code. */
  async json(line: string): Promise<RecordJson & { code: number | null }> {
    const { stdout, code } = await this.run(`${line} -o json`);
    return { ...(JSON.parse(stdout) as RecordJson), code };
  }

  /** Puts records into Redis as a sync does. */
  async mirrored(...records: RecordJson[]): Promise<void> {
    const mirror = await connectMirror(this.cluster);
    await writeToMirror(mirror, records.map(taskOf));
    mirror.close();
  }

  remove(): void {
    this.root.remove();
  }
}
