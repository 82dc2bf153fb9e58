-- Checks the guard of a write. KEYS[1]: the hash. ARGV: the guard's text and status, '1' if the payload rules.
-- Returns 1 if the hash is as it was, else 0.
--- include guard
return guard(KEYS[1], ARGV[1], ARGV[2], ARGV[3] == '1') or 1
