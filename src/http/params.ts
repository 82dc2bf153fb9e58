import { TtsctlError } from "../errors.ts";
import { KEY_NAMES, type RawQuery, rawQuery, valueIn } from "../task/query-fields.ts";

/**
 * The parameters of a URL by name. One that is empty counts as not given: a form that was left empty sends it.
 * @throws TtsctlError USAGE for one that is not accepted, or given twice
 */
export function paramsOf<N extends string>(url: string, accepted: readonly N[]): Map<N, string> {
  const query = url.indexOf("?");
  const params = new Map<N, string>();
  if (query < 0) return params;
  const seen = new Set<string>();
  for (const [name, value] of new URLSearchParams(url.slice(query))) {
    if (!(accepted as readonly string[]).includes(name)) {
      const hint = accepted.length === 0 ? "there are none" : `accepted: ${accepted.join(", ")}`;
      throw new TtsctlError("USAGE", `unknown parameter ${JSON.stringify(name)}`, { hint });
    }
    if (seen.has(name)) throw new TtsctlError("USAGE", `${name} is given twice`, { hint: "give it once" });
    seen.add(name);
    if (value !== "") params.set(name as N, value);
  }
  return params;
}

/**
 * What the parameters of `GET /voice-tasks` ask for, before it is checked.
 * @throws TtsctlError USAGE
 */
export function listParams(url: string): RawQuery {
  return queryOf(paramsOf(url, Object.values(KEY_NAMES)));
}

/** The same for parameters by name. @throws TtsctlError USAGE */
export function queryOf(params: ReadonlyMap<string, string>): RawQuery {
  return rawQuery((_, field) => {
    const text = params.get(field.key);
    const value = text === undefined ? null : valueIn(text, field);
    if (value !== undefined) return value;
    throw new TtsctlError("USAGE", `${field.key}: ${JSON.stringify(text)} is no whole number`, {
      hint: "accepted: a whole number",
    });
  });
}

/** A switch such as `force=true`. @throws TtsctlError USAGE */
export function switchOf(name: string, text: string | undefined, otherwise: boolean): boolean {
  if (text === undefined) return otherwise;
  if (text === "true" || text === "false") return text === "true";
  throw new TtsctlError("USAGE", `${name}: ${JSON.stringify(text)} is wrong`, { hint: "accepted: true, false" });
}
