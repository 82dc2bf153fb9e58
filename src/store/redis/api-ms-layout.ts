import { quotePlus, type UserScoreField, unquotePlus } from "../../task/layouts.ts";
import type { RecordParser } from "../../task/parse.ts";
import type { RecordRules } from "../../task/rules.ts";
import { createdScore, type RecordTexts, type Task } from "../../task/task.ts";
import type { TimeReader } from "../../task/time.ts";
import type { TaskId } from "../task-source.ts";
import { API_MS_FIELDS, extraTexts, readApiMs } from "./api-ms-hash.ts";
import { LOOKUP_PREFIX, TASK_PREFIX, USER_PREFIX, USER_SUFFIX } from "./keys.ts";
import type { CopyState, KeyName, Layout, Lookup, StateFields } from "./layout.ts";

/** The layout of the published GPT-SoVITS API service (SPEC section 10): ids quoted, times in whole seconds, a lookup for each task id. */
export class ApiMsLayout implements Layout {
  readonly #rules: RecordRules;
  readonly #times: TimeReader;
  readonly fields = API_MS_FIELDS;
  readonly readFields = API_MS_FIELDS;
  readonly payloadRules = true;
  readonly partsAreIds = false;
  readonly userScoredBy: UserScoreField;
  readonly lookup: Lookup = {
    key: (taskId) => LOOKUP_PREFIX + quotePlus(taskId),
    value: quotePlus,
    userOf: (value) => unquoted(value),
  };

  constructor(rules: RecordRules, userScoredBy: UserScoreField = "updated_at") {
    this.#rules = rules;
    this.userScoredBy = userScoredBy;
    this.#times = rules.times();
  }

  parts({ userId, taskId }: TaskId): [string, string] {
    return userId === "" ? ["", taskId] : [quotePlus(userId), quotePlus(taskId)];
  }

  taskKey(userId: string, taskId: string): string {
    return TASK_PREFIX + this.member(userId, taskId);
  }

  keyBefore(userId: string | undefined): string {
    return userId === undefined ? TASK_PREFIX : `${TASK_PREFIX}${quotePlus(userId)}:`;
  }

  userIndexKey(userId: string): string {
    return USER_PREFIX + quotePlus(userId) + USER_SUFFIX;
  }

  member(userId: string, taskId: string): string {
    return this.#rules.member(userId, taskId);
  }

  userMember(taskId: string): string {
    return quotePlus(taskId);
  }

  userScoreOf(task: Task): number {
    return this.userScoredBy === "created_at" ? createdScore(task, this.#times) : task.score;
  }

  splitMember(member: string): TaskId {
    const colon = member.indexOf(":");
    const userId = unquoted(member.slice(0, Math.max(0, colon)));
    const taskId = unquoted(member.slice(colon + 1));
    return userId === null || taskId === null ? { userId: "", taskId: member } : { userId, taskId };
  }

  /** What nobody could have quoted is taken as it stands, which is no task's id. */
  taskIdOf(userMember: string): string {
    return unquoted(userMember) ?? userMember;
  }

  readKey(key: string): KeyName | null {
    if (key.startsWith(TASK_PREFIX)) {
      const member = key.slice(TASK_PREFIX.length);
      return this.splitMember(member).userId === "" ? null : { member };
    }
    if (key.startsWith(LOOKUP_PREFIX)) {
      const taskId = unquoted(key.slice(LOOKUP_PREFIX.length));
      return taskId === null ? null : { lookup: taskId };
    }
    if (!key.startsWith(USER_PREFIX) || !key.endsWith(USER_SUFFIX)) return null;
    const userId = unquoted(key.slice(USER_PREFIX.length, -USER_SUFFIX.length));
    return userId === null ? null : { userId };
  }

  timeTextOf({ score }: Task): string {
    return String(score);
  }

  valuesOf(task: Task): string[] {
    const { userId, taskId, status, error, score, json } = task;
    const times = [String(score), String(createdScore(task, this.#times))];
    return [taskId, userId, status, ...extraTexts(json), error, ...times, json];
  }

  stateOf([status, updatedAt, payload]: StateFields, parser: RecordParser): CopyState {
    const ruling = rulingPayload(payload, parser);
    if (ruling !== null)
      return { status: ruling.status, time: parser.times.counted(parser.times.parse(ruling.updatedAt)) };
    return { status: status ?? "", time: parser.times.ofHash(updatedAt ?? "") };
  }

  read(values: readonly (string | null)[], id: TaskId, parser: RecordParser): Task | undefined {
    return readApiMs(values, id, parser);
  }
}

/** What a payload says, where it is an object with a time. */
function rulingPayload(payload: string | null, parser: RecordParser): RecordTexts | null {
  const texts = payload === null ? null : parser.textsOrNull(payload);
  return texts === null || Number.isNaN(parser.times.parse(texts.updatedAt)) ? null : texts;
}

/** What was quoted; null for what `quotePlus` never writes, or nothing. */
function unquoted(quoted: string): string | null {
  const text = unquotePlus(quoted);
  return text !== "" && quotePlus(text) === quoted ? text : null;
}
