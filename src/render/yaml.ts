import { Document, type Scalar } from "yaml";
import { type JsonValue, NumberText, parseJsonValue } from "../json/value.ts";

/** JSON text as YAML; numbers keep their text. */
export function yamlOf(json: string): string {
  const document = new Document(parseJsonValue(json), { customTags: [NUMBER_TEXT] });
  return document.toString({ lineWidth: 0 });
}

const NUMBER_TEXT = {
  tag: "tag:yaml.org,2002:float",
  default: true,
  test: /^(?!)/,
  identify: (value: unknown) => value instanceof NumberText,
  resolve: (text: string): JsonValue => text,
  stringify: ({ value }: Scalar) => String(value),
} as const;
