import { systemClock } from "../clock.ts";
import { recordRulesOf } from "../config/record-rules.ts";
import { targetOf } from "../config/redis-target.ts";
import { connectMirror } from "../store/connect-mirror.ts";
import { LastingLink } from "../store/lasting-link.ts";
import { KnownNodes } from "../store/redis/known-nodes.ts";
import { MirrorNews } from "./mirror-news.ts";
import { OpenStore } from "./open-store.ts";
import { settingsOf } from "./settings.ts";
import type { Logger, StoreOptions, TaskStore } from "./types.ts";

const SILENT: Logger = { info: () => {}, warn: () => {} };

/** A logger that throws must not make a write fail that is on the disk. */
function guarded(logger: Logger): Logger {
  const quietly = (tell: () => void) => {
    try {
      tell();
    } catch {
      // There is nobody left to tell.
    }
  };
  return {
    info: (line) => quietly(() => logger.info(line)),
    warn: (line) => quietly(() => logger.warn(line)),
  };
}

/**
 * Opens the tasks of a service (SPEC section 9). Redis is connected to when it is first used. Close the store when done.
 * @throws TtsctlError USAGE for an option that is none, CONFIG_* for a wrong value or a missing file
 */
export async function openTaskStore(options: StoreOptions): Promise<TaskStore> {
  const settings = await settingsOf(options);
  const logger = options.logger === undefined ? SILENT : guarded(options.logger);
  const rules = recordRulesOf(settings);
  const news = new MirrorNews(logger, systemClock);
  const knownNodes = new KnownNodes();
  const connect = async () => news.connected(await connectMirror(targetOf(settings), rules, knownNodes));
  const link = new LastingLink(settings.redis.enabled.value ? connect : null, {
    onUp: (mirror, again) => news.onUp(mirror, again),
    onDown: (error) => news.onDown(error),
  });
  for (const line of [...settings.warnings, ...settings.changeWarnings]) logger.warn(line);
  return new OpenStore({ settings, rules, link, news, logger, clock: systemClock });
}
