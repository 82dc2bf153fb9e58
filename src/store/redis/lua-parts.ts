import type { Layout } from "./layout.ts";

/** What is made of a layout once, however often it is asked for. */
export function perLayout<T extends object>(make: (layout: Layout) => T): (layout: Layout) => T {
  const made = new WeakMap<Layout, T>();
  return (layout) => {
    const known = made.get(layout) ?? make(layout);
    made.set(layout, known);
    return known;
  };
}

/** How many tasks a call is about. */
export function countOf({ lookup }: Layout): string {
  return `(#KEYS - 1) / ${lookup === undefined ? 2 : 3}`;
}

/** The lookup of task `i`. */
export function lookupKey(layout: Layout): string {
  return `KEYS[1 + 2 * (${countOf(layout)}) + i]`;
}

/** What a lookup says, for a list of items: nothing where the layout has none. */
export function said(layout: Layout, value: string): string {
  return layout.lookup === undefined ? "false" : value;
}

/**
 * `lookedUp(i, own, member, score)`: 'own' where the lookup of task `i` names its user, 'other' where it names one whose
 * task of that id is newer, else 'wrong'. A member is what the lookup of its task holds, a colon, and its task id.
 */
export function withLookups(layout: Layout): string {
  if (layout.lookup === undefined) return "";
  return `
local function lookedUp(i, own, member, score)
  local holder = redis.pcall('GET', ${lookupKey(layout)})
  if type(holder) ~= 'string' then return 'wrong' end
  if holder == own then return 'own' end
  local other = holder .. string.sub(member, #own + 1)
  local theirs = redis.call('ZSCORE', KEYS[1], other)
  theirs = theirs and tonumber(theirs)
  if theirs and (theirs > score or theirs == score and other > member) then return 'other' end
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

/** `HSET` of all fields of a layout, from the arguments behind `before`, a Lua expression. */
export function writeFields(fields: readonly string[], hash: string, before: string): string {
  return `redis.call('HSET', ${hash}, ${fields.map((name, i) => `'${name}', ARGV[${before} + ${i + 1}]`).join(", ")})`;
}

/** `HMGET` of all fields of a layout. */
export function readFields(fields: readonly string[], hash: string): string {
  return `redis.pcall('HMGET', ${hash}, ${fields.map((name) => `'${name}'`).join(", ")})`;
}
