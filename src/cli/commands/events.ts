import type { TaskChange } from "../../operations/events/states.ts";
import { mayPass, soleUser } from "../../task/query-fields.ts";
import { formatUtc } from "../../task/time.ts";
import type { CommandSpec, Context } from "../context.ts";
import { addInterval, addSelection, addSource, DEFAULT_INTERVAL, selectionOf } from "../selection.ts";

export const spec: CommandSpec = {
  about: "print a JSON line for each task that is created, changed or removed, until Ctrl-C",
  declare(command) {
    const help = "seconds, or a duration such as 10s, between two comparisons, if Redis sends no notifications";
    addInterval(addSource(addSelection(command, ["users", "statuses"])), help);
  },
  /** Ends with 0 on SIGINT and SIGTERM, and when the reader closes the pipe. */
  async run(context, flags) {
    const { signal, clock } = context; // from here on, a stop signal is waited for
    const { filter } = await selectionOf(context, flags);
    const { data } = context.terminal;
    const { eventFollower } = await import("../../operations/events/follow.ts");
    const soon = () => follower.compareSoon();
    await context.liveOn({ events: { onUp: soon, onDown: soon } });
    const parts = {
      ...{ clock, signal, ...(await context.stores()) },
      hear: (heard: Parameters<Context["hearTasks"]>[0]) => context.hearTasks(heard),
      onChanges: async (changes: readonly TaskChange[], source: string) => {
        const time = formatUtc(clock.now());
        // By the new status, of a removed task by its last.
        const wanted = changes.filter(({ userId, status, from }) => {
          return userId !== "" && mayPass({ userId, status: (status ?? from)! }, filter);
        });
        const lines = wanted.map(({ event, userId, taskId, status, from, score }) => {
          const ids = { user_id: userId, task_id: taskId };
          return JSON.stringify({ time, event, ...ids, status, from, updated_at: formatUtc(score), source });
        });
        await data.writeAll(lines.map((line) => `${line}\n`));
        await data.flush();
        return data.isOpen;
      },
      onNews: async (level: "info" | "warn", line: string) => {
        if (!context.flags.quiet) await context.note(level, line);
      },
    };
    const options = { source: flags.source, userId: soleUser(filter), every: flags.interval ?? DEFAULT_INTERVAL };
    const follower = eventFollower(parts, options);
    await follower.run();
  },
  examples: `
Events come from Redis keyspace notifications if these are on
(notify-keyspace-events with K or E, and A or gh; not in a cluster), otherwise
from comparing all tasks with the previous reading. stderr shows the source.
Examples:
  ttsctl events
  ttsctl events --user alice --status error
  ttsctl events --source file --interval 10
  ttsctl events --status error > failures.jsonl`,
};
