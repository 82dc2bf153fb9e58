import type { Clock } from "../clock.ts";
import { isStoreError, TtsctlError } from "../errors.ts";
import type { FileStore } from "../store/file/file-store.ts";
import { isOutage, type MirrorState, MirrorUse, OWED, OWED_OF_LOST, redisDisabled } from "../store/mirror-link.ts";
import { drainOwed } from "../store/mirror-writer.ts";
import type { Mirror } from "../store/redis/mirror.ts";
import { type Writable, writable } from "../store/writable.ts";
import { keyOf, type TaskId } from "../task/ids.ts";
import { newer } from "../task/version.ts";
import type { Parts } from "./parts.ts";
import { checkClock, checkFileLayout, checkLayout, checkTimezone, type StoreQuestion, storeRefusal } from "./safety.ts";

export type Action = "cleanup" | "orphans" | "delete" | "mark" | "import" | "sync" | "repair";

/** The checks of a run, as a warning names those that were left out. */
const CHECKS = {
  layout: async (mirror: Mirror, { snapshot, input = snapshot }: Asked) => {
    await checkLayout(mirror);
    await checkFileLayout(input, mirror);
  },
  "time zone": (mirror: Mirror) => checkTimezone(mirror),
  clock: async (mirror: Mirror, { age }: Asked, clock: Clock) => {
    if (age != null) await checkClock(mirror, clock, age);
  },
  "right store": async (mirror: Mirror, asked: Asked) => {
    const refusal = await storeRefusal(mirror, asked);
    if (refusal !== null) throw refusal;
  },
} as const;
type Check = keyof typeof CHECKS;

/** Which action needs which of them (docs/contract.md, Guards). */
export const NEEDED: Readonly<Record<Action, readonly Check[]>> = {
  cleanup: ["layout", "time zone", "clock", "right store"],
  orphans: ["layout", "time zone", "clock", "right store"],
  delete: ["layout", "time zone", "clock", "right store"],
  mark: ["layout", "time zone", "clock", "right store"],
  import: ["layout", "time zone", "right store"],
  sync: ["layout", "time zone", "right store"],
  repair: ["layout", "time zone", "right store"],
};

/** Their dry runs don't see copies whose deletion is owed; those of `sync` and `repair` count them by `isOwed`. */
const PLANS_WITHOUT_OWED: ReadonlySet<Action> = new Set(["cleanup", "orphans", "delete", "mark"]);

interface Asked extends StoreQuestion {
  readonly dryRun: boolean;
  /** Seconds: the shortest age that decides; null: none does. */
  readonly age?: number | null;
}

/** The stores of a run whose checks were made. Only these can change a task. */
export interface Cleared {
  readonly file: Writable<FileStore>;
  /** Without a mirror if Redis is off or can't be reached. */
  readonly use: MirrorUse<Writable<Mirror>>;
  /** Of a dry run, or a lost file: whether a copy, by its time in epoch seconds, isn't one to keep, since its deletion is owed. */
  isOwed(id: TaskId, time: number): boolean;
}

/**
 * Makes the checks of a run before its first change. If Redis can't be reached, the run works on the file, and `use.lost` names the checks
 * that were left out; an error that Redis answers is thrown. @throws TtsctlError *_MISMATCH, CLOCK_SKEW, STORE_EMPTY, REDIS_*
 */
export async function preflight(
  { file, mirror, clock, reporter }: Parts<"file" | "clock" | "reporter"> & { readonly mirror: MirrorState | Mirror },
  action: Action,
  asked: Asked,
): Promise<Cleared> {
  const state: MirrorState = "kind" in mirror ? mirror : { kind: "on", mirror };
  const allowed = state.kind === "on" ? { ...state, mirror: writable(state.mirror) } : state;
  const use = new MirrorUse<Writable<Mirror>>(allowed, isOutage);
  const left: Check[] = [];
  for (const name of NEEDED[action]) {
    await use.ask((there) => CHECKS[name](there, asked, clock));
    if (use.lost !== null) left.push(name);
  }
  if (use.mirror === null) await checkFileLayout(asked.input ?? asked.snapshot, null);
  if (use.lost !== null && left.length > 0) {
    const { code, message, hint, cause } = use.lost;
    use.lost = new TtsctlError(code, `${message} (not checked: ${left.join(", ")})`, { hint, cause });
  }
  if (!asked.dryRun && action !== "orphans") await use.ask((there) => there.tryWrite());
  // Deletions that Redis lacks come first. A file that was lost doesn't show what was only replaced in it.
  const mayBeLost = asked.snapshot.size === 0 && (action === "repair" || action === "import");
  const owed = new Map<unknown, number>();
  if (!asked.dryRun && !mayBeLost) await use.ask((there) => drainOwed({ file, reporter }, there));
  else if (use.mirror !== null && (await file.owed.isThere())) {
    reporter.warn(mayBeLost ? OWED_OF_LOST : OWED);
    const read = file.owed.read().catch((error) => {
      if (!isStoreError(error)) throw error;
      reporter.warn(error.message);
      return [];
    });
    for (const { id, before, isReplaced } of await read) {
      if (!mayBeLost || !isReplaced) owed.set(keyOf(id), before);
    }
  }
  const isOwed = (id: TaskId, time: number) => owed.has(keyOf(id)) && !newer(time, owed.get(keyOf(id))!);
  if (PLANS_WITHOUT_OWED.has(action) && owed.size > 0) use.mirror &&= writable(use.mirror.without(isOwed));
  return { file: writable(file), use, isOwed };
}

/** For a run that needs both stores. @throws TtsctlError REDIS_* without Redis */
export function bothOf({ file, use: { mirror, lost }, isOwed }: Cleared) {
  if (mirror === null) throw lost ?? redisDisabled();
  return { file, mirror, isOwed };
}
