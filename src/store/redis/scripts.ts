import { ALL_FIELDS } from "./inspection.ts";
import type { Layout } from "./layout.ts";
import { Script } from "./script.ts";

/*
 * Every script gets KEYS: the global index, then for each task its hash and its user's index; and ARGV: a fixed number
 * of values a task. It returns one item a task, an error reply for a task that met a key of the wrong type.
 */

/** KEYS: token, marker. ARGV: the token that the sync left, when it ended. The marker is set only if the token stands. */
export const END_SYNC = new Script(`
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('DEL', KEYS[1])
redis.call('SET', KEYS[2], ARGV[2])
return 1
`);

/**
 * A page of an index, newest first, with the hashes of its tasks: how many members the range has, members and scores in
 * turn, and of each task the values of some fields. KEYS: the index alone, for nobody knows the others before. ARGV: since
 * (empty: none), until (the same), offset, count, what stands before a member in the key of its task, the fields.
 */
export const PAGE = new Script(`
local since, till = ARGV[1] == '' and '-inf' or ARGV[1], ARGV[2]
local total = redis.call('ZCOUNT', KEYS[1], since, till == '' and '+inf' or '(' .. till)
local first = ARGV[3] + (till == '' and 0 or redis.call('ZCOUNT', KEYS[1], till, '+inf'))
local count = math.min(ARGV[4], total - ARGV[3])
local flat = count > 0 and redis.call('ZREVRANGE', KEYS[1], first, first + count - 1, 'WITHSCORES') or {}
local out = { total, flat }
for i = 1, #flat, 2 do out[#out + 1] = redis.pcall('HMGET', ARGV[5] .. flat[i], unpack(ARGV, 6)) end
return out
`);

export const LOOK_ARGS = 3;
/**
 * What the mirror knows of each task, as one text and a list, so that of a million tasks in step little comes back. The
 * text has a line a task: the hash's updated_at where both indexes have the score that is expected, and else nothing. The
 * list has four items for each of the others: the hash's updated_at, its payload where it has none, the score in the
 * global index, the score in the user's index. ARGV: member, task id, expected score (empty: none).
 */
export const LOOK = new Script(`
local lines, others = {}, {}
for i = 1, (#KEYS - 1) / 2 do
  local arg = (i - 1) * ${LOOK_ARGS}
  local updated = redis.pcall('HGET', KEYS[i * 2], 'updated_at')
  local global = redis.pcall('ZSCORE', KEYS[1], ARGV[arg + 1])
  local own = redis.pcall('ZSCORE', KEYS[i * 2 + 1], ARGV[arg + 2])
  local score = tonumber(ARGV[arg + 3])
  local inStep = score and type(global) == 'string' and type(own) == 'string' and tonumber(global) == score and tonumber(own) == score
  if inStep and type(updated) == 'string' and updated ~= '' and not string.find(updated, '\\n', 1, true) then
    lines[i] = updated
  else
    local partial = not updated or updated == ''
    lines[i] = ''
    others[#others + 1] = updated
    others[#others + 1] = partial and redis.pcall('HGET', KEYS[i * 2], 'payload')
    others[#others + 1] = global
    others[#others + 1] = own
  end
end
return { table.concat(lines, '\\n'), others }
`);

export const SEE_ARGS = 2;
export const SEE_ITEMS = 5;
/** Each copy as it stands, five items a task: whether there is a hash, its status and time, both scores. ARGV: member, task id. */
export const SEE = new Script(`
local out = {}
for i = 1, (#KEYS - 1) / 2 do
  local hash = redis.pcall('HMGET', KEYS[i * 2], 'status', 'updated_at')
  local at = (i - 1) * ${SEE_ITEMS}
  out[at + 1] = hash.err and hash or redis.call('EXISTS', KEYS[i * 2])
  out[at + 2] = hash[1] or false
  out[at + 3] = hash[2] or false
  out[at + 4] = redis.pcall('ZSCORE', KEYS[1], ARGV[i * 2 - 1])
  out[at + 5] = redis.pcall('ZSCORE', KEYS[i * 2 + 1], ARGV[i * 2])
end
return out
`);

/**
 * `look(hash, seen, status)`, the guard of a write: nothing where the hash still has the updated_at that the decision was
 * made on, or without one the same payload (empty: neither), and after a '=' that status (empty: any); else 0, or the
 * error of a key of the wrong type.
 */
export const GUARD_FUNCTION = `
local function look(hash, seen, status)
  if seen == '' and status == '' and redis.call('EXISTS', hash) == 0 then return end
  local now = redis.pcall('HGET', hash, 'updated_at')
  if not now or now == '' then now = redis.pcall('HGET', hash, 'payload') end
  if type(now) == 'table' then return now end
  if (now or '') ~= seen then return 0 end
  if status ~= '' and '=' .. (redis.call('HGET', hash, 'status') or '') ~= status then return 0 end
end
`;

/** `HSET` of all fields of a layout, from the arguments behind `before`, a Lua expression. */
export function writeFields(fields: readonly string[], hash: string, before: string): string {
  return `redis.call('HSET', ${hash}, ${fields.map((name, i) => `'${name}', ARGV[${before} + ${i + 1}]`).join(", ")})`;
}

export const UPSERT_GUARDS = 7;
/**
 * Writes hash and index members of each task whose hash still has the updated_at that the decision was made on, or
 * without one the same payload (empty: neither): 1 written, 0 refused. ISO text cannot be compared in Lua, so who is
 * newer was decided before. ARGV: that text, score, member, its user's member, '=' with the status that the hash must
 * have (empty: any), '1' to mend the indexes alone, '1' where nothing else may stay in the hash, and the values of the
 * layout's fields. The hash's type shows in the look at it, the members of a user's index are
 * written first, together: a key of the wrong type, or a server out of memory, stops a task before anything of it is
 * written. A task that comes twice is refused the second time: that was decided before the first was written.
 */
