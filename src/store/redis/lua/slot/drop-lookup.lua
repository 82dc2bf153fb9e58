-- Removes a lookup that names a user. KEYS[1]: it. ARGV[1]: what it then holds.
if redis.pcall('GET', KEYS[1]) == ARGV[1] then redis.call('DEL', KEYS[1]) end
return 1
