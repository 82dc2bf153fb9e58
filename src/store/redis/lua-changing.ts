import type { Layout } from "./layout.ts";
import {
  guardFunction,
  hashKey,
  lookupKey,
  NAMES,
  stateFunctions,
  userIndex,
  withLookups,
  writeFields,
} from "./lua-parts.ts";

/** How many values an upsert has before the parts of a task: the last is its score in its user's index. */
function upsertGuards({ userScoredBy }: Layout): number {
  return userScoredBy === "updated_at" ? 3 : 4;
}

/** How many values an upsert has for each task: the layout's fields come last, and may begin with the parts. */
export function upsertArgs(layout: Layout): number {
  const { fields, partsAreIds } = layout;
  return upsertGuards(layout) + (partsAreIds ? 0 : 2) + fields.length;
}

/** How a task is written: as usual, its index members alone, or with nothing else left in its hash. */
export const [AS_USUAL, INDEX_ONLY, AFRESH] = ["w", "i", "a"];

/**
 * Writes hash and index members of each task whose hash still has the updated_at that the decision was made on, or
 * without one the same payload (empty: neither; where the payload rules, it may be either): 1 written, 0 refused. ISO text
 * cannot be compared in Lua, so who is newer was decided before. ARGV: that text, how (one of the letters above and
 * '=' with the status that the hash must have, or that letter alone, or nothing: as usual), score, that in the user's index
 * if it is another, both parts, the values of the layout's fields (which may begin with those). The hash's type shows in the look at it, the members of a user's
 * index are written first, together: a key of the wrong type, or a server out of memory, stops a task before anything of
 * it is written. A task that comes twice is refused the second time: that was decided before the first was written. A
 * lookup stays with another user whose task of that id is newer.
 */
export function upsertScript(layout: Layout): string {
  const { fields, lookup } = layout;
  const width = upsertArgs(layout);
  const guards = upsertGuards(layout);
  return `${NAMES}${guardFunction(layout)}${withLookups(layout)}
local out, index, count = {}, redis.pcall('ZCARD', KEYS[1]), #ARGV / ${width}
if type(index) == 'table' then
  for i = 1, count do out[i] = index end
  return out
end

-- That nothing is there of any task is asked at once: of a first sync that is so.
local members, hashes, users, allNew = {}, {}, {}, true
for i = 1, count do
  local arg = (i - 1) * ${width}
  members[i], hashes[i], users[i] = names(arg + ${guards})
  allNew = allNew and ARGV[arg + 1] == '' and ARGV[arg + 2] == ''
end
allNew = allNew and redis.call('EXISTS', unpack(hashes)) == 0

local function guard(i, arg)
${lookup === undefined ? "" : `  local lookup = redis.pcall('GET', ${lookupKey(`ARGV[arg + ${guards + 2}]`)})\n  if type(lookup) == 'table' then return lookup end\n`}\
  if not allNew then return look(hashes[i], ARGV[arg + 1], string.sub(ARGV[arg + 2], 2)) end
end

local taken, byUser = {}, {}
for i = 1, count do
  local arg, hash, user = (i - 1) * ${width}, hashes[i], users[i]
  if taken[hash] then out[i] = 0 else out[i] = guard(i, arg) end
  if not out[i] then
    taken[hash] = true
    local own = byUser[user]
    if not own then
      own = {}
      byUser[user] = own
    end
    local n = #own
    own[n + 1], own[n + 2] = ARGV[arg + ${guards}], ARGV[arg + ${guards + 2}]
  end
end
for user, own in pairs(byUser) do byUser[user] = redis.pcall('ZADD', user, unpack(own)) end

local scored, n = {}, 0
for i = 1, count do
  if not out[i] then
    local arg, hash, reply = (i - 1) * ${width}, hashes[i], byUser[users[i]]
    if type(reply) ~= 'table' then
      local how = ARGV[arg + 2] ~= '' and string.sub(ARGV[arg + 2], 1, 1)
      if how ~= '${INDEX_ONLY}' then
        if how == '${AFRESH}' then redis.call('DEL', hash) end
        ${writeFields(fields, "hash", `arg + ${width - fields.length}`)}
      end
      scored[n + 1], scored[n + 2] = ARGV[arg + 3], members[i]
      n, reply = n + 2, 1
    end
    out[i] = reply
  end
end
if n > 0 then redis.call('ZADD', KEYS[1], unpack(scored)) end
${lookup === undefined ? "" : setLookups(layout)}\
return out
`;
}

