import { LOOKUP_PREFIX, TASK_PREFIX, USER_PREFIX, USER_SUFFIX } from "../layout/keys.ts";
import type { Layout } from "../layout/layout.ts";
import type { Reply, ReplyShape, Script } from "./commands.ts";
import copies from "./lua/copies.lua";
import fields from "./lua/fields.lua";
import fits from "./lua/fits.lua";
import guard from "./lua/include/guard.lua";
import hash from "./lua/include/hash.lua";
import indexTypes from "./lua/include/index-types.lua";
import json from "./lua/include/json.lua";
import layoutLua from "./lua/include/layout.lua";
import lookups from "./lua/include/lookups.lua";
import remove from "./lua/remove.lua";
import hashOfSlot from "./lua/slot/hash.lua";
import moveMembers from "./lua/slot/move-members.lua";
import removeHash from "./lua/slot/remove.lua";
import setLookup from "./lua/slot/set-lookup.lua";
import writeHash from "./lua/slot/write.lua";
import upsert from "./lua/upsert.lua";
import walk from "./lua/walk.lua";
import { INTEGER, listBeginning, listOf, orError, PAIRS, STRING, TEXT } from "./reply-shape.ts";
import { STEP } from "./walk.ts";

const INCLUDES: Record<string, string> = { guard, hash, json, "index-types": indexTypes, layout: layoutLua, lookups };

function script(name: string, lua: string, replies = INTEGER, { isJson = false } = {}): Script {
  const source = lua.replaceAll(/^--- include (.+)\n/gm, (_, include: string) => INCLUDES[include]!);
  return { name, source, replies, isJson };
}

/** The result of `readHash`: a number, a type or an error, and fields. */
const HASH: ReplyShape = (reply) => Array.isArray(reply) && !Array.isArray(reply[0]) && reply.slice(1).every(TEXT);

const STEP_PAIRS: ReplyShape = (reply) => PAIRS(reply) && (reply as Reply[]).length <= 2 * STEP;

/** The scripts for one node: hash, indexes and lookup of a task change together, and a call is about a batch. */
export const SCRIPTS = {
  copies: script("tts:copies", copies, listBeginning(Array.isArray, listOf(orError(TEXT))), { isJson: true }),
  fits: script("tts:fits", fits, listOf(INTEGER), { isJson: true }),
  fields: script("tts:fields", fields, listOf(orError(listOf(TEXT)))),
  walk: script("tts:walk", walk, listBeginning(STEP_PAIRS, STRING), { isJson: true }),
  upsert: script("tts:upsert", upsert, listOf(orError(INTEGER))),
  remove: script("tts:remove", remove, listOf(orError(INTEGER))),
};

/** The scripts for a cluster: each is about one key. */
export const SLOT_SCRIPTS = {
  hash: script("tts:slot:hash", hashOfSlot, HASH),
  write: script("tts:slot:write", writeHash),
  remove: script("tts:slot:remove", removeHash),
  setLookup: script("tts:slot:setLookup", setLookup),
  moveMembers: script("tts:slot:moveMembers", moveMembers),
};

/** What `include/layout.lua` reads: the names of keys, with their prefix, and what differs between layouts. */
export function layoutArgument(layout: Layout, prefix = ""): string {
  const { fields, hasLookups, payloadRules, userScoredBy } = layout;
  const keys = { task: prefix + TASK_PREFIX, user: prefix + USER_PREFIX, index: USER_SUFFIX };
  return JSON.stringify({
    ...keys,
    lookup: hasLookups && prefix + LOOKUP_PREFIX,
    fields,
    payloadRules,
    userScoredByCreation: userScoredBy === "created_at",
  });
}
