import { type Layout, stateNames } from "./layout.ts";
import { guardFunction, perLayout, readFields, writeFields } from "./lua-parts.ts";
import { INTEGER, listOf, TEXT } from "./reply-shape.ts";
import { Script } from "./script.ts";

/*
 * Scripts for a cluster: each is about one key, a hash or an index. Of several members the arguments come one after the
 * other.
 */

/** The scripts that know what a hash of the layout holds; KEYS: a hash. */
export interface HashScripts {
  readonly guard: Script;
  readonly write: Script;
  readonly remove: Script;
  readonly inspect: Script;
}

export const hashScripts = perLayout(
  (layout): HashScripts => ({
    guard: new Script(guardScript(layout)),
    write: new Script(writeScript(layout)),
    remove: new Script(removeScript(layout)),
    inspect: new Script(inspectScript(layout), listOf(TEXT)),
  }),
);

/** ARGV: what was seen, status (as in `guardFunction`). 1 where it still is so, else 0. */
function guardScript(layout: Layout): string {
  return `${guardFunction(layout)}
return look(KEYS[1], ARGV[1], ARGV[2]) or 1
`;
}

/** How many arguments stand before the values of the layout's fields. */
const WRITE_GUARDS = 4;
/**
 * Writes a hash that still is as it was seen: 1 written, 0 refused. ARGV: as for `guard`, '1' to leave it as it is, '1'
 * where nothing else may stay in it, and the values of the layout's fields.
 */
function writeScript(layout: Layout): string {
  return `${guardFunction(layout)}
local refused = look(KEYS[1], ARGV[1], ARGV[2])
if refused then return refused end
if ARGV[3] == '1' then return 1 end
if ARGV[4] == '1' then redis.call('DEL', KEYS[1]) end
${writeFields(layout.fields, "KEYS[1]", `${WRITE_GUARDS}`)}
return 1
`;
}

/** Removes a hash that has this status, updated_at and, where that rules, payload (ARGV; empty: none): 1 removed, 0 refused. */
function removeScript(layout: Layout): string {
  return `
local seen = ${readFields(stateNames(layout), "KEYS[1]")}
if seen.err then return seen end
if redis.call('EXISTS', KEYS[1]) == 0 or (seen[1] or '') ~= ARGV[1] or (seen[2] or '') ~= ARGV[2] then return 0 end
if (seen[3] or '') ~= ARGV[3] then return 0 end
redis.call('UNLINK', KEYS[1])
return 1
`;
}

/** The type of the key of a hash, and the layout's fields. */
function inspectScript({ fields }: Layout): string {
  return `
local kind = redis.call('TYPE', KEYS[1]).ok
local out = { kind }
local hash = kind == 'hash' and ${readFields(fields, "KEYS[1]")} or {}
for field = 1, ${fields.length} do out[field + 1] = hash[field] or false end
return out
`;
}

/** KEYS: a lookup. ARGV: what it held (empty: nothing), what it is to hold. 1 where it does, 0 where it changed. */
export const SET_LOOKUP = new Script(`
if (redis.call('GET', KEYS[1]) or '') ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[2])
return 1
`);

/** KEYS: a lookup. ARGV: what it must hold to go. */
export const DROP_LOOKUP = new Script(`
if redis.pcall('GET', KEYS[1]) == ARGV[1] then redis.call('DEL', KEYS[1]) end
return 1
`);

/** Sets scores that still are what is said. ARGV: member, score now, score then. */
export const MOVE = new Script(`
for i = 1, #ARGV, 3 do
  local score = redis.call('ZSCORE', KEYS[1], ARGV[i])
  if score and tonumber(score) == tonumber(ARGV[i + 1]) then redis.call('ZADD', KEYS[1], ARGV[i + 2], ARGV[i]) end
end
return 1
`);

/** Removes members whose score is not above a limit: for each 1 where it is gone, 0 where it stays. ARGV: member, limit. */
export const DROP = new Script(
  `
local out = {}
for i = 1, #ARGV, 2 do
  local score = redis.call('ZSCORE', KEYS[1], ARGV[i])
  local stays = score and tonumber(score) > tonumber(ARGV[i + 1])
  if score and not stays then redis.call('ZREM', KEYS[1], ARGV[i]) end
  out[#out + 1] = stays and 0 or 1
end
return out
`,
  listOf(INTEGER),
);
