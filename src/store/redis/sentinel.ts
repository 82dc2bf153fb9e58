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
    if (answer instanceof TtsctlError) failures.push(answer);
    if (answer instanceof TtsctlError || tried.has(addressText(answer))) continue;
    tried.add(addressText(answer));
    const primaryBy = `${name} by Sentinel ${addressText(sentinel)}`;
    try {
      return await RedisClient.connect({ ...target, place: { kind: "node", ...answer }, primaryBy }, share());
    } catch (error) {
      // After any other error, another Sentinel names no better one.
      if (!(error instanceof TtsctlError) || !FAILS_OVER.includes(error.code)) throw error;
      failures.push(error);
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
  const node: NodePlace = { kind: "node", ...sentinel };
  try {
    const client = await RedisClient.connect({ place: node, db: 0, username, password, tls, timeout });
    const reply = await client.command("SENTINEL", "get-master-addr-by-name", name).finally(() => client.close());
    if (Array.isArray(reply)) return { host: String(reply[0]), port: Number(reply[1]) };
    return new TtsctlError("REDIS_UNAVAILABLE", `Sentinel at ${addressText(sentinel)} has no primary named ${name}`, {
      hint: "check [redis] sentinel_name, or REDIS_SENTINEL_NAME",
    });
  } catch (error) {
    if (error instanceof TtsctlError) return ofSentinel(error);
    throw error;
  }
}

/** The error of a connection to a Sentinel. */
function ofSentinel(error: TtsctlError): TtsctlError {
  const message = error.message.replace(/^(the TLS connection to |the host name of )?Redis at/, "$1Sentinel at");
  const hint = error.code === "REDIS_AUTH" ? LOGIN_HINT : error.code === "REDIS_TLS" ? error.hint : undefined;
  return new TtsctlError(error.code, message, { hint, cause: error });
}

const LOGIN_HINT = "check [redis] sentinel_username and sentinel_password; they are not the login of Redis";
