import { type Clock, systemClock } from "../clock.ts";
import { recordRulesOf } from "../config/record-rules.ts";
import { targetOf } from "../config/redis-target.ts";
import { connectMirror, LastingLink } from "../store/mirror-link.ts";
import type { KnownNodes } from "../store/redis/target.ts";
import { EventSource } from "./events.ts";
import { MirrorNews } from "./mirror-news.ts";
import { OpenStore } from "./open-store.ts";
import { settingsOf } from "./settings.ts";
import type { BaseTask, Logger, StoreOptions, TaskRecord, TaskStore } from "./types.ts";

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

/** Seconds, as within ttsctl. */
function clockOf({ clock }: StoreOptions): Clock {
  return clock === undefined ? systemClock : { ...systemClock, now: () => clock.now() / 1000 };
}

/**
 * Opens the tasks of a service. It connects to Redis on first use. Close the store when done.
 * @typeParam T the service's record
 * @throws TtsctlError USAGE for an unknown option, CONFIG_* for a wrong value or a missing file
 */
export async function openTaskStore<T extends BaseTask = TaskRecord>(options: StoreOptions): Promise<TaskStore<T>> {
  const settings = await settingsOf(options);
  const logger = options.logger === undefined ? SILENT : guarded(options.logger);
  const rules = recordRulesOf(settings);
  const clock = clockOf(options);
  const news = new MirrorNews(logger, clock);
  const events = new EventSource(logger);
  const knownNodes: KnownNodes = new Map();
  const connect = async () => news.connected(await connectMirror(targetOf(settings), rules, knownNodes));
  const link = new LastingLink(settings.redis.enabled.value ? connect : null, {
    onUp: (mirror, again) => {
      events.mirror("up", null);
      news.onUp(mirror, again);
    },
    onDown: (error) => {
      news.onDown(error);
      events.mirror("down", error);
    },
  });
  for (const line of [...settings.warnings, ...settings.changeWarnings]) logger.warn(line);
  return new OpenStore<T>({ settings, rules, link, news, events, logger, clock });
}
