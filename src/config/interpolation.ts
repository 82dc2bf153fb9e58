/** `configparser.MAX_INTERPOLATION_DEPTH` */
const MAX_DEPTH = 10;

/**
 * A value with `%%` and `%(name)s` replaced as Python's `BasicInterpolation.before_get` does. `lookup` gives the raw value of a
 * lower-case option name; `fail` is called with what is wrong. No text of the value is in that, as it may be a password.
 */
export function interpolate(
  raw: string,
  lookup: (option: string) => string | undefined,
  fail: (problem: string) => never,
  depth = 1,
): string {
  if (depth > MAX_DEPTH) fail(`its %(name)s nest more than ${MAX_DEPTH} deep, or in a circle`);
  return raw.replace(/%(?:%|\(([^)]+)\)s)?/g, (token, name: string | undefined) => {
    if (token === "%%") return "%";
    if (name === undefined) return fail("a % that is neither %% nor %(name)s");
    const value = lookup(name.toLowerCase()) ?? fail("a %(name)s that names no option of the section or of [DEFAULT]");
    return value.includes("%") ? interpolate(value, lookup, fail, depth + 1) : value;
  });
}
