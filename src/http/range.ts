/** The bytes of a file from one to another, both included. */
export interface ByteRange {
  readonly first: number;
  readonly last: number;
}

/**
 * What a `Range` header asks of a file of so many bytes: "all" without one, or with one that asks for several ranges or
 * is no range of bytes, which may be ignored (RFC 9110); "none" where the file has none of the bytes asked for.
 */
export function rangeOf(header: string | undefined, size: number): ByteRange | "all" | "none" {
  const [, from = "", to = ""] = /^bytes=(\d{0,15})-(\d{0,15})$/.exec(header?.replaceAll(/[ \t]/g, "") ?? "") ?? [];
  if (from === "" && to === "") return "all";
  if (from === "")
    return Number(to) === 0 || size === 0 ? "none" : { first: Math.max(0, size - Number(to)), last: size - 1 };
  const [first, last] = [Number(from), to === "" ? size - 1 : Math.min(Number(to), size - 1)];
  if (to !== "" && Number(to) < first) return "all"; // no valid range
  return first >= size ? "none" : { first, last };
}
