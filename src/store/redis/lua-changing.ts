import type { Layout } from "./layout.ts";
import { countOf, guardFunction, lookupKey, withLookups, writeFields } from "./lua-parts.ts";

/** How many values of a task an upsert has before those of the layout's fields. */
export const UPSERT_GUARDS = 8;
/**
 * Writes hash and index members of each task whose hash still has the updated_at that the decision was made on, or
 * without one the same payload (empty: neither; where the payload rules, it may be either): 1 written, 0 refused. ISO text
 * cannot be compared in Lua, so who is newer was decided before. ARGV: that text, score, member, its user's member, '='
 * with the status that the hash must have (empty: any), '1' to mend the indexes alone, '1' where nothing else may stay in
 * the hash, what its lookup should hold, and the values of the layout's fields. The hash's type shows in the look at it,
 * the members of a user's index are written first, together: a key of the wrong type, or a server out of memory, stops a
 * task before anything of it is written. A task that comes twice is refused the second time: that was decided before the
 * first was written. A lookup stays with another user whose task of that id is newer.
 */
export function upsertScript(layout: Layout): string {
  const { fields, lookup } = layout;
  const width = UPSERT_GUARDS + fields.length;
  return `${guardFunction(layout)}${withLookups(layout)}
local index = redis.pcall('ZCARD', KEYS[1])

local function guard(i, hash, arg)
${lookup === undefined ? "" : `  local lookup = redis.pcall('GET', ${lookupKey(layout)})\n  if type(lookup) == 'table' then return lookup end`}
  return look(hash, ARGV[arg + 1], ARGV[arg + 5])
end

local out, taken, byUser = {}, {}, {}
for i = 1, ${countOf(layout)} do
  local arg, hash, user = (i - 1) * ${width}, KEYS[i * 2], KEYS[i * 2 + 1]
  out[i] = type(index) == 'table' and index or taken[hash] and 0 or guard(i, hash, arg)
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
for i = 1, ${countOf(layout)} do
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
${lookup === undefined ? "" : setLookups(layout, width)}\
return out
`;
}

/** Once all members of the batch are in the index: tasks that share an id may come together. */
function setLookups(layout: Layout, width: number): string {
  return `for i = 1, ${countOf(layout)} do
  local arg = (i - 1) * ${width}
  if out[i] == 1 and lookedUp(i, ARGV[arg + 8], ARGV[arg + 3], tonumber(ARGV[arg + 2])) == 'wrong' then
    redis.call('SET', ${lookupKey(layout)}, ARGV[arg + 8])
  end
end
`;
}

export const REMOVE_ARGS = 9;
/**
 * Removes hash and both index members of each task that still is as it was when that was decided, and its lookup where
 * that names it: 1 removed, 0 refused, as is the second of a task that comes twice. What goes is gathered, and goes at the
 * end in a few calls. ARGV: '1' where there was a hash and '0' where there was none, its status, its
 * updated_at, its payload (looked at where it rules), the scores in the global index and the user's (looked at where
 * there was no hash; empty: none), member, its user's member, what its lookup should hold.
 */
export function removeScript(layout: Layout): string {
  const { payloadRules, lookup } = layout;
  return `
local index, cards = redis.pcall('ZCARD', KEYS[1]), {}

local function wrongType(user)
  if type(index) == 'table' then return index end
  if cards[user] == nil then cards[user] = redis.pcall('ZCARD', user) end
  return type(cards[user]) == 'table' and cards[user]
end

local out, taken, hashes, members, byUser = {}, {}, {}, {}, {}
for i = 1, ${countOf(layout)} do
  local arg = (i - 1) * ${REMOVE_ARGS}
  local hash, user = KEYS[i * 2], KEYS[i * 2 + 1]
  local same, wrong
  if ARGV[arg + 1] == '1' then
    local seen = redis.pcall('HMGET', hash, 'status', 'updated_at'${payloadRules ? ", 'payload'" : ""})
    wrong = seen.err and seen
    same = not wrong and (seen[1] or seen[2] or redis.call('EXISTS', hash) == 1)
      and (seen[1] or '') == ARGV[arg + 2] and (seen[2] or '') == ARGV[arg + 3]${payloadRules ? " and (seen[3] or '') == ARGV[arg + 4]" : ""}
  else
    local score = redis.pcall('ZSCORE', KEYS[1], ARGV[arg + 7])
    local own = redis.pcall('ZSCORE', user, ARGV[arg + 8])
    wrong = type(score) == 'table' and score or type(own) == 'table' and own
    same = not wrong and redis.call('EXISTS', hash) == 0 and (score or '') == ARGV[arg + 5] and (own or '') == ARGV[arg + 6]
  end
  wrong = wrong or wrongType(user)
  if wrong then
    out[i] = wrong
  elseif taken[hash] or not same then
    out[i] = 0
  else
    taken[hash] = true
    hashes[#hashes + 1] = hash
    members[#members + 1] = ARGV[arg + 7]
    byUser[user] = byUser[user] or {}
    table.insert(byUser[user], ARGV[arg + 8])
${lookup === undefined ? "" : `    if redis.pcall('GET', ${lookupKey(layout)}) == ARGV[arg + 9] then redis.call('DEL', ${lookupKey(layout)}) end\n`}\
    out[i] = 1
  end
end
if #hashes > 0 then
  redis.call('UNLINK', unpack(hashes))
  redis.call('ZREM', KEYS[1], unpack(members))
end
for user, own in pairs(byUser) do redis.call('ZREM', user, unpack(own)) end
return out
`;
}
