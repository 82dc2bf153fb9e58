import { describe, expect, it } from "vitest";
import { usePlace } from "../e2e/setup.ts";
import { record } from "../helpers/records.ts";
import { lines, Running } from "../helpers/ttsctl.ts";
import { until } from "../helpers/until.ts";

const here = usePlace();

describe("row A, a sync that is stopped in the middle", () => {
  it.each(["SIGKILL", "SIGINT"] as const)(
    "by %s leaves whole tasks, no mark, and the next finishes",
    async (signal) => {
      const many = Array.from({ length: 20_000 }, (_, i) => record(`user${i % 5}`, `t${i}`));
      here.root.writeStore(many);
      const clients = async () => String(await here.server.call("CLIENT", "LIST")).split("\n").length;
      const others = await clients();
      const first = new Running(["sync", "-o", "json"], { cwd: here.root.path });
      await until(async () => ((await here.server.call("ZCARD", "tts:tasks:index")) as number) > 0);
      first.kill(signal);
      const run = await first.end();
      if (signal === "SIGINT") {
        expect(run.code).toBe(130);
        expect(JSON.parse(lines(run.stderr).at(-1)!)).toMatchObject({ code: "INTERRUPTED" });
      }
      // What it had sent before it ended may still be carried out.
      await until(async () => (await clients()) === others);
      const count = (await here.server.call("ZCARD", "tts:tasks:index")) as number;
      expect(count).toBeLessThan(20_000);
      expect((await here.server.call("KEYS", "tts:task:*")) as string[]).toHaveLength(count);
      expect(await here.server.call("GET", "tts:ttsctl:synced")).toBeNull();
      const next = await here.run("sync -o json");
      expect(JSON.parse(next.stdout)).toMatchObject({ total: 20_000, written: 20_000 - count, unchanged: count });
    },
  );
});
