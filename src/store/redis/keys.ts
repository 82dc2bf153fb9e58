/** The names of the mirror (SPEC section 3). Their only home. */
export const INDEX_KEY = "tts:tasks:index";
export const SYNCED_KEY = "tts:ttsctl:synced";
/** Only there while a full sync runs. */
export const SYNCING_KEY = "tts:ttsctl:syncing";

export function taskKey(userId: string, taskId: string): string {
  return `tts:task:${userId}:${taskId}`;
}

export function userIndexKey(userId: string): string {
  return `tts:user:${userId}:index`;
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
