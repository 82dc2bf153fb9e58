import { WARNINGS_HEADER, warningsValue } from "./warnings.ts";

/** JSON text as an answer, with what the command line would warn of. */
export function jsonText(
  text: string,
  headers: Readonly<Record<string, string>> = {},
  warnings: readonly string[] = [],
  status = 200,
): Response {
  const said = warnings.length === 0 ? {} : { [WARNINGS_HEADER]: warningsValue(warnings) };
  return new Response(text, { status, headers: { "content-type": "application/json", ...headers, ...said } });
}

/** The same of a value. */
export function json(value: object, warnings: readonly string[] = []): Response {
  return jsonText(`${JSON.stringify(value)}\n`, {}, warnings);
}
