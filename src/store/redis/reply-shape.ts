import { TtsctlError } from "../../errors.ts";
import type { Command, Reply, ReplyShape } from "./commands.ts";
import { notRedis } from "./errors.ts";

/** The cursor with which a scan begins and ends. */
export const START = "0";

export const INTEGER: ReplyShape = (reply) => typeof reply === "number";
export const STRING: ReplyShape = (reply) => typeof reply === "string";
export const TEXT: ReplyShape = (reply) => reply === null || typeof reply === "string";
const CURSOR: ReplyShape = (reply) => typeof reply === "string" && /^\d+$/.test(reply);
/** Members and scores in turn. */
export const PAIRS: ReplyShape = (reply) => Array.isArray(reply) && reply.length % 2 === 0 && reply.every(STRING);

/** In the answer of a script, which may have an error in the place of an item. */
export function orError(fits: ReplyShape): ReplyShape {
  return (reply) => reply instanceof TtsctlError || fits(reply);
}

export function listOf(item: ReplyShape, length?: number): ReplyShape {
  return (reply) => Array.isArray(reply) && (length === undefined || reply.length === length) && reply.every(item);
}

/** A list whose first items have these shapes. */
export function listBeginning(...shapes: readonly ReplyShape[]): ReplyShape {
  return (reply) => Array.isArray(reply) && shapes.every((fits, i) => reply[i] !== undefined && fits(reply[i]));
}

const DIGITS = listOf(CURSOR, 2);
const TEXT_EACH = (command: Command) => listOf(TEXT, command.length - 2);
const MEMBERS = (command: Command) => {
  const isScored = command.includes("WITHSCORES");
  const most = mostMembers(command) * (isScored ? 2 : 1);
  const fits = isScored ? PAIRS : listOf(STRING);
  return (reply: Reply) => Array.isArray(reply) && reply.length <= most && fits(reply);
};

/** How many members a command asks for. */
function mostMembers(command: Command): number {
  const limit = command.indexOf("LIMIT");
  if (limit >= 0) return Number(command[limit + 2]);
  if (command[0] === "ZRANDMEMBER") return Math.abs(Number(command[2]));
  const [first, last] = [Number(command[2]), Number(command[3])];
  return first >= 0 && last >= first ? last - first + 1 : Number.POSITIVE_INFINITY;
}

/** By the words of a command: those whose answers are read for more than "OK". */
const SHAPES = new Map<unknown, (command: Command) => ReplyShape>([
  ["PING", () => (reply) => reply === "PONG"],
  ...["EXISTS", "ZADD", "ZCARD", "ZCOUNT"].map((name) => [name, () => INTEGER] as const),
  ...["GET", "HGET", "INFO"].map((name) => [name, () => TEXT] as const),
  ...["CLUSTER SLOTS", "ROLE"].map((name) => [name, () => Array.isArray] as const),
  ...["HMGET", "ZMSCORE"].map((name) => [name, TEXT_EACH] as const),
  ["TIME", () => DIGITS],
  ...["ZRANDMEMBER", "ZRANGE"].map((name) => [name, MEMBERS] as const),
  ["SCAN", () => listBeginning(CURSOR, listOf(STRING))],
  ["ZSCAN", () => listBeginning(CURSOR, PAIRS)],
]);

export function shapeOf(command: Command): ReplyShape | undefined {
  return (SHAPES.get(command[0]) ?? SHAPES.get(`${command[0]} ${command[1]}`))?.(command);
}

/**
 * Checks an answer before it is read. A server that isn't Redis, or answers that are off by one, would otherwise be read
 * as tasks, and what isn't a cursor never ends a walk. @throws TtsctlError REDIS_UNAVAILABLE
 */
export function checkReply(reply: Reply, fits: ReplyShape | undefined, command: string, where: string): void {
  if (fits === undefined || reply instanceof TtsctlError || reply === "QUEUED") return;
  if (!fits(reply)) throw notRedis(`answered ${JSON.stringify(reply)?.slice(0, 60)} to ${command}`, where);
}
