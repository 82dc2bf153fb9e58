import { constants, getPriority, setPriority } from "node:os";

/**
 * Lets others go first where processors are few, for a command that keeps one busy: a Redis that waits for its turn makes
 * all its clients wait. Whoever runs a command with less priority still, or may not change it, keeps what there is.
 */
export function letOthersGoFirst(): void {
  const { PRIORITY_BELOW_NORMAL } = constants.priority;
  try {
    if (getPriority() < PRIORITY_BELOW_NORMAL) setPriority(PRIORITY_BELOW_NORMAL);
  } catch {
    // Then others wait a little longer.
  }
}
