import { INDEX_KEY, LOOKUP_PREFIX, TASK_PREFIX, USER_PREFIX, USER_SUFFIX } from "./keys.ts";
import { type Layout, stateNames } from "./layout.ts";

/** What is made of a layout once, however often it is asked for. */
export function perLayout<T extends object>(make: (layout: Layout) => T): (layout: Layout) => T {
  const made = new WeakMap<Layout, T>();
  return (layout) => {
    const known = made.get(layout) ?? make(layout);
    made.set(layout, known);
    return known;
  };
}

/** What the names of keys begin with: KEYS[1] is the global index, which tells the prefix of all keys. */
export const KEY_STARTS = `local BASE = string.sub(KEYS[1], 1, -${INDEX_KEY.length + 1})
local TASK, USER, LOOKUP = BASE .. '${TASK_PREFIX}', BASE .. '${USER_PREFIX}', BASE .. '${LOOKUP_PREFIX}'
`;

/** The member of a task, of its parts. */
const MEMBER = "user == '' and task or user .. ':' .. task";

/**
 * `names(at)`: the member of a task, the key of its hash and that of its user's index, of the parts that are the
 * arguments behind `at`. So a task is two words of a call and not six, which Redis would spend more time on than on its work.
 */
export const NAMES = `local ARGV = ARGV
local function names(at)
  local user, task = ARGV[at + 1], ARGV[at + 2]
  local member = ${MEMBER}
  return member, ${hashKey("member")}, ${userIndex("user")}
end
`;

/**
 * What a removal is decided on and guarded by. `member(at)`: that of a task, of the same parts; `state(member)`: the status of its
 * hash, its updated_at, and where that rules its payload, and fourth the error of a key of the wrong type;
 * `wrongType(user)`: that error of an index, the global one or that of the user's part.
 */
export function stateFunctions(layout: Layout): string {
  return `local ARGV = ARGV
local function member(at)
  local user, task = ARGV[at + 1], ARGV[at + 2]
  return ${MEMBER}
end

local function state(name)
  local hash = ${readFields(stateNames(layout), hashKey("name"))}
  if hash.err then return false, false, false, hash end
  return hash[1], hash[2], hash[3]
end

local index, cards = redis.pcall('ZCARD', KEYS[1]), {}
local function wrongType(user)
  if type(index) == 'table' then return index end
  if cards[user] == nil then cards[user] = redis.pcall('ZCARD', ${userIndex("user")}) end
  return type(cards[user]) == 'table' and cards[user]
end
`;
}

/** The key of the hash of a task. @param member a Lua expression */
export function hashKey(member: string): string {
  return `TASK .. ${member}`;
}

/** The key of the index of a user. @param user the user's part, a Lua expression */
export function userIndex(user: string): string {
  return `USER .. ${user} .. '${USER_SUFFIX}'`;
}

/** The key of a lookup. @param task the task's part, a Lua expression */
export function lookupKey(task: string): string {
  return `LOOKUP .. ${task}`;
}

/** What a lookup says, for a list of items: nothing where the layout has none. */
export function said(layout: Layout, value: string): string {
  return layout.lookup === undefined ? "false" : value;
}

/**
 * `lookedUp(user, task, score)`, of the parts of a task: 'own' where its lookup names its user, 'other' where it names one
 * whose task of that id is newer, else 'wrong'.
 */
export function withLookups(layout: Layout): string {
  if (layout.lookup === undefined) return "";
  return `
local function lookedUp(user, task, score)
  local holder = redis.pcall('GET', ${lookupKey("task")})
  if type(holder) ~= 'string' then return 'wrong' end
  if holder == user then return 'own' end
  local other = holder .. ':' .. task
  local theirs = redis.call('ZSCORE', KEYS[1], other)
  theirs = theirs and tonumber(theirs)
  if theirs and (theirs > score or theirs == score and other > user .. ':' .. task) then return 'other' end
  return 'wrong'
end
`;
}

/**
 * `look(hash, seen, status)`, the guard of a write: nothing where the hash still has the updated_at that the decision was
 * made on, or without one the same payload (empty: neither; where the payload rules, it may be either), and after a '='
 * that status (empty: any); else 0, or the error of a key of the wrong type.
 */
export function guardFunction({ payloadRules }: Layout): string {
  const byPayload = "seen ~= '' and redis.call('HGET', hash, 'payload') == seen";
  return `
local function look(hash, seen, status)
  if seen == '' and status == '' and redis.call('EXISTS', hash) == 0 then return end
  local now = redis.pcall('HGET', hash, 'updated_at')
  if not now or now == '' then now = redis.pcall('HGET', hash, 'payload') end
  if type(now) == 'table' then return now end
  if (now or '') ~= seen and not (${payloadRules ? byPayload : "false"}) then return 0 end
  if status ~= '' and '=' .. (redis.call('HGET', hash, 'status') or '') ~= status then return 0 end
end
`;
}

/** `userDue(hash, score)`: the score in the user's index of a task with a hash and this score in the global one. */
export function userDueFunction({ userScoredBy }: Layout): string {
  if (userScoredBy === "updated_at") return "local function userDue(_, score) return score end\n";
  return `local function userDue(hash, score)
  local created = tonumber(redis.call('HGET', hash, 'created_at') or '')
  return created and math.floor(created) or score
end
`;
}

/** `HSET` of all fields of a layout, from the arguments behind `before`, a Lua expression. */
export function writeFields(fields: readonly string[], hash: string, before: string): string {
  return `redis.call('HSET', ${hash}, ${fields.map((name, i) => `'${name}', ARGV[${before} + ${i + 1}]`).join(", ")})`;
}

/** `HMGET` of all fields of a layout. */
export function readFields(fields: readonly string[], hash: string): string {
  return `redis.pcall('HMGET', ${hash}, ${fields.map((name) => `'${name}'`).join(", ")})`;
}
