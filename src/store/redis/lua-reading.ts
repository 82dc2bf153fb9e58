import type { Layout } from "./layout.ts";
import { countOf, lookupKey, readFields, said, withLookups } from "./lua-parts.ts";

export const LOOK_ARGS = 4;
export const LOOK_ITEMS = 5;
/**
 * What the mirror knows of each task, as one text and a list, so that of a million tasks in step little comes back. The
 * text has a line a task: the hash's updated_at where both indexes have the score that is expected, and the lookup is
 * right, and else nothing. The list has five items for each of the others: the hash's updated_at, its payload where that
 * is needed, the score in the global index, the score in the user's index, what the lookup says. ARGV: member (empty
 * where the global index is known to have the score that is expected), its user's member, what its lookup should hold, expected score (empty: none).
 */
export function lookScript(layout: Layout): string {
  // Where the payload rules, a time in it that is not the hash's is looked at.
  const differs = layout.payloadRules
    ? `
local function differs(hash, updated)
  local payload = redis.call('HGET', hash, 'payload')
  if not payload then return false end
  local ok, record = pcall(cjson.decode, payload)
  return not ok or type(record) ~= 'table' or type(record.updated_at) ~= 'number' or record.updated_at < 0
    or math.floor(record.updated_at) ~= tonumber(updated)
end
`
    : "";
  const isWhole = layout.payloadRules ? "not differs(KEYS[i * 2], updated)" : "true";
  return `${withLookups(layout)}${differs}
local lines, others = {}, {}
for i = 1, ${countOf(layout)} do
  local arg = (i - 1) * ${LOOK_ARGS}
  local updated = redis.pcall('HGET', KEYS[i * 2], 'updated_at')
  local global = ARGV[arg + 1] == '' and ARGV[arg + 4] or redis.pcall('ZSCORE', KEYS[1], ARGV[arg + 1])
  local own = redis.pcall('ZSCORE', KEYS[i * 2 + 1], ARGV[arg + 2])
  local score = tonumber(ARGV[arg + 4])
  local whole = type(updated) == 'string' and updated ~= '' and not string.find(updated, '\\n', 1, true) and ${isWhole}
  local says = ${said(layout, "type(global) == 'string' and lookedUp(i, ARGV[arg + 3], ARGV[arg + 1], tonumber(global))")}
  local inStep = score and type(global) == 'string' and type(own) == 'string' and tonumber(global) == score and tonumber(own) == score
  if inStep and whole and says ~= 'wrong' then
    lines[i] = updated
  else
    lines[i] = ''
    others[#others + 1] = updated
    others[#others + 1] = not whole and type(updated) ~= 'table' and redis.pcall('HGET', KEYS[i * 2], 'payload')
    others[#others + 1] = global
    others[#others + 1] = own
    others[#others + 1] = says
  end
end
return { table.concat(lines, '\\n'), others }
`;
}

export const SEE_ARGS = 3;
export const SEE_ITEMS = 7;
/**
 * Each copy as it stands, seven items a task: whether there is a hash, its status and time, both scores, its payload where
 * that rules, whether its lookup names it. ARGV: member, its user's member, what its lookup should hold.
 */
export function seeScript(layout: Layout): string {
  return `
local out = {}
for i = 1, ${countOf(layout)} do
  local arg = (i - 1) * ${SEE_ARGS}
  local hash = redis.pcall('HMGET', KEYS[i * 2], 'status', 'updated_at'${layout.payloadRules ? ", 'payload'" : ""})
  local at = (i - 1) * ${SEE_ITEMS}
  out[at + 1] = hash.err and hash or (hash[1] or hash[2]) and 1 or redis.call('EXISTS', KEYS[i * 2])
  out[at + 2] = hash[1] or false
  out[at + 3] = hash[2] or false
  out[at + 4] = redis.pcall('ZSCORE', KEYS[1], ARGV[arg + 1])
  out[at + 5] = redis.pcall('ZSCORE', KEYS[i * 2 + 1], ARGV[arg + 2])
  out[at + 6] = hash[3] or false
  out[at + 7] = ${said(layout, `redis.pcall('GET', ${lookupKey(layout)}) == ARGV[arg + 3]`)}
end
return out
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

export const INSPECT_ARGS = 3;
/**
 * Everything that the mirror has of each task: the type of its key, the fields of its hash, both scores (none where a
 * user's index is none), what its lookup says. ARGV: member, its user's member, what its lookup should hold.
 */
export function inspectScript(layout: Layout): string {
  const { fields } = layout;
  const says = "lookedUp(i, ARGV[arg + 3], ARGV[arg + 1], tonumber(global or '-inf'))";
  return `${withLookups(layout)}
local out = {}
for i = 1, ${countOf(layout)} do
  local arg = (i - 1) * ${INSPECT_ARGS}
  local kind = redis.call('TYPE', KEYS[i * 2]).ok
  out[#out + 1] = kind
  local hash = kind == 'hash' and ${readFields(fields, "KEYS[i * 2]")} or {}
  for field = 1, ${fields.length} do out[#out + 1] = hash[field] or false end
  local global = redis.call('ZSCORE', KEYS[1], ARGV[arg + 1])
  out[#out + 1] = global
  local score = redis.pcall('ZSCORE', KEYS[i * 2 + 1], ARGV[arg + 2])
  out[#out + 1] = type(score) == 'string' and score
  out[#out + 1] = ${said(layout, says)}
end
return out
`;
}

/** How many items `inspect` answers a task. */
export function inspectItems({ fields }: Layout): number {
  return fields.length + 4;
}
