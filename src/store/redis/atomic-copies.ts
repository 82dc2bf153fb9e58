import { TtsctlError } from "../../errors.ts";
import type { Task } from "../../task/task.ts";
import { copyOf, fieldsOf } from "../layout/copy.ts";
import { INDEX_KEY } from "../layout/keys.ts";
import { type CopyReading, userScoreOf } from "../layout/layout.ts";
import type { RedisCommands, Reply, Script } from "./commands.ts";
import { type Fitting, type MirrorCopies, type Outcome, scoresOf, seenTexts } from "./copies.ts";
import { withKey } from "./errors.ts";
import { checkReply, TEXT } from "./reply-shape.ts";
import { layoutArgument, SCRIPTS } from "./scripts.ts";

/** Copies on one node: hash, both index members and the lookup change together, in one script for a whole batch. */
export function atomicCopies(commands: RedisCommands, reading: CopyReading): MirrorCopies {
  const { layout } = reading;
  const { where, prefix = "" } = commands;
  const layoutText = layoutArgument(layout, prefix);

  /** Runs a script about tasks. */
  function call(script: Script, args: readonly (string | number)[]): Promise<Reply> {
    return commands.script(script, [INDEX_KEY], [layoutText, ...args]);
  }

  /**
   * The parts, and the values of the fields but the payload. A script gets the short texts of all tasks as one argument: an
   * argument each costs the client and Redis a tenth of a sync.
   */
  function shortTexts(task: Task): string[] {
    const values = layout.valuesOf(task).slice(0, -1);
    return layout.payloadRules ? [...layout.parts(task), ...values] : values;
  }

  /** A reply with other items than the tasks of the call isn't read. @throws TtsctlError REDIS_UNAVAILABLE */
  function expectItems(reply: Reply, count: number, fits: (item: Reply, i: number) => boolean = () => true): void {
    const isRight = (items: Reply) => Array.isArray(items) && items.length === count && items.every(fits);
    checkReply(reply, isRight, "a script", where);
  }

  function flags(reply: Reply, count: number): Outcome<boolean>[] {
    expectItems(reply, count);
    return (reply as Reply[]).map((item) => (item instanceof TtsctlError ? item : item === 1));
  }

  return {
    /** One script for all: a command each costs the client several times what the work costs Redis. */
    async fields(ids, names) {
      const keys = ids.map(({ userId, taskId }) => layout.taskKey(userId, taskId));
      const hashes = (await commands.script(SCRIPTS.fields, keys, names)) as Reply[];
      expectItems(hashes, ids.length, (hash) => !Array.isArray(hash) || hash.length === names.length);
      return hashes.map((hash, i) => (hash instanceof TtsctlError ? withKey(hash, prefix + keys[i], where) : hash));
    },

    async read(ids, view) {
      if (ids.length === 0) return [];
      const names = fieldsOf(view, layout);
      const parts = JSON.stringify(ids.flatMap((id) => layout.parts(id)));
      const [hashes, places] = (await call(SCRIPTS.copies, [view, parts, ...names])) as [Reply[], Reply[]];
      const width = 1 + names.length;
      expectItems(hashes, ids.length * width, (item, i) => i % width === 0 || TEXT(item));
      let from = 0;
      return ids.map((_, i) => {
        const hash = hashes.slice(i * width, (i + 1) * width);
        const end = view === "state" && hash[0] !== 0 ? from : from + PLACES;
        const copy = copyOf(hash, places.slice(from, end), names, view);
        from = end;
        return copy;
      });
    },

    async fits(tasks, sets) {
      const texts: string[] = [];
      for (const task of tasks) {
        const userScore = userScoreOf(reading, task);
        texts.push(`${task.score}`, userScore === task.score ? "" : `${userScore}`, ...shortTexts(task));
      }
      const args = [JSON.stringify(texts), sets ? 1 : 0, ...tasks.map(({ json }) => json)];
      const codes = await call(SCRIPTS.fits, args);
      expectItems(codes, tasks.length);
      return (codes as number[]).map((code) => FITTINGS[code] ?? null);
    },

    async upsert(upserts) {
      if (upserts.length === 0) return [];
      const texts: string[] = [];
      for (const upsert of upserts) {
        const [score, userScore] = scoresOf(upsert, reading);
        const how = upsert.indexOnly ? "i" : upsert.afresh ? "a" : "";
        texts.push(...seenTexts(upsert.seen, layout), how, `${score}`, userScore === score ? "" : `${userScore}`);
        texts.push(...shortTexts(upsert.task));
      }
      const payloads = upserts.map(({ task, indexOnly }) => (indexOnly ? "" : task.json));
      return flags(await call(SCRIPTS.upsert, [JSON.stringify(texts), ...payloads]), upserts.length);
    },

    async remove(removals) {
      if (removals.length === 0) return [];
      const texts: string[] = [];
      for (const { id, seen } of removals) {
        texts.push(...layout.parts(id));
        if (seen.type === "none") texts.push("-", seen.indexScore ?? "", seen.userScore ?? "");
        else texts.push(...seenTexts(seen, layout));
      }
      return flags(await call(SCRIPTS.remove, [JSON.stringify(texts)]), removals.length);
    },
  };
}

/** How many replies the scripts give of the scores and the lookup of a task. */
const PLACES = 3;

/** By the codes of `fits.lua`. */
const FITS = [null, "inSync", "wrongScore", "unindexed"] as const;
const FITTINGS = Array.from({ length: 32 }, (_, code): Fitting | null => {
  const fit = FITS[code % 4]!;
  return fit && { fit, inIndex: (code & 4) > 0, inUserIndex: (code & 8) > 0, isSet: (code & 16) > 0 };
});
