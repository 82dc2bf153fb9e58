import type { Reporter } from "../operations/reporter.ts";
import type { Logger } from "./types.ts";

/** What operations say goes to the logger of the program; progress is for terminals. */
export function reporterTo(logger: Logger): Reporter {
  return { warn: (line) => logger.warn(line), progress: () => {}, done: async () => {} };
}
