import { memberOf } from "../../task/ids.ts";
import { HASH_FIELDS, readHash } from "./hash.ts";
import { TASK_PREFIX, USER_PREFIX, USER_SUFFIX } from "./keys.ts";
import type { Layout } from "./layout.ts";

/** The layout of SPEC section 3: ids as they are. A user id holds no colon. */
export const PLAIN: Layout = {
  taskKey: (userId, taskId) => `${TASK_PREFIX}${userId}:${taskId}`,
  keyBefore: (userId) => (userId === undefined ? TASK_PREFIX : `${TASK_PREFIX}${userId}:`),
  userIndexKey: (userId) => `${USER_PREFIX}${userId}${USER_SUFFIX}`,
  parts: ({ userId, taskId }) => [userId, taskId],
  partsAreIds: true,
  member: memberOf,
  userMember: (taskId) => taskId,
  userScoredBy: "updated_at",
  userScoreOf: ({ score }) => score,
  splitMember(member) {
    const colon = member.indexOf(":");
    if (colon <= 0) return { userId: "", taskId: member };
    return { userId: member.slice(0, colon), taskId: member.slice(colon + 1) };
  },
  taskIdOf: (userMember) => userMember,
  readKey(key) {
    if (key.startsWith(TASK_PREFIX)) {
      const member = key.slice(TASK_PREFIX.length);
      const colon = member.indexOf(":");
      return colon > 0 && colon < member.length - 1 ? { member } : null;
    }
    if (!key.startsWith(USER_PREFIX) || !key.endsWith(USER_SUFFIX)) return null;
    const userId = key.slice(USER_PREFIX.length, -USER_SUFFIX.length);
    return userId === "" || userId.includes(":") ? null : { userId };
  },
  fields: ["user_id", "task_id", "status", "error", "created_at", "updated_at", "payload"],
  valuesOf: ({ userId, taskId, status, error, createdAt, updatedAt, json }) => [
    ...[userId, taskId, status, error, createdAt, updatedAt, json],
  ],
  timeTextOf: ({ updatedAt }) => updatedAt,
  readFields: HASH_FIELDS,
  read: (values, { userId, taskId }, parser) => readHash(values, userId, taskId, parser),
  payloadRules: false,
  stateOf([status, updatedAt, payload], parser) {
    const isOwn = updatedAt || payload === null || !parser.isObject(payload);
    const text = isOwn ? (updatedAt ?? "") : parser.texts(payload).updatedAt;
    return { status: status ?? "", time: parser.times.ofHash(text) };
  },
};
