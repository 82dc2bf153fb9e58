import { type Layout, stateNames } from "./layout.ts";
import {
  hashKey,
  lookupKey,
  NAMES,
  readFields,
  said,
  stateFunctions,
  userDueFunction,
  userIndex,
  withLookups,
} from "./lua-parts.ts";

/** `whole(hash, updated)`: whether a hash with this updated_at is of that time; where the payload rules, by that too. */
function wholeFunction({ payloadRules }: Layout): string {
  const byPayload = `
  local payload = redis.call('HGET', hash, 'payload')
  if not payload then return updated ~= '' end
  local ok, record = pcall(cjson.decode, payload)
  if not ok or type(record) ~= 'table' or type(record.updated_at) ~= 'number' or record.updated_at < 0
    or math.floor(record.updated_at) ~= tonumber(updated) then return false end`;
  return `
local function whole(hash, updated)${payloadRules ? byPayload : ""}
  return updated ~= ''
end
`;
}

export const LOOK_ARGS = 3;
export const LOOK_ITEMS = 6;
/**
 * What the mirror knows of each task, as one text and a list, so that of many tasks in step little comes back. The
 * text has a line a task: the hash's updated_at where both indexes have the score that is expected, and the lookup is
 * right, and else nothing. The list has six items for each of the others: the hash's updated_at, its payload where that
 * is needed, the score in the global index, the score in the user's index, what the lookup says, the hash's created_at
 * where that scores the user's index. ARGV: both parts, expected score (empty: none).
 */
export function lookScript(layout: Layout): string {
  const isByCreation = layout.userScoredBy === "created_at";
  return `${NAMES}${withLookups(layout)}${wholeFunction(layout)}${userDueFunction(layout)}
local lines, others = {}, {}
for i = 1, #ARGV / ${LOOK_ARGS} do
  local arg = (i - 1) * ${LOOK_ARGS}
  local member, hash, user = names(arg)
  local updated = redis.pcall('HGET', hash, 'updated_at')
  local global = redis.pcall('ZSCORE', KEYS[1], member)
  local own = redis.pcall('ZSCORE', user, ARGV[arg + 2])
  local score = tonumber(ARGV[arg + 3])
  local isWhole = type(updated) == 'string' and not string.find(updated, '\\n', 1, true) and whole(hash, updated)
  local says = ${said(layout, "type(global) == 'string' and lookedUp(ARGV[arg + 1], ARGV[arg + 2], tonumber(global))")}
  local inStep = score and type(global) == 'string' and type(own) == 'string' and tonumber(global) == score
  if inStep and isWhole and tonumber(own) == userDue(hash, score) and says ~= 'wrong' then
    lines[i] = updated
  else
    lines[i] = ''
    others[#others + 1] = updated
    others[#others + 1] = not isWhole and type(updated) ~= 'table' and redis.pcall('HGET', hash, 'payload')
    others[#others + 1] = global
    others[#others + 1] = own
    others[#others + 1] = says
    others[#others + 1] = ${isByCreation ? "type(updated) ~= 'table' and redis.pcall('HGET', hash, 'created_at')" : "false"}
  end
end
return { table.concat(lines, '\\n'), others }
`;
}

/**
 * A step of a walk over an index, lowest first, with what the mirror has of each member: member and score in turn, and
 * for each the hash's updated_at where it is whole, the other index has that score, and the lookup is right; else nothing.
 * It goes on behind the last member of the step before, wherever that stands by now, so that what others move upwards
 * turns up once more, and what stays where it is turns up in any case. KEYS: the global index, the one that is walked. ARGV:
 * that member, hexadecimal, and its score (empty: from the start), count, its user's part (empty: the global one; it is the
 * only one that is walked where another time scores the users'). Last comes the last member, hexadecimal.
 */
