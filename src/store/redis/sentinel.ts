import { systemClock } from "../../clock.ts";
import { TtsctlError } from "../../errors.ts";
import { type Address, addressText } from "../../printable.ts";
import { RedisClient } from "./client.ts";
import type { RedisCommands } from "./commands.ts";
import { FAILS_OVER, noneUsable } from "./errors.ts";
import type { NodePlace, RedisTarget, SentinelPlace } from "./target.ts";

export type SentinelTarget = RedisTarget & { readonly place: SentinelPlace };

/** The primary that a Sentinel names, or why it names none. */
export interface SentinelAnswer {
  readonly sentinel: string;
  readonly answer: Address | TtsctlError;
}

/**
 * Connects to the primary that a Sentinel names, within the timeout (docs/contract.md, Deployments). During a failover one may
 * name a server that is gone or a replica, so the next one is asked; ioredis would ask the same one again.
 * @throws TtsctlError REDIS_* that names the Sentinels with their errors, or an error of the primary
 */
export async function connectBySentinels(target: SentinelTarget): Promise<RedisCommands> {
  const end = systemClock.monotonic() + target.timeout;
  const { name, sentinels } = target.place;
  const failures: TtsctlError[] = [];
  const tried = new Set<string>();
  for (const [i, sentinel] of sentinels.entries()) {
    const share = () => (end - systemClock.monotonic()) / (i === sentinels.length - 1 ? 1 : 2);
    const answer = await askSentinel(target, sentinel, share() / 2);
    if (answer instanceof TtsctlError) {
      failures.push(answer);
    } else if (!tried.has(addressText(answer))) {
      tried.add(addressText(answer));
      const primary = await connectToPrimary(target, answer, sentinel, share());
      if (!(primary instanceof TtsctlError)) return primary;
      failures.push(primary);
    }
  }
  const what = `the Sentinels ${sentinels.map(addressText).join(", ")} gave no usable primary for ${name}`;
  const hint = failures.find((failure) => failure.hint !== undefined)?.hint ?? "check [redis] sentinels";
  throw noneUsable(what, failures, hint);
}

/** Asks all Sentinels, each within the timeout. */
export function askSentinels(target: SentinelTarget): Promise<SentinelAnswer[]> {
  return Promise.all(
    target.place.sentinels.map(async (sentinel) => ({
      sentinel: addressText(sentinel),
      answer: await askSentinel(target, sentinel, target.timeout),
    })),
  );
}

async function askSentinel({ place, tls }: SentinelTarget, sentinel: Address, timeout: number) {
  const { name, username, password } = place;
  const where = addressText(sentinel);
  try {
    const node: NodePlace = { kind: "node", ...sentinel };
    const client = await RedisClient.connect({ place: node, db: 0, username, password, tls, timeout });
    try {
      const reply = await client.command("SENTINEL", "get-master-addr-by-name", name);
      return Array.isArray(reply) ? { host: String(reply[0]), port: Number(reply[1]) } : unknownName(where, name);
    } finally {
      client.close();
    }
  } catch (error) {
    if (error instanceof TtsctlError) return ofSentinel(error);
    throw error;
  }
}

/** Returns the errors after which another Sentinel may name a better one. */
async function connectToPrimary(
  { place, ...access }: SentinelTarget,
  address: Address,
  sentinel: Address,
  timeout: number,
): Promise<RedisClient | TtsctlError> {
  const primaryBy = `${place.name} by Sentinel ${addressText(sentinel)}`;
  try {
    return await RedisClient.connect({ ...access, place: { kind: "node", ...address }, primaryBy }, timeout);
  } catch (error) {
    if (error instanceof TtsctlError && FAILS_OVER.includes(error.code)) return error;
    throw error;
  }
}

function unknownName(where: string, name: string): TtsctlError {
  return new TtsctlError("REDIS_UNAVAILABLE", `Sentinel at ${where} has no primary named ${name}`, {
    hint: "check [redis] sentinel_name, or REDIS_SENTINEL_NAME",
  });
}

/** The error of a connection to a Sentinel. */
function ofSentinel(error: TtsctlError): TtsctlError {
  const message = error.message.replace(/^(the TLS connection to |the host name of )?Redis at/, "$1Sentinel at");
  const hint = error.code === "REDIS_AUTH" ? LOGIN_HINT : error.code === "REDIS_TLS" ? error.hint : undefined;
  return new TtsctlError(error.code, message, { hint, cause: error });
}

const LOGIN_HINT = "check [redis] sentinel_username and sentinel_password; they are not the login of Redis";
