import { Document, type Scalar } from "yaml";
import { TtsctlError } from "../errors.ts";
import { type JsonValue, NumberText, parseJsonValue } from "../json/value.ts";
import { escapeUnprintable, isPrintable } from "../printable.ts";

/** JSON text as YAML, for readers of 1.1 and 1.2; numbers keep their text. @throws TtsctlError OUTPUT_FAILED if it nests too deeply */
export function yamlOf(json: string): string {
  try {
    const customTags = [NUMBER_TEXT, ESCAPED_TEXT];
    return new Document(parseJsonValue(json), { compat: "yaml-1.1", customTags }).toString({ lineWidth: 0 });
  } catch (cause) {
    if (!(cause instanceof RangeError)) throw cause;
    const hint = "ask for another format, such as -o json";
    throw new TtsctlError("OUTPUT_FAILED", "a record nests too deeply to be shown as YAML", { hint, cause });
  }
}

/** Only writes. */
const WRITTEN = { default: true, test: /^(?!)/, resolve: (text: string): JsonValue => text } as const;

const NUMBER_TEXT = {
  ...WRITTEN,
  tag: "tag:yaml.org,2002:float",
  identify: (value: unknown) => value instanceof NumberText,
  stringify: ({ value }: Scalar) => String(value),
};

/** Unprintable text is quoted and escaped, and so is what YAML 1.1 can't read plain; YAML reads the same text. */
const ESCAPED_TEXT = {
  ...WRITTEN,
  tag: "tag:yaml.org,2002:str",
  identify: (value: unknown) =>
    typeof value === "string" && (value === "=" || !isPrintable(value.replaceAll("\n", ""))),
  stringify: ({ value }: Scalar) =>
    escapeUnprintable(JSON.stringify(value), (char) => `\\U${char.codePointAt(0)!.toString(16).padStart(8, "0")}`),
};