export function walkScript(layout: Layout): string {
  const { lookup, payloadRules } = layout;
  const isWhole = payloadRules ? " and whole(before .. tasks[at], updated)" : "";
  const isLookedUp = lookup === undefined ? "" : " and lookedUp(own.user, tasks[at], tonumber(flat[2 * i])) ~= 'wrong'";
  const isScored =
    layout.userScoredBy === "updated_at"
      ? "scores[at] == flat[2 * i]"
      : "tonumber(scores[at]) == userDue(before .. tasks[at], tonumber(flat[2 * i]))";
  return `${withLookups(layout)}${payloadRules ? wholeFunction(layout) : ""}${userDueFunction(layout)}
local index, part, from, count = KEYS[2], ARGV[4], 0, tonumber(ARGV[3])
if ARGV[2] ~= '' then
  local last = string.gsub(ARGV[1], '..', function(hex) return string.char(tonumber(hex, 16)) end)
  local rank = redis.call('ZSCORE', index, last) == ARGV[2] and redis.call('ZRANK', index, last)
  from = rank and rank + 1 or redis.call('ZCOUNT', index, '-inf', '(' .. ARGV[2])
end
local flat, groups, byUser = redis.call('ZRANGE', index, from, from + count - 1, 'WITHSCORES'), {}, {}
local find, sub = string.find, string.sub
for i = 1, #flat / 2 do
  local user, task = part, flat[2 * i - 1]
  if part == '' then
    local colon = find(task, ':', 1, true) or 1
    user, task = sub(task, 1, colon - 1), sub(task, colon + 1)
  end
  local own = byUser[user]
  if not own then
    own = { user = user, count = 0, places = {}, tasks = {} }
    byUser[user] = own
    groups[#groups + 1] = own
  end
  local at = own.count + 1
  own.count, own.places[at], own.tasks[at] = at, i, task
end

-- A call for each hash costs more than the look at it.
local all = part == '' and redis.pcall('SORT_RO', index, 'BY', 'nosort', 'LIMIT', from, count, 'GET', TASK .. '*->updated_at')
if all and all.err then all = false end
local times = {}
for _, own in ipairs(groups) do
  local index, others, places, tasks = ${userIndex("own.user")}, own.tasks, own.places, own.tasks
  if part ~= '' then
    index, others = KEYS[1], {}
    for at = 1, own.count do others[at] = part .. ':' .. tasks[at] end
  end
  local scores, before = redis.pcall('ZMSCORE', index, unpack(others)), TASK .. own.user .. ':'
  for at = 1, own.count do
    local i = places[at]
    local updated = ${isScored} and (all and all[i] or not all and redis.pcall('HGET', before .. tasks[at], 'updated_at'))
    times[i] = type(updated) == 'string'${isWhole}${isLookedUp} and updated or ''
  end
end
local last = string.gsub(flat[#flat - 1] or '', '.', function(char) return string.format('%02x', string.byte(char)) end)
return { flat, times, last }
`;
}

export const SEE_ARGS = 2;
export const WITHOUT_ITEMS = 3;
/**
 * Each copy as it stands, as two lists. The first has of each task its status, its updated_at, and where that rules its
 * payload; and 0 for the status where there is no hash. Of those the second has the score in the global index, that in the
 * user's index, and whether its lookup names it. ARGV: both parts.
 */
export function seeScript(layout: Layout): string {
  const width = stateNames(layout).length;
  return `${stateFunctions(layout)}
local out, without = {}, {}
for i = 1, #ARGV / ${SEE_ARGS} do
  local arg, at = (i - 1) * ${SEE_ARGS}, (i - 1) * ${width}
  local name = member(arg)
  local status, updated, payload, wrong = state(name)
  wrong = wrong or wrongType(ARGV[arg + 1])
  local isThere = status or updated or wrong or redis.call('EXISTS', ${hashKey("name")}) == 1
  out[at + 1], out[at + 2] = wrong or status or not isThere and 0, updated
${layout.payloadRules ? "  out[at + 3] = payload\n" : ""}\
  if not isThere then
    without[#without + 1] = redis.pcall('ZSCORE', KEYS[1], name)
    without[#without + 1] = redis.pcall('ZSCORE', ${userIndex("ARGV[arg + 1]")}, ARGV[arg + 2])
    without[#without + 1] = ${said(layout, `redis.pcall('GET', ${lookupKey("ARGV[arg + 2]")}) == ARGV[arg + 1]`)}
  end
end
return { out, without }
`;
}

/**
 * Which hashes hold exactly these values, as one text of a '1' or '0' a task: content goes one way only, and nothing
 * comes back that would have to be parsed. KEYS: the hashes alone. ARGV: the values of the layout's fields.
 */
export function matchScript({ fields }: Layout): string {
  return `
local out = {}
for i = 1, #KEYS do
  local arg = (i - 1) * ${fields.length}
  local hash = ${readFields(fields, "KEYS[i]")}
  local same = not hash.err
  for field = 1, ${fields.length} do same = same and hash[field] == ARGV[arg + field] end
  out[i] = same and '1' or '0'
end
return table.concat(out)
`;
}

export const INSPECT_ARGS = 2;
/**
 * Everything that the mirror has of each task: the type of its key, the fields of its hash, both scores (none where a
 * user's index is none), what its lookup says. ARGV: both parts.
 */
export function inspectScript(layout: Layout): string {
  const { fields } = layout;
  return `${NAMES}${withLookups(layout)}
local out = {}
for i = 1, #ARGV / ${INSPECT_ARGS} do
  local arg = (i - 1) * ${INSPECT_ARGS}
  local member, key, user = names(arg)
  local kind = redis.call('TYPE', key).ok
  out[#out + 1] = kind
  local hash = kind == 'hash' and ${readFields(fields, "key")} or {}
  for field = 1, ${fields.length} do out[#out + 1] = hash[field] or false end
  local global = redis.call('ZSCORE', KEYS[1], member)
  out[#out + 1] = global
  local score = redis.pcall('ZSCORE', user, ARGV[arg + 2])
  out[#out + 1] = type(score) == 'string' and score
  out[#out + 1] = ${said(layout, "lookedUp(ARGV[arg + 1], ARGV[arg + 2], tonumber(global or '-inf'))")}
end
return out
`;
}

/** How many items `inspect` answers a task. */
export function inspectItems({ fields }: Layout): number {
  return fields.length + 4;
}