function upsertScript(fields: readonly string[]): Script {
  const width = UPSERT_GUARDS + fields.length;
  return new Script(`
${GUARD_FUNCTION}
local index = redis.pcall('ZCARD', KEYS[1])
local out, taken, byUser = {}, {}, {}
for i = 1, (#KEYS - 1) / 2 do
  local arg, hash, user = (i - 1) * ${width}, KEYS[i * 2], KEYS[i * 2 + 1]
  out[i] = type(index) == 'table' and index or taken[hash] and 0 or look(hash, ARGV[arg + 1], ARGV[arg + 5])
  if not out[i] then
    taken[hash] = true
    local own = byUser[user]
    if not own then
      own = {}
      byUser[user] = own
    end
    own[#own + 1] = ARGV[arg + 2]
    own[#own + 1] = ARGV[arg + 4]
  end
end
for user, own in pairs(byUser) do byUser[user] = redis.pcall('ZADD', user, unpack(own)) end

local members = {}
for i = 1, (#KEYS - 1) / 2 do
  if not out[i] then
    local arg, hash, reply = (i - 1) * ${width}, KEYS[i * 2], byUser[KEYS[i * 2 + 1]]
    if type(reply) ~= 'table' then
      if ARGV[arg + 6] ~= '1' then
        if ARGV[arg + 7] == '1' then redis.call('DEL', hash) end
        ${writeFields(fields, "hash", `arg + ${UPSERT_GUARDS}`)}
      end
      members[#members + 1] = ARGV[arg + 2]
      members[#members + 1] = ARGV[arg + 3]
      reply = 1
    end
    out[i] = reply
  end
end
if #members > 0 then redis.call('ZADD', KEYS[1], unpack(members)) end
return out
`);
}

export const REMOVE_ARGS = 7;
/**
 * Removes hash and both index members of each task that still is as it was when that was decided: 1 removed, 0 refused.
 * ARGV: '1' where there was a hash and '0' where there was none, its status, its updated_at, the scores in the global
 * index and the user's (looked at where there was no hash; empty: none), member, task id.
 */
export const REMOVE = new Script(`
local out = {}
for i = 1, (#KEYS - 1) / 2 do
  local arg = (i - 1) * ${REMOVE_ARGS}
  local hash, user = KEYS[i * 2], KEYS[i * 2 + 1]
  local same, wrong
  if ARGV[arg + 1] == '1' then
    local seen = redis.pcall('HMGET', hash, 'status', 'updated_at')
    wrong = seen.err and seen
    same = not wrong and redis.call('EXISTS', hash) == 1
      and (seen[1] or '') == ARGV[arg + 2] and (seen[2] or '') == ARGV[arg + 3]
  else
    local score = redis.pcall('ZSCORE', KEYS[1], ARGV[arg + 6])
    local own = redis.pcall('ZSCORE', user, ARGV[arg + 7])
    wrong = type(score) == 'table' and score or type(own) == 'table' and own
    same = not wrong and redis.call('EXISTS', hash) == 0 and (score or '') == ARGV[arg + 4] and (own or '') == ARGV[arg + 5]
  end
  local card = wrong or redis.pcall('ZCARD', user)
  if type(card) == 'table' then
    out[i] = card
  elseif not same then
    out[i] = 0
  else
    redis.call('UNLINK', hash)
    redis.call('ZREM', KEYS[1], ARGV[arg + 6])
    redis.call('ZREM', user, ARGV[arg + 7])
    out[i] = 1
  end
end
return out
`);

/**
 * Which hashes hold exactly these values, as one text of a '1' or '0' a task: content goes one way only, and nothing
 * comes back that would have to be parsed. KEYS: the hashes alone. ARGV: the values of the layout's fields.
 */
function matchScript(fields: readonly string[]): Script {
  return new Script(`
local out = {}
for i = 1, #KEYS do
  local arg = (i - 1) * ${fields.length}
  local hash = redis.pcall('HMGET', KEYS[i], ${fields.map((name) => `'${name}'`).join(", ")})
  local same = not hash.err
  for field = 1, ${fields.length} do same = same and hash[field] == ARGV[arg + field] end
  out[i] = same and '1' or '0'
end
return table.concat(out)
`);
}

const made = new Map<Layout, { upsert: Script; match: Script }>();

/** The scripts that name every field of a hash. */
export function layoutScripts(layout: Layout): { upsert: Script; match: Script } {
  const known = made.get(layout) ?? { upsert: upsertScript(layout.fields), match: matchScript(layout.fields) };
  made.set(layout, known);
  return known;
}

export const INSPECT_ARGS = 2;
/**
 * Everything that the mirror has of each task: the type of its key, the fields of its hash, both scores (none where a
 * user's index is none). ARGV: member, task id.
 */
export const INSPECT = new Script(`
local out = {}
for i = 1, (#KEYS - 1) / 2 do
  local arg = (i - 1) * ${INSPECT_ARGS}
  local kind = redis.call('TYPE', KEYS[i * 2]).ok
  out[#out + 1] = kind
  local hash = kind == 'hash' and redis.call('HMGET', KEYS[i * 2], ${ALL_FIELDS.map((name) => `'${name}'`).join(", ")}) or {}
  for field = 1, ${ALL_FIELDS.length} do out[#out + 1] = hash[field] or false end
  out[#out + 1] = redis.call('ZSCORE', KEYS[1], ARGV[arg + 1])
  local score = redis.pcall('ZSCORE', KEYS[i * 2 + 1], ARGV[arg + 2])
  out[#out + 1] = type(score) == 'string' and score
end
return out
`);
