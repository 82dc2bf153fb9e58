import { isRedisError } from "../../errors.ts";
import type { Mirror } from "../../store/redis/mirror.ts";
import { formatDuration } from "../../task/amounts.ts";
import { memberOf } from "../../task/ids.ts";
import { describeStuck } from "../../task/stuck.ts";
import { describeShared } from "../shared-ids.ts";
import { findStuck } from "../stuck.ts";
import { type Checks, ok, type Probe, Skip, warn } from "./probe.ts";

export const TASK_CHECKS: Checks = {
  retention(probe) {
    const seconds = probe.cleanup.retention;
    if (seconds > 0) return ok(`finished tasks are kept for ${formatDuration(seconds)}`);
    return warn("cleanup is switched off: finished tasks stay for ever", "[cleanup] retention = 7d");
  },

  async "tasks.stuck"(probe) {
    const rule = { now: probe.parts.clock.now(), after: probe.cleanup.stuckAfter };
    if (rule.after <= 0) throw new Skip("[cleanup] stuck_after is off");
    const found = await findStuck(await probe.snapshot(), await mirrorOrNull(probe), rule);
    const detail = describeStuck(found);
    if (detail === null) return ok(`none is waiting or running for more than ${formatDuration(rule.after)}`);
    return warn(detail, "see whether the service is running, and its logs: `ttsctl get USER TASK --log`");
  },

  async "tasks.future"(probe) {
    const snapshot = await probe.snapshot();
    const latest = probe.parts.clock.now() + AHEAD;
    const names: string[] = [];
    let count = 0;
    for (const row of snapshot.liveRows()) {
      if (snapshot.rows.score(row) <= latest) continue;
      const key = snapshot.rows.key(row);
      if (count++ < NAMED) names.push(memberOf(snapshot.rows.keys.userId(key), snapshot.rows.keys.taskId(key)));
    }
    if (count === 0) return ok("none was changed in the future");
    const more = count > NAMED ? `, and ${count - NAMED} more` : "";
    return warn(
      `${count} changed in the future: ${names.join(", ")}${more}`,
      "they are kept until then; check the service's clock and [service] timezone",
    );
  },

  async "tasks.shared_ids"(probe) {
    if (!probe.rules.taskIdIsUnique) return ok("users may share task ids in this layout");
    const detail = describeShared(await probe.snapshot());
    if (detail === null) return ok("no task id is two users'");
    return warn(
      detail,
      "the service finds and removes by task id alone: delete one of each, `ttsctl delete --user USER --ids ID`",
    );
  },
};

/** Without Redis, stuck tasks are those of the file. */
async function mirrorOrNull(probe: Probe): Promise<Mirror | null> {
  try {
    return await probe.mirror();
  } catch (error) {
    if (error instanceof Skip || isRedisError(error)) return null;
    throw error;
  }
}

/** Seconds that a clock may be ahead. */
const AHEAD = 60;
const NAMED = 3;
