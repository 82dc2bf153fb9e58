/** The four words that people see (docs/contract.md, Records). */
export const SHOWN_STATUSES = ["wait", "run", "done", "error"] as const;
export type ShownStatus = (typeof SHOWN_STATUSES)[number];
/** Stands for every word outside the table. */
export const OTHER_STATUS = "other";
export const STATUS_CHOICES = [...SHOWN_STATUSES, OTHER_STATUS] as const;

/** The shown words of a task that is waiting or worked on. */
export const UNFINISHED: readonly string[] = ["wait", "run"];

const SERVICE_WORDS: Record<ShownStatus, readonly string[]> = {
  wait: ["queued", "pending", "waiting", "wait", "created"],
  run: ["running", "processing", "started", "run"],
  done: ["succeeded", "success", "completed", "finished", "done"],
  error: ["failed", "failure", "error", "cancelled", "canceled"],
};

/** The service's own word for a status. */
export function serviceWord(shown: ShownStatus): string {
  return SERVICE_WORDS[shown][0]!;
}

const SHOWN_BY_WORD = new Map<string, ShownStatus>(
  SHOWN_STATUSES.flatMap((shown) => SERVICE_WORDS[shown].map((word) => [word, shown] as const)),
);

export const KNOWN_STATUS_WORDS: readonly string[] = [...SHOWN_BY_WORD.keys()];

/** A status word as it is compared: without case and spaces. */
export function plainWord(word: string): string {
  return word.replace(/\s+/g, "").toLowerCase();
}

/** The shown word of a service's word; undefined for a word outside the table. */
export function shownStatus(word: string): ShownStatus | undefined {
  return SHOWN_BY_WORD.get(word) ?? SHOWN_BY_WORD.get(plainWord(word));
}

/** Whether a task may still be worked on. @param status as shown */
export function isUnfinished(status: string): boolean {
  return status === "wait" || status === "run";
}

/** Whether a task is finished. One with an unknown word never is. */
export function isTerminal(word: string): boolean {
  return ["done", "error"].includes(shownStatus(word) ?? OTHER_STATUS);
}
