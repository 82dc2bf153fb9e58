-- Removes tasks (hash, both index members, and the lookup if it names the task), each only if it is as it was when the
-- removal was decided on. All of a batch is removed at the end, in a few calls.
-- KEYS[1]: the global index. ARGV: layout, and for each task: both parts; of a task with a hash '=' and its status, its
-- `updated_at`, and its payload if that rules; of one without '-' and its score in the global index, the one in the user's
-- index (empty: none), and an empty text.
-- Returns for each task 1 (removed), 0 (refused; also the second of a task that comes twice), or an error.
--- include layout
--- include index-types
local WIDTH = 5
local state = { 'status', 'updated_at', layout.payloadRules and 'payload' or nil }
local function isSameHash(hash, was, at)
  local now = redis.pcall('HMGET', hash, unpack(state))
  if now.err then return false, replyOf(hash, now) end
  if redis.call('EXISTS', hash) == 0 then return false end
  return '=' .. (now[1] or '') == was and (now[2] or '') == ARGV[at + 3]
    and (not layout.payloadRules or (now[3] or '') == ARGV[at + 4])
end

local function isSameMember(hash, member, was, at)
  local score = replyOf(KEYS[1], redis.pcall('ZSCORE', KEYS[1], member))
  local own = replyOf(indexOf(ARGV[at]), redis.pcall('ZSCORE', indexOf(ARGV[at]), ARGV[at + 1]))
  local wrong = type(score) == 'table' and score or type(own) == 'table' and own
  if wrong then return false, wrong end
  return redis.call('EXISTS', hash) == 0 and '-' .. (score or '') == was and (own or '') == ARGV[at + 3]
end

local outcomes, taken, hashes, members, byUser = {}, {}, {}, {}, {}
for i = 1, (#ARGV - 1) / WIDTH do
  local at = 2 + (i - 1) * WIDTH
  local user, task, was = ARGV[at], ARGV[at + 1], ARGV[at + 2]
  local member = memberOf(user, task)
  local hash = hashOf(member)
  local isSame, wrong
  if string.sub(was, 1, 1) == '=' then
    isSame, wrong = isSameHash(hash, was, at)
  else
    isSame, wrong = isSameMember(hash, member, was, at)
  end
  wrong = wrong or wrongIndex(user)
  if wrong then
    outcomes[i] = wrong
  elseif taken[member] or not isSame then
    outcomes[i] = 0
  else
    outcomes[i], taken[member] = 1, true
    hashes[#hashes + 1], members[#members + 1] = hash, member
    byUser[user] = byUser[user] or {}
    table.insert(byUser[user], task)
  end
end
-- The hash goes last: a missing right for a step before leaves the task.
for user, tasks in pairs(byUser) do
  redis.call('ZREM', indexOf(user), unpack(tasks))
  for _, task in ipairs(layout.lookup and tasks or {}) do
    if redis.pcall('GET', lookupOf(task)) == user then redis.call('DEL', lookupOf(task)) end
  end
end
if #hashes > 0 then
  redis.call('ZREM', KEYS[1], unpack(members))
  redis.call('UNLINK', unpack(hashes))
end
return outcomes
