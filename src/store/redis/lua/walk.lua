-- Makes one step of a walk over an index in the order of its scores. The step begins after the last member of the step before,
-- wherever that is by now. A member that moves on is seen again, and one that doesn't move is never skipped.
-- KEYS: the index to walk; to look at copies too, the global index before it. ARGV: layout, 'newest' or 'lowest' score first, the
-- bounds of the scores, the last member (hexadecimal, since its bytes may not be UTF-8) and its score (empty: from
-- the start), the number of members, the user's part (empty: the global index).
-- Returns as JSON members and scores in turn; the last member; and for each member the `updated_at` of its hash if the copy is
-- complete (both indexes have that score and the lookup is right), else an empty text.
--- include layout
--- include lookups
--- include json
local index, isNewest, low, high, lastScore = KEYS[2] or KEYS[1], ARGV[2] == 'newest', ARGV[3], ARGV[4], ARGV[6]
local count, part = tonumber(ARGV[7]), ARGV[8]
local function countFrom(bound)
  if isNewest then return redis.call('ZCOUNT', index, bound, '+inf') end
  return redis.call('ZCOUNT', index, '-inf', bound)
end

local to = countFrom(isNewest and low or high)
local from = to - redis.call('ZCOUNT', index, low, high)
if lastScore ~= '' then
  local last = string.gsub(ARGV[5], '..', function(hex) return string.char(tonumber(hex, 16)) end)
  local rank = redis.call('ZSCORE', index, last) == lastScore and redis.call(isNewest and 'ZREVRANK' or 'ZRANK', index, last)
  from = rank and rank + 1 or countFrom('(' .. lastScore)
end
to = math.min(from + count, to) - 1
local options = isNewest and { 'REV', 'WITHSCORES' } or { 'WITHSCORES' }
local flat = from <= to and redis.call('ZRANGE', index, from, to, unpack(options)) or {}
local last = string.gsub(flat[#flat - 1] or '', '.', function(char) return string.format('%02x', string.byte(char)) end)
if not KEYS[2] then return jsonOf(flat, last) end

-- Tasks by user: each user's index is read in one call.
local groups, byUser = {}, {}
local find, sub = string.find, string.sub
for i = 1, #flat / 2 do
  local user, task = part, flat[2 * i - 1]
  if part == '' then
    local colon = find(task, ':', 1, true) or 1
    user, task = sub(task, 1, colon - 1), sub(task, colon + 1)
  end
  local group = byUser[user]
  if not group then
    group = { user = user, count = 0, places = {}, tasks = {} }
    byUser[user] = group
    groups[#groups + 1] = group
  end
  local at = group.count + 1
  group.count, group.places[at], group.tasks[at] = at, i, task
end

-- One SORT_RO costs less than an HGET for each hash.
local all = part == '' and redis.pcall('SORT_RO', index, 'BY', 'nosort', 'LIMIT', from, count, 'GET', layout.task .. '*->updated_at')
if all and all.err then all = false end

local function createdAt(hash)
  local created = tonumber(redis.call('HGET', hash, 'created_at') or '')
  return created and math.floor(created)
end

-- If the payload rules, a hash is complete only if its payload has that time too.
local function isComplete(hash, updated)
  if updated == '' then return false end
  local payload = layout.payloadRules and redis.call('HGET', hash, 'payload')
  if not payload then return true end
  local ok, record = pcall(cjson.decode, payload)
  return ok and type(record) == 'table' and type(record.updated_at) == 'number' and record.updated_at >= 0
    and math.floor(record.updated_at) == tonumber(updated)
end

local times = {}
for _, group in ipairs(groups) do
  local user, tasks, other, members = group.user, group.tasks, indexOf(group.user), group.tasks
  if part ~= '' then
    other, members = KEYS[1], {}
    for at = 1, group.count do members[at] = memberOf(part, tasks[at]) end
  end
  local scores, before = redis.pcall('ZMSCORE', other, unpack(members)), layout.task .. user .. ':'
  for at = 1, group.count do
    local i, score, hash = group.places[at], scores[at], before .. tasks[at]
    local isScored = score == flat[2 * i]
    if layout.userScoredByCreation then isScored = tonumber(score) == (createdAt(hash) or tonumber(flat[2 * i])) end
    local updated = isScored and (all and all[i] or not all and redis.pcall('HGET', hash, 'updated_at'))
    local isRight = type(updated) == 'string' and isComplete(hash, updated)
      and lookedUp(user, tasks[at], tonumber(flat[2 * i])) ~= 'wrong'
    times[i] = isRight and updated or ''
  end
end
return jsonOf(flat, last, times)
