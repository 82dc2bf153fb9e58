import { type Clock, systemClock } from "../clock.ts";
import { Parts } from "../parts/parts.ts";
import { FileStore } from "../store/file/file-store.ts";
import { OwedCopies } from "../store/owed-copies.ts";
import { TaskWriter } from "../store/task-writer.ts";
import { WriterMark } from "../store/writer-mark.ts";
import { EventSource } from "./events.ts";
import { MirrorRepair } from "./mirror-repair.ts";
import { OpenStore } from "./open-store.ts";
import { settingsOf } from "./settings.ts";
import type { BaseTask, Logger, StoreOptions, TaskRecord, TaskStore } from "./types.ts";

const SILENT: Logger = { info: () => {}, warn: () => {} };
const NEVER = new AbortController().signal;

/** A logger that throws must not make a write fail that is on the disk. */
function guarded(logger: Logger): Logger {
  const quietly = (log: () => void) => {
    try {
      log();
    } catch {
      // There is nowhere else to log.
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
  const warn = (line: string) => logger.warn(line);
  for (const line of [...settings.warnings, ...settings.changeWarnings.splice(0)]) warn(line);
  const clock = clockOf(options);
  const parts = new Parts({
    clock,
    reporter: { warn, progress: () => {}, done: async () => {} },
    signal: () => NEVER,
    loadSettings: async () => settings,
    caller: { argv: process.argv.slice(1, 2), cwd: process.cwd(), env: process.env, request: null },
  });
  const rules = await parts.rules();
  const owed = new OwedCopies(warn);
  const events = new EventSource(logger, clock, () => owed.size);
  const { shared, link } = await parts.liveOn({
    events: {
      onUp: ({ where }, again) => {
        events.mirrorUp(where, again);
        repair.begin();
      },
      onDown: (error) => events.mirrorDown(error),
    },
    forReaders: (state) => owed.forReaders(state),
    admit: (mirror) => repair.admit(mirror),
    grows: true,
  });
  const file = new FileStore(settings.store.path.value, rules, clock);
  const mark = new WriterMark(() => file.target());
  const writer = new TaskWriter({
    file,
    shared,
    owed,
    rules,
    clock,
    link,
    mark: settings.redis.enabled.value ? mark : null,
    warn,
    onMirrorFailure: (error, count) => events.mirrorFailed(error, count),
  });
  const repair = new MirrorRepair({ parts, logger, shared, link, owed, writer, mark });
  const stores = { file: await parts.fileStore(), link: await parts.mirrorLink() };
  return new OpenStore<T>({
    parts,
    stores,
    settings,
    rules,
    clock,
    logger,
    events,
    shared,
    owed,
    mark,
    writer,
    repair,
  });
}
