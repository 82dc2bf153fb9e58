import type { Clock } from "../../clock.ts";
import { isRedisError, TtsctlError, valueIf } from "../../errors.ts";
import type { FileStore } from "../../store/file/file-store.ts";
import type { Snapshot } from "../../store/file/snapshot.ts";
import type { RedisCommands } from "../../store/redis/commands.ts";
import { isFatal } from "../../store/redis/errors.ts";
import { Mirror } from "../../store/redis/mirror.ts";
import type { SentinelAnswer } from "../../store/redis/sentinel.ts";
import type { RecordRules } from "../../task/rules.ts";

export type Info = ReadonlyMap<string, string>;

export interface NodeInfo {
  readonly where: string;
  readonly info: Info;
}

/** `warn`: it works, but; `fail`: some command won't work; `skip`: it couldn't be checked. */
export type Status = "ok" | "warn" | "fail" | "skip";

/** The result of a check: one line, and unless it is ok what to do. */
export interface Verdict {
  readonly status: Status;
  readonly detail: string;
  readonly hint: string | null;
}

export interface Finding extends Verdict {
  readonly check: string;
}

/** An error becomes the finding; null: there is nothing to check. */
export type Checks = Readonly<Record<string, (probe: Probe) => Promise<Verdict | null> | Verdict>>;

export function ok(detail: string): Verdict {
  return { status: "ok", detail, hint: null };
}

export function warn(detail: string, hint: string): Verdict {
  return { status: "warn", detail, hint };
}

export function fail(detail: string, hint: string): Verdict {
  return { status: "fail", detail, hint };
}

/** Why a check is skipped: it can't have what it needs. */
export class Skip extends Error {}

/** Facts about the configuration, without secrets. */
export interface ConfigFacts {
  readonly path: string | null;
  readonly profile: string | null;
  readonly cwd: string;
  /** The errors of the file as a whole, and of the values in force. */
  readonly unreadable: TtsctlError | null;
  readonly wrong: readonly TtsctlError[];
  readonly misspelt: readonly { readonly found: string; readonly near: string }[];
  readonly sections: readonly string[];
  readonly holdsPassword: boolean;
  readonly variables: readonly string[];
  readonly kubernetes: boolean;
  readonly warnings: readonly string[];
}

/** Everything that is checked; null for parts that a wrong configuration doesn't give. */
export interface DoctorParts {
  readonly config: ConfigFacts;
  readonly nodeVersion: string;
  readonly file: FileStore | null;
  readonly paths: { readonly output: string; readonly logs: string; readonly shared: boolean } | null;
  /** The audit ledger; its path is null if it is off. */
  readonly audit: { readonly path: string | null } | null;
  /** Connects, to another database of the same server if one is named. */
  readonly connect: ((db?: number) => Promise<RedisCommands>) | "off" | null;
  readonly db: number;
  readonly askSentinels: (() => Promise<SentinelAnswer[]>) | null;
  readonly rules: RecordRules | null;
  /** Where the zone was set; null: it is the machine's. */
  readonly zoneOrigin: string | null;
  readonly cleanup: { readonly retention: number; readonly stuckAfter: number } | null;
  readonly clock: Clock;
}

/** The things that several checks read, each opened on first use. */
export class Probe {
  #snapshot: Promise<Snapshot> | undefined;
  #client: Promise<RedisCommands> | undefined;
  #infos: ReturnType<RedisCommands["each"]> | undefined;
  /** After a reply that never came, Redis isn't asked again: each question would wait as long. */
  lost = false;

  constructor(readonly parts: DoctorParts) {}

  get file(): FileStore {
    return this.parts.file ?? unknown("[store] path");
  }

  get paths(): NonNullable<DoctorParts["paths"]> {
    return this.parts.paths ?? unknown("[paths]");
  }

  get audit(): string | null {
    return (this.parts.audit ?? unknown("[audit] path")).path;
  }

  get cleanup(): NonNullable<DoctorParts["cleanup"]> {
    return this.parts.cleanup ?? unknown("[cleanup]");
  }

  get rules(): RecordRules {
    return this.parts.rules ?? unknown("[service] timezone");
  }

  /** The store file as it was when it was first asked for, or its error. */
  read(): Promise<Snapshot> {
    this.#snapshot ??= this.file.read();
    return this.#snapshot;
  }

  /** The same, for checks that cannot do without. */
  async snapshot(): Promise<Snapshot> {
    return this.read().catch(() => {
      throw new Skip("the store file cannot be read");
    });
  }

  connect(): Promise<RedisCommands> {
    const { connect } = this.parts;
    if (connect === "off") throw new Skip("Redis is switched off");
    if (connect === null) unknown("[redis]");
    this.#client ??= connect();
    this.#client.catch(() => {}); // callers that await it get the error
    return this.#client;
  }

  /** The connection, for checks that cannot do without. */
  async client(): Promise<RedisCommands> {
    const client = await this.connect().catch(() => {
      throw new Skip("Redis cannot be used");
    });
    if (this.lost) throw new Skip("the connection to Redis was lost during the checks");
    return client;
  }

  async mirror(): Promise<Mirror> {
    return new Mirror(await this.client(), this.rules);
  }

  /** Null without a Redis that answers, which has checks of its own. */
  mirrorOrNull(): Promise<Mirror | null> {
    return this.mirror().catch(valueIf((error) => error instanceof Skip || isRedisError(error), null));
  }

  /** INFO of every primary; skips if the Redis user may not ask for it. */
  async infos(): Promise<NodeInfo[]> {
    const client = await this.client();
    this.#infos ??= client.each("INFO");
    return (await this.#infos).map(({ where, reply }) => {
      if (!(reply instanceof TtsctlError)) return { where, info: parseInfo(String(reply)) };
      const isRefused = reply.code === "REDIS_DENIED" || !isFatal(reply);
      throw isRefused ? new Skip("Redis refuses the command INFO") : reply;
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#snapshot?.then((snapshot) => snapshot.close()).catch(() => {});
    // A connection that is still being made is not waited for.
    void this.#client?.then((client) => client.close()).catch(() => {});
  }
}

export function parseInfo(text: string): Info {
  return new Map(Array.from(text.matchAll(/^([^#:\r\n][^:\r\n]*):(.*)$/gm), ([, name, value]) => [name!, value!]));
}

function unknown(setting: string): never {
  throw new Skip(`${setting} is unknown because the configuration is invalid`);
}
