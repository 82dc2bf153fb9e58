import { TtsctlError } from "../../errors.ts";
import type { Reply } from "./commands.ts";

/** What a command, or a script, is answered with where it is not refused. */
export type ReplyShape = "pong" | "integer" | "rank" | "text" | "list" | "step";

/** By the words of a command: those whose answers are read for more than "OK". */
const SHAPES: Readonly<Record<string, ReplyShape>> = {
  PING: "pong",
  ...{ EXISTS: "integer", ZADD: "integer", ZCARD: "integer", ZCOUNT: "integer", ZREVRANK: "rank" },
  ...{ GET: "text", HGET: "text", INFO: "text" },
  ...{ "CLUSTER SLOTS": "list", HMGET: "list", ROLE: "list", TIME: "list", ZMSCORE: "list", ZRANDMEMBER: "list" },
  ...{ ZRANGE: "list", ZRANGEBYSCORE: "list", ZREVRANGE: "list" },
  ...{ SCAN: "step", ZSCAN: "step" },
};

const FITS: Readonly<Record<ReplyShape, (reply: Reply) => boolean>> = {
  pong: (reply) => reply === "PONG",
  integer: (reply) => typeof reply === "number",
  rank: (reply) => reply === null || typeof reply === "number",
  text: (reply) => reply === null || typeof reply === "string",
  list: Array.isArray,
  step: (reply) => Array.isArray(reply) && /^\d+$/.test(String(reply[0])) && Array.isArray(reply[1]),
};

export function shapeOf(name: unknown, argument: unknown): ReplyShape | undefined {
  return SHAPES[String(name)] ?? SHAPES[`${name} ${argument}`];
}

/**
 * Checks an answer before it is read. A server that isn't Redis, or a connection whose answers are off by one, would
 * otherwise be read as tasks, and what isn't a cursor never ends a walk.
 * @throws TtsctlError REDIS_UNAVAILABLE
 */
export function checkReply(reply: Reply, shape: ReplyShape | undefined, command: string, where: string): void {
  if (shape === undefined || reply instanceof TtsctlError || reply === "QUEUED") return;
  if (!FITS[shape](reply)) throw notRedis(`answered ${JSON.stringify(reply)?.slice(0, 60)} to ${command}`, where);
}

/** What answers isn't Redis, or something between changes its answers. */
export function notRedis(what: string, where: string): TtsctlError {
  return new TtsctlError("REDIS_UNAVAILABLE", `Redis at ${where} ${what}`, {
    hint: "check that [redis] host and port name a Redis server, and any proxy in between",
  });
}