/** Once all members of the batch are in the index: tasks that share an id may come together. */
function setLookups(layout: Layout): string {
  const width = upsertArgs(layout);
  const guards = upsertGuards(layout);
  return `for i = 1, count do
  local arg = (i - 1) * ${width}
  local user, task = ARGV[arg + ${guards + 1}], ARGV[arg + ${guards + 2}]
  if out[i] == 1 and lookedUp(user, task, tonumber(ARGV[arg + 3])) == 'wrong' then
    redis.call('SET', ${lookupKey("task")}, user)
  end
end
`;
}

/** How many values a removal has for each task. */
export function removeArgs({ payloadRules }: Layout): number {
  return payloadRules ? 5 : 4;
}

/** What the third of them begins with: before the status of the hash that was there, or before a score where none was. */
export const [WITH_HASH, WITHOUT_HASH] = ["=", "-"];

/**
 * Removes hash and both index members of each task that still is as it was when that was decided, and its lookup where
 * that names it: 1 removed, 0 refused, as is the second of a task that comes twice. What goes is gathered, and goes at the
 * end in a few calls. ARGV: both parts; where there was a hash '=' and its status, its updated_at, and where the
 * payload rules that; where there was none '-' and the score in the global index, that in the user's (empty: none).
 */
export function removeScript(layout: Layout): string {
  const { payloadRules, lookup } = layout;
  const width = removeArgs(layout);
  return `${stateFunctions(layout)}
local out, taken, hashes, members, byUser = {}, {}, {}, {}, {}
for i = 1, #ARGV / ${width} do
  local arg = (i - 1) * ${width}
  local name, user, task, was = member(arg), ARGV[arg + 1], ARGV[arg + 2], ARGV[arg + 3]
  local same, wrong
  if string.sub(was, 1, 1) == '${WITH_HASH}' then
    local status, updated, payload, failed = state(name)
    wrong = failed
    same = not wrong and (status or updated or redis.call('EXISTS', ${hashKey("name")}) == 1)
      and '${WITH_HASH}' .. (status or '') == was and (updated or '') == ARGV[arg + 4]${payloadRules ? " and (payload or '') == ARGV[arg + 5]" : ""}
  else
    local score = redis.pcall('ZSCORE', KEYS[1], name)
    local own = redis.pcall('ZSCORE', ${userIndex("user")}, task)
    wrong = type(score) == 'table' and score or type(own) == 'table' and own
    same = not wrong and redis.call('EXISTS', ${hashKey("name")}) == 0
      and '${WITHOUT_HASH}' .. (score or '') == was and (own or '') == ARGV[arg + 4]
  end
  wrong = wrong or wrongType(user)
  if wrong then
    out[i] = wrong
  elseif taken[name] or not same then
    out[i] = 0
  else
    local own = byUser[user]
    if not own then
      own = {}
      byUser[user] = own
    end
    taken[name] = true
    hashes[#hashes + 1] = ${hashKey("name")}
    members[#members + 1] = name
    own[#own + 1] = task
${lookup === undefined ? "" : `    if redis.pcall('GET', ${lookupKey("task")}) == user then redis.call('DEL', ${lookupKey("task")}) end\n`}\
    out[i] = 1
  end
end
if #hashes > 0 then
  redis.call('UNLINK', unpack(hashes))
  redis.call('ZREM', KEYS[1], unpack(members))
end
for user, own in pairs(byUser) do redis.call('ZREM', ${userIndex("user")}, unpack(own)) end
return out
`;
}
