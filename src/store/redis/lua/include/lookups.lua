-- What the lookup of a task says: 'own' if it names the task's user, 'other' if it names a user whose task of that id is
-- newer, else 'wrong'; false in a layout without lookups.
local function lookedUp(user, task, score)
  if not layout.lookup then return false end
  local holder = redis.pcall('GET', lookupOf(task))
  if type(holder) ~= 'string' then return 'wrong' end
  if holder == user then return 'own' end
  local other = memberOf(holder, task)
  local theirs = redis.pcall('ZSCORE', KEYS[1], other)
  theirs = type(theirs) == 'string' and tonumber(theirs)
  if theirs and (theirs > score or theirs == score and other > memberOf(user, task)) then return 'other' end
  return 'wrong'
end
