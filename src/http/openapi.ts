import type { DialectName } from "../task/rules.ts";
import { VERSION } from "../version.ts";
import { WARNINGS_HEADER } from "./answer.ts";
import { ENDPOINTS, type Endpoint } from "./endpoints.ts";
import { textParam } from "./request.ts";
import { ref, SCHEMAS, type SchemaName, TEXT } from "./schema.ts";

const WARNINGS = {
  [WARNINGS_HEADER]: { description: "the warnings of the command line: a JSON array of strings", schema: TEXT },
};

function content(schema: object, type = "application/json") {
  return { content: { [type]: { schema } } };
}

function answerOf(answer: Endpoint["answer"], isApiMs: boolean): object {
  if (answer === undefined) return {};
  if (answer.includes("/")) return content(answer.startsWith("text/") ? TEXT : {}, answer);
  const schema = ref(answer as SchemaName);
  const { content: json } = content(isApiMs ? { anyOf: [schema, ref("ApiMsFailure")] } : schema);
  const text = answer === "TaskLogs" ? content(TEXT, "text/plain").content : {};
  return { headers: WARNINGS, content: { ...json, ...text } };
}

function described(path: string, endpoint: Endpoint, isServedAsApiMs: boolean): object {
  const { id, summary, answer, inApiMs, params = {}, more = {}, body, also = {}, open } = endpoint;
  const isApiMs = isServedAsApiMs && inApiMs !== undefined;
  const names = [...path.matchAll(/\{(\w+)\}/g)];
  const inPath = names.map(([, name]) => ({ name, in: "path", required: true, schema: TEXT }));
  const ids = { ids: textParam("as task_ids"), task_id: textParam("one more task id") };
  const all = { ...more, ...(isApiMs && endpoint.more ? ids : {}), ...params };
  const inQuery = Object.entries(all).map(([name, { description, schema, required = false }]) => {
    return { name, in: "query", description, required: required && !(isApiMs && name === "user_id"), schema };
  });
  const refusal = isApiMs ? content(ref("ApiMsFailure")) : content(ref("Problem"), "application/problem+json");
  const whole = answerOf(isApiMs ? inApiMs : answer, isApiMs);
  const others = Object.entries(also).map(([status, description]) => {
    return [status, { description, ...(status === "304" ? {} : whole) }];
  });
  return {
    operationId: id,
    summary,
    parameters: [...inPath, ...inQuery],
    ...(body === undefined ? {} : { requestBody: { required: true, ...content(ref(body)) } }),
    responses: {
      [answer === undefined ? 204 : 200]: { description: summary, ...whole },
      ...Object.fromEntries(others),
      default: { description: "the error", ...refusal },
    },
    ...(open ? { security: [] } : {}),
  };
}

/** @param cookie the name of that of a session @param dialect that of the server */
export function openapi(basePath: string, cookie: string, dialect: DialectName): object {
  const paths: Record<string, Record<string, object>> = {};
  for (const [where, endpoint] of Object.entries(ENDPOINTS)) {
    const [method, path] = where.replaceAll(/:(\w+)(\{[^}]*\})?/g, "{$1}").split(" ") as [string, string];
    paths[path] = { ...paths[path], [method.toLowerCase()]: described(path, endpoint, dialect === "api_ms") };
  }
  return {
    openapi: "3.1.0",
    info: {
      title: "ttsctl",
      version: VERSION,
      license: { name: "MIT", identifier: "MIT" },
      description: "The tasks of a text-to-speech service: from Redis if it can answer, else from the store file.",
    },
    servers: [{ url: basePath === "" ? "/" : basePath }],
    security: [{ token: [] }, { session: [] }],
    paths,
    components: {
      schemas: SCHEMAS,
      securitySchemes: {
        token: { type: "http", scheme: "bearer", description: "[http] token, if one is set" },
        session: { type: "apiKey", in: "cookie", name: cookie },
      },
    },
  };
}
