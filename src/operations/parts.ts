import type { Artifacts } from "../artifacts/artifacts.ts";
import type { Clock } from "../clock.ts";
import type { FileStore } from "../store/file/file-store.ts";
import type { MirrorState } from "../store/mirror-link.ts";
import type { Mirror } from "../store/redis/mirror.ts";
import type { RecordRules } from "../task/rules.ts";
import type { Ledger } from "./ledger.ts";
import type { Reporter } from "./reporter.ts";

interface AllParts {
  readonly file: FileStore;
  /** If Redis is down, the operation works on the file. */
  readonly mirror: MirrorState;
  readonly artifacts: Artifacts;
  readonly rules: RecordRules;
  readonly clock: Clock;
  readonly reporter: Reporter;
  readonly signal: AbortSignal;
  /** Null if no audit ledger is kept. */
  readonly ledger: Ledger | null;
}

export type Parts<K extends keyof AllParts> = Pick<AllParts, K>;

export type RedisParts<K extends Exclude<keyof AllParts, "mirror"> = never> = Parts<K> & { readonly mirror: Mirror };
