import { LOOKUP_PREFIX, TASK_PREFIX, USER_PREFIX, USER_SUFFIX } from "./keys.ts";
import type { Layout } from "./layout.ts";
import copies from "./lua/copies.lua";
import endSync from "./lua/end-sync.lua";
import guard from "./lua/include/guard.lua";
import hash from "./lua/include/hash.lua";
import indexTypes from "./lua/include/index-types.lua";
import layout from "./lua/include/layout.lua";
import lookups from "./lua/include/lookups.lua";
import userScore from "./lua/include/user-score.lua";
import matches from "./lua/matches.lua";
import page from "./lua/page.lua";
import remove from "./lua/remove.lua";
import beginSlotSync from "./lua/slot/begin-sync.lua";
import dropLookup from "./lua/slot/drop-lookup.lua";
import dropMembers from "./lua/slot/drop-members.lua";
import endSlotSync from "./lua/slot/end-sync.lua";
import guardSlot from "./lua/slot/guard.lua";
import hashOfSlot from "./lua/slot/hash.lua";
import moveMembers from "./lua/slot/move-members.lua";
import removeHash from "./lua/slot/remove.lua";
import setLookup from "./lua/slot/set-lookup.lua";
import writeHash from "./lua/slot/write.lua";
import upsert from "./lua/upsert.lua";
import walk from "./lua/walk.lua";
import type { ReplyShape } from "./reply-shape.ts";
import { Script } from "./script.ts";

const INCLUDES: Readonly<Record<string, string>> = {
  guard,
  hash,
  "index-types": indexTypes,
  layout,
  lookups,
  "user-score": userScore,
};

/** A script with its includes in it. */
function script(lua: string, replies?: ReplyShape): Script {
  return new Script(
    lua.replaceAll(/^--- include (.+)\n/gm, (_, name: string) => INCLUDES[name]!),
    replies,
  );
}

/** The scripts for one node: hash, indexes and lookup of a task change together, and a call is about a batch. */
export const SCRIPTS = {
  copies: script(copies, "list"),
  matches: script(matches, "text"),
  page: script(page, "list"),
  walk: script(walk, "list"),
  upsert: script(upsert, "list"),
  remove: script(remove, "list"),
  endSync: script(endSync),
};

/** The scripts for a cluster: each is about one key. */
export const SLOT_SCRIPTS = {
  hash: script(hashOfSlot, "list"),
  guard: script(guardSlot),
  write: script(writeHash),
  remove: script(removeHash),
  setLookup: script(setLookup),
  dropLookup: script(dropLookup),
  moveMembers: script(moveMembers),
  dropMembers: script(dropMembers, "list"),
  beginSync: script(beginSlotSync),
  endSync: script(endSlotSync),
};

/** What `include/layout.lua` reads: the names of keys and what differs between layouts. */
export function layoutArgument({ fields, lookup, partsAreIds, payloadRules, userScoredBy }: Layout): string {
  const keys = { task: TASK_PREFIX, user: USER_PREFIX, index: USER_SUFFIX };
  return JSON.stringify({
    ...keys,
    lookup: lookup !== undefined && LOOKUP_PREFIX,
    fields,
    partsAreIds,
    payloadRules,
    userScoredByCreation: userScoredBy === "created_at",
  });
}
