import { RedisServer } from "../../test/helpers/redis.ts";
import { expectCounts } from "../expect.ts";
import type { Site } from "../site.ts";
import type { Figure } from "./figure.ts";

/** How a Redis may hold the same tasks. */
interface Holding {
  readonly id: string;
  readonly how: string;
  /** Arguments of the server. */
  readonly server: readonly string[];
  readonly layout: "plain" | "api_ms";
}

/** A task's fields exceed the 64 bytes up to which Redis packs a hash by default. */
const PACKED = ["--hash-max-listpack-value", "4096"];
const HOLDINGS: readonly Holding[] = [
  { id: "memory", how: "Redis with defaults", server: [], layout: "plain" },
  { id: "memory-packed", how: "Redis with `hash-max-listpack-value 4096`", server: PACKED, layout: "plain" },
  { id: "memory-api-ms", how: "Redis with defaults, in the layout `api_ms`", server: [], layout: "api_ms" },
];

/** The memory of a task in Redis: in all, and in the indexes. */
export async function memoryFigures(site: Site): Promise<Figure[]> {
  const figures: Figure[] = [];
  for (const holding of HOLDINGS) figures.push(...(await memoryOf(site, holding)));
  return figures;
}

async function memoryOf(site: Site, { id, how, server, layout }: Holding): Promise<Figure[]> {
  const redis = await RedisServer.start(...server);
  try {
    const empty = await used(redis);
    const env = { REDIS_LAYOUT: layout };
    const { stdout } = await site.ttsctl(`sync -o json --redis-url ${redis.url}`, site.root, env);
    expectCounts(stdout, { written: site.tasks, failed: 0 });
    const full = await used(redis);
    await redis.call("DEL", "tts:tasks:index");
    const perUser = await used(redis);
    for (const key of (await redis.call("KEYS", "tts:user:*")) as string[]) await redis.call("DEL", key);
    const rest = await used(redis);
    const each = (bytes: number) => bytes / site.tasks;
    const bytes = (name: string, what: string, value: number) => ({
      id: name,
      what,
      value: each(value),
      unit: "bytes" as const,
    });
    return [
      bytes(id, `a task in ${how}`, full - empty),
      ...(id === "memory"
        ? [
            bytes(`${id}-index`, "of it in the global index", full - perUser),
            bytes(`${id}-user-index`, "of it in its user's index", perUser - rest),
          ]
        : []),
    ];
  } finally {
    await redis.remove();
  }
}

/** Bytes that Redis asked its allocator for. */
async function used(redis: RedisServer): Promise<number> {
  return Number(/^used_memory:(\d+)/m.exec((await redis.call("INFO", "memory")) as string)![1]);
}
