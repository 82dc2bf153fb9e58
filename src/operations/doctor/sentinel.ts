import { TtsctlError } from "../../errors.ts";
import type { SentinelAnswer } from "../../store/redis/sentinel.ts";
import { addressText } from "../../store/redis/target.ts";
import { type Check, fail, ok, type Verdict, warn } from "./check.ts";
import { Skip } from "./skip.ts";

/** Whether all Sentinels answer, and name one primary: the others are needed once the first is gone. */
export const sentinel: Check = {
  name: "redis.sentinel",
  appliesTo: ({ askSentinels }) => askSentinels !== null,
  run: async ({ parts: { askSentinels } }) => {
    if (askSentinels === null) throw new Skip("there is no Sentinel");
    return sentinelVerdict(await askSentinels());
  },
};

export function sentinelVerdict(answers: readonly SentinelAnswer[]): Verdict {
  const named = new Map<string, string[]>();
  const failures: TtsctlError[] = [];
  for (const { sentinel, answer } of answers) {
    if (answer instanceof TtsctlError) failures.push(answer);
    else named.set(addressText(answer), [...(named.get(addressText(answer)) ?? []), sentinel]);
  }
  const [first] = named.keys();
  const silent = failures.map(({ message }) => message);
  const hint = failures.find((failure) => failure.hint !== undefined)?.hint ?? "see that all of [redis] sentinels run";
  if (first === undefined) return fail(silent.join("; "), hint);
  if (named.size > 1) {
    const list = [...named].map(([primary, by]) => `${primary} by ${by.join(", ")}`).join("; ");
    return warn(`the Sentinels do not agree on the primary: ${list}`, "a failover is under way, or they are cut off");
  }
  if (silent.length === 0) return ok(`all ${answers.length} name ${first} as the primary`);
  return warn(`${answers.length - silent.length} of ${answers.length} name ${first}; ${silent.join("; ")}`, hint);
}
