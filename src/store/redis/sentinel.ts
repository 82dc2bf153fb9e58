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

/** An address that Sentinels name. */
interface Named {
  readonly address: Address;
  /** The first of those that name it, and how many do. */
  readonly sentinel: Address;
  votes: number;
}

/** The part of the timeout in which the Sentinels have to answer; the rest is for the primary. */
const ASKING = 1 / 3;

/**
 * Connects to the primary that the Sentinels name, within the timeout (docs/contract.md, Deployments). All are asked at
 * once, until most of them agree. If they don't, as during a failover, each address is tried for its share of the time.
 * @throws TtsctlError REDIS_* that names the Sentinels with their errors, or an error of the primary
 */
export async function connectBySentinels(target: SentinelTarget): Promise<RedisCommands> {
  const end = systemClock.monotonic() + target.timeout;
  const { named, failures } = await askForPrimaries(target);
  for (const [i, { address, sentinel }] of named.entries()) {
    const left = end - systemClock.monotonic();
    const primary = await connectToPrimary(target, address, sentinel, left / (named.length - i));
    if (!(primary instanceof TtsctlError)) return primary;
    failures.push(primary);
  }
  const { name, sentinels } = target.place;
  const what = `the Sentinels ${sentinels.map(addressText).join(", ")} gave no usable primary for ${name}`;
  const hint = failures.find((failure) => failure.hint !== undefined)?.hint ?? "check [redis] sentinels";
  throw noneUsable(what, failures, hint);
}

/** The primaries that Sentinels name, those that most name first, and why others name none. */
async function askForPrimaries(target: SentinelTarget): Promise<{ named: Named[]; failures: TtsctlError[] }> {
  const { sentinels } = target.place;
  const named = new Map<string, Named>();
  const failures: TtsctlError[] = [];
  await new Promise<void>((resolve, reject) => {
    const asked = sentinels.map(async (sentinel) => {
      const answer = await askSentinel(target, sentinel, target.timeout * ASKING);
      if (answer instanceof TtsctlError) return void failures.push(answer);
      const known = named.get(addressText(answer)) ?? { address: answer, sentinel, votes: 0 };
      known.votes++;
      named.set(addressText(answer), known);
      if (2 * known.votes > sentinels.length) resolve();
    });
    Promise.all(asked).then(() => resolve(), reject);
  });
  return { named: [...named.values()].sort((one, other) => other.votes - one.votes), failures: [...failures] };
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
    if (timeout <= 0)
      return new TtsctlError("REDIS_TIMEOUT", `the timeout expired before ${addressText(address)} could be tried`);
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
