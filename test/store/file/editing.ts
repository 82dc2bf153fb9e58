import type { Clock } from "../../../src/clock.ts";
import type { PlanEdit } from "../../../src/store/file/changes.ts";
import { NO_PUTS, putsOf } from "../../../src/store/file/changes.ts";
import { FileStore, type FileStoreOptions } from "../../../src/store/file/file-store.ts";
import type { Snapshot } from "../../../src/store/file/snapshot.ts";
import { writable } from "../../../src/store/writable.ts";
import { TestClock } from "../../helpers/clock.ts";
import { useFolder } from "../../helpers/files.ts";
import { RULES, taskOf } from "../../helpers/records.ts";
import { type Rec, rec } from "./service.ts";

export const TEMPORARY = ".s.json.ttsctl";

/** For tests that are not about a service that wrote lately: it did so an hour ago. */
export const later = () => new TestClock({ shift: 3600 });

/** A folder for each test, and stores on the files in it. */
export function useStoreFile() {
  const path = useFolder();
  const storeAt = (name = "s.json", clock: Clock = later(), options: FileStoreOptions = {}) =>
    writable(new FileStore(path(name), RULES, clock, options));
  return { path, storeAt };
}

/** A plan that removes tasks wherever they are. */
export function removing(...tasks: string[]): PlanEdit {
  return (current: Snapshot) => {
    const rows = tasks.map((taskId) => current.rowOf({ userId: "alice", taskId })).filter((row) => row >= 0);
    return { removed: new Set(rows.map((row) => current.rows.key(row))), puts: NO_PUTS };
  };
}

export const putting =
  (...records: Rec[]): PlanEdit =>
  () => ({ removed: new Set(), puts: putsOf(records.map(taskOf)) });

/** The plan, with something that happens each time just after it was asked; the store moves under it. */
export function disturbed(plan: PlanEdit, ...events: (() => void)[]): PlanEdit & { asked: number } {
  const asking = Object.assign(
    async (current: Snapshot, note: string) => {
      const edit = await plan(current, note);
      events[asking.asked++]?.();
      return edit;
    },
    { asked: 0 },
  );
  return asking;
}

export const three = [rec("t1"), rec("t2"), rec("t3")];
