import { isRedisError } from "../errors.ts";
import type { FileStore } from "./file/file-store.ts";
import { ownersIn } from "./file/file-tasks.ts";
import type { MirrorLink } from "./mirror-link.ts";
import { membersOf } from "./redis/members.ts";
import type { Mirror } from "./redis/mirror.ts";
import { walkIndex } from "./redis/walk.ts";

/** How many index members are searched for a task id that has no lookup and isn't in the file. */
const MOST_MEMBERS = 100_000;

interface Stores {
  readonly file: FileStore;
  readonly link: MirrorLink;
}

/**
 * The users that may have a task of this id, each once: the one of its lookup, then those of the file, newest task first,
 * then in a layout without lookups those of the Redis index, as far as it is searched. Each store is read only when the
 * caller asks for more.
 * @throws TtsctlError STORE_* if the file is needed and can't be read
 */
export async function* taskOwners(stores: Stores, taskId: string): AsyncGenerator<string> {
  const seen = new Set<string>();
  for (const owners of [fromLookup, fromFile, fromIndex]) {
    for await (const userId of owners(stores, taskId)) {
      if (!seen.has(userId)) yield userId;
      seen.add(userId);
    }
  }
}

async function* fromLookup({ link }: Stores, taskId: string): AsyncGenerator<string> {
  yield* fromMirror(link, async function* (mirror) {
    const [userId] = await mirror.lookedUp([taskId]);
    if (userId != null) yield userId;
  });
}

async function* fromFile({ file }: Stores, taskId: string): AsyncGenerator<string> {
  const snapshot = await file.read();
  try {
    yield* ownersIn(snapshot, taskId);
  } finally {
    await snapshot.close();
  }
}

async function* fromIndex({ link }: Stores, taskId: string): AsyncGenerator<string> {
  yield* fromMirror(link, async function* (mirror) {
    if (mirror.layout.lookup !== undefined) return;
    let left = MOST_MEMBERS;
    for await (const flat of walkIndex(mirror, undefined)) {
      for (const member of membersOf(flat, undefined, mirror.layout)) if (member.taskId === taskId) yield member.userId;
      left -= flat.length / 2;
      if (left <= 0) return;
    }
  });
}

/** Nothing while Redis can't be asked: the other stores are. */
async function* fromMirror(
  link: MirrorLink,
  search: (mirror: Mirror) => AsyncGenerator<string>,
): AsyncGenerator<string> {
  const state = await link.open();
  if (state.kind !== "on") return;
  try {
    yield* search(state.mirror);
  } catch (error) {
    if (!isRedisError(error)) throw error;
  }
}
