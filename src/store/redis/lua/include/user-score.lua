-- The score that a task with this score in the global index has in its user's index.
local function userScore(hash, score)
  if not layout.userScoredByCreation then return score end
  local created = tonumber(redis.call('HGET', hash, 'created_at') or '')
  return created and math.floor(created) or score
end
