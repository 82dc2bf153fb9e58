import { LAYOUT_NAMES, type LayoutName } from "../task/layouts.ts";
import type { Address } from "./address.ts";
import { parsePort } from "./integers.ts";
import { HOST, type Kind } from "./kinds.ts";

export const ADDRESSES: Kind<readonly Address[]> = {
  accepted: "addresses host:port separated by commas, such as 10.0.0.1:26379, [::1]:26379",
  parse: (text) => {
    const addresses = text.split(",").map(parseAddress);
    return addresses.includes(undefined) ? undefined : (addresses as Address[]);
  },
};

export const LAYOUT: Kind<LayoutName> = {
  accepted: "plain, or api_ms (the layout of the GPT-SoVITS API service)",
  parse: (text) => LAYOUT_NAMES.find((name) => name === text.trim().toLowerCase()),
};

/** Braces would put keys into other slots of a cluster, and Redis reads * ? [ ] \\ ^ in patterns. Without `tts:` at its start no key is another's. */
export const PREFIX: Kind<string> = {
  accepted: "up to 64 characters, no spaces, control characters, braces or * ? [ ] \\ ^, and not beginning with tts:",
  parse: (text) => (/^(?!tts:)[^\s\p{C}{}*?[\]\\^]{0,64}$/u.test(text.trim()) ? text.trim() : undefined),
};

/** A name without spaces at its ends. */
export const NAME: Kind<string> = { accepted: "a name", parse: (text) => text.trim() || undefined };

function parseAddress(text: string): Address | undefined {
  const [, ipv6, name, digits] = /^(?:\[(.*)\]|([^:]*)):(\d+)$/.exec(text.trim()) ?? [];
  const host = HOST.parse(ipv6 ?? name ?? "");
  const port = parsePort(digits ?? "");
  return host === undefined || port === undefined ? undefined : { host, port };
}
