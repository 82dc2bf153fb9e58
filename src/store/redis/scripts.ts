import { removeScript, upsertScript } from "./lua-changing.ts";
import { perLayout } from "./lua-parts.ts";
import { inspectScript, lookScript, matchScript, seeScript, walkScript } from "./lua-reading.ts";
import { INTEGER, listBeginning, listOf, PAIRS, STRING } from "./reply-shape.ts";
import { Script } from "./script.ts";

/** KEYS: token, marker. ARGV: the token that the sync left, when it ended. The marker is set only if the token stands. */
export const END_SYNC = new Script(`
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('DEL', KEYS[1])
redis.call('SET', KEYS[2], ARGV[2])
return 1
`);

/**
 * The same for the mark of a slot, which is one key, so that a slot that moves has it on one side: a hash with `token`,
 * empty but while a sync runs, and `at`. KEYS: it. ARGV: the token.
 */
export const BEGIN_SLOT = new Script(`
if redis.call('TYPE', KEYS[1]).ok ~= 'hash' then redis.call('DEL', KEYS[1]) end
redis.call('HSET', KEYS[1], 'token', ARGV[1])
return 1
`);

/** KEYS: the mark of a slot. ARGV: the token that the sync left, when it ended. */
export const END_SLOT = new Script(`
if redis.call('HGET', KEYS[1], 'token') ~= ARGV[1] then return 0 end
redis.call('HSET', KEYS[1], 'token', '', 'at', ARGV[2])
return 1
`);

/**
 * A page of an index, newest first, with the hashes of its tasks: how many members the range has, members and scores in
 * turn, and of each task the values of some fields. KEYS: the index alone, for nobody knows the others before. ARGV: since
 * (empty: none), until (the same), offset, count, what stands before a member in the key of its task, the fields.
 */
export const PAGE = new Script(
  `
local since, till = ARGV[1] == '' and '-inf' or ARGV[1], ARGV[2]
local total = redis.call('ZCOUNT', KEYS[1], since, till == '' and '+inf' or '(' .. till)
local first = ARGV[3] + (till == '' and 0 or redis.call('ZCOUNT', KEYS[1], till, '+inf'))
local count = math.min(ARGV[4], total - ARGV[3])
local flat = count > 0 and redis.call('ZREVRANGE', KEYS[1], first, first + count - 1, 'WITHSCORES') or {}
local out = { total, flat }
for i = 1, #flat, 2 do out[#out + 1] = redis.pcall('HMGET', ARGV[5] .. flat[i], unpack(ARGV, 6)) end
return out
`,
  listBeginning(INTEGER, PAIRS),
);

/**
 * The scripts of a layout for one node. Every one but `match` and `walk` gets KEYS: the global index alone, since the names of all
 * else are made of the parts of a task; and ARGV: a fixed number of values a task. It returns one item a task, an error
 * reply for a task that met a key of the wrong type.
 */
export interface LayoutScripts {
  readonly look: Script;
  readonly walk: Script;
  readonly see: Script;
  readonly upsert: Script;
  readonly remove: Script;
  readonly match: Script;
  readonly inspect: Script;
}

export const layoutScripts = perLayout(
  (layout): LayoutScripts => ({
    look: new Script(lookScript(layout), Array.isArray),
    walk: new Script(walkScript(layout), listBeginning(PAIRS, listOf(STRING), STRING)),
    see: new Script(seeScript(layout), Array.isArray),
    upsert: new Script(upsertScript(layout), Array.isArray),
    remove: new Script(removeScript(layout), Array.isArray),
    match: new Script(matchScript(layout), STRING),
    inspect: new Script(inspectScript(layout), Array.isArray),
  }),
);
