/** The names of the mirror (SPEC section 3). Their only home. */
export const INDEX_KEY = "tts:tasks:index";
export const SYNCED_KEY = "tts:ttsctl:synced";
/** Only there while a full sync runs. */
export const SYNCING_KEY = "tts:ttsctl:syncing";

const TASK_PREFIX = "tts:task:";
const USER_PREFIX = "tts:user:";
const USER_SUFFIX = ":index";

export function taskKey(userId: string, taskId: string): string {
  return `${TASK_PREFIX}${userId}:${taskId}`;
}

export function userIndexKey(userId: string): string {
  return `${USER_PREFIX}${userId}${USER_SUFFIX}`;
}

/** The index of a user, or (undefined) of all. */
export function indexKey(userId: string | undefined): string {
  return userId === undefined ? INDEX_KEY : userIndexKey(userId);
}

/** What all keys of the mirror begin with, as a pattern of SCAN. */
export const ALL_KEYS = "tts:*";

/** Of a key: the member whose hash it names, the user whose index, or null where it is neither. */
export function readKey(key: string): { member: string } | { userId: string } | null {
  if (key.startsWith(TASK_PREFIX)) {
    const member = key.slice(TASK_PREFIX.length);
    const colon = member.indexOf(":");
    return colon > 0 && colon < member.length - 1 ? { member } : null;
  }
  if (!key.startsWith(USER_PREFIX) || !key.endsWith(USER_SUFFIX)) return null;
  const userId = key.slice(USER_PREFIX.length, -USER_SUFFIX.length);
  return userId === "" || userId.includes(":") ? null : { userId };
}

/**
 * The user and task of a member of the global index; a user id holds no colon. What is no such member becomes a task
 * of nobody, and `memberOf` gives it back as it was.
 */
export function splitMember(member: string): { userId: string; taskId: string } {
  const colon = member.indexOf(":");
  if (colon <= 0) return { userId: "", taskId: member };
  return { userId: member.slice(0, colon), taskId: member.slice(colon + 1) };
}
